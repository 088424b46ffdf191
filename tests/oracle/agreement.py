"""Whether a verdict of ours, field by field, is what the API server would do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, SetMember
from tests.oracle.managedfields import Object, Path, ours, shape
from tests.oracle.wholediff import GONE, Twice, at, differences, replaced, tree, tree_of

#: What the API server sets and clears in a Service by itself when one of its fields changes: by that field, what
#: follows (k8s.io/kubernetes, pkg/registry/core/service/storage). Short on purpose.
_SERVICE = {
    "f:type": {"clusterIP", "clusterIPs", "ports", "externalTrafficPolicy", "allocateLoadBalancerNodePorts",
               "internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort", "loadBalancer"},
    "f:externalIPs": {"externalTrafficPolicy"},
    "f:sessionAffinity": {"sessionAffinityConfig"},
}  # fmt: skip


def _follows(kind: str, path: Path, reported: dict[Path, bool]) -> bool:
    if path[-1] == "f:serviceAccount":  # the old name of the same field
        return (*path[:-1], "f:serviceAccountName") in reported
    if path[-1] == "f:rollingUpdate":  # of an update strategy: there is none without this type
        return (*path[:-1], "f:type") in reported
    if kind == "DaemonSet" and path[-1] == "f:deprecated.daemonset.template.generation":
        return True  # it counts changes of the template, and a change of order is one
    if kind == "Service" and len(path) > 1:
        return any(("f:spec", cause) in reported and path[1][2:] in effects for cause, effects in _SERVICE.items())
    return False


def raw(path: FieldPath) -> Path:
    """A path of ours as the API server writes it."""
    return tuple(_raw_step(element) for element in path)


def _raw_step(element: object) -> str:
    match element:
        case ItemKey(pairs):
            return f"k:{json.dumps(dict(pairs), sort_keys=True)}"
        case SetMember(value):
            return f"v:{json.dumps(value)}"
        case int():
            return f"i:{element}"
    return f"f:{element}"


def disagreements(changes: Iterable[FieldChange], answer: Object, live: Object, *, drops: bool = True) -> Iterator[str]:
    """Where ``changes`` is not exactly what turns ``live`` into ``answer``; nothing, if it is.

    Every change that we report happens, between the very values that we report. Everything that happens is reported,
    or follows from what is: defaults in what was made anew. Without ``drops``, what was only ours to drop does not
    count.
    """
    known = shape(answer, live)
    then, now = tree_of(answer, known), tree_of(live, known)
    declared, owned = ours(answer), ours(live)
    patched = now
    reported: dict[Path, bool] = {}
    for change in changes:
        path = raw(change.path)
        here = known
        for step in path:
            here = here.get(step, {})
        desired = GONE if change.desired is ABSENT else tree(change.desired, here)
        found, wanted = at(now, path), at(then, path)
        said = GONE if change.live is ABSENT else tree(change.live, here)
        if not isinstance(found, Twice) and list(differences(said, found)):
            yield f"{path}: we say it is {change.live!r}, it is {found!r}"
        if _are_empty(wanted, desired, found):
            continue
        if not list(differences(wanted, found)):
            yield f"{path}: we say it differs (Git {change.desired!r}, live {change.live!r}), an apply leaves it alone"
        patched = replaced(patched, path, desired)
        reported[path] = (
            _is_dropped(path, declared, owned)
            or found is GONE
            or isinstance(found, Twice)
            or not isinstance(found, type(wanted))
        )
    for path, after, before in differences(then, patched):
        if _is_made_anew(path, reported, declared) or _follows(str(answer["kind"]), path, reported):
            continue
        if _are_empty(after, before) or (after is GONE and declared.get(path) and before in ("", 0, False)):
            continue
        if not drops and _is_dropped(path, declared, owned):
            continue
        yield f"{path}: an apply makes {after!r} of it, by what we say it would be {before!r}"


def _are_empty(*values: object) -> bool:
    """Whether each is an empty map, an empty list, null or nothing at all.

    The API server itself is of two minds about them: it may store ``dnsConfig: {}`` or leave it out, otherwise at the
    next write, and an empty keyed list belongs to nobody.
    """
    return all(value is GONE or value is None or value in ({}, []) for value in values)


def _is_dropped(path: Path, declared: dict[Path, bool], owned: dict[Path, bool]) -> bool:
    """Whether we owned it, or something in it or around it, and declare none of that any more."""
    related = [one for one, leaf in owned.items() if one[: len(path)] == path or (leaf and path[: len(one)] == one)]
    return bool(related) and not any(one in declared for one in related)


def _is_made_anew(path: Path, reported: dict[Path, bool], declared: dict[Path, bool]) -> bool:
    """Whether it is a default: inside of something that was not there, or in the place of what was dropped."""
    return any(reported.get(path[:n]) for n in range(len(path) + 1)) and path not in declared
