"""What the policy needs, kept by watches and swapped as a whole: a request takes no lock and waits for nothing."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

from kubectl_gitops.api.gitsync import EnforcementMode, read_gitsync
from kubectl_gitops.api.names import GROUP, KIND, PLURAL, VERSION, managed_by
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.cluster.autoscalers import Autoscalers
from kubectl_gitops.cluster.breakglasses import BreakGlasses
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.diff.ignore import IgnoreRule
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.snapshot.store import SEALING_KEY_SECRET, SECRETS, SNAPSHOT_FIELD_SELECTOR
from webhook.requester import Exemption
from webhook.review import GroupResource
from webhook.scales import BUILT_IN_SCALES, Scale
from webhook.snapshots import SnapshotIndex
from webhook.view import Owner, View, labels_by_namespace

_log = logging.getLogger(__name__)

_STOP_SECONDS = 5.0

GITSYNCS = Resource(group=GROUP, version=VERSION, kind=KIND, plural=PLURAL, namespaced=True)


class State(Protocol):
    """What the app asks of it; LiveState is the one that serves."""

    @property
    def view(self) -> View: ...

    @property
    def ready(self) -> bool: ...


class LiveState:
    """The present view. ``ready`` once everything has been listed; from then on it stays so, however old it grows."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._changed = threading.Condition()
        self._view = View()
        self._version = 0
        self._is_retired = False
        self._awaited = {"snapshots", "owners", "sealing_key", "autoscaled"}
        self._autoscalers = Autoscalers(cluster, self._autoscalers_changed)
        self._break_glasses = BreakGlasses(cluster, self._break_glasses_changed)
        self._watches = [
            Watch(
                cluster,
                SECRETS,
                _Snapshots(self._publish),
                namespace=namespace,
                field_selector=SNAPSHOT_FIELD_SELECTOR,
            ),
            Watch(cluster, GITSYNCS, _Owners(self._publish)),
            Watch(
                cluster,
                SECRETS,
                _SealingKey(self._publish),
                namespace=namespace,
                field_selector=f"metadata.name={SEALING_KEY_SECRET}",
            ),
        ]

    def start(self) -> None:
        self._autoscalers.start()
        self._break_glasses.start()
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        self._autoscalers.ask_to_stop()
        self._break_glasses.ask_to_stop()
        for watch in self._watches:
            watch.stop()
        self._autoscalers.join(timeout_seconds=_STOP_SECONDS)
        self._break_glasses.join(timeout_seconds=_STOP_SECONDS)

    @property
    def view(self) -> View:
        return self._view

    @property
    def ready(self) -> bool:
        return self._view.synced and not self._is_retired

    def retire(self) -> None:
        """Not be ready any more, so that nobody new comes; who still asks gets an answer."""
        self._is_retired = True

    def wake(self) -> None:
        """Have those who wait for a change look again, though the view is as it was."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def wait_ready(self, timeout_seconds: float | None = None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.ready, timeout_seconds)

    def wait_changed(self, seen: int, timeout_seconds: float | None = None) -> tuple[int, View]:
        """The view and its number, as soon as that is another than ``seen``, or after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen, timeout_seconds)
            return self._version, self._view

    def learn_scales(self, scales: Mapping[GroupResource, Scale]) -> None:
        """What ``*/scale`` of custom resources sets, beside the built-in ones."""
        self._publish("scales", MappingProxyType({**scales, **BUILT_IN_SCALES}))

    def _autoscalers_changed(self) -> None:
        self._publish("autoscaled", autoscaled_by(self._autoscalers.rules))

    def _break_glasses_changed(self) -> None:
        self._publish("open_glass", self._break_glasses.open_now())

    def _publish(self, part: str, value: Any) -> None:
        parts = {part: value}
        if part == "snapshots":
            parts["labels_in"] = labels_by_namespace(value)
        with self._changed:
            self._awaited.discard(part)
            self._view = replace(self._view, **parts, synced=not self._awaited)
            self._version += 1
            self._changed.notify_all()


Publish = Callable[[str, Any], None]


