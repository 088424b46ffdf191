"""Changes that the API server refuses because a field cannot change: told by name, or the object is recreated. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.errors import ClusterError, Rejected

#: How Kubernetes' validation says so (k8s.io/apimachinery, api/validation; and pkg/apis/*/validation).
_PHRASES = (
    "is immutable",
    "updates to statefulset spec for fields other than",
    "pod updates may not change fields other than",
    "may not change once set",
    "may not be changed",
)
_FIELD = re.compile(r"(?<![\w.\]\"])([a-z][A-Za-z0-9]*(?:[.\[][A-Za-z0-9._/\]-]*)*): (?:Invalid value|Forbidden)")

#: To recreate one of them deletes all that is in it, so that they must be named.
PRECIOUS_KINDS = frozenset(
    {
        ("", "Namespace"),
        ("", "PersistentVolumeClaim"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    }
)
#: In place of ``KIND/NAME``: whatever is not precious.
EVERYTHING = "*"


class ImmutableField(Rejected):
    """A declared field differs that no object which exists may change. ``fields`` are their paths, if they are told."""

    def __init__(self, refused: ClusterError, key: ResourceKey) -> None:
        self.fields = immutable_fields(str(refused))
        named = ", ".join(self.fields)
        what = f"{named} cannot be changed while the object exists: " if named else ""
        super().__init__(
            f"{what}{refused}",
            status=refused.status,
            reason=refused.reason,
            hint=f"annotate it with kubectl-gitops.dev/force: recreate, or sync with --recreate={key}, "
            f"to have it deleted and created again{_warning(key)}",
        )


def _warning(key: ResourceKey) -> str:
    return ", with everything that is in it" if is_precious(key) else ""


def is_precious(key: ResourceKey) -> bool:
    """Whether what is in an object goes with it."""
    return (key.group, key.kind) in PRECIOUS_KINDS


def is_immutable(error: Exception) -> bool:
    """Whether the API server refused a change that no object of the kind may undergo."""
    return isinstance(error, Rejected) and error.status == 422 and any(words in str(error) for words in _PHRASES)


def immutable_fields(message: str) -> tuple[str, ...]:
    """The paths that a refusal names: ``spec.selector``."""
    return tuple(dict.fromkeys(_FIELD.findall(message)))


def may_recreate(key: ResourceKey, *, annotated: bool, asked: Collection[str]) -> bool:
    """Whether an object may be deleted to make it again: it says so itself, or a person does (``KIND/NAME``, or ``*``).

    A precious one only where it is named.
    """
    if str(key) in asked or f"{key.kind}/{key.name}" in asked:
        return True
    return not is_precious(key) and (annotated or EVERYTHING in asked)
