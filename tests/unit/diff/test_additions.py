"""What people added by hand is drift; what controllers and defaulting add is not."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.diff.additions import (
    added_fields,
    beyond,
    default_human_managers,
    is_human,
    without_reference,
)
from kubectl_gitops.diff.fieldset import FieldSet
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.diff.secrets import LAST_APPLIED_ANNOTATION

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


# With a reference: the declaration as the API server would create it


def beyond_reference(obj: dict[str, Any], reference: dict[str, Any]) -> list[tuple[str, Any, bool]]:
    found = beyond(added_fields(obj, DECLARED, HUMANS), obj, reference)
    return [(format_path(added.path), added.value, added.confirmed) for added in found]


def pod_spec(*items: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"replicas": 3, "template": {"spec": {"containers": list(items)}}}}


def test_what_the_reference_has_as_well_is_a_default_and_no_addition() -> None:
    fields: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    made = live(("kubectl-create", fields))
    assert beyond_reference(made, {"spec": {"replicas": 3}}) == []
    assert beyond_reference(made, {"spec": {"replicas": 1}}) == [("spec.replicas", 3, True)]
    assert beyond_reference(made, {}) == [("spec.replicas", 3, True)]


def test_an_item_is_added_as_a_whole_but_of_one_that_is_injected_only_what_differs() -> None:
    edited = live(("kubectl-edit", SIDECAR))
    web = {"name": "web", "image": "a"}
    path = "spec.template.spec.containers[name=sidecar]"
    assert beyond_reference(edited, pod_spec(web)) == [(path, {"name": "sidecar", "image": "b"}, True)]
    assert beyond_reference(edited, pod_spec(web, {"name": "sidecar", "image": "b"})) == []
    assert beyond_reference(edited, pod_spec(web, {"name": "sidecar", "image": "c"})) == [(f"{path}.image", "b", True)]


def test_an_item_that_admission_may_have_named_is_not_confirmed() -> None:
    edited = live(("kubectl-create", SIDECAR))
    reference = pod_spec({"name": "web", "image": "a"}, {"name": "sidecar-x7k2p", "image": "b"})
    ((path, _, confirmed),) = beyond_reference(edited, reference)
    assert (path, confirmed) == ("spec.template.spec.containers[name=sidecar]", False)


def test_who_applies_server_side_owns_no_defaults() -> None:
    applied = live(("kubectl", SIDECAR))
    applied["metadata"]["managedFields"][0]["operation"] = "Apply"
    assert beyond_reference(applied, pod_spec({"name": "sidecar", "image": "b"}))


# Without one: who may not ask


def told(obj: dict[str, Any]) -> tuple[list[tuple[str, bool]], bool]:
    found, undecided = without_reference(added_fields(obj, DECLARED, HUMANS), obj)
    return [(format_path(added.path), added.confirmed) for added in found], undecided


REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


def test_who_changes_an_object_owns_no_defaults_either() -> None:
    made = live(("kubectl-edit", REPLICAS))
    made["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z"
    assert told(made) == ([("spec.replicas", False)], False)


def test_who_may_have_created_it_may_own_a_default() -> None:
    assert told(live(("kubectl-create", REPLICAS))) == ([], True)
    same_time = live(("k9s", REPLICAS))
    same_time["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    assert told(same_time) == ([], True)


def test_labels_and_annotations_are_nobodys_defaults() -> None:
    assert told(live(("kubectl-create", {"f:metadata": {"f:labels": {"f:tier": {}}}}))) == (
        [("metadata.labels.tier", False)],
        False,
    )


def test_what_was_given_to_client_side_apply_is_in_its_annotation() -> None:
    made = live(("kubectl-client-side-apply", REPLICAS))
    made["metadata"]["annotations"] = {LAST_APPLIED_ANNOTATION: '{"spec": {"replicas": 3}}'}
    assert told(made) == ([("spec.replicas", False)], False)
    made["metadata"]["annotations"] = {LAST_APPLIED_ANNOTATION: "{nonsense"}
    assert told(made) == ([], True)


def test_who_scales_is_not_who_creates() -> None:
    scaled = live(("kubectl", REPLICAS))
    scaled["metadata"]["managedFields"][0] |= {"subresource": "scale", "time": ""}
    assert told(scaled) == ([("spec.replicas", False)], False)
