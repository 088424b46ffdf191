"""Keeps the ValidatingWebhookConfiguration at the kinds that are managed, in a thread of each replica."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from kubectl_gitops.api.names import WEBHOOK_REGISTERED
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.errors import ClusterError, GitOpsError
from kubectl_gitops.snapshot.model import kinds_in_use
from webhook.configuration import apply_configuration
from webhook.registered import Registered
from webhook.review import GroupResource
from webhook.scales import BUILT_IN_SCALES, SUBRESOURCE, Scale, read_scale
from webhook.view import View

_log = logging.getLogger(__name__)

#: How soon to try again after a failure, or to look again for a kind that the cluster does not serve yet.
RETRY_SECONDS = 2.0
#: How often to look whether a custom resource has got a ``scale`` subresource, or another one.
LOOK_AGAIN_SECONDS = 60.0
#: How soon to ask again whether the server answers; once, at the start.
_PROBE_SECONDS = 0.05
#: Two replicas that want different things, as during an upgrade, take turns no faster than this.
_SETTLE_SECONDS = 0.5
_WAY_BACK = {"way_back": f"kubectl delete configmap {WEBHOOK_REGISTERED}, in the namespace of the webhook"}


class Views(Protocol):
    """Where views come from: webhook.state.LiveState."""

    @property
    def ready(self) -> bool: ...

    def wait_ready(self, timeout_seconds: float | None = None) -> bool: ...

    def wait_changed(self, seen: int, timeout_seconds: float | None = None) -> tuple[int, View]: ...

    def learn_scales(self, scales: Mapping[GroupResource, Scale]) -> None: ...

    def wake(self) -> None: ...


class Registration:
    """Registers the webhook once everything is known and the server answers, and again whenever the kinds change.

    What others have changed in the configuration is put back; once somebody has deleted it, it is left at that. It
    sleeps until something of all this changes. ``configure`` makes the configuration of a set of resources.
    """

    def __init__(
        self,
        cluster: Cluster,
        views: Views,
        *,
        namespace: str,
        configure: Callable[[Iterable[Resource]], Object],
        answers: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._views = views
        self._configure = configure
        self._answers = answers
        self._discovery = Discovery(cluster)
        self._registered = Registered(cluster, namespace, views.wake)
        self._scales: dict[GroupResource, Scale] = {}
        self._learned: dict[GroupResource, Scale] = {}
        self._clock = clock
        self._looked_at = -LOOK_AGAIN_SECONDS
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="registration", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Soon: what it waits for may take until the next change."""
        self._stopped.set()

    def _run(self) -> None:
        self._views.wait_ready()
        while not self._stopped.is_set() and not self._answers():
            self._stopped.wait(_PROBE_SECONDS)
        self._registered.start()
        while not self._stopped.is_set() and not self._registered.wait_known(RETRY_SECONDS):
            _log.warning("cannot register", extra={"why": "whether it was registered before cannot be read"})
        applied: Object | None = None
        is_away = False
        seen, view = self._views.wait_changed(-1)
        while not self._stopped.is_set():
            is_settled = False
            try:
                resources, missing = self._resources(view)
                self._learn_scales(resources)
                wanted = self._configure(resources)
                if self._registered.was_taken_away:
                    if not is_away:
                        _log.warning("not registered: somebody has deleted the configuration", extra=_WAY_BACK)
                    applied, is_away = None, True
                elif wanted != applied or not self._registered.is_as(wanted):
                    if wanted == applied:
                        self._put_back(partial(self._configure, resources))
                    else:
                        apply_configuration(self._cluster, wanted)
                        _log.info("registered", extra={"resources": sorted(resource.plural for resource in resources)})
                    applied, is_away = wanted, False
                    self._registered.note()
                is_settled = not missing
            except GitOpsError as exc:
                _log.warning("cannot register", extra={"why": str(exc)})
            seen, view = self._views.wait_changed(seen, LOOK_AGAIN_SECONDS if is_settled else RETRY_SECONDS)

    def _put_back(self, configure: Callable[[], Object]) -> None:
        """Undo what others have changed, unless that was our own write, of which the watch has not told yet."""
        self._stopped.wait(_SETTLE_SECONDS)
        wanted = configure()  # by now another replica's authority may be known, which it has put there
        if not self._registered.is_as(wanted) and not self._registered.was_taken_away:
            apply_configuration(self._cluster, wanted)
            _log.warning("put back what others had changed in the configuration")

    def _resources(self, view: View) -> tuple[list[Resource], bool]:
        """The resources of the kinds in use, and whether the cluster does not serve some of them (yet)."""
        kinds = sorted(kinds_in_use(view.snapshots.values()))
        is_stale = self._clock() - self._looked_at >= LOOK_AGAIN_SECONDS
        if is_stale or any(self._discovery.find(*kind) is None for kind in kinds):
            self._discovery.refresh()
        if is_stale:
            self._looked_at = self._clock()
            self._scales.clear()
        found = [self._discovery.find(*kind) for kind in kinds]
        return [resource for resource in found if resource is not None], None in found

    def _read_scale(self, name: GroupResource, resource: Resource) -> Scale:
        """From the CRD; where that cannot be read, what was known before: no other kind shall have to wait."""
        try:
            return read_scale(self._cluster, resource)
        except ClusterError as exc:
            _log.warning("cannot tell what scaling sets", extra={"resource": resource.plural, "why": str(exc)})
            return self._learned.get(name) or Scale(kind=resource.kind, paths={})

    def _learn_scales(self, resources: Iterable[Resource]) -> None:
        """What ``*/scale`` of the custom resources among them sets; known before anybody is asked about it."""
        for resource in resources:
            name = GroupResource(resource.group, resource.plural)
            if SUBRESOURCE in resource.subresources and name not in BUILT_IN_SCALES and name not in self._scales:
                self._scales[name] = self._read_scale(name, resource)
        if self._scales != self._learned:
            self._learned = dict(self._scales)
            self._views.learn_scales(self._learned)
