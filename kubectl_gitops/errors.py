"""Every error that a person may be shown, by what the caller can do about it.

::

    GitOpsError             what happened, where, and what to do; exit code 2
      InvalidInput          the person's input is wrong: mend it
        InvalidManifest     ... at a file, line and column
      SourceError           Git or a renderer would not give us the desired state
      ClusterError          the API server would not answer as asked
        Unreachable         no answer at all: try again later
        Unauthorized        the credentials are missing, wrong or expired
        Forbidden           authenticated, but RBAC says no (verb and resource named)
        NotFound            there is no such object
        Conflict            somebody else changed or holds it
        Expired             the resourceVersion or continue token is too old (410): list again
        Rejected            the API server or an admission webhook refused the request
        NotLeader           not sent at all: another replica may be in charge by now

Foreign exceptions are translated once, at the edge where they arise. Whatever else reaches
the top is a bug in this program.
"""

from __future__ import annotations

from typing import ClassVar


class GitOpsError(Exception):
    """What happened, and optionally what to do about it.

    ``str(error)`` is one line or a short paragraph for a person; ``hint`` says what to do.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InvalidInput(GitOpsError):
    """The person's input is wrong; nothing was changed."""


class InvalidManifest(InvalidInput):
    """A manifest cannot be read or must not be applied.

    ``file`` is relative to the root of the repository (or as the person named it), ``line`` and
    ``column`` count from 1; 0 means that it is not known.
    """

    def __init__(self, message: str, *, file: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        where = ":".join([file, *(str(n) for n in (line, column) if n)])
        super().__init__(f"{where}: {message}", hint=hint)
        self.reason = message
        self.file = file
        self.line = line
        self.column = column


class SourceError(GitOpsError):
    """Git, or a renderer, would not give the desired state."""


class ClusterError(GitOpsError):
    """The API server did not answer as asked.

    ``status`` is the HTTP status code (0 where there was no answer), ``retry_after`` the number of
    seconds that the server asked to be left alone, if it did.
    """

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Unreachable(ClusterError):
    """No answer: connection refused, timed out, reset, or TLS failed."""


class Unauthorized(ClusterError):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ClusterError):
    """403 from RBAC: the message names user, verb and resource."""


class NotFound(ClusterError):
    """404: no such object, or no such resource."""


class Conflict(ClusterError):
    """409: somebody else changed the object, holds the field, or it already exists."""


class Expired(ClusterError):
    """410: the resourceVersion or continue token is too old; list again."""


class Rejected(ClusterError):
    """The API server or an admission webhook refused the request (400, 413, 422, 403 by admission)."""


class NotLeader(ClusterError):
    """The request was not sent: the lease under which this replica writes is over."""
