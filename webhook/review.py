"""AdmissionReview (admission.k8s.io/v1) as our types, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar

from kubectl_gitops.api.names import MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.errors import InvalidInput

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"


class ResponseStatus(TypedDict):
    status: str
    reason: str
    code: int
    message: str


class AdmissionResponse(TypedDict):
    uid: str
    allowed: bool
    status: NotRequired[ResponseStatus]
    warnings: NotRequired[list[str]]
    auditAnnotations: NotRequired[dict[str, str]]


class AdmissionReview(TypedDict):
    apiVersion: str
    kind: str
    response: AdmissionResponse


class Operation(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


class BadReview(InvalidInput):
    """What was sent is no AdmissionReview; answered with HTTP 400, and so never with a verdict."""


class GroupResource(NamedTuple):
    """A kind as URLs have it: ``apps`` and ``deployments``."""

    group: str
    plural: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks for what. ``api_version`` is the one that ``old`` and ``new`` are in.

    ``resource`` is what the URL names, also where ``old`` and ``new`` are of another kind, as with a subresource.

    ``key`` takes its name and namespace from the object: a deletecollection sends an empty request.name, and the
    review of a Namespace names itself as its namespace.
    """

    uid: str
    operation: Operation
    key: ResourceKey
    api_version: str
    subresource: str
    namespace: str
    name: str
    user: str
    groups: tuple[str, ...]
    extra: Mapping[str, tuple[str, ...]]
    old: Object | None
    new: Object | None
    dry_run: bool
    field_manager: str
    resource: GroupResource

    @property
    def kind_text(self) -> str:
        """``Deployment.apps``; for a subresource ``deployments.apps/scale``."""
        kind, group = (
            (self.resource.plural, self.resource.group) if self.subresource else (self.key.kind, self.key.group)
        )
        return (f"{kind}.{group}" if group else kind) + (f"/{self.subresource}" if self.subresource else "")

    @property
    def described(self) -> str:
        """What is asked about, for the log."""
        if not self.subresource:
            return self.key.described
        return f"{self.kind_text} {self.name} in namespace {self.namespace}"


def read_review(review: Any) -> Request:
    """The request in a review. Raises BadReview, in one line, on whatever is none."""
    if not isinstance(review, dict):
        raise BadReview("not an AdmissionReview: the body is no JSON object")
    if (review.get("apiVersion"), review.get("kind")) != (API_VERSION, KIND):
        raise BadReview(f"not an AdmissionReview of {API_VERSION}")
    request = _need(review, "request", dict)
    kind = _need(request, "kind", dict)
    group, version, kind_name = _optional(kind, "group", ""), _need(kind, "version", str), _need(kind, "kind", str)
    user: dict[str, Any] = _optional(request, "userInfo", {})
    extra: dict[str, Any] = _optional(user, "extra", {})
    old, new = _object(request, "oldObject"), _object(request, "object")
    operation = _operation(request, old=old, new=new)
    metadata = (new or old or {}).get("metadata") or {}
    name = _optional(request, "name", "") or _optional(metadata, "name", "")
    return Request(
        uid=_need(request, "uid", str),
        operation=operation,
        key=ResourceKey(group, kind_name, _optional(metadata, "namespace", ""), name),
        api_version=f"{group}/{version}" if group else version,
        subresource=_optional(request, "subResource", ""),
        namespace=_optional(request, "namespace", ""),
        name=name,
        user=_optional(user, "username", ""),
        groups=_strings(user.get("groups"), "userInfo.groups"),
        extra={key: _strings(values, "userInfo.extra") for key, values in extra.items()},
        old=old,
        new=new,
        dry_run=_optional(request, "dryRun", False),
        field_manager=_optional(_optional(request, "options", {}), "fieldManager", ""),
        resource=_resource(_optional(request, "resource", {})),
    )


def managed_by_label(obj: Object | None) -> str:
    """The value of the managed-by label, "" where there is none."""
    if obj is None:
        return ""
    value: str = ((obj.get("metadata") or {}).get("labels") or {}).get(MANAGED_BY_LABEL) or ""
    return value


def respond(
    uid: str,
    *,
    allowed: bool,
    message: str = "",
    warnings: Sequence[str] = (),
    audit: Mapping[str, str] | None = None,
) -> AdmissionReview:
    """The answer to the request ``uid``; ``message`` counts only where it is not allowed."""
    response: AdmissionResponse = {"uid": uid, "allowed": allowed}
    if not allowed:
        response["status"] = {"status": "Failure", "reason": "Forbidden", "code": 403, "message": message}
    if warnings:
        response["warnings"] = list(warnings)
    if audit:
        response["auditAnnotations"] = dict(audit)
    return {"apiVersion": API_VERSION, "kind": KIND, "response": response}


_T = TypeVar("_T")


def _need(container: dict[str, Any], name: str, wanted: type[_T]) -> _T:
    value = container.get(name)
    if not isinstance(value, wanted) or not value:
        raise BadReview(f"a malformed AdmissionReview: {name} is missing or of the wrong type")
    return value


def _optional(container: dict[str, Any], name: str, default: _T) -> _T:
    """The value if it is there, of the type of the default."""
    value = container.get(name)
    if value is None:
        return default
    if not isinstance(value, type(default)):
        raise BadReview(f"a malformed AdmissionReview: {name} is of the wrong type")
    return value


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadReview(f"a malformed AdmissionReview: {where} is no list of strings")
    return tuple(value)


def _resource(resource: dict[str, Any]) -> GroupResource:
    return GroupResource(_optional(resource, "group", ""), _optional(resource, "resource", ""))


def _operation(request: dict[str, Any], *, old: Object | None, new: Object | None) -> Operation:
    try:
        operation = Operation(_need(request, "operation", str))
    except ValueError:
        raise BadReview("a malformed AdmissionReview: unknown operation") from None
    lacking = {
        Operation.CREATE: new is None,
        Operation.UPDATE: new is None or old is None,
        Operation.DELETE: old is None,
    }
    if lacking.get(operation):
        raise BadReview(f"a malformed AdmissionReview: {operation} without its object")
    return operation


_METADATA = (
    ("labels", dict),
    ("annotations", dict),
    ("managedFields", list),
    ("ownerReferences", list),
    ("finalizers", list),
)


def _object(request: dict[str, Any], name: str) -> Object | None:
    """An object whose metadata is as the policy takes for granted."""
    obj = request.get(name)
    if obj is None:
        return None
    if not isinstance(obj, dict):
        raise BadReview(f"a malformed AdmissionReview: {name} is no object")
    metadata = obj.get("metadata", {})
    if not isinstance(metadata, dict):
        raise BadReview(f"a malformed AdmissionReview: {name} has no metadata")
    for field, wanted in _METADATA:
        if metadata.get(field) is not None and not isinstance(metadata[field], wanted):
            raise BadReview(f"a malformed AdmissionReview: {name}.metadata.{field} is of the wrong type")
    if not all(isinstance(ref, dict) for ref in metadata.get("ownerReferences") or ()):
        raise BadReview(f"a malformed AdmissionReview: {name}.metadata.ownerReferences holds no objects")
    labels = metadata.get("labels") or {}
    if not isinstance(labels.get(MANAGED_BY_LABEL, ""), str):
        raise BadReview(f"a malformed AdmissionReview: {name}.metadata.labels holds no strings")
    return obj
