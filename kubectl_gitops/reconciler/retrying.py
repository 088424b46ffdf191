"""How a sync that failed is tried again (``spec.sync.retry``)."""

from __future__ import annotations

from collections.abc import Callable

from kubectl_gitops.api.gitsync import Retry
from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.reconciler.work import Work


class RetriesExhausted(GitOpsError):
    """A sync has failed as often as it may: a person must do something first."""


class Retries:
    """The failures in a row of one GitSync's syncs, all of the same work. Used by one thread at a time."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._work: Work | None = None
        self._failures = 0
        self._error: GitOpsError | None = None
        self._due = 0.0

    def failed(self, work: Work, error: GitOpsError, policy: Retry | None) -> None:
        """A sync has failed."""
        if work != self._work:
            self.forgive()
        self._work, self._error = work, error
        self._failures += 1
        self._due = self._clock() + (policy.delay_seconds(self._failures) if policy else 0.0)

    def forgive(self) -> None:
        """Begin anew."""
        self._work, self._error, self._failures, self._due = None, None, 0, 0.0

    def check(self, work: Work, policy: Retry | None) -> None:
        """Raises the last error again where it is too soon to try again, and RetriesExhausted where it is no use."""
        if policy is None or work != self._work or self._error is None:
            return
        if policy.limit is not None and self._failures > policy.limit:
            raise RetriesExhausted(
                f"{self._error}; tried {self._failures} times, and not again",
                hint="mend it by a new commit, or run kubectl gitops sync",
            )
        if self._clock() < self._due:
            raise self._error.with_traceback(None)

    @property
    def due_in_seconds(self) -> float | None:
        """How long until a next try; None where nothing has failed."""
        return max(0.0, self._due - self._clock()) if self._error is not None else None
