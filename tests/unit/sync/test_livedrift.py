"""Objects that are judged over and over: as the whole comparison judges them, and only when there is something new."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.diff.ignore import rules_of
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.sync.drift import Judged
from kubectl_gitops.sync.livedrift import LiveDrift
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

WEB, DB = declared({"a": "1"}), declared({"a": "1"}, name="db")
LIVE_WEB, LIVE_DB = applied(WEB), applied(DB)
ENTRIES = (entry_of(WEB, LIVE_WEB), entry_of(DB, LIVE_DB))
OLD = ResourceKey("", "ConfigMap", "shop", "old")
RULES = Rules()


def snapshot() -> Snapshot:
    return Snapshot(
        namespace="team",
        name="shop",
        revision=None,
        repo_url="",
        path="",
        sequence=1,
        complete=True,
        entries=ENTRIES,
        owed=(("v1", OLD),),
    )


def judge(drift: LiveDrift, *live: Object, rules: Rules = RULES, key: bytes = KEY) -> list[Judged]:
    found = {ResourceKey("", "ConfigMap", "shop", obj["metadata"]["name"]): obj for obj in live}
    return drift.judge(snapshot(), found, sealing_key=key, rules=rules, autoscalers={})


def kinds(judged: Iterable[Judged]) -> list[DriftKind]:
    return [one.drift.kind for one in judged if one.drift is not None]


def test_what_has_drifted_is_found_and_so_is_what_git_declares_no_more() -> None:
    drift = LiveDrift()
    assert kinds(judge(drift, LIVE_WEB, LIVE_DB)) == []
    assert kinds(judge(drift, changed(LIVE_WEB, version=6, a="x"), LIVE_DB)) == [DriftKind.MODIFIED]
    assert kinds(judge(drift, LIVE_DB)) == [DriftKind.MISSING]
    labels = {"kubectl-gitops.dev/managed-by": "team.shop"}
    old = {"metadata": {"name": "old", "namespace": "shop", "labels": labels}}
    assert kinds(judge(drift, LIVE_WEB, LIVE_DB, old)) == [DriftKind.ORPHANED]


def test_only_what_is_new_is_judged_again() -> None:
    drift = LiveDrift()
    wrong = changed(LIVE_WEB, version=6, a="x")
    first = judge(drift, wrong, LIVE_DB)
    again = judge(drift, wrong, changed(LIVE_DB, version=6, a="y"))
    assert again[0] is first[0]
    assert kinds(again) == [DriftKind.MODIFIED, DriftKind.MODIFIED]


def test_other_rules_judge_all_of_it_again() -> None:
    drift = LiveDrift()
    wrong = changed(LIVE_WEB, version=6, a="x")
    assert kinds(judge(drift, wrong, LIVE_DB)) == [DriftKind.MODIFIED]
    ignoring = RULES.beside(rules_of([{"jsonPointers": ["/data"]}], why="tuned"))
    judged = judge(drift, wrong, LIVE_DB, rules=ignoring)
    assert kinds(judged) == []
    assert [one.ignored is not None for one in judged] == [True, False]


def test_autoscalers_count_in_their_own_namespace_and_are_asked_for_as_long_as_replicas_differ() -> None:
    web = declared({}, kind="Deployment")
    web.object.pop("data")
    web.object["spec"] = {"replicas": 2}
    live = {**applied(web), "spec": {"replicas": 2}}
    fields: Object = {"f:spec": {"f:replicas": {}}}
    live["metadata"]["managedFields"] = [{"manager": "kubectl-gitops", "operation": "Apply", "fieldsV1": fields}]
    one = Snapshot(
        namespace="team",
        name="shop",
        revision=None,
        repo_url="",
        path="",
        sequence=1,
        complete=True,
        entries=(entry_of(web, live),),
    )
    scaled = {**live, "spec": {"replicas": 6}}
    target = {"apiVersion": "v1", "kind": "Deployment", "name": "web"}
    autoscaler = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"scaleTargetRef": target}}
    drift, key = LiveDrift(), web.key

    def judged(*autoscalers: Object, now: Object = scaled) -> Judged:
        known = {"shop": autoscalers} if autoscalers else {}
        return drift.judge(one, {key: now}, sealing_key=KEY, rules=RULES, autoscalers=known)[0]

    assert judged().drift is not None
    assert drift.scaled_namespaces == {"shop"}
    assert judged(autoscaler).drift is None
    assert judged(autoscaler).ignored is not None
    assert drift.scaled_namespaces == {"shop"}
    assert judged(autoscaler, now=live) == Judged()
    assert drift.scaled_namespaces == frozenset()
