"""Ask the API server, in dry-runs, what it would make of declared objects; nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from kubectl_gitops.api.names import FIELD_MANAGER
from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import apply_object, create_object
from kubectl_gitops.errors import ClusterError, Forbidden, GitOpsError, InvalidInput, Unauthorized, Unreachable
from kubectl_gitops.sync.reference import stand_in

#: Requests in flight at once, as for applying.
PARALLEL_REQUESTS = 16

_BUSY = {429, 503}
_LONGEST_WAIT_SECONDS = 10.0

#: What the API server answered about an object, or why it did not.
Answer = Object | GitOpsError
_Place = tuple[str, str, str]


class DryRuns:
    """Dry-runs with the rights of ``writer``.

    Whoever lacks the right to something is told so once for each kind and namespace, not for each object. Raises
    Unauthorized and Unreachable, which concern all objects; whatever else goes wrong is the answer about one.
    """

    def __init__(self, writer: Cluster, discovery: Discovery) -> None:
        self._writer = writer
        self._discovery = discovery

    def applied(self, declared: Iterable[Declared]) -> dict[ResourceKey, Answer]:
        """What each object would be if it were applied."""

        def ask(one: Declared) -> Object:
            resource = self._discovery.need(one.api_version, one.kind)
            return apply_object(self._writer, resource, one.object, dry_run=True)

        return _answers(declared, ask)

    def created(self, declared: Iterable[Declared]) -> dict[ResourceKey, Answer]:
        """The reference of each: what it would be if it were created anew."""

        def ask(one: Declared) -> Object:
            resource = self._discovery.need(one.api_version, one.kind)
            if "create" not in resource.verbs:
                raise InvalidInput(f"the API server lets nobody create a {one.kind}")
            copy = stand_in(one.object)
            return copy.reference(
                create_object(self._writer, resource, copy.object, manager=FIELD_MANAGER, dry_run=True)
            )

        return _answers(declared, ask)


def is_lack_of_right(error: GitOpsError | None) -> bool:
    """Whether RBAC says no, which it will say of every such object; admission refuses objects with 403 as well."""
    return isinstance(error, Forbidden) and "User " in str(error) and " cannot " in str(error)


def _answers(declared: Iterable[Declared], ask: Callable[[Declared], Object]) -> dict[ResourceKey, Answer]:
    """Ask about one object of each kind and namespace first, then about the others of those that may be asked."""
    listed = list(declared)
    first = {_place(one): one for one in reversed(listed)}
    others = [one for one in listed if first[_place(one)] is not one]

    def answer(one: Declared) -> tuple[ResourceKey, Answer]:
        return one.key, _patiently(lambda: ask(one))

    with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
        answers = dict(pool.map(answer, first.values()))
        refused = {place: answers[one.key] for place, one in first.items() if _is_refused(answers[one.key])}
        answers |= pool.map(answer, [one for one in others if _place(one) not in refused])
    return answers | {one.key: refused[_place(one)] for one in others if _place(one) in refused}


def _patiently(ask: Callable[[], Object], attempts: int = 3) -> Answer:
    """The answer; a server that asks to be left alone for a while is asked again after it."""
    try:
        return ask()
    except (Unauthorized, Unreachable):
        raise
    except GitOpsError as exc:
        seconds = exc.retry_after if isinstance(exc, ClusterError) and exc.status in _BUSY else None
        if seconds is None or attempts == 1:
            return exc
    time.sleep(min(seconds, _LONGEST_WAIT_SECONDS))
    return _patiently(ask, attempts - 1)


def _is_refused(answer: Answer) -> bool:
    return isinstance(answer, GitOpsError) and is_lack_of_right(answer)


def _place(one: Declared) -> _Place:
    return one.api_version, one.kind, one.namespace
