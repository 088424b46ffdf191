"""What the API server fills in by itself, whatever else an object says: it can be left out of a manifest. Pure.

No complete list, and it need not be one: what is not in it is written out, which is as true. Only defaults that
depend on nothing else belong here (k8s.io/kubernetes, pkg/apis/*/v1/defaults.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kubectl_gitops.api.objects import Object

#: A step is the name of a field; ``*`` stands for each item of a list.
Path = tuple[str, ...]

_MISSING: Final = object()

_PROBE: Final[tuple[tuple[Path, Any], ...]] = (
    (("failureThreshold",), 3),
    (("periodSeconds",), 10),
    (("successThreshold",), 1),
    (("timeoutSeconds",), 1),
    (("httpGet", "scheme"), "HTTP"),
    (("httpGet", "path"), "/"),
)
_CONTAINER: Final[tuple[tuple[Path, Any], ...]] = (
    (("terminationMessagePath",), "/dev/termination-log"),
    (("terminationMessagePolicy",), "File"),
    (("resources",), {}),
    (("ports", "*", "protocol"), "TCP"),
    (("env", "*", "valueFrom", "fieldRef", "apiVersion"), "v1"),
    *(
        ((probe, *path), value)
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for path, value in _PROBE
    ),
)
_POD_SPEC: Final[tuple[tuple[Path, Any], ...]] = (
    (("restartPolicy",), "Always"),
    (("terminationGracePeriodSeconds",), 30),
    (("dnsPolicy",), "ClusterFirst"),
    (("securityContext",), {}),
    (("schedulerName",), "default-scheduler"),
    (("volumes", "*", "configMap", "defaultMode"), 420),
    (("volumes", "*", "secret", "defaultMode"), 420),
    (("volumes", "*", "projected", "defaultMode"), 420),
    *((("containers", "*", *path), value) for path, value in _CONTAINER),
    *((("initContainers", "*", *path), value) for path, value in _CONTAINER),
)
_OF_KIND: Final[Mapping[tuple[str, str], tuple[tuple[Path, Any], ...]]] = {
    ("", "Pod"): (  # in templates of Pods there are no such defaults
        (("spec", "enableServiceLinks"), True),
        (("spec", "preemptionPolicy"), "PreemptLowerPriority"),
    ),
    ("", "Service"): (
        (("spec", "type"), "ClusterIP"),
        (("spec", "sessionAffinity"), "None"),
        (("spec", "internalTrafficPolicy"), "Cluster"),
        (("spec", "externalTrafficPolicy"), "Cluster"),
        (("spec", "allocateLoadBalancerNodePorts"), True),
        (("spec", "ports", "*", "protocol"), "TCP"),
    ),
    ("", "PersistentVolumeClaim"): ((("spec", "volumeMode"), "Filesystem"),),
    ("", "PersistentVolume"): ((("spec", "volumeMode"), "Filesystem"),),
    ("apps", "Deployment"): (
        (("spec", "progressDeadlineSeconds"), 600),
        (("spec", "revisionHistoryLimit"), 10),
        (
            ("spec", "strategy"),
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        ),
    ),
    ("apps", "StatefulSet"): (
        (("spec", "podManagementPolicy"), "OrderedReady"),
        (("spec", "revisionHistoryLimit"), 10),
        (("spec", "updateStrategy"), {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        (("spec", "persistentVolumeClaimRetentionPolicy"), {"whenDeleted": "Retain", "whenScaled": "Retain"}),
        (("spec", "volumeClaimTemplates", "*", "spec", "volumeMode"), "Filesystem"),
    ),
    ("apps", "DaemonSet"): (
        (("spec", "revisionHistoryLimit"), 10),
        (
            ("spec", "updateStrategy"),
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        ),
    ),
    ("batch", "Job"): (
        (("spec", "backoffLimit"), 6),
        (("spec", "completionMode"), "NonIndexed"),
        (("spec", "suspend"), False),
        (("spec", "manualSelector"), False),
    ),
    ("batch", "CronJob"): (  # the template of its Jobs gets no defaults, only a Job does
        (("spec", "concurrencyPolicy"), "Allow"),
        (("spec", "suspend"), False),
        (("spec", "successfulJobsHistoryLimit"), 3),
        (("spec", "failedJobsHistoryLimit"), 1),
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): ((("spec", "conversion"), {"strategy": "None"}),),
}


def drop_defaults(obj: Object, kind: tuple[str, str], pod_spec: Path | None) -> None:
    """Take out of ``obj`` what it need not say. ``pod_spec`` is where its kind has one."""
    for path, value in _OF_KIND.get(kind, ()):
        drop(obj, path, value)
    if pod_spec is None:
        return
    for path, value in _POD_SPEC:
        drop(obj, (*pod_spec, *path), value)
    for name in ("containers", "initContainers"):
        for container in at(obj, (*pod_spec, name, "*")):
            drop(container, ("imagePullPolicy",), _pull_policy(str(container.get("image") or "")))


def _pull_policy(image: str) -> str:
    """The default for an image: what has no tag is the latest, too (pkg/apis/core/v1/defaults.go)."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or not (tag or digest) else "IfNotPresent"


def drop(obj: Any, path: Path, value: Any = _MISSING) -> None:
    """Take out the field at ``path`` wherever there is one; with ``value``, only where it has that."""
    for parent in at(obj, path[:-1]):
        if path[-1] in parent and (value is _MISSING or _same(parent[path[-1]], value)):
            del parent[path[-1]]


def at(obj: Any, path: Path) -> Iterable[Object]:
    """The mappings at ``path``, as far as there are any."""
    if not path:
        return [obj] if isinstance(obj, dict) else []
    if path[0] == "*":
        return [found for item in obj for found in at(item, path[1:])] if isinstance(obj, list) else []
    return at(obj[path[0]], path[1:]) if isinstance(obj, dict) and path[0] in obj else []


def _same(value: Any, default: Any) -> bool:
    """Equal, and not as False and 0 are."""
    return type(value) is type(default) and bool(value == default)
