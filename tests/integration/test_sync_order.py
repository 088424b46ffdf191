"""Waves, hooks and what may be deleted, on the real API server: what is written, in which order, shown by its log."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.sync.engine import Observer
from kubectl_gitops.sync.events import WaitingFor
from tests.integration.gitsyncs import Api, Object, config_map, deployment
from tests.integration.test_sync import Team, kinds, names
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane

ARGOCD = "argocd.argoproj.io/"
HELM = "helm.sh/"


@pytest.fixture
def team(control_plane: ControlPlane, namespace: str) -> Team:
    return Team(Api(control_plane, namespace))


def annotated(obj: Object, **annotations: str) -> Object:
    """``argocd_hook="PreSync"``, ``helm_hook_weight="1"``, ``own_sync_wave="2"``."""
    prefixes = {"argocd": ARGOCD, "helm": HELM, "own": "kubectl-gitops.dev/"}
    named = {}
    for short, value in annotations.items():
        prefix, _, rest = short.partition("_")
        named[prefixes[prefix] + rest.replace("_", "-")] = value
    obj["metadata"]["annotations"] = named
    return obj


def job(name: str, *, generated: bool = False) -> Object:
    """A Job that no node ever runs: it ends when :func:`ending_jobs` says so."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "job", "image": "example.com/job:1"}]}}
    metadata = {"generateName" if generated else "name": name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"managedBy": "example.com/tests", "template": template},
    }


@contextmanager
def ending_jobs(team: Team, *, failing: str = "-") -> Iterator[None]:
    """While in here, each Job of the namespace ends as soon as it is there; those with such a name fail."""
    path, stopped = team.live.path("batch/v1/jobs"), threading.Event()

    def end(one: Object) -> None:
        name = one["metadata"]["name"]
        is_failing = name.startswith(failing)
        now = "2026-01-01T00:00:00Z"
        types = ("FailureTarget", "Failed") if is_failing else ("SuccessCriteriaMet", "Complete")
        conditions = [{"type": kind, "status": "True", "reason": "X", "lastTransitionTime": now} for kind in types]
        status = {"conditions": conditions, "startTime": now}
        if not is_failing:
            status["completionTime"] = now
        with suppress(RequestFailed):
            team.live.plane.request("PATCH", f"{path}/{name}/status", {"status": status}, content_type=MERGE)

    def work() -> None:
        while not stopped.wait(0.05):
            for one in team.live.plane.request("GET", path)["items"]:
                if not (one.get("status") or {}).get("conditions"):
                    end(one)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


MERGE = "application/merge-patch+json"


def written(team: Team, mark: int) -> list[str]:
    """``create pre``: what our syncs wrote, in the order of the audit log, snapshots aside."""
    verbs = {"patch": "apply", "delete": "delete"}
    return [
        f"{verbs[event['verb']]} {event['objectRef']['name']}"
        for event in team.live.plane.audit_events(since=mark)
        if event["verb"] in verbs
        and event.get("userAgent") == "kubectl-gitops"
        and event["objectRef"].get("namespace") == team.live.namespace
        and event["objectRef"]["resource"] != "secrets"
        and "dryRun=All" not in event["requestURI"]
    ]


def test_waves_come_in_their_order_negative_ones_first(team: Team) -> None:
    mark = team.live.plane.audit_mark()
    result = team.sync(
        annotated(config_map("last"), argocd_sync_wave="5"),
        config_map("middle"),
        annotated(config_map("first"), own_sync_wave="-1", argocd_sync_wave="9"),
    )
    assert not result.failed
    assert written(team, mark) == ["apply first", "apply middle", "apply last"]


def test_the_next_wave_waits_until_the_last_one_is_healthy(team: Team) -> None:
    """A Deployment that nobody runs is not healthy, until it is scaled to nothing."""
    waited: list[str] = []

    def tell(event: object) -> None:
        if isinstance(event, WaitingFor):
            waited.append(f"{event.key} {event.health.status}")
            team.live.patch("apps/v1/deployments", "web", {"spec": {"replicas": 0}})

    later = annotated(config_map("later"), argocd_sync_wave="1")
    result = team.run(team.plan(deployment("web"), later), Observer(happened=tell))
    assert not result.failed
    assert not result.halted
    assert waited[0] == "Deployment/web Progressing"
    assert team.live.data("later")


