"""Plan and engine on the real API server: what is written, in which order, and what is left alone."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.gitsync import MaxDelete
from kubectl_gitops.api.names import managed_by
from kubectl_gitops.api.objects import Declared, Origin
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import Conflict, InvalidInput, Rejected
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.sync.drift import find_drift
from kubectl_gitops.sync.engine import Engine, Interrupted, Observer, SyncResult
from kubectl_gitops.sync.inventory import Outcome
from kubectl_gitops.sync.planning import Planner
from kubectl_gitops.sync.revealed import drift_in
from kubectl_gitops.sync.steps import HeldByAnother, Plan, Target
from tests.integration.gitsyncs import LABEL, Api, Object, config_map, deployment, secret
from tests.testbed.controlplane import ControlPlane

COMMIT = Commit(sha="a" * 40, author="Jane", author_email="j@x", time="2026-01-01T00:00:00Z", subject="more")
KEY = b"a key"


class Team:
    """Somebody who keeps one namespace in sync with what they declare, without Git or a reconciler."""

    def __init__(self, live: Api) -> None:
        self.live = live
        self.cluster = Cluster.from_kubeconfig(live.plane.kubeconfig)
        self.discovery = Discovery(self.cluster)
        self.store = SnapshotStore(self.cluster, live.namespace)
        self.stop = threading.Event()

    @property
    def stored(self) -> Snapshot:
        found = self.store.load(self.live.namespace, "team")
        assert found is not None
        return found

    def plan(
        self,
        *objects: Object,
        prune: bool = True,
        force: bool = True,
        max_delete: Mapping[str, int] | None = None,
        approved_deletes: str = "",
    ) -> Plan:
        target = Target(
            namespace=self.live.namespace,
            name="team",
            label=managed_by(self.live.namespace, "team"),
            default_namespace=self.live.namespace,
            prune=prune,
            force=force,
            max_delete=MaxDelete(**max_delete) if max_delete else None,
            approved_deletes=approved_deletes,
        )
        declared = [
            Declared(object=copy.deepcopy(obj), origin=Origin("all.yaml", 10 * number))
            for number, obj in enumerate(objects, 1)
        ]
        planner = Planner(reader=self.cluster, writer=self.cluster, discovery=self.discovery, sealing_key=KEY)
        previous = self.store.load(self.live.namespace, "team")
        return planner.plan(declared, target, previous=previous, file_commits={"all.yaml": COMMIT})

    def run(self, plan: Plan, observer: Observer | None = None, *, timeout_seconds: float = 30.0) -> SyncResult:
        engine = Engine(
            writer=self.cluster,
            discovery=self.discovery,
            store=self.store,
            sealing_key=KEY,
            stop=self.stop,
            timeout_seconds=timeout_seconds,
        )
        return engine.run(plan, revision=COMMIT, repo_url="", path="", observer=observer)

    def sync(self, *objects: Object, prune: bool = True) -> SyncResult:
        return self.run(self.plan(*objects, prune=prune))

    def requests(self, mark: int) -> list[tuple[str, str, bool]]:
        """Verb, name and whether it was a dry-run, of each write to the namespace."""
        return [
            (event["verb"], event["objectRef"].get("name", ""), "dryRun=All" in event["requestURI"])
            for event in self.live.plane.audit_events(since=mark)
            if event["user"]["username"] == "admin"
            and event["verb"] not in {"get", "list", "watch"}
            and event["objectRef"].get("namespace") == self.live.namespace
        ]


@pytest.fixture
def team(control_plane: ControlPlane, namespace: str) -> Team:
    return Team(Api(control_plane, namespace))


def kinds(plan: Plan) -> Mapping[str, ActionKind]:
    return {step.key.name: step.kind for step in plan.steps}


def names(outcomes: Sequence[Outcome]) -> list[str]:
    return sorted(outcome.step.key.name for outcome in outcomes)


def test_what_is_as_declared_is_neither_written_nor_asked_about(team: Team) -> None:
    """Quantities, defaults and stringData come back otherwise than they were declared."""
    objects = [config_map("settings"), deployment("web"), secret("login", password="geheim")]
    first = team.sync(*objects)
    assert first.count(ActionKind.CREATE) == 3
    assert not first.failed
    mark = team.live.plane.audit_mark()
    plan = team.plan(*objects)
    assert set(kinds(plan).values()) == {ActionKind.UNCHANGED}
    second = team.run(plan)
    assert second.count(ActionKind.UNCHANGED) == 3
    assert second.snapshot == first.snapshot == team.stored
    assert team.requests(mark) == []


def test_the_canonical_form_is_learned_and_values_of_secrets_are_not_stored(team: Team) -> None:
    team.sync(deployment("web"), secret("login", password="geheim"))
    web, login = team.stored.entries
    assert web.canonical
    assert login.canonical
    (container,) = web.canonical.tree["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "1"}}
    assert "progressDeadlineSeconds" not in web.canonical.tree["spec"]
    assert (web.origin, web.commit) == (Origin("all.yaml", 10), COMMIT)
    assert login.canonical.tree["data"]["password"].startswith("hmac-sha256:")
    assert "stringData" not in login.canonical.tree


def test_all_objects_are_stored_before_the_first_is_written(team: Team) -> None:
    team.sync(config_map("kept"), config_map("gone"))
    seen: list[Snapshot] = []

    def look(snapshot: Snapshot) -> None:
        assert team.live.find("configmaps", "new") is None
        assert team.live.data("kept") == {"key": "git"}
        seen.append(team.stored)

    plan = team.plan(config_map("kept", key="changed"), config_map("new"))
    result = team.run(plan, Observer(about_to_write=look))
    (before,) = seen
    assert not before.complete
    assert [entry.name for entry in before.entries] == ["kept", "new"]
    assert [key.name for _, key in before.owed] == ["gone"]
    # Of what is there the dry-run has told the canonical form already, of what is not nobody has.
    kept, new = before.entries
    assert kept.canonical
    assert kept.canonical.tree["data"] == {"key": "changed"}
    assert new.canonical is None
    assert result.snapshot.complete
    assert result.snapshot.owed == ()
    assert all(entry.canonical for entry in result.snapshot.entries)


def test_a_sync_that_is_stopped_half_way_is_taken_up_by_the_next(team: Team) -> None:
    def stop(outcome: Outcome) -> None:
        team.stop.set()

    team.sync(config_map("gone"))
    objects = [*(config_map(f"c{n:02}") for n in range(40)), deployment("web")]
    with pytest.raises(Interrupted):
        team.run(team.plan(*objects), Observer(done=stop))
    assert team.live.find("apps/v1/deployments", "web") is None
    assert not team.stored.complete
    made = team.live.names("configmaps") - {"gone"}
    assert made
    team.stop.clear()
    result = team.sync(*objects[:1], deployment("web"))
    assert not result.failed
    assert team.live.names("configmaps") == {"c00"}
    assert team.live.find("apps/v1/deployments", "web")


def test_namespaces_come_before_what_is_in_them_and_go_after(team: Team) -> None:
    own = f"{team.live.namespace}-own"
    inside = config_map("inside")
    inside["metadata"]["namespace"] = own
    allowed = {"name": own, "annotations": {"kubectl-gitops.dev/prune": "allowed"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": allowed}
    done: list[str] = []
    observer = Observer(done=lambda outcome: done.append(outcome.step.key.kind))
    assert not team.run(team.plan(inside, namespace), observer).failed
    assert done == ["Namespace", "ConfigMap"]
    done.clear()
    assert not team.run(team.plan(config_map("other")), observer).failed
    assert done == ["ConfigMap", "ConfigMap", "Namespace"]


def test_one_bad_object_fails_alone_and_nothing_is_pruned(team: Team) -> None:
    team.sync(config_map("gone"), deployment("web"))
    unknown, immutable = config_map("unknown"), deployment("web")
    unknown["dota"] = {}
    immutable["spec"]["selector"]["matchLabels"]["app"] = "another"
    result = team.sync(config_map("good"), unknown, immutable)
    errors = {outcome.step.key.name: outcome for outcome in result.failed}
    assert errors.keys() == {"unknown", "web"}
    assert isinstance(errors["unknown"].error, Rejected)
    assert "field not declared in schema" in str(errors["unknown"].error)
    assert "`selector` does not match template `labels`" in str(errors["web"].error)
    assert errors["web"].step.declared
    assert str(errors["web"].step.declared.origin) == "all.yaml:30"
    assert result.not_pruned == "not everything that Git declares could be applied"
    assert team.live.names("configmaps") == {"gone", "good"}
    # What it was before stays in force of the one; the other never was.
    by_name = {entry.name: entry for entry in result.snapshot.entries}
    assert by_name["web"].origin == Origin("all.yaml", 20)
    assert by_name["web"].canonical
    assert by_name["unknown"].canonical is None
    assert [key.name for _, key in result.snapshot.owed] == ["gone"]
    result = team.sync(config_map("good"), deployment("web"))
    assert names(result.outcomes) == ["gone"]
    assert team.live.names("configmaps") == {"good"}


def test_nothing_declared_prunes_nothing(team: Team) -> None:
    team.sync(config_map("settings"))
    result = team.sync()
    assert "Git declares nothing at all" in result.not_pruned
    assert team.live.names("configmaps") == {"settings"}
    assert [key.name for _, key in team.stored.owed] == ["settings"]


def test_only_what_is_still_ours_is_pruned(team: Team) -> None:
    team.sync(*(config_map(name) for name in ("ours", "unlabelled", "recreated", "a")))
    team.live.patch("configmaps", "unlabelled", {"metadata": {"labels": {LABEL: None}}})
    plan = team.plan(config_map("a"))
    assert {name for name, kind in kinds(plan).items() if kind is ActionKind.PRUNE} == {"ours", "recreated"}
    team.live.delete("configmaps", "recreated")
    team.live.create("configmaps", config_map("recreated", by="somebody else"))
    result = team.run(plan)
    (failed,) = result.failed
    assert failed.step.key.name == "recreated"
    assert isinstance(failed.error, Conflict)
    assert team.live.data("recreated") == {"by": "somebody else"}
    assert team.live.names("configmaps") == {"a"}
    assert not team.sync(config_map("a")).failed
    assert team.live.data("recreated") == {"by": "somebody else"}


def test_without_prune_they_are_orphans_until_pruning_is_wanted(team: Team) -> None:
    team.sync(config_map("a"), config_map("b"))
    result = team.sync(config_map("a"), prune=False)
    assert kinds(result.plan) == {"a": ActionKind.UNCHANGED, "b": ActionKind.ORPHAN}
    assert [key.name for _, key in result.snapshot.owed] == ["b"]
    assert names(team.sync(config_map("a")).outcomes) == ["b"]


def test_what_kubectl_made_is_taken_over(team: Team) -> None:
    team.live.plane.kubectl("create", "configmap", "settings", "--from-literal=key=git", "-n", team.live.namespace)
    plan = team.plan(config_map("settings"))
    assert kinds(plan) == {"settings": ActionKind.CHANGE}  # by our label
    assert not team.run(plan).failed
    live = team.live.get("configmaps", "settings")
    # Somebody who puts the same values under another manager's name does not make it less ours; taking it away does.
    live["metadata"]["managedFields"] = [{}]
    team.live.plane.request("PUT", team.live.path("configmaps", "settings"), live)
    assert kinds(team.plan(config_map("settings"))) == {"settings": ActionKind.TAKE_OVER}


def test_what_another_gitsync_manages_is_not_written(team: Team) -> None:
    team.live.create("configmaps", config_map("theirs", by="another"))
    plan = team.plan(config_map("theirs"), config_map("mine"))
    theirs, mine = plan.steps
    result = team.run(replace(plan, steps=(replace(theirs, error=HeldByAnother("GitSync a/b declares it")), mine)))
    assert names(result.failed) == ["theirs"]
    assert team.live.data("theirs") == {"by": "another"}
    assert team.live.names("configmaps") == {"mine"}


def test_an_unknown_kind_is_named_with_its_place(team: Team) -> None:
    lamp = {"apiVersion": "example.com/v1", "kind": "Lamp", "metadata": {"name": "desk"}}
    with pytest.raises(InvalidInput, match=r"^all\.yaml:20: the cluster has no kind Lamp in example.com/v1"):
        team.plan(config_map("settings"), lamp)


def test_drift_is_found_against_what_was_synced_and_against_what_is_declared(team: Team) -> None:
    objects = [config_map("settings"), config_map("gone"), deployment("web"), config_map("same")]
    team.sync(*objects, config_map("orphan"))
    team.sync(*objects, prune=False)
    team.live.patch("configmaps", "settings", {"data": {"key": "by hand"}})
    team.live.delete("configmaps", "gone")
    team.live.patch("apps/v1/deployments", "web", {"spec": {"replicas": 7, "paused": True}})
    mark = team.live.plane.audit_mark()
    judged = find_drift(team.stored, reader=team.cluster, discovery=team.discovery, sealing_key=KEY, rules=Rules())
    found = sorted((one.drift for one in judged if one.drift), key=lambda drift: (drift.key.kind, drift.key.name))
    assert [(drift.kind, drift.key.name) for drift in found] == [
        (DriftKind.MISSING, "gone"),
        (DriftKind.ORPHANED, "orphan"),
        (DriftKind.MODIFIED, "settings"),
        (DriftKind.MODIFIED, "web"),
    ]
    assert team.requests(mark) == []
    replicas, paused = found[3].fields
    assert (paused.kind, paused.path, paused.live) == (DriftKind.ADDED, ("spec", "paused"), True)
    assert (replicas.path, replicas.desired, replicas.live) == (("spec", "replicas"), 2, 7)
    assert replicas.owner
    assert replicas.owner.manager == "kubectl-edit"
    found_by_plan = [one.drift for one in drift_in(team.plan(*objects, prune=False)) if one.drift]
    by_plan = sorted(found_by_plan, key=lambda drift: (drift.key.kind, drift.key.name))
    assert [(drift.kind, drift.key.name) for drift in by_plan] == [(drift.kind, drift.key.name) for drift in found]
    of_git = [tuple(one for one in drift.fields if one.kind is DriftKind.MODIFIED) for drift in found]
    assert [drift.fields for drift in by_plan] == of_git
