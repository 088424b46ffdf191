"""The API server goes and comes back: a watch, and the reconciler, miss nothing. On a control plane of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.reading import get_object
from kubectl_gitops.errors import Unreachable
from tests.integration.gitsyncs import SECONDS, Api, App, config_map, new_repository, running_reconciler, secret
from tests.integration.test_cluster import CONFIG_MAPS, Recorder, labelled, watching
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane(audit=True) as found:
        yield found


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