def test_a_wave_that_does_not_become_healthy_halts_the_sync_and_a_retry_does_what_is_left(team: Team) -> None:
    team.sync(config_map("gone"))
    later = annotated(config_map("later"), argocd_sync_wave="1")
    objects = (deployment("web"), later)
    result = team.run(team.plan(*objects), timeout_seconds=0.3)
    assert "wave 1 was not begun, as Sync wave 0 is not healthy: Deployment/web" in result.halted
    assert result.not_pruned
    assert team.live.names("configmaps") == {"gone"}
    assert not team.stored.complete
    team.live.patch("apps/v1/deployments", "web", {"spec": {"replicas": 0}}, manager="kubectl-gitops")
    mark = team.live.plane.audit_mark()
    objects[0]["spec"]["replicas"] = 0
    assert not team.sync(*objects).halted
    assert written(team, mark)[-2:] == ["apply later", "delete gone"]
    assert team.stored.complete


def test_hooks_run_in_their_phases_once_in_a_run_and_are_removed(team: Team) -> None:
    objects = [
        annotated(job("post-", generated=True), argocd_hook="PostSync", argocd_hook_delete_policy="HookSucceeded"),
        config_map("web"),
        annotated(job("before"), helm_hook="pre-install,pre-upgrade", helm_hook_weight="1"),
        annotated(config_map("rules"), helm_hook="pre-install", helm_hook_weight="0"),
        annotated(job("alarm"), argocd_hook="SyncFail"),
    ]
    mark = team.live.plane.audit_mark()
    with ending_jobs(team):
        result = team.sync(*objects)
    assert not result.failed
    (post,) = [one.step.key.name for one in result.outcomes if one.step.key.name.startswith("post-")]
    wanted = ["apply rules", "apply before", "apply web", f"apply {post}", f"delete {post}"]
    assert written(team, mark) == wanted
    assert result.count(ActionKind.HOOK) == 3
    # They are no part of what is kept: not in the inventory, not managed, not pruned, and not run for nothing.
    assert [entry.name for entry in team.stored.entries] == ["web"]
    assert team.live.names("batch/v1/jobs") == set()
    mark = team.live.plane.audit_mark()
    again = team.plan(*objects)
    assert again.due_hooks == []
    assert team.run(again).snapshot == result.snapshot
    assert written(team, mark) == []
    assert not team.sync(config_map("web"), prune=True).failed
    assert team.live.find("batch/v1/jobs", "before")


def test_a_failed_hook_ends_the_sync_and_the_hooks_for_failures_run(team: Team) -> None:
    objects = [
        annotated(job("before"), argocd_hook="PreSync", argocd_hook_delete_policy="BeforeHookCreation"),
        annotated(config_map("alarm"), argocd_hook="SyncFail"),
        config_map("web"),
    ]
    mark = team.live.plane.audit_mark()
    with ending_jobs(team, failing="before"):
        result = team.sync(*objects)
    assert names(result.failed) == ["before"]
    assert "the hook failed: Degraded" in str(result.failed[0].error)
    assert written(team, mark) == ["apply before", "apply alarm"]
    assert team.live.names("configmaps") == set()
    mark = team.live.plane.audit_mark()
    with ending_jobs(team):
        assert not team.sync(*objects).failed
    assert written(team, mark) == ["delete before", "apply before", "apply web"]


def test_a_hook_that_runs_already_is_waited_for_and_not_made_again(team: Team) -> None:
    hook = annotated(job("before"), argocd_hook="PreSync")
    result = team.run(team.plan(hook, config_map("web")), timeout_seconds=0.2)
    assert "has not ended within" in str(result.failed[0].error)
    uid = team.live.get("batch/v1/jobs", "before")["metadata"]["uid"]
    with ending_jobs(team):
        assert not team.sync(hook, config_map("web")).failed
    assert team.live.get("batch/v1/jobs", "before")["metadata"]["uid"] == uid


