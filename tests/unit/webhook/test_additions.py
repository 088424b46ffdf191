"""What people add to a declared object: never what hands it to others, and nothing else where that is denied."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.ignore import rules_of
from kubectl_gitops.diff.rules import Rules
from tests.unit.webhook.cases import (
    LABEL,
    OWNER,
    RECONCILER,
    declared,
    deployment,
    fields_v1,
    live,
    request,
    set_at,
    update,
    view,
)
from webhook.policy import decide
from webhook.requester import Exemption
from webhook.verdict import Reason
from webhook.view import View

WEB = deployment()
OPERATOR = "system:serviceaccount:ops:operator"
REFERENCE = {"apiVersion": "v1", "kind": "ConfigMap", "name": "trap", "uid": "u-2"}
UNLOADED = View(owners={LABEL: OWNER}, synced=True)
DENYING = view(WEB, owners={LABEL: replace(OWNER, deny_additions=True)})
IMAGE = "spec.template.spec.containers.0.image"


def bound(**metadata: Any) -> Object:
    return live(WEB, **metadata)


def by(manager: str) -> dict[str, Any]:
    return {"fieldManager": manager}


def owned_too(obj: Object, fields: Object, manager: str = "kubectl-edit") -> Object:
    """As the API server has it after this manager set these fields."""
    changed = copy.deepcopy(obj)
    entry = {"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields_v1(fields)}
    changed["metadata"]["managedFields"].append(entry)
    return changed


def annotated(value: str = "x", manager: str = "kubectl-annotate") -> Object:
    return owned_too(live(WEB, annotations={"note": value}), {"metadata": {"annotations": {"note": value}}}, manager)


# Owner references and finalizers

BINDINGS = pytest.mark.parametrize(
    ("metadata", "field", "said"),
    [
        (
            {"ownerReferences": [REFERENCE]},
            "metadata.ownerReferences[uid=u-2]",
            "the object would be deleted together with ConfigMap trap",
        ),
        (
            {"finalizers": ["example.org/hold"]},
            "metadata.finalizers[=example.org/hold]",
            "the object could not be deleted before it is taken off",
        ),
    ],
)


@BINDINGS
@pytest.mark.parametrize("known", [view(WEB), UNLOADED])
def test_a_person_may_not_bind_a_declared_object(known: View, metadata: Any, field: str, said: str) -> None:
    verdict = decide(update(live(WEB), bound(**metadata)), known)
    assert (verdict.allowed, verdict.reason, verdict.fields) == (False, Reason.ADDS, (field,))
    assert said in verdict.message


@BINDINGS
def test_nor_create_it_so(metadata: Any, field: str, said: str) -> None:
    assert decide(request("CREATE", new=bound(**metadata)), view(WEB)).fields == (field,)


@BINDINGS
def test_nor_under_the_name_of_a_controllers_field_manager(metadata: Any, field: str, said: str) -> None:
    """A field manager is a name that anybody may choose."""
    asked = update(live(WEB), bound(**metadata), options=by("kube-controller-manager"))
    assert not decide(asked, view(WEB)).allowed


@BINDINGS
def test_nor_with_a_persons_client_as_a_service_account(metadata: Any, field: str, said: str) -> None:
    asked = update(live(WEB), bound(**metadata), user=OPERATOR, options=by("kubectl-patch"))
    assert not decide(asked, view(WEB)).allowed


@BINDINGS
@pytest.mark.parametrize("user", [OPERATOR, "system:node:n1", "system:kube-controller-manager"])
def test_controllers_may(user: str, metadata: Any, field: str, said: str) -> None:
    asked = update(live(WEB), bound(**metadata), user=user, options=by("operator"))
    assert decide(asked, view(WEB)).allowed


@BINDINGS
def test_what_is_bound_already_stays_and_may_go(metadata: Any, field: str, said: str) -> None:
    old = bound(**metadata)
    assert decide(update(old, set_at(old, "metadata.annotations", {"a": "b"})), view(WEB)).allowed
    assert decide(update(old, live(WEB)), view(WEB)).allowed


@BINDINGS
def test_ignore_rules_and_exemptions_count(metadata: Any, field: str, said: str) -> None:
    pointer = f"/metadata/{next(iter(metadata))}"
    rules = Rules().beside(rules_of([{"jsonPointers": [pointer]}], why="test"))
    asked = update(live(WEB), bound(**metadata))
    assert decide(asked, view(WEB, owners={LABEL: replace(OWNER, rules=rules)})).allowed
    exempt = Exemption.of({"users": ["bob"], "fields": [pointer]})
    verdict = decide(asked, view(WEB, owners={LABEL: replace(OWNER, exempt=(exempt,))}))
    assert (verdict.allowed, verdict.reason, verdict.fields) == (True, Reason.EXEMPT, (field,))


def test_finalizers_that_git_declares_or_the_api_server_adds_are_no_additions() -> None:
    held = declared()
    held["metadata"]["finalizers"] = ["example.org/hold"]
    assert decide(request("CREATE", new=held), view(held)).allowed
    claim = set_at(declared("PersistentVolumeClaim"), "metadata.finalizers", ["kubernetes.io/pvc-protection"])
    assert decide(request("CREATE", new=claim), view(declared("PersistentVolumeClaim"))).allowed


def test_objects_that_git_does_not_declare_may_be_bound() -> None:
    assert decide(update(live(WEB), bound(ownerReferences=[REFERENCE])), view()).allowed


# Undeclared fields, where they are denied


def test_additions_are_allowed_unless_the_gitsync_denies_them() -> None:
    assert decide(update(live(WEB), annotated()), view(WEB)).allowed
    verdict = decide(update(live(WEB), annotated()), DENYING)
    assert (verdict.reason, verdict.fields) == (Reason.ADDS, ("metadata.annotations.note",))
    assert "metadata.annotations.note: Git does not declare it" in verdict.message


def test_an_added_list_item_is_one_field() -> None:
    new = live(WEB)
    new["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    pod = {"containers": [{"name": "proxy", "image": "proxy:1"}]}
    new = owned_too(new, {"spec": {"template": {"spec": pod}}})
    assert decide(update(live(WEB), new), DENYING).fields == ("spec.template.spec.containers[name=proxy]",)
    assert decide(update(live(WEB), new, user=OPERATOR), DENYING).allowed


def test_any_field_manager_s_additions_count_where_a_person_asks() -> None:
    for manager in ("argocd", "kubectl-gitops", "kube-controller-manager"):
        assert not decide(update(live(WEB), annotated(manager=manager)), DENYING).allowed


def test_controllers_and_the_reconciler_may_add() -> None:
    assert decide(update(live(WEB), annotated(), user=OPERATOR), DENYING).allowed
    assert decide(update(live(WEB), annotated(), extra=RECONCILER), DENYING).allowed
    assert not decide(update(live(WEB), annotated(), user=OPERATOR, options=by("k9s")), DENYING).allowed


def test_what_was_added_before_is_not_this_requests_doing_but_changing_it_is() -> None:
    assert decide(update(annotated(), set_at(annotated(), "status", {})), DENYING).allowed
    assert not decide(update(annotated("x"), annotated("y")), DENYING).allowed
    assert decide(update(annotated(), live(WEB)), DENYING).allowed


def test_status_and_kubectl_rollout_restart_are_no_additions() -> None:
    restarted: Object = {"kubectl.kubernetes.io/restartedAt": "now"}
    new = set_at(live(WEB), "spec.template.metadata.annotations", restarted)
    new = owned_too(new, {"spec": {"template": {"metadata": {"annotations": restarted}}}, "status": {"x": 1}})
    assert decide(update(live(WEB), new | {"status": {"x": 1}}), DENYING).reason is Reason.CONVERGES


def test_additions_to_secrets_are_told_without_their_values() -> None:
    secret = declared("Secret", data={"password": "aHVudGVyMg=="})
    new = owned_too(set_at(live(secret), "data.more", "bmV3LW9uZQ=="), {"data": {"more": ""}})
    verdict = decide(update(live(secret), new), view(secret, owners=DENYING.owners))
    assert verdict.fields == ("data.more",)
    assert "bmV3LW9uZQ" not in verdict.message + str(verdict.refusal)


# Our field manager's name


def test_nobody_else_may_make_our_entry_grow() -> None:
    grown = set_at(live(WEB), "spec.paused", True)
    grown["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:paused"] = {}
    verdict = decide(update(live(WEB), grown), view(WEB))
    assert (verdict.allowed, verdict.reason, verdict.fields) == (False, Reason.DISOWNS, ("spec.paused",))
    assert "spec.paused: would be in that entry" in verdict.message


def test_our_entry_may_grow_by_what_git_declares() -> None:
    """As when a person applies the manifest of a new commit under our name."""
    less = copy.deepcopy(WEB)
    del less["spec"]["replicas"]
    assert decide(update(live(less), live(WEB)), view(WEB)).allowed


def test_ignored_fields_may_leave_our_entry_without_a_snapshot() -> None:
    rules = Rules().beside(rules_of([{"jsonPointers": ["/spec/replicas"]}], why="test"))
    scaled = set_at(live(WEB), "spec.replicas", 9)
    del scaled["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"]
    known = replace(UNLOADED, owners={LABEL: replace(OWNER, rules=rules)})
    assert decide(update(live(WEB), scaled), known).reason is Reason.IGNORED
    del scaled["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]
    assert decide(update(live(WEB), scaled), known).reason is Reason.DISOWNS
