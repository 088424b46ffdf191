"""Who asks: the reconciler, a controller of the cluster, or a person.

A field manager is a name that anybody may choose, so nobody becomes a controller by one. The user name is what the
API server has authenticated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

from kubectl_gitops.api.names import ACTOR_EXTRA_KEY, ACTOR_RECONCILER
from kubectl_gitops.diff.additions import is_human
from kubectl_gitops.diff.ignore import Place
from kubectl_gitops.diff.path import FieldPath
from webhook.review import Request

_SERVICE_ACCOUNT = "system:serviceaccount:"
# Where the controller manager does not use an account for each controller, they are all the one user.
_CONTROLLER_MANAGER = "system:kube-controller-manager"
_CONTROLLERS = (
    f"{_SERVICE_ACCOUNT}*",
    "system:node:*",
    "system:apiserver",
    "system:kube-*",
    "system:cloud-*",
)
#: Who deletes what is doomed anyway: refusing would leave a namespace or an owner's children behind for ever.
CLEANERS = frozenset(
    {
        "system:serviceaccount:kube-system:namespace-controller",
        "system:serviceaccount:kube-system:generic-garbage-collector",
        _CONTROLLER_MANAGER,
    }
)
#: Who copies the labels of a Service to objects that have no owner reference. (EndpointSlices have one.)
LABEL_COPIERS = frozenset({"system:serviceaccount:kube-system:endpoint-controller", _CONTROLLER_MANAGER})
#: Who scales on behalf of HorizontalPodAutoscalers.
AUTOSCALERS = frozenset({"system:serviceaccount:kube-system:horizontal-pod-autoscaler", _CONTROLLER_MANAGER})


def is_reconciler(request: Request) -> bool:
    return ACTOR_RECONCILER in request.extra.get(ACTOR_EXTRA_KEY, ())


def is_person(request: Request, humans: Iterable[str]) -> bool:
    """Whether a person asks, or a script of theirs: not as a controller's user, or with a person's client.

    ``humans`` are globs of field managers.
    """
    if not any(fnmatchcase(request.user, glob) for glob in _CONTROLLERS):
        return True
    return is_human(request.field_manager, humans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """One item of ``spec.enforcement.exempt``: who, as globs, and where; without places, everywhere."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()

    @classmethod
    def of(cls, item: dict[str, Any]) -> Self:
        """Read an item as the schema has it. Raises ValueError on a pointer that is none."""
        return cls(
            users=tuple(item.get("users") or ()),
            groups=tuple(item.get("groups") or ()),
            service_accounts=tuple(item.get("serviceAccounts") or ()),
            places=tuple(Place.parse(pointer) for pointer in item.get("fields") or ()),
        )

    def is_for(self, request: Request) -> bool:
        """Whether the requester is one of those named."""
        if _any(self.users, (request.user,)) or _any(self.groups, request.groups):
            return True
        namespace, colon, name = request.user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        is_account = request.user.startswith(_SERVICE_ACCOUNT) and bool(colon)
        return is_account and _any(self.service_accounts, (f"{namespace}/{name}",))

    def holds(self, path: FieldPath) -> bool:
        """Whether a field is among those named."""
        return not self.places or any(place.holds(path) for place in self.places)


def _any(globs: Iterable[str], names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs for name in names)
