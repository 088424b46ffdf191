"""What the API server is told about this webhook, as it is: foreign edits and a deletion are seen here.

Whoever deletes the configuration takes the webhook out of everybody's way. That it was there once is kept in a
ConfigMap, so that no restart and no new replica brings it back; to delete that ConfigMap does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kubectl_gitops.api.names import CONTROLLER_FIELD_MANAGER, GROUP, WEBHOOK_REGISTERED
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.cluster.writing import create_object
from kubectl_gitops.errors import Conflict
from webhook.configuration import CONFIGURATION_NAME, CONFIGURATIONS

_CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
_NOTE = (
    f"The ValidatingWebhookConfiguration {GROUP} was made once. If somebody deletes it, the webhook does not make it "
    "again as long as this ConfigMap is there."
)


class Registered:
    """Watches the configuration and the note; ``changed`` is called with each change of them."""

    def __init__(self, cluster: Cluster, namespace: str, changed: Callable[[], None]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._configuration = _One(changed)
        self._note = _One(changed)
        named = "metadata.name={}".format
        self._watches = [
            Watch(cluster, CONFIGURATIONS, self._configuration, field_selector=named(CONFIGURATION_NAME)),
            Watch(
                cluster,
                _CONFIG_MAPS,
                self._note,
                namespace=namespace,
                field_selector=named(WEBHOOK_REGISTERED),
            ),
        ]

    def start(self) -> None:
        for watch in self._watches:
            watch.start()

    def wait_known(self, timeout_seconds: float) -> bool:
        """Until both were looked for."""
        return all(one.known.wait(timeout_seconds) for one in (self._configuration, self._note))

    @property
    def was_taken_away(self) -> bool:
        """Whether somebody has deleted the configuration since it was made."""
        return self._note.found is not None and self._configuration.found is None

    def is_as(self, wanted: Object) -> bool:
        """Whether the configuration says all that it should."""
        found = self._configuration.found
        return found is not None and _holds(found.get("webhooks") or [], wanted["webhooks"])

    def note(self) -> None:
        """Remember that the configuration is there. Raises ClusterError."""
        if self._note.found is not None:
            return
        obj: Object = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": WEBHOOK_REGISTERED, "namespace": self._namespace},
            "data": {"note": _NOTE},
        }
        with suppress(Conflict):  # another replica was faster
            create_object(self._cluster, _CONFIG_MAPS, obj, manager=CONTROLLER_FIELD_MANAGER)


class _One:
    """One object, as a watch shows it; None where there is none."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.known = threading.Event()
        self.found: Object | None = None
        self._changed = changed

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        self.found = items[0] if items else None
        self.known.set()
        self._changed()

    def changed(self, obj: Object) -> None:
        self.found = obj
        self._changed()

    def deleted(self, obj: Object) -> None:
        del obj
        self.found = None
        self._changed()


def _holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is in what was found; the API server fills in defaults, and others may add theirs.

    A list of named items is one of items by name; of any other, each item counts.
    """
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_holds(found.get(name), value) for name, value in wanted.items())
    if not isinstance(wanted, list):
        return bool(found == wanted)
    if not isinstance(found, list):
        return not wanted
    if all(isinstance(item, dict) and "name" in item for item in [*wanted, *found]):
        by_name = {item["name"]: item for item in found}
        return all(_holds(by_name.get(item["name"]), item) for item in wanted)
    return len(found) == len(wanted) and all(map(_holds, found, wanted))
