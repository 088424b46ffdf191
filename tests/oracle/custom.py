"""Custom resources with every sort of list and map that a CRD can declare, and the CRDs themselves."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.oracle.kinds import Kind
from tests.oracle.managedfields import Object
from tests.oracle.values import BOOLS, INT_OR_PERCENT, LABELS, PORTS, SMALL, STRINGS, WORDS, Strategy, some, unique

GROUP = "oracle.example.com"
_STRING: Object = {"type": "string"}
_INTEGER: Object = {"type": "integer"}


def _map(**properties: Any) -> Object:
    return {"type": "object", "properties": properties}


def _list(items: Object, **more: Any) -> Object:
    return {"type": "array", "items": items, **{f"x-kubernetes-{k.replace('_', '-')}": v for k, v in more.items()}}


_KEYED_ITEM = _map(
    name=_STRING,
    value=_STRING,
    weight={"type": "integer", "default": 1},
    tags=_list(_STRING, list_type="set"),
    inner=_list(_map(id=_STRING, on={"type": "boolean"}) | {"required": ["id"]}, list_type="map", list_map_keys=["id"]),
) | {"required": ["name"]}
_PORT_ITEM = _map(
    port=_INTEGER,
    protocol={"type": "string", "default": "TCP"},
    note=_STRING,
    target={"x-kubernetes-int-or-string": True},
) | {"required": ["port"]}

GADGET_SPEC = _map(
    atomic=_list(_map(a=_STRING, b=_INTEGER), list_type="atomic"),
    plain=_list(_STRING),
    set=_list(_STRING, list_type="set"),
    numbers=_list(_INTEGER, list_type="set"),
    keyed=_list(_KEYED_ITEM, list_type="map", list_map_keys=["name"]),
    ports=_list(_PORT_ITEM, list_type="map", list_map_keys=["port", "protocol"]),
    limit={"x-kubernetes-int-or-string": True},
    size=_STRING | {"default": "small"},
    duration=_STRING,
    ratio={"type": "number"},
    strict=_map(x=_STRING, y=_STRING) | {"x-kubernetes-map-type": "atomic"},
    maps={"type": "object", "additionalProperties": {"type": "object", "additionalProperties": _STRING}},
    nested=_map(
        level={"type": "integer", "default": 3},
        deeper=_map(on={"type": "boolean", "default": True}, names=_list(_STRING)) | {"default": {}},
    ),
    maybe=_STRING | {"nullable": True},
    maybeMap=_map(x=_STRING) | {"nullable": True},
    free={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
)
WIDGET_SPEC = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CELL_ITEM = _map(col=_STRING, val=_INTEGER) | {"required": ["col"]}
_CELLS = _list(_CELL_ITEM, list_type="map", list_map_keys=["col"])
_ROW = _map(key=_STRING, cells=_CELLS) | {"required": ["key"]}
_STRINGS: Object = {"type": "object", "additionalProperties": _STRING}
GIZMO_SPEC = _map(
    template={"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
    rows=_list(_ROW, list_type="map", list_map_keys=["key"]),
    selector=_map(matchLabels=_STRINGS) | {"x-kubernetes-map-type": "atomic"},
    quota=_map(cpu={"x-kubernetes-int-or-string": True}),
    flags={"type": "object", "additionalProperties": {"type": "boolean"}},
)


def crd(kind: str, spec: Object, *versions: str, scope: str = "Namespaced", group: str = GROUP) -> Object:
    """A CRD whose versions are all alike, with a status subresource."""
    plural = f"{kind.lower()}s"
    schema = _map(spec=spec, status=WIDGET_SPEC)
    served = [
        {
            "name": name,
            "served": True,
            "storage": number == 0,
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }
        for number, name in enumerate(versions or ("v1",))
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": scope, "names": {"kind": kind, "plural": plural}, "versions": served},
    }


CRDS = (
    crd("Gadget", GADGET_SPEC, "v1", "v1beta1"),
    crd("Widget", WIDGET_SPEC),
    crd("Gizmo", GIZMO_SPEC, scope="Cluster"),
)

_INNER = some({"id": st.sampled_from(["i", "j"])}, on=BOOLS)
_KEYED = some(
    {"name": st.sampled_from(["a", "b", "c"])},
    value=WORDS,
    weight=SMALL,
    tags=st.lists(st.sampled_from(["t1", "t2", "t3"]), unique=True, max_size=3),
    inner=unique(_INNER, "id", most=2),
)
_PORT = some({"port": PORTS}, protocol=st.sampled_from(["TCP", "UDP"]), note=WORDS, target=INT_OR_PERCENT)
_FREE: Strategy = st.recursive(
    WORDS | SMALL | BOOLS | st.none(),
    lambda sub: st.dictionaries(st.sampled_from(["a", "b"]), sub, max_size=2) | st.lists(sub, max_size=2),
    max_leaves=5,
)
_FREE_MAP = st.dictionaries(st.sampled_from(["a", "b", "c"]), _FREE, max_size=3)
_MAYBE = st.none() | WORDS
_GADGET = some(
    atomic=st.lists(some(a=WORDS, b=SMALL), max_size=2),
    plain=st.lists(WORDS, max_size=3),
    set=st.lists(st.sampled_from(["s1", "s2", "s3"]), unique=True, max_size=3),
    numbers=st.lists(SMALL, unique=True, max_size=3),
    keyed=unique(_KEYED, "name"),
    ports=st.lists(_PORT, max_size=3, unique_by=lambda one: (one["port"], one.get("protocol", "TCP"))),
    limit=INT_OR_PERCENT,
    size=st.sampled_from(["small", "big"]),
    duration=st.sampled_from(["90s", "1m30s", "1h"]),
    ratio=st.sampled_from([1, 1.0, 0.5, 2]),
    strict=some(x=WORDS, y=WORDS),
    maps=st.dictionaries(st.sampled_from(["m", "n"]), STRINGS, max_size=2),
    nested=some(level=SMALL, deeper=some(on=BOOLS, names=st.lists(WORDS, max_size=2))),
    maybe=_MAYBE,
    maybeMap=st.none() | some(x=WORDS),
    free=_FREE_MAP,
)
_EMBEDDED = some(
    {"apiVersion": st.just("v1"), "kind": st.just("ConfigMap")},
    metadata=some(name=st.just("inner"), labels=LABELS),
    data=STRINGS,
)
_CELL = some({"col": st.sampled_from(["x", "y"])}, val=SMALL)
_GIZMO = some(
    template=_EMBEDDED,
    rows=unique(some({"key": st.sampled_from(["1", "2"])}, cells=unique(_CELL, "col", most=2)), "key", most=2),
    selector=some(matchLabels=LABELS),
    quota=some(cpu=st.sampled_from(["1000m", 1, "1"])),
    flags=st.dictionaries(st.sampled_from(["f", "g"]), BOOLS, max_size=2),
)


def _spec(spec: Strategy) -> Strategy:
    return st.fixed_dictionaries({"spec": spec})


CUSTOM = (
    Kind(name="Gadget", api_version=f"{GROUP}/v1", plural="gadgets", body=_spec(_GADGET), status={"phase": "Ready"},
         also_served=f"{GROUP}/v1beta1"),
    Kind(name="Widget", api_version=f"{GROUP}/v1", plural="widgets", body=_spec(_FREE_MAP), status={"phase": "Ready"}),
    Kind(name="Gizmo", api_version=f"{GROUP}/v1", plural="gizmos", body=_spec(_GIZMO), namespaced=False),
)  # fmt: skip
