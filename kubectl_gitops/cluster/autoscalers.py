"""The HorizontalPodAutoscalers of the cluster: what they scale is theirs to scale."""

from __future__ import annotations

from collections.abc import Callable

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.diff.ignore import IgnoreRule, Place
from kubectl_gitops.diff.rules import scaled_by

_RESOURCE = Resource(
    group="autoscaling",
    version="v2",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    namespaced=True,
)


REPLICAS_OF_ALL = IgnoreRule(
    why="which autoscalers there are is not known yet", places=(Place.parse("/spec/replicas"),)
)


class Autoscalers:
    """``rules`` leave to each its target's replicas; ``changed`` is called when they are others.

    Before they are known, nobody's replicas count: to scale down what is scaled for its load would do harm.
    """

    def __init__(self, cluster: Cluster, changed: Callable[[], None]) -> None:
        self.rules: tuple[IgnoreRule, ...] = (REPLICAS_OF_ALL,)
        self._changed = changed
        self._known: dict[tuple[str, str], tuple[IgnoreRule, ...]] = {}
        self._watch = Watch(cluster, _RESOURCE, self)
        self.start = self._watch.start
        self.ask_to_stop = self._watch.ask_to_stop
        self.join = self._watch.join

    # -- what the watch tells, in its one thread

    def replaced(self, items: list[Object], resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        self._known = {_name(obj): scaled_by([obj]) for obj in items}
        self._tell()

    def changed(self, obj: Object) -> None:
        """One is new, or has changed: mostly its status."""
        rules = scaled_by([obj])
        if self._known.get(_name(obj)) != rules:
            self._known[_name(obj)] = rules
            self._tell()

    def deleted(self, obj: Object) -> None:
        self._known.pop(_name(obj), None)
        self._tell()

    def _tell(self) -> None:
        self.rules = tuple(rule for _, rules in sorted(self._known.items()) for rule in rules)
        self._changed()


def _name(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
