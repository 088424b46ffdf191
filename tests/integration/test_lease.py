"""A lease has one holder, whatever clocks say; and who does not hold it writes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import NotLeader
from kubectl_gitops.reconciler.fence import Fence
from kubectl_gitops.reconciler.lease import LEASE_SECONDS, Lease
from tests.testbed.controlplane import ControlPlane


class Clock:
    """A replica's own."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Cluster:
    return Cluster.from_kubeconfig(control_plane.kubeconfig)


def spec(plane: ControlPlane, namespace: str) -> dict[str, Any]:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/one"
    found: dict[str, Any] = plane.request("GET", path)["spec"]
    return found


def test_of_two_replicas_one_gets_it(cluster: Cluster, control_plane: ControlPlane, namespace: str) -> None:
    a, b = (Lease(cluster, namespace, "one", identity=name) for name in "ab")
    assert a.acquire()
    assert not b.acquire()
    assert a.renew()
    assert spec(control_plane, namespace)["holderIdentity"] == "a"
    assert spec(control_plane, namespace)["leaseDurationSeconds"] == LEASE_SECONDS


def test_what_is_let_go_is_free_at_once(cluster: Cluster, control_plane: ControlPlane, namespace: str) -> None:
    a, b = (Lease(cluster, namespace, "one", identity=name) for name in "ab")
    assert a.acquire()
    a.release()
    assert b.acquire()
    assert not a.renew()
    assert spec(control_plane, namespace)["leaseTransitions"] == 1
    a.release()  # no longer ours to let go
    assert b.renew()


def test_who_starts_again_under_its_name_need_not_wait(cluster: Cluster, namespace: str) -> None:
    assert Lease(cluster, namespace, "one", identity="a").acquire()
    assert Lease(cluster, namespace, "one", identity="a").acquire()


def test_a_lease_that_is_not_renewed_is_over_when_we_have_watched_it_that_long(
    cluster: Cluster, namespace: str
) -> None:
    """By the watcher's own clock: whatever time the holder has written, and however far their clocks differ."""
    clock = Clock(1e9)
    a, b = Lease(cluster, namespace, "one", identity="a"), Lease(cluster, namespace, "one", identity="b", clock=clock)
    assert a.acquire()
    assert not b.acquire()
    clock.now += LEASE_SECONDS - 0.1
    assert not b.acquire()
    assert a.renew()
    clock.now += LEASE_SECONDS
    assert not b.acquire()  # it was renewed since it was last seen
    clock.now += LEASE_SECONDS
    assert b.acquire()
    assert not a.renew()


def test_a_renewal_survives_what_others_write_on_the_lease(
    cluster: Cluster, control_plane: ControlPlane, namespace: str
) -> None:
    a = Lease(cluster, namespace, "one", identity="a")
    assert a.acquire()
    control_plane.kubectl("annotate", "lease", "one", "-n", namespace, "note=looked-at")
    assert a.renew()
    control_plane.kubectl("delete", "lease", "one", "-n", namespace)
    assert a.acquire()


def test_behind_a_closed_fence_everything_is_read_and_nothing_written(cluster: Cluster, namespace: str) -> None:
    clock = Clock()
    fence = Fence(clock=clock)
    fenced = cluster.fenced(fence)
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    with pytest.raises(NotLeader, match="nothing was written"):
        fenced.request("POST", path, body={"metadata": {"name": "early"}})
    fence.extend(10.0)
    fenced.request("POST", path, body={"metadata": {"name": "one"}})
    clock.now = 10.0
    sent = cluster.calls.by_answer
    for method, where in (("POST", path), ("DELETE", f"{path}/one"), ("PUT", f"{path}/one"), ("PATCH", f"{path}/one")):
        with pytest.raises(NotLeader):
            fenced.request(method, where, body={"metadata": {"name": "late"}})
    assert cluster.calls.by_answer == sent
    assert fenced.get(f"{path}/one")["metadata"]["name"] == "one"
    fence.extend(20.0)
    fence.close()
    with pytest.raises(NotLeader):
        fenced.request("DELETE", f"{path}/one")