def test_somebody_elses_object_of_a_hooks_name_is_not_deleted(team: Team) -> None:
    team.live.create("configmaps", config_map("rules", by="somebody"))
    result = team.sync(annotated(config_map("rules"), argocd_hook="PreSync"), config_map("web"))
    assert "is there already, and is no hook" in str(result.failed[0].error)
    assert team.live.data("rules") == {"by": "somebody"}


def test_what_is_taken_over_from_kubectl_apply_is_wholly_ours(team: Team) -> None:
    """What kubectl's client-side apply had set, and Git does not declare, goes; so does what Git drops later."""
    import orjson

    applied = orjson.dumps(config_map("settings", kept="1", dropped="2", stale="3")).decode()
    team.live.plane.kubectl("apply", "-n", team.live.namespace, "-f", "-", input=applied)
    assert not team.sync(config_map("settings", kept="1", dropped="2")).failed
    live = team.live.get("configmaps", "settings")
    assert live["data"] == {"kept": "1", "dropped": "2"}
    assert [entry["manager"] for entry in live["metadata"]["managedFields"]] == ["kubectl-gitops"]
    assert not live["metadata"].get("annotations")
    assert not team.sync(config_map("settings", kept="1")).failed
    assert team.live.data("settings") == {"kept": "1"}


def test_without_force_it_is_said_who_holds_what(team: Team) -> None:
    team.sync(config_map("settings"))
    team.live.patch("configmaps", "settings", {"data": {"key": "by hand"}})
    plan = team.plan(config_map("settings"), force=False)
    result = team.run(plan)
    assert "kubectl-edit" in str(result.failed[0].error)
    assert ".data.key" in str(result.failed[0].error)
    assert team.live.data("settings") == {"key": "by hand"}


def test_what_cannot_be_changed_is_named_and_made_anew_only_where_that_is_wanted(team: Team) -> None:
    team.sync(deployment("web"))
    uid = team.live.get("apps/v1/deployments", "web")["metadata"]["uid"]
    other = deployment("web")
    other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    (failed,) = team.sync(other).failed
    assert str(failed.error).startswith("spec.selector cannot be changed while the object exists")
    assert "--recreate=Deployment/web" in failed.error.hint  # type: ignore[union-attr]
    plan = team.plan(annotated(other, own_force="recreate"))
    assert kinds(plan) == {"web": ActionKind.RECREATE}
    assert not team.run(plan).failed
    assert team.live.get("apps/v1/deployments", "web")["metadata"]["uid"] != uid


def test_precious_kinds_and_what_is_annotated_so_are_kept_until_a_person_approves(team: Team) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    kept = annotated(config_map("kept"), argocd_sync_options="Prune=false")
    asked = annotated(config_map("asked"), own_prune="confirm")
    team.sync(claim, kept, asked, config_map("web"))
    plan = team.plan(config_map("web"))
    assert {name for name, kind in kinds(plan).items() if kind is ActionKind.ORPHAN} == {"data", "kept", "asked"}
    (note,) = [step.note for step in plan.steps if step.key.name == "data"]
    assert f"--approve-deletes {plan.run[:12]} deletes it" in note
    approved = team.plan(config_map("web"), approved_deletes=plan.run[:12])
    assert not team.run(approved).failed
    assert team.live.names("configmaps") == {"web", "kept"}


def test_more_deletions_than_are_allowed_need_approval_of_this_very_commit(team: Team) -> None:
    team.sync(*(config_map(name) for name in "abcd"))
    limit = {"count": 1}
    result = team.run(team.plan(config_map("a"), max_delete=limit))
    assert "3 of 4 objects would be deleted" in str(result.refusal)
    assert team.live.names("configmaps") == set("abcd")
    assert team.run(team.plan(config_map("a"), max_delete=limit, approved_deletes="f" * 12)).refusal
    approved = team.plan(config_map("a"), max_delete=limit, approved_deletes=result.plan.run[:12])
    assert team.run(approved).refusal is None
    assert team.live.names("configmaps") == {"a"}


def test_what_does_not_go_is_told_with_what_holds_it(team: Team) -> None:
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    team.sync(held, config_map("web"))
    result = team.sync(config_map("web"))
    assert [one.note for one in result.outcomes] == [
        "it is being deleted, and waits for the finalizers example.com/hold"
    ]
    team.live.patch("configmaps", "held", {"metadata": {"finalizers": None}})
