"""One replica: is in charge of shards for as long as it holds their leases, and hands them over."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from kubectl_gitops.cluster.connection import Calls, Cluster
from kubectl_gitops.errors import ClusterError, GitOpsError
from kubectl_gitops.reconciler.fence import Fence, uptime_seconds
from kubectl_gitops.reconciler.lease import LOOK_SECONDS, RENEW_SECONDS, WRITE_SECONDS, Lease
from kubectl_gitops.reconciler.members import Members
from kubectl_gitops.reconciler.metrics import Metrics, Observable
from kubectl_gitops.reconciler.shards import chosen_member, lease_name

_log = logging.getLogger(__name__)

#: What of a shard's work has not ended by then is not waited for: its lease is left to run out.
_END_SECONDS = 5.0


class Loop(Observable, Protocol):
    """kubectl_gitops.reconciler.loop.Reconciler, as far as it is led."""

    def start(self) -> None: ...

    def stop(self, *, timeout_seconds: float = 5.0) -> bool: ...

    def is_synced(self) -> bool: ...

    def pushed(self, namespace: str, name: str) -> bool: ...


#: Makes the loop of a shard, which writes by that connection. Raises GitOpsError.
LoopMaker = Callable[[Cluster, int], Loop]


class Replica:
    """Takes part in who is in charge of which shard."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        *,
        identity: str,
        shards: int,
        make_loop: LoopMaker,
        metrics: Metrics,
    ) -> None:
        self._members = Members(cluster, namespace, identity=identity, changed=self._wake) if shards > 1 else None
        self._identity = identity
        self._shards = [
            _Shard(
                cluster,
                Lease(cluster, namespace, lease_name(number), identity=identity),
                number,
                is_wanted=self._is_wanted,
                make_loop=make_loop,
                metrics=metrics,
            )
            for number in range(shards)
        ]

    def start(self) -> None:
        if self._members is not None:
            self._members.start()
        for shard in self._shards:
            shard.start()

    def stop(self, *, timeout_seconds: float = _END_SECONDS) -> bool:
        """End all work, then hand over. Whether everything ended within that time."""
        deadline = time.monotonic() + timeout_seconds
        for shard in self._shards:
            shard.ask_to_stop()
        ended = [shard.join(timeout_seconds=deadline - time.monotonic()) for shard in self._shards]
        if self._members is not None:
            self._members.stop(timeout_seconds=max(0.1, deadline - time.monotonic()))
        return all(ended)

    def pushed(self, namespace: str, name: str) -> bool:
        """There may be new commits for a GitSync. Whether this replica is in charge of it."""
        return any(shard.pushed(namespace, name) for shard in self._shards)

    def unwell(self) -> str:
        """Why this process should be restarted; "" where it should not."""
        dead = [str(shard.number) for shard in self._shards if not shard.is_alive]
        return f"nothing looks after shard {', '.join(dead)} any more" if dead else ""

    def unready(self) -> str:
        """What is still waited for; "" where this replica does, or stands by to do, what it is there for."""
        waiting = [why for shard in self._shards if (why := shard.unready())]
        return "; ".join(waiting)

    def _is_wanted(self, shard: int) -> bool:
        if self._members is None:
            return True
        return chosen_member(shard, self._members.alive) == self._identity

    def _wake(self) -> None:
        for shard in self._shards:
            shard.look()


class Alone:
    """The same for a process that is the only one, and asks for no lease."""

    def __init__(self, cluster: Cluster, loop: Loop, metrics: Metrics) -> None:
        self._loop = loop
        metrics.attach(loop, cluster.calls)

    def start(self) -> None:
        self._loop.start()

    def stop(self, *, timeout_seconds: float = _END_SECONDS) -> bool:
        """Whether everything ended within that time."""
        return self._loop.stop(timeout_seconds=timeout_seconds)

    def pushed(self, namespace: str, name: str) -> bool:
        return self._loop.pushed(namespace, name)

    def unwell(self) -> str:
        return ""

    def unready(self) -> str:
        return "" if self._loop.is_synced() else "the GitSyncs have not been listed yet"


