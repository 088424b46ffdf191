"""What the floor is told: pure. The policies of manifests/base/floor.yaml look it up in the ConfigMap gitops-floor.

Its keys::

    <managed-by label>                        a GitSync that is enforced
    namespace_<name>                          a Namespace in which it declares anything
    scale_<namespace>_<resource>_<name>       an object that can be scaled, with the number of replicas
    open_<namespace>_<kind>_<name>            an object that break-glass is open for

No name of a namespace, kind or object has an underscore. The values are ``namespace/name`` of the GitSync, followed
for ``scale`` by ``/<replicas>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kubectl_gitops.api.breakglass import BreakGlass
from kubectl_gitops.api.gitsync import EnforcementMode, GitSync
from kubectl_gitops.api.names import ENFORCEMENT_ANNOTATION
from kubectl_gitops.diff.path import lookup
from kubectl_gitops.diff.rules import REPLICAS, Rules
from kubectl_gitops.snapshot.model import Entry

#: What can be a key of a ConfigMap. What cannot is not told: of a Role with a colon in its name, that it is open.
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_SCALED = {
    ("apps", "Deployment"): "deployments.apps",
    ("apps", "ReplicaSet"): "replicasets.apps",
    ("apps", "StatefulSet"): "statefulsets.apps",
    ("", "ReplicationController"): "replicationcontrollers",
}


class Content(NamedTuple):
    """The data, and of which GitSyncs (``namespace/name``) not all is known yet: what is stored of these stays."""

    data: Mapping[str, str]
    pending: frozenset[str]

    def and_also(self, other: Content) -> Content:
        return Content({**self.data, **other.data}, self.pending | other.pending)

    def over(self, stored: Mapping[str, str]) -> dict[str, str]:
        """The data that is to be stored in the place of others."""
        kept = {key: value for key, value in stored.items() if "/".join(value.split("/")[:2]) in self.pending}
        return {**kept, **self.data}


def content_of(
    gitsync: GitSync, entries: Sequence[Entry] | None, rules: Rules, opened: Sequence[BreakGlass]
) -> Content:
    """The keys and values of one GitSync; none where nothing of it is to be refused.

    ``entries`` is None where they are not known yet. ``opened`` are the break-glasses that are open for it. Objects
    that the API server has never accepted do not count: nobody could otherwise scale, nor delete with its namespace,
    what somebody merely names in Git.
    """
    is_open = any(not one.only for one in opened)
    if gitsync.enforcement is not EnforcementMode.ENFORCE or not gitsync.deny_when_unavailable or is_open:
        return Content({}, frozenset())
    content = {gitsync.label: str(gitsync)}
    for entry in entries or ():
        if entry.canonical is None:
            continue
        if entry.namespace:
            content[f"namespace_{entry.namespace}"] = str(gitsync)
        if any(one.covers(entry.key) for one in opened):
            content[f"open_{entry.namespace}_{_kind(entry)}_{entry.name}"] = str(gitsync)
        else:
            content |= _scale(entry, rules, str(gitsync))
    pending = frozenset({str(gitsync)} if entries is None else ())
    return Content({key: value for key, value in content.items() if _KEY.fullmatch(key)}, pending)


def fitting(content: dict[str, str], limit_bytes: int) -> dict[str, str]:
    """As much as fits into one ConfigMap: replicas are left out first, the last ones of the alphabet first."""
    size = sum(_size(pair) for pair in content.items())
    kept = dict(content)
    for key in _dispensable(content):
        if size <= limit_bytes:
            break
        size -= _size((key, kept.pop(key)))
    return kept


def _scale(entry: Entry, rules: Rules, owner: str) -> dict[str, str]:
    """The replicas that Git says, unless they may differ, or the object has a mode of its own."""
    assert entry.canonical is not None
    resource = _SCALED.get((entry.key.group, entry.kind))
    tree = entry.canonical.tree
    replicas = lookup(tree, REPLICAS)
    annotations = (tree.get("metadata") or {}).get("annotations") or {}
    if (
        resource is None
        or not isinstance(replicas, int)
        or str(annotations.get(ENFORCEMENT_ANNOTATION) or "enforce").lower() != "enforce"
        or rules.for_object(entry.key, tree, tree).why(REPLICAS, "")
    ):
        return {}
    return {f"scale_{entry.namespace}_{resource}_{entry.name}": f"{owner}/{replicas}"}


def _kind(entry: Entry) -> str:
    return f"{entry.kind}.{entry.key.group}" if entry.key.group else entry.kind


def _dispensable(content: Iterable[str]) -> list[str]:
    return sorted((key for key in content if key.startswith("scale_")), reverse=True)


def _size(pair: tuple[str, str]) -> int:
    return len(pair[0]) + len(pair[1]) + 8  # quotes, colon and the like
