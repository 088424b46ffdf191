"""Each row of the table of decisions."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import MANAGED_BY_LABEL, managed_by
from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.ignore import rules_of
from kubectl_gitops.diff.rules import Rules
from tests.unit.webhook.cases import (
    LABEL,
    OWNER,
    RECONCILER,
    REVISION,
    SEALING_KEY,
    declared,
    deployment,
    entry,
    live,
    request,
    set_at,
    set_label,
    snapshot,
    update,
    view,
)
from webhook.policy import decide
from webhook.verdict import Outcome, Reason
from webhook.view import Owner, View

WEB = deployment()
IMAGE = "spec.template.spec.containers.0.image"
GARBAGE_COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"
OTHER = managed_by("team-a", "cart")

#: The GitSync is there, its snapshot is not.
UNLOADED = View(owners={LABEL: OWNER}, synced=True)


IGNORING_REPLICAS = Owner(
    namespace="gitops-system",
    name="shop",
    mode=EnforcementMode.ENFORCE,
    rules=Rules().beside(rules_of([{"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}], why="test")),
)


# Who asks, and about what


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE", "DELETE"])
def test_the_reconciler_may_do_everything(operation: str) -> None:
    asked = request(operation, old=live(WEB), new=set_at(live(WEB), "spec.replicas", 9), extra=RECONCILER)
    verdict = decide(asked, view(WEB))
    assert (verdict.allowed, verdict.reason) == (True, Reason.RECONCILER)


@pytest.mark.parametrize(
    "arguments",
    [
        {"user": "system:serviceaccount:gitops-system:reconciler"},
        {"extra": {"kubectl-gitops.dev/actor": ["somebody"]}},
        {"extra": {"example.org/actor": ["reconciler"]}},
    ],
)
def test_only_the_extra_makes_it_the_reconciler(arguments: dict[str, Any]) -> None:
    asked = update(live(WEB), set_at(live(WEB), "spec.replicas", 9), **arguments)
    assert not decide(asked, view(WEB)).allowed


def test_subresources_are_no_declared_state() -> None:
    asked = update(live(WEB), set_at(live(WEB), "spec.replicas", 9), subResource="status")
    assert decide(asked, view(WEB)).reason is Reason.NOT_DECLARED_STATE
    exec_options: Object = {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"]}
    assert decide(request("CONNECT", new=exec_options), view(WEB)).reason is Reason.NOT_DECLARED_STATE


def test_objects_without_our_label_are_not_ours() -> None:
    bare = set_label(live(WEB), None)
    assert decide(update(bare, set_at(bare, "spec.replicas", 9)), view(WEB)).reason is Reason.NOT_MANAGED


def test_a_label_that_names_no_gitsync_binds_nobody() -> None:
    asked = update(live(WEB), set_at(live(WEB), "spec.replicas", 9))
    assert decide(asked, view(WEB, owners={})).reason is Reason.UNKNOWN_GITSYNC


def test_before_gitsyncs_are_known_a_label_is_taken_at_its_word() -> None:
    unknown = View()
    drifts = update(live(WEB), set_at(live(WEB), "spec.replicas", 9))
    assert not decide(drifts, unknown).allowed
    assert decide(drifts, unknown).gitsync == "gitops-system/shop"
    assert decide(update(live(WEB), set_at(live(WEB), "status", {})), unknown).allowed
    assert not decide(request("DELETE", old=live(WEB)), unknown).allowed


# What may differ


def test_ignored_fields_may_change_and_that_is_recorded() -> None:
    ignoring = view(WEB, owners={LABEL: IGNORING_REPLICAS})
    scaled = set_at(live(WEB), "spec.replicas", 9)
    assert decide(update(live(WEB), scaled), ignoring).reason is Reason.IGNORED
    assert not decide(update(live(WEB), set_at(scaled, IMAGE, "shop:1.5")), ignoring).allowed
    assert decide(update(live(WEB), scaled), replace(UNLOADED, owners={LABEL: IGNORING_REPLICAS})).allowed


def test_the_label_may_not_be_removed_whatever_is_ignored() -> None:
    rules = Rules().beside(rules_of([{"jsonPointers": ["/metadata"]}], why="test"))
    ignoring = view(WEB, owners={LABEL: replace(IGNORING_REPLICAS, rules=rules)})
    assert not decide(update(live(WEB), set_label(live(WEB), None)), ignoring).allowed


# UPDATE


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.replicas", 5, "spec.replicas"),
        ("spec.replicas", None, "spec.replicas"),
        (IMAGE, "shop:1.5", "spec.template.spec.containers[name=web].image"),
        ("spec.template.spec.containers", [], "spec.template.spec.containers[name=web]"),
        (
            "spec.template.spec.containers.0.env.0.value",
            "test",
            "spec.template.spec.containers[name=web].env[name=MODE].value",
        ),
        (
            "spec.template.spec.containers.0.ports.0.protocol",
            "UDP",
            "spec.template.spec.containers[name=web].ports[containerPort=80,protocol=TCP]",
        ),
        ("spec.template.metadata.labels.app", "other", "spec.template.metadata.labels.app"),
        ("spec.template", None, "spec.template"),
        ("metadata.labels", None, "metadata.labels"),
    ],
)
def test_moving_a_declared_field_away_is_denied_and_named(path: str, value: Any, field: str) -> None:
    verdict = decide(update(live(WEB), set_at(live(WEB), path, value)), view(WEB))
    assert (verdict.outcome, verdict.reason, verdict.fields) == (Outcome.DENY, Reason.DIVERGES, (field,))
    assert field in verdict.message


def test_a_second_item_with_the_same_key_is_a_divergence() -> None:
    doubled = live(WEB)
    doubled["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "MODE", "value": "test"})
    verdict = decide(update(live(WEB), doubled), view(WEB))
    assert verdict.fields == ("spec.template.spec.containers[name=web].env[name=MODE]",)
    # Once it is there, other changes are not its fault.
    assert decide(update(doubled, set_at(doubled, "metadata.annotations", {"a": "b"})), view(WEB)).allowed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.annotations", {"kubectl.kubernetes.io/restartedAt": "now"}),
        ("spec.paused", True),
        ("spec.template.spec.containers.0.tty", True),
        ("status", {"replicas": 3}),
    ],
)
def test_undeclared_fields_may_change(path: str, value: Any) -> None:
    assert decide(update(live(WEB), set_at(live(WEB), path, value)), view(WEB)).reason is Reason.CONVERGES


def test_an_undeclared_container_may_be_injected() -> None:
    injected = live(WEB)
    injected["spec"]["template"]["spec"]["containers"].insert(0, {"name": "proxy", "image": "proxy:1"})
    assert decide(update(live(WEB), injected), view(WEB)).allowed


def test_putting_a_drifted_field_back_is_allowed() -> None:
    drifted = set_at(live(WEB), "spec.replicas", 9)
    assert decide(update(drifted, live(WEB)), view(WEB)).reason is Reason.CONVERGES


def test_putting_one_of_two_drifted_fields_back_is_allowed() -> None:
    drifted = set_at(set_at(live(WEB), "spec.replicas", 9), IMAGE, "shop:9")
    assert decide(update(drifted, set_at(drifted, "spec.replicas", 3)), view(WEB)).allowed


def test_a_field_that_drifted_before_is_no_reason_to_refuse_other_changes() -> None:
    drifted = set_at(live(WEB), "spec.replicas", 9)
    assert decide(update(drifted, set_at(drifted, "metadata.annotations", {"a": "b"})), view(WEB)).allowed


def test_moving_a_drifted_field_elsewhere_still_is_denied() -> None:
    drifted = set_at(live(WEB), "spec.replicas", 9)
    verdict = decide(update(drifted, set_at(drifted, "spec.replicas", 8)), view(WEB))
    assert verdict.fields == ("spec.replicas",)


def test_putting_one_field_back_does_not_excuse_another() -> None:
    drifted = set_at(live(WEB), "spec.replicas", 9)
    verdict = decide(update(drifted, set_at(live(WEB), IMAGE, "shop:9")), view(WEB))
    assert verdict.fields == ("spec.template.spec.containers[name=web].image",)


def test_a_part_of_what_was_removed_may_come_back() -> None:
    bare = set_at(live(WEB), "spec.template.spec.containers.0.env", None)
    bare = set_at(bare, "spec.template.spec.containers.0.ports", None)
    back = set_at(bare, "spec.template.spec.containers.0.ports", [{"containerPort": 80, "protocol": "TCP"}])
    assert decide(update(bare, back), view(WEB)).allowed


def test_git_may_be_ahead_of_the_cluster() -> None:
    """The snapshot of a new commit is stored before its first write."""
    ahead = view(deployment(replicas=5))
    assert decide(update(live(WEB), set_at(live(WEB), "spec.replicas", 5)), ahead).allowed
    assert decide(update(live(WEB), set_at(live(WEB), "metadata.annotations", {"a": "b"})), ahead).allowed
    assert not decide(update(live(WEB), set_at(live(WEB), "spec.replicas", 4)), ahead).allowed


@pytest.mark.parametrize("value", [None, "x", OTHER])
def test_our_label_may_neither_go_nor_change(value: str | None) -> None:
    verdict = decide(update(live(WEB), set_label(live(WEB), value)), view(WEB))
    assert not verdict.allowed
    assert verdict.fields == (f"metadata.labels[{MANAGED_BY_LABEL}]",)
    assert verdict.gitsync == "gitops-system/shop"


def test_an_object_that_git_no_longer_declares_is_free() -> None:
    for new in (set_at(live(WEB), "spec.replicas", 9), set_label(live(WEB), None)):
        assert decide(update(live(WEB), new), view()).reason is Reason.NOT_DECLARED


def test_what_is_being_deleted_may_change_so_that_it_can_go() -> None:
    held = declared()
    held["metadata"]["finalizers"] = ["example.org/hold"]
    dying = live(held, deletionTimestamp="2026-11-01T00:00:00Z")
    assert decide(update(dying, set_at(dying, "metadata.finalizers", [])), view(held)).reason is Reason.TERMINATING
    assert not decide(update(live(held), set_at(live(held), "metadata.finalizers", [])), view(held)).allowed


# Our entry in managedFields


def test_dropping_our_entry_is_denied() -> None:
    resets: list[list[Object] | None] = [[], [{}], None]
    for fields in resets:
        verdict = decide(update(live(WEB), set_at(live(WEB), "metadata.managedFields", fields)), view(WEB))
        assert (verdict.allowed, verdict.reason) == (False, Reason.DISOWNS)


def test_taking_a_path_out_of_our_entry_is_denied_and_named() -> None:
    doctored = live(WEB)
    del doctored["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"]
    verdict = decide(update(live(WEB), doctored), view(WEB))
    assert (verdict.reason, verdict.fields) == (Reason.DISOWNS, ("spec.replicas",))


RESOURCES = {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
BY_KUBECTL = {"options": {"kind": "UpdateOptions", "fieldManager": "kubectl"}}


def taken_over(field: str, *, operation: str = "Apply", by: str = "kubectl") -> tuple[Object, Object, Object]:
    """What is declared, and before and after a field of it went to another's entry with the same value."""
    obj = declared(spec={**RESOURCES, "replicas": 3})
    path = [f"f:{name}" for name in field.split(".")]
    moved = live(obj)
    node = moved["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    fields: Object = {}
    for name in reversed(path):
        fields = {name: fields}
    for name in path[:-1]:
        node = node[name]
    del node[path[-1]]
    theirs = {"manager": by, "operation": operation, "fieldsV1": {"f:spec": fields}}
    moved["metadata"]["managedFields"].append(theirs)
    return obj, live(obj), moved


def test_a_quantity_that_another_manager_applies_in_other_words_is_theirs_to_hold() -> None:
    """``cpu: 1000m`` is another value than ``1`` to who keeps managedFields, and the same one when it is stored."""
    obj, before, moved = taken_over("resources.requests.cpu")
    assert decide(update(before, moved, **BY_KUBECTL), view(obj)).reason is Reason.CONVERGES
    before["metadata"]["managedFields"].append(moved["metadata"]["managedFields"][1])  # they held it already
    assert decide(update(before, moved, **BY_KUBECTL), view(obj)).reason is Reason.DISOWNS


@pytest.mark.parametrize(
    ("field", "by", "operation"),
    [
        ("replicas", "kubectl", "Apply"),  # there are no other words for it
        ("resources.requests.cpu", "somebody", "Apply"),  # who has not asked
        ("resources.requests.cpu", "kubectl", "Update"),  # to which equal values are equal
    ],
)
def test_nobody_gets_a_field_of_our_entry_by_writing_it_into_another(field: str, by: str, operation: str) -> None:
    obj, before, moved = taken_over(field, by=by, operation=operation)
    verdict = decide(update(before, moved, **BY_KUBECTL), view(obj))
    assert (verdict.reason, verdict.fields) == (Reason.DISOWNS, (f"spec.{field}",))


def test_renaming_our_entry_is_denied() -> None:
    for name in ("somebody", "kubectl"):
        renamed = set_at(live(WEB), "metadata.managedFields.0.manager", name)
        assert decide(update(live(WEB), renamed, **BY_KUBECTL), view(WEB)).reason is Reason.DISOWNS


def test_a_path_that_leaves_our_entry_with_its_value_is_no_matter_when_it_converges() -> None:
    ahead = live(WEB)
    moved = set_at(ahead, "spec.replicas", 5)
    del moved["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"]
    assert decide(update(ahead, moved), view(deployment(replicas=5))).allowed


def test_a_leaf_that_the_api_server_writes_as_a_branch_is_still_ours() -> None:
    """As after a custom resource's list was given keys."""
    obj = declared(spec={"items": [{"name": "a"}]})
    restructured = live(obj, annotations={"x": "y"})
    restructured["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:items"] = {'k:{"name":"a"}': {".": {}}}
    assert decide(update(live(obj), restructured), view(obj)).allowed
    assert decide(update(restructured, live(obj)), view(obj)).allowed


# DELETE


def test_deleting_what_git_declares_is_denied_with_where_and_what_to_do() -> None:
    verdict = decide(request("DELETE", old=live(WEB)), view(WEB))
    assert verdict.reason is Reason.DELETES_DECLARED
    assert "deploy/web.yaml:7, 1a2b3c4d Jane Doe" in verdict.message
    assert "Remove it from Git, then run: kubectl gitops sync shop -n gitops-system" in verdict.message


def test_the_name_comes_from_the_object_where_the_request_has_none() -> None:
    assert not decide(request("DELETE", old=live(WEB), name=""), view(WEB)).allowed


def test_deleting_is_allowed_where_git_declares_it_no_longer() -> None:
    assert decide(request("DELETE", old=live(WEB)), view()).reason is Reason.NOT_DECLARED


def test_deleting_is_allowed_where_it_is_on_its_way() -> None:
    dying = live(WEB, deletionTimestamp="2026-11-01T00:00:00Z")
    assert decide(request("DELETE", old=dying), view(WEB)).reason is Reason.TERMINATING


@pytest.mark.parametrize("user", [NAMESPACE_CONTROLLER, GARBAGE_COLLECTOR, "system:kube-controller-manager"])
def test_controllers_may_clean_up(user: str) -> None:
    for known in (view(WEB), UNLOADED):
        assert decide(request("DELETE", old=live(WEB), user=user), known).reason is Reason.CLEANUP


@pytest.mark.parametrize("user", ["system:serviceaccount:default:namespace-controller", "system:admin", ""])
def test_others_may_not(user: str) -> None:
    assert not decide(request("DELETE", old=live(WEB), user=user), view(WEB)).allowed


# CREATE, and labels put on what exists


def test_creating_as_git_declares_is_allowed() -> None:
    new = copy.deepcopy(WEB) | {"status": {}}
    assert decide(request("CREATE", new=new), view(WEB)).reason is Reason.CONVERGES


def test_creating_otherwise_is_denied_and_named() -> None:
    new = set_at(set_at(WEB, "spec.replicas", 5), f"{IMAGE.removesuffix('.image')}.env", None)
    verdict = decide(request("CREATE", new=new), view(WEB))
    assert verdict.fields == ("spec.replicas", "spec.template.spec.containers[name=web].env")
    assert "spec.replicas: Git says 3, asked 5" in verdict.message
    assert ".env: Git says " in verdict.message
    assert "not given" in verdict.message


def test_our_label_on_what_git_does_not_declare_is_denied() -> None:
    created = decide(request("CREATE", new=declared()), view(WEB))
    bare = live(set_label(declared(), None), managedFields=[])
    labelled = decide(update(bare, set_label(bare, LABEL)), view(WEB))
    for verdict in (created, labelled):
        assert verdict.reason is Reason.CLAIMS_UNDECLARED
        assert "does not declare it" in verdict.message


def test_our_label_on_what_git_declares_is_convergence() -> None:
    bare = set_label(live(WEB, managedFields=[]), None)
    assert decide(update(bare, set_label(bare, LABEL)), view(WEB)).allowed
    drifting = set_at(set_label(bare, LABEL), "spec.replicas", 9)
    assert decide(update(bare, drifting), view(WEB)).fields == ("spec.replicas",)


def test_labels_that_controllers_copy_are_no_claim() -> None:
    """EndpointSlices and Endpoints carry the labels of their Service."""
    owned = declared("EndpointSlice")
    owned["metadata"]["ownerReferences"] = [{"kind": "Service", "name": "web", "controller": True}]
    slices = "system:serviceaccount:kube-system:endpointslice-controller"
    for known in (view(WEB), UNLOADED):
        assert decide(request("CREATE", new=owned, user=slices), known).reason is Reason.COPIED_LABEL
        assert not decide(request("CREATE", new=owned), known).allowed  # a person who copies it claims it
        assert decide(request("DELETE", old=owned), known).allowed
        assert decide(update(owned, set_label(owned, None)), known).allowed
    endpoints = declared("Endpoints")
    user = "system:serviceaccount:kube-system:endpoint-controller"
    assert decide(request("CREATE", new=endpoints, user=user), view(WEB)).allowed
    assert not decide(request("CREATE", new=endpoints), view(WEB)).allowed


def test_an_owner_reference_does_not_free_what_we_applied() -> None:
    owned = live(WEB, ownerReferences=[{"kind": "Service", "name": "web"}])
    assert not decide(request("DELETE", old=owned), UNLOADED).allowed
    assert not decide(request("DELETE", old=owned), view(WEB)).allowed


# Two GitSyncs


def test_a_label_moved_to_another_gitsync_is_judged_by_the_old_one_first() -> None:
    cart = Owner(namespace="team-a", name="cart", mode=EnforcementMode.ENFORCE)
    moved = update(live(WEB), set_label(live(WEB), OTHER))
    both = view(WEB, owners={LABEL: OWNER, OTHER: cart})
    assert decide(moved, both).gitsync == "gitops-system/shop"

    released = View(
        owners={LABEL: OWNER, OTHER: cart},
        snapshots={LABEL: snapshot([]), OTHER: snapshot([], namespace="team-a", name="cart")},
        synced=True,
    )
    verdict = decide(moved, released)
    assert (verdict.gitsync, verdict.reason) == ("team-a/cart", Reason.CLAIMS_UNDECLARED)


def test_warnings_of_both_owners_are_given() -> None:
    owners = {
        LABEL: Owner(namespace="gitops-system", name="shop", mode=EnforcementMode.WARN),
        OTHER: Owner(namespace="team-a", name="cart", mode=EnforcementMode.WARN),
    }
    snapshots = {LABEL: snapshot([entry(WEB)]), OTHER: snapshot([], namespace="team-a", name="cart")}
    verdict = decide(
        update(live(WEB), set_label(live(WEB), OTHER)), View(owners=owners, snapshots=snapshots, synced=True)
    )
    assert verdict.outcome is Outcome.WARN
    text = "\n".join(verdict.warnings)
    assert "gitops-system/shop" in text
    assert "team-a/cart" in text


# Modes


def test_warn_lets_it_pass_and_says_the_same_in_short_lines() -> None:
    drifts = update(live(WEB), set_at(set_at(live(WEB), "spec.replicas", 5), IMAGE, "shop:1.5"))
    verdict = decide(drifts, view(WEB, mode=EnforcementMode.WARN))
    assert (verdict.outcome, verdict.allowed, verdict.message) == (Outcome.WARN, True, "")
    assert "spec.replicas: Git says 3, asked 5" in verdict.warnings
    assert any("deploy/web.yaml:7, 1a2b3c4d Jane Doe" in warning for warning in verdict.warnings)
    assert all(len(warning.encode()) < 256 and "\n" not in warning for warning in verdict.warnings)


def test_audit_lets_it_pass_and_records_it() -> None:
    drifts = update(live(WEB), set_at(live(WEB), "spec.replicas", 5))
    verdict = decide(drifts, view(WEB, mode=EnforcementMode.AUDIT))
    assert (verdict.outcome, verdict.allowed, verdict.warnings) == (Outcome.AUDIT, True, ())
    assert verdict.audit_annotations() == {
        "verdict": "Audit",
        "reason": "Diverges",
        "gitsync": "gitops-system/shop",
        "commit": REVISION.sha,
        "fields": "spec.replicas",
    }


@pytest.mark.parametrize("known", [view(WEB, mode=EnforcementMode.OFF), UNLOADED])
def test_off_lets_it_pass_and_looks_no_further(known: View) -> None:
    off = View(owners=view(mode=EnforcementMode.OFF).owners, snapshots=known.snapshots, synced=True)
    for asked in (
        update(live(WEB), set_at(live(WEB), "spec.replicas", 5)),
        request("DELETE", old=live(WEB)),
        request("CREATE", new=declared()),
    ):
        verdict = decide(asked, off)
        assert (verdict.outcome, verdict.reason, verdict.warnings) == (Outcome.ALLOW, Reason.ENFORCEMENT_OFF, ())


@pytest.mark.parametrize("mode", [EnforcementMode.WARN, EnforcementMode.AUDIT])
def test_modes_hold_for_all_operations(mode: EnforcementMode) -> None:
    for asked in (request("DELETE", old=live(WEB)), request("CREATE", new=declared())):
        verdict = decide(asked, view(WEB, mode=mode))
        assert verdict.allowed
        assert verdict.refusal is not None


def test_dry_run_gets_the_same_verdict() -> None:
    old, new = live(WEB), set_at(live(WEB), "spec.replicas", 5)
    theirs = {"fieldManager": "kubectl-set"}
    assert decide(update(old, new, dryRun=True, options=theirs), view(WEB)) == decide(update(old, new), view(WEB))


def test_a_dry_run_of_ours_is_a_plan_and_only_that() -> None:
    old, new = live(WEB), set_at(live(WEB), "spec.replicas", 5)
    ours = {"fieldManager": "kubectl-gitops"}
    assert decide(update(old, new, dryRun=True, options=ours), view(WEB)).reason is Reason.PLAN
    assert not decide(update(old, new, options=ours), view(WEB)).allowed


# Without the canonical form


def unlearned() -> View:
    return View(owners={LABEL: OWNER}, snapshots={LABEL: snapshot([entry(WEB, is_learned=False)])}, synced=True)


def in_another_version() -> View:
    other = deployment() | {"apiVersion": "apps/v1beta2"}
    return View(owners={LABEL: OWNER}, snapshots={LABEL: snapshot([entry(other)])}, synced=True)


WITHOUT_CANONICAL = pytest.mark.parametrize("known", [UNLOADED, unlearned(), in_another_version()])


@WITHOUT_CANONICAL
def test_without_canonical_form_changes_of_what_we_own_are_denied(known: View) -> None:
    changed = set_at(live(WEB), "spec.replicas", 5)
    del changed["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"]
    verdict = decide(update(live(WEB), changed), known)
    assert (verdict.allowed, verdict.fields) == (False, ("spec.replicas",))
    assert "spec.replicas: is 3, asked 5" in verdict.message


@WITHOUT_CANONICAL
def test_without_canonical_form_our_manager_name_is_no_disguise(known: View) -> None:
    """Another value at the same paths leaves our entry as it is."""
    verdict = decide(update(live(WEB), set_at(live(WEB), "spec.replicas", 5)), known)
    assert verdict.fields == ("spec.replicas",)


@WITHOUT_CANONICAL
def test_without_canonical_form_the_rest_may_change(known: View) -> None:
    for path, value in (("metadata.annotations", {"a": "b"}), ("spec.paused", True)):
        assert decide(update(live(WEB), set_at(live(WEB), path, value)), known).reason is Reason.KEEPS_FIELDS


@WITHOUT_CANONICAL
def test_without_canonical_form_our_label_and_entry_are_kept(known: View) -> None:
    assert not decide(update(live(WEB), set_label(live(WEB), None)), known).allowed
    assert not decide(update(live(WEB), set_label(live(WEB), "x.y")), known).allowed
    never_applied = live(WEB, managedFields=[])
    verdict = decide(update(never_applied, set_label(never_applied, None)), known)
    assert verdict.fields == (f"metadata.labels[{MANAGED_BY_LABEL}]",)
    reset = decide(update(live(WEB), live(WEB, managedFields=[{}])), known)
    assert reset.reason is Reason.DISOWNS


@WITHOUT_CANONICAL
def test_without_canonical_form_nothing_is_created_or_deleted(known: View) -> None:
    assert not decide(request("CREATE", new=WEB), known).allowed
    assert not decide(request("DELETE", old=live(WEB)), known).allowed
    bare = set_label(live(WEB, managedFields=[]), None)
    assert not decide(update(bare, set_label(bare, LABEL)), known).allowed


def test_growing_our_entry_is_denied_without_canonical_form() -> None:
    grown = live(WEB)
    grown["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:paused"] = {}
    verdict = decide(update(live(WEB), grown), UNLOADED)
    assert (verdict.reason, verdict.fields) == (Reason.DISOWNS, ("spec.paused",))
    assert "kubectl-gitops" in verdict.message


# Secrets

PASSWORD = declared("Secret", data={"password": "aHVudGVyMg==", "user": "c2hvcA=="}, type="Opaque")
LEAKS = ("aHVudGVyMg", "hunter2", "bmV3LW9uZQ", "new-one", "hmac")


def assert_silent(*texts: str) -> None:
    assert not [leak for text in texts for leak in LEAKS if leak in text]


@pytest.mark.parametrize("key", [SEALING_KEY, None])
def test_a_changed_secret_is_denied_without_its_values(key: bytes | None) -> None:
    changed = set_at(live(PASSWORD), "data.password", "bmV3LW9uZQ==")
    verdict = decide(update(live(PASSWORD), changed), view(PASSWORD, sealing_key=key))
    assert verdict.fields == ("data.password",)
    assert "***" in verdict.message
    assert_silent(verdict.message, *verdict.audit_annotations().values(), *map(str, verdict.warnings))


@pytest.mark.parametrize("mode", [EnforcementMode.WARN, EnforcementMode.AUDIT, EnforcementMode.ENFORCE])
@pytest.mark.parametrize("key", [SEALING_KEY, None])
def test_no_verdict_on_a_secret_tells_its_values(mode: EnforcementMode, key: bytes | None) -> None:
    old = live(PASSWORD, annotations={"kubectl.kubernetes.io/last-applied-configuration": '{"data":"aHVudGVyMg=="}'})
    new = set_at(old, "data", {"password": "bmV3LW9uZQ=="})
    known = view(PASSWORD, sealing_key=key, mode=mode)
    for asked in (
        update(old, new),
        update(old, set_at(old, "data", None)),
        update(old, set_at(old, "metadata.annotations", None)),
        request("CREATE", new=set_at(PASSWORD, "data.password", "bmV3LW9uZQ==")),
        request("DELETE", old=old),
    ):
        verdict = decide(asked, known)
        assert_silent(verdict.message, *verdict.warnings, *verdict.audit_annotations().values(), str(verdict.refusal))


def test_an_unsealed_secret_with_declared_annotations_tells_nothing() -> None:
    """Without the key old and new are compared, and a map that goes as a whole would bring all of itself along."""
    obj = copy.deepcopy(PASSWORD)
    obj["metadata"]["annotations"] = {"team": "shop"}
    old = live(obj)
    old["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "aHVudGVyMg=="
    verdict = decide(update(old, set_at(old, "metadata.annotations", None)), view(obj, sealing_key=None))
    assert not verdict.allowed
    assert_silent(verdict.message, str(verdict.refusal))


@pytest.mark.parametrize("key", [SEALING_KEY, None])
def test_a_secret_may_change_where_git_says_nothing(key: bytes | None) -> None:
    new = set_at(live(PASSWORD), "data.more", "bmV3LW9uZQ==")
    assert decide(update(live(PASSWORD), new), view(PASSWORD, sealing_key=key)).allowed


def test_a_secret_may_converge() -> None:
    drifted = set_at(live(PASSWORD), "data.password", "bmV3LW9uZQ==")
    assert decide(update(drifted, live(PASSWORD)), view(PASSWORD)).allowed
    moved = set_at(drifted, "data.password", "bmV3LW9uZTI=")
    assert not decide(update(drifted, moved), view(PASSWORD)).allowed


def test_a_kind_named_secret_of_another_group_is_no_secret() -> None:
    other = declared("Secret", spec={"size": 3}) | {"apiVersion": "example.org/v1"}
    verdict = decide(update(live(other), set_at(live(other), "spec.size", 4)), view(other, sealing_key=None))
    assert "spec.size: Git says 3, asked 4" in verdict.message
