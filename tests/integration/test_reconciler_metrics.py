"""What the reconciler's process tells kubelet and Prometheus."""

from __future__ import annotations

from tests.integration.gitsyncs import SECONDS, App, config_map
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until


def wait_metric(reconciler: Installation, least: float, name: str, **labels: str) -> None:
    def is_there() -> bool:
        value = reconciler.reconciler_metric(name, **labels)
        assert value >= least, value
        return True

    wait_until(is_there, SECONDS, f"{name} {labels} to be {least}")


def test_it_is_well_and_ready_once_it_knows_the_gitsyncs(shop: App, reconciler: Installation) -> None:
    assert reconciler.ask_reconciler("/healthz") == (200, "ok\n")
    assert reconciler.ask_reconciler("/readyz") == (200, "ok\n")
    assert reconciler.ask_reconciler("/")[0] == 404
    assert reconciler.reconciler_metric("gitops_reconciler_leading", shard="0") == 1


def test_a_sync_and_the_requests_it_took_are_counted(shop: App, reconciler: Installation) -> None:
    gitsync = str(f"{shop.namespace}/{shop.name}")
    metric = reconciler.reconciler_metric
    assert metric("gitops_reconciler_syncs_total", gitsync=gitsync, result="succeeded") >= 1
    assert metric("gitops_reconciler_sync_duration_seconds_count", result="succeeded") >= 1
    assert metric("gitops_reconciler_git_update_duration_seconds_count", result="succeeded") >= 1
    assert metric("gitops_reconciler_api_requests_total", verb="PATCH", code="201") >= 2
    assert metric("gitops_reconciler_api_requests_total", verb="WATCH", code="200") >= 1
    assert metric("gitops_reconciler_objects", gitsync=gitsync, state="synced") == 2
    assert metric("gitops_reconciler_synced", gitsync=gitsync) == 1
    assert 'gitops_reconciler_queue_depth{queue="restore"}' in reconciler.ask_reconciler("/metrics")[1]


def test_drift_that_is_restored_is_counted_by_kind_with_the_time_it_took(shop: App, reconciler: Installation) -> None:
    gitsync = f"{shop.namespace}/{shop.name}"
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    wait_metric(reconciler, 1, "gitops_reconciler_drift_restored_total", gitsync=gitsync, kind="Modified")
    shop.live.delete("configmaps", "settings")
    wait_metric(reconciler, 1, "gitops_reconciler_drift_restored_total", gitsync=gitsync, kind="Missing")
    wait_metric(reconciler, 1, "gitops_reconciler_drift_found_total", gitsync=gitsync, kind="Missing")
    wait_metric(reconciler, 1, "gitops_reconciler_restore_duration_seconds_count", kind="Missing")


def test_of_drift_that_is_only_reported_the_age_is_told(shop: App, reconciler: Installation) -> None:
    gitsync = f"{shop.namespace}/{shop.name}"
    assert reconciler.reconciler_metric("gitops_reconciler_oldest_drift_seconds", gitsync=gitsync) == 0
    shop.change({"suspend": True})
    shop.wait_observed()
    shop.live.patch("configmaps", "settings", {"data": {"greeting": "by hand"}})
    wait_metric(reconciler, 0.001, "gitops_reconciler_oldest_drift_seconds", gitsync=gitsync)
    assert reconciler.reconciler_metric("gitops_reconciler_objects", gitsync=gitsync, state="drifted") == 1
    assert reconciler.reconciler_metric("gitops_reconciler_suspended", gitsync=gitsync) == 1


def test_a_sync_that_fails_is_counted_as_failed(app: App, reconciler: Installation) -> None:
    app.commit(config_map("settings"), bad="kind: {")
    app.create()
    gitsync = f"{app.namespace}/{app.name}"
    wait_metric(reconciler, 1, "gitops_reconciler_syncs_total", gitsync=gitsync, result="failed")
    assert reconciler.reconciler_metric("gitops_reconciler_synced", gitsync=gitsync) == 0


def test_of_a_gitsync_that_is_gone_nothing_is_told_any_more(shop: App, reconciler: Installation) -> None:
    gitsync = f"{shop.namespace}/{shop.name}"
    assert gitsync in reconciler.ask_reconciler("/metrics")[1]
    shop.delete()
    wait_until(lambda: gitsync not in reconciler.ask_reconciler("/metrics")[1], SECONDS, "its time series to end")
