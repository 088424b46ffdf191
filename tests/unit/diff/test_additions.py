"""What people added by hand is drift; what controllers and defaulting add is not."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.diff.additions import added_fields, default_human_managers, is_human
from kubectl_gitops.diff.fieldset import FieldSet
from kubectl_gitops.diff.path import format_path

HUMANS = default_human_managers()
DECLARED = FieldSet.parse(
    {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:name": {}, "f:image": {}}}}}
        },
    }
)


def live(*entries: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "labels": {"app": "web", "tier": "front"},
            "annotations": {"note": "x"},
            "managedFields": [
                {"manager": manager, "operation": "Update", "time": f"2026-01-0{n}T00:00:00Z", "fieldsV1": fields}
                for n, (manager, fields) in enumerate(entries, 1)
            ],
        },
        "spec": {
            "replicas": 3,
            "template": {
                "spec": {
                    "containers": [
                        {"name": "web", "image": "a", "env": [{"name": "DEBUG", "value": "1"}]},
                        {"name": "sidecar", "image": "b"},
                    ]
                }
            },
        },
        "status": {"replicas": 3},
        **more,
    }


def containers(fields: dict[str, Any]) -> dict[str, Any]:
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": fields}}}}


ENV = containers(
    {'k:{"name":"web"}': {"f:env": {".": {}, 'k:{"name":"DEBUG"}': {".": {}, "f:name": {}, "f:value": {}}}}}
)
SIDECAR = containers({'k:{"name":"sidecar"}': {".": {}, "f:name": {}, "f:image": {}}})


def paths(obj: dict[str, Any]) -> list[str]:
    return [format_path(added.path) for added in added_fields(obj, DECLARED, HUMANS)]


def test_an_env_var_by_hand_is_added_and_named_with_its_author() -> None:
    (added,) = added_fields(live(("kubectl-set", ENV)), DECLARED, HUMANS)
    assert format_path(added.path) == "spec.template.spec.containers[name=web].env[name=DEBUG]"
    assert added.value == {"name": "DEBUG", "value": "1"}
    assert (added.owner.manager, added.owner.time) == ("kubectl-set", "2026-01-01T00:00:00Z")


def test_a_sidecar_by_hand_is_one_addition() -> None:
    assert paths(live(("kubectl-edit", SIDECAR))) == ["spec.template.spec.containers[name=sidecar]"]


def test_a_sidecar_by_a_webhook_or_controller_is_none() -> None:
    assert paths(live(("istio-proxy", SIDECAR))) == []


def test_a_label_and_an_annotation_by_hand() -> None:
    fields: dict[str, Any] = {
        "f:metadata": {"f:labels": {"f:tier": {}, "f:app": {}}, "f:annotations": {".": {}, "f:note": {}}}
    }
    assert paths(live(("k9s", fields))) == ["metadata.labels.tier", "metadata.annotations.note"]


def test_what_is_declared_is_never_added() -> None:
    image = containers({'k:{"name":"web"}': {"f:image": {}}})
    assert paths(live(("kubectl-set", image))) == []


def test_what_a_controller_owns_as_well_is_the_controllers() -> None:
    replicas: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    assert paths(live(("kubectl", replicas))) == ["spec.replicas"]
    assert paths(live(("kubectl", replicas), ("vpa", replicas))) == []


def test_status_is_no_addition() -> None:
    assert paths(live(("kubectl-edit", {"f:status": {"f:replicas": {}}}))) == []


def test_a_stale_entry_for_a_field_that_is_gone_is_no_addition() -> None:
    assert paths(live(("kubectl-edit", {"f:spec": {"f:paused": {}}}))) == []


def test_of_two_people_the_last_is_named() -> None:
    fields: dict[str, Any] = {"f:metadata": {"f:labels": {"f:tier": {}}}}
    (added,) = added_fields(live(("kubectl-label", fields), ("k9s", fields)), DECLARED, HUMANS)
    assert added.owner.manager == "k9s"


@pytest.mark.parametrize("manager", ["kubectl", "kubectl-edit", "k9s", "OpenAPI-Generator", "curl", "node-fetch"])
def test_peoples_clients(manager: str) -> None:
    assert is_human(manager, HUMANS)


@pytest.mark.parametrize(
    "manager", ["kube-controller-manager", "kubectl-gitops", "kubectl-gitops-controller", "helm", "argocd-controller"]
)
def test_programs(manager: str) -> None:
    assert not is_human(manager, HUMANS)


def test_the_list_can_be_changed() -> None:
    assert is_human("helm", [*HUMANS, "helm"])
    assert not is_human("curl", [*HUMANS, "!curl"])
