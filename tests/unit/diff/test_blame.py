"""A live object field by field, with its owners, and which fields a person means."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.diff.blame import BlamedField, blamed_fields
from kubectl_gitops.diff.choosing import chosen
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT, FieldPath, ItemKey, format_path
from kubectl_gitops.errors import InvalidInput

NAME_WEB = 'k:{"name":"web"}'


def entry(manager: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def container(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"f:spec": {"f:containers": {NAME_WEB: {f"f:{name}": sub for name, sub in fields.items()}}}}


APPLIED = {
    "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}}, "f:finalizers": {'v:"a"': {}, 'v:"b"': {}}},
    "f:spec": {"f:replicas": {}, "f:selector": {}, "f:containers": {NAME_WEB: {".": {}, "f:name": {}, "f:image": {}}}},
}
LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "namespace": "shop",
        "uid": "u-1",
        "labels": {"app.kubernetes.io/name": "web"},
        "finalizers": ["a", "b"],
        "managedFields": [
            entry("kubectl-gitops", APPLIED, operation="Apply", time="2026-11-01T10:00:00Z"),
            entry("kube-scale", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
            entry("kubectl-set", container(image={}), time="2026-11-02T10:00:00Z"),
            {},
        ],
    },
    "spec": {
        "replicas": 5,
        "paused": False,
        "selector": {"matchLabels": {"app": "web"}},
        "containers": [
            {"name": "sidecar", "args": ["a", "b"]},
            {"name": "web", "image": "shop:1.5", "resources": {}},
        ],
    },
}
WEB = ItemKey((("name", "web"),))


def owners(field: BlamedField) -> str:
    return " ".join(f"{one.manager}/{one.operation}/{one.subresource}".rstrip("/") for one in field.owners)


def test_each_field_comes_with_all_who_own_it_and_who_wrote_last_first() -> None:
    assert {format_path(field.path): (field.live, owners(field)) for field in blamed_fields(LIVE)} == {
        "metadata.uid": ("u-1", ""),
        "metadata.labels[app.kubernetes.io/name]": ("web", "kubectl-gitops/Apply"),
        "metadata.finalizers[=a]": ("a", "kubectl-gitops/Apply"),
        "metadata.finalizers[=b]": ("b", "kubectl-gitops/Apply"),
        "spec.replicas": (5, "kubectl-gitops/Apply kube-scale/Update/scale"),
        "spec.paused": (False, ""),
        # Applied as a whole, so it is one field.
        "spec.selector": ({"matchLabels": {"app": "web"}}, "kubectl-gitops/Apply"),
        # Nobody owns this item, so nobody knows it by its key.
        "spec.containers[0].name": ("sidecar", ""),
        "spec.containers[0].args": (["a", "b"], ""),
        "spec.containers[name=web].name": ("web", "kubectl-gitops/Apply"),
        "spec.containers[name=web].image": ("shop:1.5", "kubectl-set/Update kubectl-gitops/Apply"),
        "spec.containers[name=web].resources": ({}, ""),
    }


@pytest.mark.parametrize("entries", [None, [], [{}]])
def test_without_managed_fields_nobody_owns_anything(entries: Any) -> None:
    live = {**LIVE, "metadata": {"name": "web", "managedFields": entries}}
    assert {owners(field) for field in blamed_fields(live)} == {""}
    assert "spec.containers" in {format_path(field.path) for field in blamed_fields(live)}


def marked(*changes: FieldChange) -> dict[str, tuple[Any, Any]]:
    return {
        format_path(field.path): (field.desired, field.live) for field in blamed_fields(LIVE, changes) if field.differs
    }


def test_what_git_has_otherwise_is_marked() -> None:
    assert marked(FieldChange(("spec", "replicas"), 3, 5)) == {"spec.replicas": (3, 5)}
    whole = FieldChange(("spec", "containers", WEB), ABSENT, {"name": "web", "image": "shop:1.5"})
    assert marked(whole)["spec.containers[name=web].image"] == (ABSENT, "shop:1.5")
    part = FieldChange(("spec", "containers", WEB), {"name": "web", "image": "shop:1.4"}, LIVE["spec"]["containers"][1])
    assert set(marked(part)) == {"spec.containers[name=web].image", "spec.containers[name=web].resources"}


def test_what_is_gone_has_a_row_beside_its_nearest() -> None:
    tag: FieldPath = ("spec", "containers", WEB, "tag")
    fields = blamed_fields(LIVE, [FieldChange(tag, "x", ABSENT), FieldChange(("data",), {"a": "b"}, ABSENT)])
    assert [format_path(field.path) for field in fields][-3:] == [
        "spec.containers[name=web].resources",
        "spec.containers[name=web].tag",
        "data",
    ]
    assert (fields[-2].live, fields[-2].owners, fields[-2].differs) == (ABSENT, (), True)


def paths(text: str) -> list[str]:
    return [format_path(field.path) for field in chosen(blamed_fields(LIVE), text)]


@pytest.mark.parametrize(
    "text",
    [
        "spec.containers[name=web].image",
        ".spec.containers[name=web].image",
        "{.spec.containers[1].image}",
        "spec.containers[1]['image']",
        "$.spec.containers[1].image",
    ],
)
def test_a_field_may_be_named_in_each_usual_way(text: str) -> None:
    assert paths(text) == ["spec.containers[name=web].image"]


@pytest.mark.parametrize(
    "text",
    [
        "metadata.labels[app.kubernetes.io/name]",
        r".metadata.labels.app\.kubernetes\.io/name",
        "metadata.labels['app.kubernetes.io/name']",
        'metadata.labels["app.kubernetes.io/name"]',
        "metadata.labels",
    ],
)
def test_so_may_a_label(text: str) -> None:
    assert paths(text) == ["metadata.labels[app.kubernetes.io/name]"]


def test_a_prefix_means_all_below_it_but_no_other_name_that_begins_alike() -> None:
    assert paths("spec.containers[name=web]") == [
        f"spec.containers[name=web].{name}" for name in ("name", "image", "resources")
    ]
    assert paths(".") == paths("") == [format_path(field.path) for field in blamed_fields(LIVE)]
    with pytest.raises(InvalidInput):
        paths("spec.replica")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spec.replica", "did you mean spec.replicas?"),
        (".spec.containers[name=wbe]", "did you mean spec.containers[name=web]?"),
        ("spec.containers[name=web].securityContext", "the nearest there is: spec.containers[name=web]"),
        ("x", "there is metadata, spec"),
    ],
)
def test_of_a_field_that_is_not_there_the_nearest_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        paths(text)
    assert str(caught.value) == f"there is no field {text}; {said}"
