"""The API server goes and comes back: a watch, and the reconciler, miss nothing. On a control plane of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.errors import Unreachable
from tests.integration.gitsyncs import SECONDS, Api, App, config_map, new_repository, running_reconciler, secret
from tests.integration.test_cluster import CONFIG_MAPS, Recorder, labelled, watching
from tests.testbed.controlplane import ControlPlane
from tests.testbed.relay import relaying
from tests.testbed.waiting import wait_until


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane(audit=True) as found:
        yield found


def _new_namespace(plane: ControlPlane, name: str) -> Api:
    plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return Api(plane, name)


def test_after_the_api_server_was_away_nothing_was_missed(plane: ControlPlane, tmp_path: Path) -> None:
    cluster = Cluster.from_kubeconfig(plane.kubeconfig)
    live, recorder = Api(plane, "default"), Recorder()
    with running_reconciler(plane):
        app = App(plane, "default", new_repository(tmp_path))
        app.commit(config_map("settings"), config_map("flags"))
        app.create()
        app.wait_ready()
        live.create("configmaps", labelled("a", "yes"))
        live.create("configmaps", labelled("gone", "yes"))
        with watching(cluster, "default", recorder):
            # Revisions that no watch of ConfigMaps sees: where it stopped is too old for the new process's cache (410).
            live.create("secrets", secret("noise"))
            live.patch("secrets", "noise", {"metadata": {"labels": {"noise": "more"}}})
            plane.stop_apiserver()
            with pytest.raises(Unreachable, match=f"cannot reach the API server at {plane.url}: connection refused"):
                get_object(cluster, CONFIG_MAPS, "default", "a")
            plane.start_apiserver()
            live.delete("configmaps", "gone")
            live.create("configmaps", labelled("b", "yes"))
            live.delete("configmaps", "settings")
            live.patch("configmaps", "flags", {"data": {"key": "by hand"}})
            wait_until(lambda: "b" in {name for _, names in recorder.told for name in names.split()}, SECONDS, "b")
            live.create("configmaps", labelled("c", "yes"))
            recorder.wait_for("changed", "c")
        assert recorder.told[0] == ("all", "a gone")
        # Whether a LIST or the events told it: what is gone is told to be gone.
        assert ("all", "a b") in recorder.told or ("deleted", "gone") in recorder.told
        wait_until(lambda: live.data("settings") and live.data("flags") == {"key": "git"}, SECONDS, "the restores")
        app.wait_ready()


def test_what_was_deleted_is_put_back_though_its_event_was_compacted_away(plane: ControlPlane, tmp_path: Path) -> None:
    """The reconciler is cut off meanwhile: where its watches stopped, neither API server nor etcd knows any more."""
    live = _new_namespace(plane, "compacted")
    with relaying(plane.ports.apiserver) as relay, running_reconciler(plane, url=relay.url) as reconciler:
        app = App(plane, live.namespace, new_repository(tmp_path))
        app.commit(config_map("settings"), config_map("flags"))
        app.create()
        app.wait_ready()
        with relay.cut():
            live.delete("configmaps", "settings")
            live.patch("configmaps", "flags", {"data": {"key": "by hand"}})
            live.create("secrets", secret("more-noise"))
            plane.stop_apiserver()
            plane.compact_etcd()
            plane.start_apiserver()
        wait_until(lambda: live.data("settings") and live.data("flags") == {"key": "git"}, 2 * SECONDS, "the restores")
        app.wait_ready()
        assert re.search("too old resource version|compacted", reconciler.log("reconciler", 100_000))


def test_while_etcd_answers_nothing_nothing_is_lost(plane: ControlPlane, tmp_path: Path) -> None:
    """For longer than the lease can be renewed: the replica must not write any more, and goes on by itself."""
    live = _new_namespace(plane, "stalled")
    with running_reconciler(plane) as reconciler:
        app = App(plane, live.namespace, new_repository(tmp_path))
        app.commit(config_map("settings"), config_map("flags"))
        app.create()
        app.wait_ready()
        words = "cannot renew its lease"
        with plane.etcd_paused():
            sha = app.commit(config_map("settings", key="new"), config_map("flags"))
            wait_until(lambda: reconciler.log("reconciler", 1000).count(words) >= 2, SECONDS, "it to be noticed")
            reconciler.check_alive()
        live.delete("configmaps", "flags")
        wait_until(lambda: live.data("flags"), 2 * SECONDS, "the restore")
        app.wait_synced(sha)
        assert live.data("settings") == {"key": "new"}
