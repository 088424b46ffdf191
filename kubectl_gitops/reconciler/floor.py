"""Keeps the floor under the webhook: what it refuses, and whether it does (docs/webhook.md, decision 0010).

The policies and bindings are installed (manifests/base/floor.yaml). Here the ConfigMap is written that they look into,
and the bindings' validationActions are set: Deny while the webhook is wanted and none of its replicas is ready, else
Audit. A binding that somebody has deleted stays deleted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER, FLOOR_CONTENT, GROUP, WEBHOOK_LABEL
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.leases import LEASES
from kubectl_gitops.cluster.watching import Handler, Watch
from kubectl_gitops.cluster.writing import create_object, merge_patch
from kubectl_gitops.errors import GitOpsError, NotFound
from kubectl_gitops.reconciler.floorcontent import Content, fitting

_log = logging.getLogger(__name__)

BINDINGS_OF_FLOOR = tuple(f"{name}.floor.{GROUP}" for name in ("managed", "scale", "namespaces"))

_ADMISSION = "admissionregistration.k8s.io"
_CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
BINDINGS = Resource(
    group=_ADMISSION,
    version="v1",
    kind="ValidatingAdmissionPolicyBinding",
    plural="validatingadmissionpolicybindings",
    namespaced=False,
)
_CONFIGURATIONS = Resource(
    group=_ADMISSION,
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    namespaced=False,
)

DENY, AUDIT = "Deny", "Audit"
#: A ConfigMap holds 1 MiB, all else in it included.
_MAX_BYTES = 900_000
#: What happens within this time is one write.
_BURST_SECONDS = 0.1
_RETRY_SECONDS = 2.0


class Replicas:
    """Which replicas of the webhook are ready: those whose Leases are renewed in time.

    The time is ours: when a renewal was seen, not what clock its writer has.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[object, float]] = {}  # what the renewal says, and until when it counts

    def take(self, leases: Iterable[Object]) -> None:
        """All the Leases there are."""
        before, self._seen = self._seen, {}
        for lease in leases:
            name, spec = lease["metadata"]["name"], lease.get("spec") or {}
            renewal, known = spec.get("renewTime"), before.get(name)
            if known is not None and known[0] == renewal:
                self._seen[name] = known
            else:
                self._seen[name] = (renewal, self._clock() + float(spec.get("leaseDurationSeconds") or 0))

    def seconds_left(self) -> float:
        """For how long one will count at least; 0 where none does."""
        return max(0.0, max((until for _, until in self._seen.values()), default=0.0) - self._clock())


def action_of(*, is_wanted: bool, is_served: bool) -> str:
    """``is_wanted`` says that the API server is told to ask the webhook; else none was set up, or it was taken away."""
    return DENY if is_wanted and not is_served else AUDIT


