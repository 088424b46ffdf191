"""Which live objects ``kubectl gitops export`` writes, and which it leaves out, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kubectl_gitops.api.objects import Object, key_of
from kubectl_gitops.cli.objectname import parse_object_name
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.cluster.survey import Part, Unseen, survey
from kubectl_gitops.diff.exported import OWNED, claims_of_sets, exported, made_by_cluster
from kubectl_gitops.diff.secrets import holds_secret_values
from kubectl_gitops.errors import InvalidInput, NotFound
from kubectl_gitops.sync.order import rank

#: What nobody declares: it tells of what happens, or controllers keep it from what is declared.
_NEVER: Final = frozenset(
    {
        ("", "Event"),
        ("events.k8s.io", "Event"),
        ("", "Endpoints"),
        ("apps", "ControllerRevision"),
        ("coordination.k8s.io", "Lease"),
        ("storage.k8s.io", "CSIStorageCapacity"),
    }
)
SECRETS_LEFT_OUT: Final = "whose values would be written in clear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Manifests in the order in which a sync would apply them; how many objects were left out, by reason and kind."""

    manifests: tuple[Object, ...]
    left_out: dict[str, Counter[str]]
    unseen: tuple[Unseen, ...] = ()


def chosen(
    cluster: Cluster,
    discovery: Discovery,
    words: Sequence[str],
    namespace: str,
    *,
    selector: str | None,
    include_secrets: bool,
) -> Export:
    """What ``KIND/NAME`` and ``KIND`` name. Raises NotFound, Forbidden, and InvalidInput for a Secret unasked for."""
    objects: list[Object] = []
    for word in words:
        kinds, slash, _ = word.partition("/")
        for kind in [kinds] if slash else kinds.split(","):
            resource = discovery.resolve(kind)
            if _is_secret(resource) and not include_secrets:
                raise InvalidInput(
                    "Secrets are not exported: their values would be written in clear",
                    hint="--include-secrets -d DIR writes them, into files that only you can read",
                )
            if slash:
                objects.append(_named(cluster, resource, namespace, parse_object_name(word)[1]))
                continue
            part = Part(resource, namespace if resource.namespaced else "")
            seen = survey(cluster, [part], label_selector=selector)
            for error in seen.failed.values():
                raise error
            objects += seen.found[part]
    return _export(objects)


def all_in(
    cluster: Cluster, discovery: Discovery, namespace: str, *, selector: str | None, include_secrets: bool
) -> Export:
    """All of a namespace that may be somebody's to declare. What cannot be listed is in ``unseen``."""
    resources = [one for one in discovery.served() if one.namespaced and {"list", "create"} <= one.verbs]
    parts = {Part(one, namespace) for one in resources if (one.group, one.kind) not in _NEVER}
    # Without --include-secrets not even their values are asked for: only how many there are.
    secrets = set() if include_secrets else {part for part in parts if _is_secret(part.resource)}
    seen = survey(cluster, parts, metadata_only=secrets, label_selector=selector)
    for part in secrets:
        seen.failed.pop(part, None)  # what is not written anyway is not missed
    objects = [obj for part, objects in seen.found.items() if part not in secrets for obj in objects]
    found = _export(objects, is_claim=claims_of_sets(objects))
    for part in secrets:
        if hidden := seen.found.get(part):
            found.left_out[SECRETS_LEFT_OUT] = Counter({"Secret": len(hidden)})
    down = tuple(Unseen(f"API group {group}", "its server is down") for group in sorted(discovery.stale_groups))
    return Export(manifests=found.manifests, left_out=found.left_out, unseen=(*seen.unseen, *down))


def _named(cluster: Cluster, resource: Resource, namespace: str, name: str) -> Object:
    found = get_object(cluster, resource, namespace if resource.namespaced else "", name)
    if found is None:
        where = f" in namespace {namespace}" if resource.namespaced else ""
        raise NotFound(f"{resource.kind}/{name}{where} does not exist", hint="-n names another namespace")
    return found


def _export(objects: Iterable[Object], *, is_claim: Callable[[Object], bool] = lambda _: False) -> Export:
    """Each object once, though it be named twice."""
    manifests: list[Object] = []
    left_out: dict[str, Counter[str]] = {}
    for obj in {obj["metadata"]["uid"]: obj for obj in objects}.values():
        if why := made_by_cluster(obj) or (OWNED if is_claim(obj) else ""):
            left_out.setdefault(why, Counter())[obj["kind"]] += 1
        else:
            manifests.append(exported(obj))
    return Export(manifests=_ordered(manifests), left_out=left_out)


def _ordered(manifests: list[Object]) -> tuple[Object, ...]:
    """What others need comes first."""
    return tuple(
        sorted(
            manifests,
            key=lambda obj: (rank(key_of(obj)), obj["kind"], obj["apiVersion"], obj["metadata"]["name"]),
        )
    )


def _is_secret(resource: Resource) -> bool:
    return holds_secret_values(resource.group, resource.kind)
