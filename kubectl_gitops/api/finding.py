"""What is wrong with something that Git declares, as ``kubectl gitops check`` finds it without a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kubectl_gitops.api.objects import Origin, ResourceKey

#: Keys and indexes from the top of an object to a field.
Position = tuple[str | int, ...]


class FindingKind(StrEnum):
    """What sort of mistake it is."""

    UNREADABLE = "Unreadable"
    UNKNOWN_KIND = "UnknownKind"
    UNKNOWN_FIELD = "UnknownField"
    MISSING_FIELD = "MissingField"
    INVALID_VALUE = "InvalidValue"
    FORBIDDEN_FIELD = "ForbiddenField"
    DUPLICATE = "Duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake. ``message`` says what is wrong, on one line, and holds no value of a Secret.

    ``origin`` is the line of the field, or the nearest that is known. ``key`` is None and ``api_version`` "" where it
    is a file that cannot be read, or no object; ``path`` is () where it is the object as a whole.
    """

    kind: FindingKind
    origin: Origin
    message: str
    key: ResourceKey | None = None
    api_version: str = ""
    path: Position = ()
