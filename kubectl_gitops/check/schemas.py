"""Which schema an object is checked by: Kubernetes' own, that of a CRD beside it, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kubectl_gitops.api import schema as gitsync
from kubectl_gitops.api.finding import FindingKind
from kubectl_gitops.api.names import API_VERSION, KIND
from kubectl_gitops.api.objects import Object
from kubectl_gitops.check import kubernetes, structural
from kubectl_gitops.check.patterns import Patterns
from kubectl_gitops.check.validation import Fault, Validator

_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


class _Checked(NamedTuple):
    validator: Validator
    #: What the API server makes of an object before it looks at it.
    complete: Callable[[Any], Any]


class Schemas:
    """The schemas of all kinds that can be known: apiVersion and kind -> schema.

    Of a CRD that is itself wrong nothing is taken, so that what is taken has the form of a schema.
    """

    def __init__(self, definitions: Iterable[Object]) -> None:
        self.patterns = Patterns()
        self._metadata = Validator(kubernetes.of_metadata(), self.patterns)
        self._known: dict[tuple[str, str], _Checked | None] = {}
        #: Kinds whose CRD has nothing to say of their fields.
        self._custom = {(API_VERSION, KIND): gitsync.schema()}
        for definition in definitions:
            if (definition["apiVersion"], definition["kind"]) == _CRD and not self.faults(definition):
                self._custom.update(_versions(definition))

    def has(self, api_version: str, kind: str) -> bool:
        """Whether objects of this kind can be checked."""
        return self._find(api_version, kind) is not None

    def faults(self, obj: Object) -> list[Fault]:
        """What is wrong with the fields of an object; where its kind is not known, with its metadata."""
        return [*self.metadata_faults(obj), *self._other_faults(obj)]

    def _other_faults(self, obj: Object) -> list[Fault]:
        checked = self._find(obj["apiVersion"], obj["kind"])
        if checked is None:
            return []
        declared = {name: value for name, value in obj.items() if name not in {"metadata", "status"}}
        try:
            return checked.validator.faults(checked.complete(declared), is_secret=obj["kind"] == "Secret")
        except RecursionError:
            return [Fault(FindingKind.INVALID_VALUE, (), "nested too deep to be checked")]

    def metadata_faults(self, obj: Object) -> list[Fault]:
        """What is wrong with the metadata of an object."""
        metadata = without_nulls(obj["metadata"])
        return self._metadata.faults(metadata, is_secret=obj["kind"] == "Secret", at=("metadata",))

    def _find(self, api_version: str, kind: str) -> _Checked | None:
        of_kind = (api_version, kind)
        if of_kind not in self._known:
            self._known[of_kind] = self._load(*of_kind)
        return self._known[of_kind]

    def _load(self, api_version: str, kind: str) -> _Checked | None:
        own = kubernetes.find(api_version, kind)
        if own is not None:
            return _Checked(Validator(own, self.patterns), without_nulls)
        custom = self._custom.get((api_version, kind))
        if custom is None:
            return None
        schema = structural.of_custom_resource(custom)
        return _Checked(Validator(schema, self.patterns), lambda obj: structural.completed(obj, custom))


def _versions(definition: Object) -> dict[tuple[str, str], Any]:
    spec = definition["spec"]
    kind = spec["names"]["kind"]
    schemas = {one["name"]: (one.get("schema") or {}).get("openAPIV3Schema") for one in spec["versions"]}
    return {(f"{spec['group']}/{name}", kind): schema for name, schema in schemas.items() if schema is not None}


def without_nulls(value: Any) -> Any:
    """Without the keys that have no value, which for Kubernetes' own kinds are as if left out."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    return value