class Floor:
    """A thread that writes what is to be written. ``content`` gives the data of the ConfigMap; None: not known yet."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        content: Callable[[], Content | None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._content = content
        self._changed = threading.Condition()
        self._is_news = True
        self._stopped = False
        self._replicas = Replicas(clock)
        self._leases = _Seen(self.content_changed)
        self._wanted = _Seen(self.content_changed)
        self._bindings = _Seen(self.content_changed)
        self._stored = _Seen(self.content_changed)
        named = "metadata.name={}".format
        self._watches = (
            self._watch(LEASES, self._leases, label=WEBHOOK_LABEL),
            self._watch(_CONFIGURATIONS, self._wanted, field=named(GROUP)),
            self._watch(BINDINGS, self._bindings),
            self._watch(_CONFIG_MAPS, self._stored, field=named(FLOOR_CONTENT)),
        )
        self._thread = threading.Thread(target=self._run, name="floor", daemon=True)

    def start(self) -> None:
        for watch in self._watches:
            watch.start()
        self._thread.start()

    def ask_to_stop(self) -> None:
        for watch in self._watches:
            watch.ask_to_stop()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self, *, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        if self._thread.is_alive():
            self._thread.join(max(0.0, timeout_seconds))
        ended = [watch.join(timeout_seconds=deadline - time.monotonic()) for watch in self._watches]
        return not self._thread.is_alive() and all(ended)

    def content_changed(self) -> None:
        """What is enforced may be something else now, or something was seen."""
        with self._changed:
            self._is_news = True
            self._changed.notify_all()

    def _watch(self, resource: Resource, handler: Handler, *, label: str = "", field: str = "") -> Watch:
        return Watch(
            self._cluster,
            resource,
            handler,
            namespace=self._namespace,
            label_selector=label or None,
            field_selector=field or None,
        )

    def _run(self) -> None:
        wait_seconds: float | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_news or self._stopped, wait_seconds)
                self._changed.wait_for(lambda: self._stopped, _BURST_SECONDS)
                if self._stopped:
                    return
                self._is_news = False
            try:
                wait_seconds = self._turn()
            except GitOpsError as exc:
                _log.warning("the floor cannot be kept: %s", exc)
                wait_seconds = _RETRY_SECONDS

    def _turn(self) -> float | None:
        """Write what is not as it should be. Returns after how long to look again though nothing happens."""
        if not all(seen.is_known for seen in (self._leases, self._wanted, self._bindings, self._stored)):
            return None
        self._tell_content()
        self._replicas.take(self._leases.objects().values())
        left_seconds = self._replicas.seconds_left()
        self._set_action(action_of(is_wanted=bool(self._wanted.objects()), is_served=left_seconds > 0))
        return left_seconds or None

    def _tell_content(self) -> None:
        content, stored = self._content(), self._stored.objects().get(FLOOR_CONTENT)
        if content is None:
            return
        wanted = fitting(content.over((stored or {}).get("data") or {}), _MAX_BYTES)
        if (stored is None and not wanted) or (stored is not None and (stored.get("data") or {}) == wanted):
            return
        if stored is None:
            self._create(wanted)
            return
        before = stored.get("data") or {}
        changes: Object = {key: value for key, value in wanted.items() if before.get(key) != value}
        patch = {"data": {**dict.fromkeys(before.keys() - wanted.keys()), **changes}}
        merge_patch(
            self._cluster, _CONFIG_MAPS, self._namespace, FLOOR_CONTENT, patch, manager=CONTROLLER_FIELD_MANAGER
        )

    def _create(self, data: Mapping[str, str]) -> None:
        obj = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": FLOOR_CONTENT, "namespace": self._namespace},
            "data": dict(data),
        }
        create_object(self._cluster, _CONFIG_MAPS, obj, manager=CONTROLLER_FIELD_MANAGER)

    def _set_action(self, action: str) -> None:
        found = self._bindings.objects()
        for name in BINDINGS_OF_FLOOR:
            if name not in found or (found[name].get("spec") or {}).get("validationActions") == [action]:
                continue
            patch = {"spec": {"validationActions": [action]}}
            try:
                merge_patch(self._cluster, BINDINGS, "", name, patch, manager=CONTROLLER_FIELD_MANAGER)
            except NotFound:
                continue
            _log.info("the floor's binding %s is set to %s", name, action)


class _Seen:
    """What a watch has shown, by name."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.is_known = False
        self._changed = changed
        self._lock = threading.Lock()
        self._objects: dict[str, Object] = {}

    def objects(self) -> Mapping[str, Object]:
        with self._lock:
            return dict(self._objects)

    # -- what the watch tells

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        with self._lock:
            self._objects = {obj["metadata"]["name"]: obj for obj in items}
        self.is_known = True
        self._changed()

    def changed(self, obj: Object) -> None:
        with self._lock:
            self._objects[obj["metadata"]["name"]] = obj
        self._changed()

    def deleted(self, obj: Object) -> None:
        with self._lock:
            self._objects.pop(obj["metadata"]["name"], None)
        self._changed()
