"""Discovery: which kinds the API server serves, and where.

Two requests (aggregated discovery, Kubernetes 1.27 and later) tell all of it. A group whose own server is
down is listed as stale and is left out: everything else goes on.
"""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import ClusterError, InvalidInput

_ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
#: A kind that is not known is asked for again, but no more often than this, however many look for it.
_MIN_REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind as the API server serves it: ``plural`` is its name in URLs."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    short_names: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """By which names people may call it, in lower case."""
        return frozenset({self.plural, self.kind.lower(), *self.short_names})

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """``/apis/apps/v1/namespaces/shop/deployments/web``; without a namespace, the whole cluster's."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if namespace and self.namespaced:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        parts.extend(quote(part, safe=":") for part in (name, subresource) if part)
        return "/".join(parts)


class Discovery:
    """What is served, asked for once and again on demand. Safe to use from many threads."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self._lock = threading.Lock()
        self._resources: dict[tuple[str, str], Resource] | None = None
        self._asked_at = -_MIN_REFRESH_SECONDS
        self.stale_groups: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Ask again, as after a CRD was applied."""
        asked_at = self._clock()
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda path: self._cluster.get(path, accept=_ACCEPT), ("/api", "/apis")))
        resources: dict[tuple[str, str], Resource] = {}
        stale: set[str] = set()
        for answer in answers:
            if answer.get("kind") != "APIGroupDiscoveryList":
                raise ClusterError(
                    "this API server has no aggregated discovery", hint="Kubernetes 1.30 or later is needed"
                )
            for group in answer["items"]:
                _read_group(group, resources, stale)
        with self._lock:
            self._resources, self.stale_groups, self._asked_at = resources, frozenset(stale), asked_at

    def find(self, api_version: str, kind: str) -> Resource | None:
        """The resource of exactly this apiVersion and kind, or None."""
        return self._all().get((api_version, kind))

    def need(self, api_version: str, kind: str) -> Resource:
        """The resource of this apiVersion and kind; one that is not known may be new, so it is asked for again.

        Raises InvalidInput where the cluster serves none.
        """
        found = self.find(api_version, kind)
        if found is None and self._clock() - self._asked_at >= _MIN_REFRESH_SECONDS:
            self.refresh()
            found = self.find(api_version, kind)
        if found is None:
            group = api_version.rpartition("/")[0]
            why = f"the server of API group {group} is down" if group in self.stale_groups else "is its CRD installed?"
            raise InvalidInput(f"the cluster has no kind {kind} in {api_version}", hint=why)
        return found

    def resolve(self, text: str) -> Resource:
        """The resource that a person means by ``deploy``, ``deployments``, ``Deployment`` or ``deployments.apps``.

        As kubectl has it, ``deployments.v1.apps`` names the version, too; else it is the server's preferred one.
        Raises InvalidInput that names the nearest where there is none.
        """
        name, _, group = text.lower().partition(".")
        version, _, rest = group.partition(".")
        served = list(self._all().values())
        for resource in served:
            in_group = group in {"", resource.group} or (version, rest) == (resource.version, resource.group)
            if in_group and name in resource.names:
                return resource
        known = dict.fromkeys(one for resource in served for one in sorted(resource.names) if len(one) > 1)
        nearest = difflib.get_close_matches(name, known, n=3)
        question = f"; did you mean {' or '.join(nearest)}?" if nearest and name not in nearest else ""
        stale = f"; the server of API group {group} is down" if group in self.stale_groups else ""
        raise InvalidInput(
            f"the cluster has no kind {text!r}{stale or question}", hint="kubectl api-resources lists those it has"
        )

    def served(self) -> list[Resource]:
        """Each group and kind once, in the version that the server prefers; by group and kind."""
        preferred: dict[tuple[str, str], Resource] = {}
        for resource in self._all().values():
            preferred.setdefault((resource.group, resource.kind), resource)
        return [preferred[kind] for kind in sorted(preferred)]

    def _all(self) -> dict[tuple[str, str], Resource]:
        if self._resources is None:
            self.refresh()
        assert self._resources is not None
        return self._resources


def _read_group(group: Object, resources: dict[tuple[str, str], Resource], stale: set[str]) -> None:
    name = group.get("metadata", {}).get("name") or ""
    for version in group.get("versions") or []:
        if version.get("freshness") == "Stale":
            stale.add(name)
        for one in version.get("resources") or []:
            resource = _resource(name, version["version"], one)
            resources[resource.api_version, resource.kind] = resource


def _resource(group: str, version: str, one: dict[str, Any]) -> Resource:
    return Resource(
        group=group,
        version=version,
        kind=(one.get("responseKind") or {}).get("kind") or "",
        plural=one["resource"],
        namespaced=one.get("scope") == "Namespaced",
        verbs=frozenset(one.get("verbs") or ()),
        short_names=tuple(one.get("shortNames") or ()),
        subresources=frozenset(sub["subresource"] for sub in one.get("subresources") or ()),
    )