class _Shard:
    """One shard, in a thread of its own: stands by for its lease, and while it is held, runs its loop."""

    def __init__(
        self,
        cluster: Cluster,
        lease: Lease,
        number: int,
        *,
        is_wanted: Callable[[int], bool],
        make_loop: LoopMaker,
        metrics: Metrics,
    ) -> None:
        self._cluster = cluster
        self._lease = lease
        self.number = number
        self._is_wanted = is_wanted
        self._make_loop = make_loop
        self._metrics = metrics
        self._stopping = False
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"shard-{number}", daemon=True)
        self._has_looked = False
        self._loop: Loop | None = None
        self._leads = False

    def start(self) -> None:
        self._metrics.leads(self.number, False)
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping = True
        self._news.set()

    def look(self) -> None:
        """Something has changed: who is wanted for the shard."""
        self._news.set()

    def join(self, *, timeout_seconds: float) -> bool:
        self._thread.join(max(0.0, timeout_seconds))
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() or self._stopping

    def pushed(self, namespace: str, name: str) -> bool:
        loop = self._loop
        return loop is not None and loop.pushed(namespace, name)

    def unready(self) -> str:
        if not self._has_looked:
            return f"the lease of shard {self.number} has not been seen yet"
        if self._leads and (self._loop is None or not self._loop.is_synced()):
            return f"the GitSyncs of shard {self.number} have not been listed yet"
        return ""

    def _run(self) -> None:
        while not self._stopping:
            self._news.clear()
            pause_seconds = LOOK_SECONDS
            try:
                if self._is_wanted(self.number):
                    asked_at = uptime_seconds()
                    is_ours = self._lease.acquire()
                    self._has_looked = True
                    if is_ours:
                        self._lead(asked_at)
                else:
                    self._has_looked = True
            except ClusterError as exc:
                _log.warning("shard %d: cannot ask for its lease: %s", self.number, exc)
            except Exception:  # noqa: BLE001 - the loop's boundary: a shard that nobody looks after helps nobody
                _log.exception("shard %d", self.number)
            if not self._stopping:
                self._news.wait(pause_seconds)

    def _lead(self, asked_at: float) -> None:
        """Be in charge until the lease is lost, somebody else is wanted, or the process ends."""
        fence = Fence()
        fence.extend(asked_at + WRITE_SECONDS)
        over = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(fence, over), name=f"lease-{self.number}", daemon=True)
        renewing.start()
        self._leads = True
        self._metrics.leads(self.number, True)
        _log.info("shard %d: in charge", self.number)
        ended = False
        try:
            ended = self._work(fence, over)
        finally:
            # Whatever has not ended writes nothing more. Only then, and if all of it has, others need not wait.
            fence.close()
            over.set()
            renewing.join()
            self._leads = False
            self._metrics.leads(self.number, False)
            if ended:
                self._hand_over()
            _log.info("shard %d: not in charge any more", self.number)

    def _work(self, fence: Fence, over: threading.Event) -> bool:
        """Run the loop. Whether all that it began has ended."""
        try:
            loop = self._make_loop(self._cluster.fenced(fence), self.number)
        except GitOpsError as exc:
            _log.error("shard %d: cannot begin: %s", self.number, exc)
            return True
        calls: Calls = self._cluster.calls
        self._loop = loop
        self._metrics.attach(loop, calls)
        loop.start()
        try:
            while not (self._stopping or over.is_set()) and self._is_wanted(self.number):
                self._news.wait()
                self._news.clear()
        finally:
            self._metrics.detach(loop)
            self._loop = None
            ended = loop.stop(timeout_seconds=_END_SECONDS)
        return ended

    def _renew(self, fence: Fence, over: threading.Event) -> None:
        """Keep the lease, until another has it or it is ``over``."""
        while not over.wait(RENEW_SECONDS):
            asked_at = uptime_seconds()
            try:
                is_ours = self._lease.renew()
            except ClusterError as exc:
                _log.warning("shard %d: cannot renew its lease: %s", self.number, exc)
                continue
            if not is_ours:
                _log.warning("shard %d: another replica has taken its lease", self.number)
                fence.close()
                over.set()
                self._news.set()
                return
            # Nobody else has had it since: the API server stores no renewal of what was written meanwhile.
            fence.extend(asked_at + WRITE_SECONDS)

    def _hand_over(self) -> None:
        try:
            self._lease.release()
        except ClusterError as exc:
            _log.warning("shard %d: its lease is left to run out: %s", self.number, exc)
