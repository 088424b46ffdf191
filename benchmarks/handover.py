"""handover-*: two replicas. From the end of the one in charge until the other has put back what drifted just then."""

from __future__ import annotations

import statistics
import time

from benchmarks.bench import Bench, Figure, Ground
from benchmarks.reconciler import create_gitsync, delete_gitsync, object_text, wait_ready
from tests.testbed.apiclient import RequestFailed
from tests.testbed.installation import Installation
from tests.testbed.waiting import wait_until
from tests.unit.source.repository import Repository

_SECONDS = 120.0
#: What it may take, and the grace that the one in charge is given to end.
_HOW = {"graceful": (2.0, 10.0), "killed": (15.0, 0.0)}
_ROUNDS = 3


def handed_over(ground: Ground) -> list[Figure]:
    """By SIGTERM and by SIGKILL, in turns."""
    namespace = ground.new_namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps/watched"
    repository = Repository(ground.new_directory() / "repository")
    repository.commit({"deploy/watched.yaml": object_text("watched")})
    seconds: dict[str, list[float]] = {how: [] for how in _HOW}

    def is_there() -> bool:
        try:
            return bool(ground.plane.request("GET", path))
        except RequestFailed:
            return False

    with Installation(ground.plane) as one, Installation(ground.plane) as other:
        one.gitops("install", "--no-pods")
        one.start_reconciler()
        name = create_gitsync(ground, repository, namespace, path="deploy", interval="1h")
        wait_ready(ground, [name])
        leader, standby = one, other
        for how in list(_HOW) * _ROUNDS:
            standby.start_reconciler()
            wait_until(lambda: standby.ask_reconciler("/readyz")[0] == 200, _SECONDS, "the other to stand by")  # noqa: B023
            started = time.perf_counter()
            leader.stop_reconciler(grace_seconds=_HOW[how][1])
            ground.plane.request("DELETE", path)
            wait_until(is_there, _SECONDS, "the restore by the other")
            seconds[how].append(time.perf_counter() - started)
            leader, standby = standby, leader
        delete_gitsync(ground, name)
        leader.stop_reconciler()
    return [
        Figure(
            name=f"handover-{how}",
            objects=1,
            ours=round(statistics.median(took), 3),
            peer="what it may take",
            peer_value=_HOW[how][0],
            ratio=round(statistics.median(took) / _HOW[how][0], 3),
            unit="s",
            peak_rss_mib=0.0,
            api_calls=None,
            versions=ground.versions,
        )
        for how, took in seconds.items()
    ]


BENCHES = [Bench("handover", handed_over)]
