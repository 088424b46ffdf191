"""What is reported of a GitSync, by what watches have shown of it."""

from __future__ import annotations

from dataclasses import replace

from kubectl_gitops.api.gitsync import read_gitsync
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.followed_gitsyncs import Judge, Watched
from kubectl_gitops.cli.watch_scopes import by_name
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watchset import Scope
from kubectl_gitops.report.model import DriftReport
from kubectl_gitops.snapshot.model import Snapshot
from tests.unit.cluster.test_connection import CONFIG_MAPS
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

SPEC = {"source": {"repoURL": "https://git.example/shop.git"}}
GITSYNC = read_gitsync(
    {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": "shop", "namespace": "team"},
        "spec": SPEC,
    }
)
OLD, NEW = declared({"a": "1"}), declared({"a": "2"})
SCOPE = by_name(CONFIG_MAPS, OLD.key)


def find(api_version: str, kind: str) -> Resource | None:
    return CONFIG_MAPS if (api_version, kind) == ("v1", "ConfigMap") else None


def snapshot(one: Object, sequence: int, *, complete: bool = True) -> Snapshot:
    made = OLD if one["data"]["a"] == "1" else NEW
    return Snapshot(
        namespace="team",
        name="shop",
        revision=None,
        repo_url="",
        path="",
        sequence=sequence,
        complete=complete,
        entries=(entry_of(made, one),),
    )


def look(judge: Judge, one: Snapshot, live: Object | None) -> tuple[DriftReport | None, str]:
    known = {} if live is None else {SCOPE: {OLD.key: live}}
    scopes, report, note = judge.look(Watched(GITSYNC, one, KEY), find, by_name, known.get)
    assert scopes == [SCOPE]
    return report, note


def test_nothing_is_reported_before_all_is_known() -> None:
    assert look(Judge(), snapshot(applied(OLD), 1), None) == (None, "")


def test_while_a_sync_is_going_on_the_last_report_stays() -> None:
    judge, live = Judge(), changed(applied(OLD), version=6, b="x")
    before, _ = look(judge, snapshot(applied(OLD), 1), live)
    assert before is not None
    assert before.drifts[0].kind == "Added"
    # Published, and not written yet: by the new snapshot the object differs.
    begun = snapshot(applied(NEW), 2, complete=False)
    report, note = look(judge, begun, live)
    assert report is before
    assert note == "GitSync team/shop is being synced: its drift is told when that has ended"
    report, note = look(judge, replace(begun, sequence=3, complete=True), applied(NEW, version=7))
    assert report is not None
    assert (report.drifts, note) == ((), "")


def test_a_sync_that_was_never_ended_does_not_keep_the_first_report_back() -> None:
    report, note = look(Judge(), snapshot(applied(NEW), 2, complete=False), applied(OLD))
    assert report is not None
    assert (len(report.drifts), note) == (1, "")


def test_what_autoscalers_say_is_asked_for_where_replicas_differ() -> None:
    autoscalers = Resource(
        group="autoscaling",
        version="v2",
        kind="HorizontalPodAutoscaler",
        plural="horizontalpodautoscalers",
        namespaced=True,
    )
    deployments = Resource(group="apps", version="v1", kind="Deployment", plural="deployments", namespaced=True)
    served = {"Deployment": deployments, "HorizontalPodAutoscaler": autoscalers}
    web = declared({}, kind="Deployment")
    web.object.pop("data")
    web.object.update({"apiVersion": "apps/v1", "spec": {"replicas": 2}})
    live = applied(web)
    fields: Object = {"f:spec": {"f:replicas": {}}}
    live["metadata"]["managedFields"] = [{"manager": "kubectl-gitops", "operation": "Apply", "fieldsV1": fields}]
    one = replace(snapshot(applied(OLD), 1), entries=(entry_of(web, live),))
    scope = by_name(deployments, web.key)
    shown = {scope: {web.key: {**live, "spec": {"replicas": 6}}}}
    scopes, _, _ = Judge().look(Watched(GITSYNC, one, KEY), lambda _, kind: served[kind], by_name, shown.get)
    assert scopes == [scope, Scope(resource=autoscalers, namespace="shop", optional=True)]
