"""Observe the cluster for a plan: which kinds are namespaced, and the live objects behind the declared ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from kubectl_gitops.api.objects import Declared, Object, ResourceKey
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import read_objects
from kubectl_gitops.errors import Forbidden, InvalidInput

#: The kind of an object, as it names it.
Kind = tuple[str, str]


def scopes(declared: Iterable[Declared], discovery: Discovery) -> Callable[[str, str], bool]:
    """Whether a kind is namespaced: as the cluster says, or a CRD among the declared objects themselves.

    What is returned raises InvalidInput, with the place, for a kind that neither knows.
    """
    listed = list(declared)
    own = scopes_of_crds(listed)
    places = {(one.api_version, one.kind): one.origin for one in reversed(listed)}

    def is_namespaced(api_version: str, kind: str) -> bool:
        found = discovery.find(api_version, kind)
        if found is not None:
            return found.namespaced
        if (api_version, kind) in own:
            return own[api_version, kind]
        try:
            return discovery.need(api_version, kind).namespaced
        except InvalidInput as exc:
            raise InvalidInput(f"{places[api_version, kind]}: {exc}", hint=exc.hint) from exc

    return is_namespaced


def scopes_of_crds(declared: Iterable[Declared]) -> dict[Kind, bool]:
    """Of each kind that a CRD among the declared objects defines, whether it is namespaced."""
    own: dict[Kind, bool] = {}
    for one in declared:
        if one.kind == "CustomResourceDefinition":
            spec = one.object.get("spec") or {}
            for version in spec.get("versions") or []:
                api_version = f"{spec.get('group')}/{version.get('name')}"
                own[api_version, (spec.get("names") or {}).get("kind", "")] = spec.get("scope") == "Namespaced"
    return own


def observe(
    reader: Cluster,
    discovery: Discovery,
    pairs: Iterable[tuple[str, ResourceKey]],
    *,
    forbidden: Callable[[Collection[ResourceKey], Forbidden], None] | None = None,
) -> dict[ResourceKey, Object]:
    """The live objects of these apiVersions and keys, as far as they exist; see :func:`read_objects`."""
    found = [(discovery.find(api_version, key.kind), key) for api_version, key in pairs]
    return read_objects(
        reader, [(resource, key) for resource, key in found if resource is not None], forbidden=forbidden
    )