class _Snapshots:
    """Handler of the snapshot Secrets."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._index = SnapshotIndex()

    def replaced(self, items: list[Object], resource_version: str) -> None:
        del resource_version
        self._index.replace(items)
        self._tell()

    def changed(self, obj: Object) -> None:
        started = time.monotonic()
        if self._index.put(obj):
            self._tell(seconds=time.monotonic() - started)

    def deleted(self, obj: Object) -> None:
        if self._index.drop(obj):
            self._tell()

    def _tell(self, *, seconds: float = 0.0) -> None:
        snapshots = self._index.snapshots
        self._publish("snapshots", snapshots)
        _log.info("snapshots changed", extra={"snapshots": len(snapshots), "decode_seconds": round(seconds, 3)})


class _Owners:
    """Handler of the GitSyncs. Their status changes often; only a new generation or snapshot is read again."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._owners: dict[str, Owner] = {}
        self._seen: dict[str, tuple[Any, Any, int]] = {}

    def replaced(self, items: list[Object], resource_version: str) -> None:
        del resource_version
        self._owners.clear()
        self._seen.clear()
        for obj in items:
            self._take(obj)
        self._tell()

    def changed(self, obj: Object) -> None:
        if self._take(obj):
            self._tell()

    def deleted(self, obj: Object) -> None:
        if self._drop(_label_of(obj)):
            self._tell()

    def _drop(self, label: str) -> bool:
        self._seen.pop(label, None)
        return self._owners.pop(label, None) is not None

    def _take(self, obj: Object) -> bool:
        label, metadata = _label_of(obj), obj["metadata"]
        if metadata.get("deletionTimestamp"):  # its objects are being released or deleted: it keeps nothing any more
            return self._drop(label)
        generation = (metadata.get("uid"), metadata.get("generation"), _published(obj))
        if self._seen.get(label) == generation:
            return False
        self._seen[label] = generation
        owner = read_owner(obj)
        if self._owners.get(label) == owner:
            return False
        self._owners[label] = owner
        return True

    def _tell(self) -> None:
        self._publish("owners", dict(self._owners))


class _SealingKey:
    """Handler of the one Secret that holds the sealing key. It is read here, never made."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    def replaced(self, items: list[Object], resource_version: str) -> None:
        del resource_version
        self._publish("sealing_key", _key_in(items[0]) if items else None)

    def changed(self, obj: Object) -> None:
        self._publish("sealing_key", _key_in(obj))

    def deleted(self, obj: Object) -> None:
        del obj
        self._publish("sealing_key", None)


def read_owner(obj: Object) -> Owner:
    """The owner in a GitSync. One that is not valid enforces: a slip in it must open nothing."""
    metadata = obj["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    try:
        gitsync = read_gitsync(obj)
    except InvalidInput as exc:
        _log.warning("GitSync is not valid, and so enforced", extra={"gitsync": f"{namespace}/{name}", "why": str(exc)})
        return Owner(namespace=namespace, name=name, mode=EnforcementMode.ENFORCE, published=_published(obj))
    return Owner(
        namespace=namespace,
        name=name,
        mode=gitsync.enforcement,
        rules=Rules.of(gitsync),
        exempt=tuple(map(Exemption.of, gitsync.exempt)),
        deny_additions=gitsync.deny_additions,
        uid=gitsync.uid,
        published=_published(obj),
    )


def autoscaled_by(rules: Iterable[IgnoreRule]) -> Mapping[ResourceKey, str]:
    """What HorizontalPodAutoscalers scale, and which one; from the rules of kubectl_gitops.diff.rules.scaled_by."""
    return MappingProxyType({ResourceKey(one.group, one.kind, one.namespace, one.name): one.why for one in rules})


def _published(gitsync: Object) -> int:
    """The sequence of the newest snapshot, as the status tells; 0 where it does not."""
    found = ((gitsync.get("status") or {}).get("inventoryRef") or {}).get("sequence")
    return found if isinstance(found, int) else 0


def _label_of(obj: Object) -> str:
    return managed_by(obj["metadata"]["namespace"], obj["metadata"]["name"])


def _key_in(secret: Object) -> bytes | None:
    try:
        return base64.b64decode((secret.get("data") or {})["key"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        _log.warning("the sealing key cannot be read", extra={"secret": SEALING_KEY_SECRET})
        return None
