"""A live object as a person would have written it: without what the cluster has put into it. Pure.

What is left, applied again, gives the same object: in the same place, and (as far as it names no other objects) in
another namespace.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from kubectl_gitops.api.names import MANAGED_BY_LABEL, SNAPSHOT_SECRET_TYPE, SOURCE_ANNOTATION
from kubectl_gitops.api.objects import Object, key_of
from kubectl_gitops.diff.defaults import Path, at, drop, drop_defaults

_HEAD: Final = ("apiVersion", "kind", "metadata", "status")
#: Of metadata; all else there is the cluster's own. The namespace is left to whoever applies it.
_METADATA: Final = ("name", "labels", "annotations")
_LABELS: Final = (
    MANAGED_BY_LABEL,
    "kubernetes.io/metadata.name",
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "statefulset.kubernetes.io/*",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
    "kustomize.toolkit.fluxcd.io/*",
    "helm.toolkit.fluxcd.io/*",
)
_ANNOTATIONS: Final = (
    SOURCE_ANNOTATION,
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/change-cause",
    "deployment.kubernetes.io/*",
    "deprecated.daemonset.template.generation",
    "batch.kubernetes.io/job-tracking",
    "autoscaling.alpha.kubernetes.io/conditions",
    "autoscaling.alpha.kubernetes.io/current-metrics",
    "control-plane.alpha.kubernetes.io/leader",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "pv.kubernetes.io/*",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/*",
    "meta.helm.sh/*",
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/installation-id",
    "objectset.rio.cattle.io/*",
)

#: What the cluster assigns, by group and kind.
_ASSIGNED: Final[Mapping[tuple[str, str], tuple[Path, ...]]] = {
    ("", "Namespace"): (("spec", "finalizers"),),
    ("", "Service"): (("spec", "healthCheckNodePort"), ("spec", "ports", "*", "nodePort"), ("spec", "clusterIPs")),
    ("", "PersistentVolumeClaim"): (("spec", "volumeName"),),
    ("", "PersistentVolume"): (("spec", "claimRef"),),
    ("", "ServiceAccount"): (("secrets",),),
    ("", "Pod"): (("spec", "nodeName"), ("spec", "priority"), ("spec", "ephemeralContainers")),
    ("apps", "StatefulSet"): (("spec", "volumeClaimTemplates", "*", "status"),),
}
#: Where a kind has the template of its Pods, or is one.
_POD_TEMPLATES: Final[Mapping[tuple[str, str], Path]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}
_JOB_LABELS: Final = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)

_SECRET_TYPES: Final = (
    "kubernetes.io/service-account-token",
    "bootstrap.kubernetes.io/token",
    "helm.sh/release.v1",
    SNAPSHOT_SECRET_TYPE,
)
#: Reads as in "3 objects that another one owns".
OWNED: Final = "that another one owns"
_ROOT_CERTIFICATES: Final = ("kube-root-ca.crt", "openshift-service-ca.crt")


def exported(live: Object) -> Object:
    """The manifest of a live object. Its apiVersion, kind and metadata come first."""
    key = key_of(live)
    kind = (key.group, key.kind)
    rest = copy.deepcopy({name: value for name, value in live.items() if name not in _HEAD})
    obj: Object = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": _metadata(live["metadata"])}
    obj |= rest
    for path in _ASSIGNED.get(kind, ()):
        drop(obj, path)
    _drop_by_condition(obj, kind)
    template = _POD_TEMPLATES.get(kind)
    pod_spec = None if template is None else (*template, "spec")
    if template:
        for one in at(obj, template):
            _clean_template(one)
    for one in at(obj, ("spec", "volumeClaimTemplates", "*")) if kind == ("apps", "StatefulSet") else ():
        _clean_template(one)
    for one in at(obj, ("spec", "jobTemplate")) if kind == ("batch", "CronJob") else ():
        _clean_template(one)
    for spec in at(obj, pod_spec) if pod_spec else ():
        _clean_pod_spec(spec, is_pod=kind == ("", "Pod"))
    drop_defaults(obj, kind, pod_spec)
    if live.get("spec"):  # one that was empty before may have to be there
        drop(obj, ("spec",), {})
    return obj


def claims_of_sets(objects: Iterable[Object]) -> Callable[[Object], bool]:
    """Whether an object is a claim that one of the StatefulSets among ``objects`` has made: no reference says so."""
    names = {
        (claim["metadata"]["name"], obj["metadata"]["name"])
        for obj in objects
        if obj["kind"] == "StatefulSet" and obj["apiVersion"].startswith("apps/")
        for claim in obj["spec"].get("volumeClaimTemplates") or []
    }
    made = {f"{claim}-{owner}" for claim, owner in names}

    def is_claim(obj: Object) -> bool:
        name, _, ordinal = obj["metadata"]["name"].rpartition("-")
        return obj["kind"] == "PersistentVolumeClaim" and ordinal.isdecimal() and name in made

    return is_claim


def made_by_cluster(live: Object) -> str:
    """Why an object is not a person's to declare, as in ``that the cluster makes``; "" where it may well be."""
    metadata, key = live["metadata"], key_of(live)
    if metadata.get("deletionTimestamp"):
        return "that is being deleted"
    if metadata.get("ownerReferences"):
        return OWNED
    match key.group, key.kind, key.name:
        case "", "ConfigMap", name if name in _ROOT_CERTIFICATES:
            return "that the cluster makes"
        case "", "ServiceAccount", "default" if _says_nothing(live):
            return "that the cluster makes"
        case "", "Secret", _ if live.get("type") in _SECRET_TYPES:
            return "that the cluster makes"
    return ""


def _says_nothing(live: Object) -> bool:
    """Whether there is nothing in it but its name."""
    manifest = exported(live)
    return len(manifest) == 3 and len(manifest["metadata"]) == 1


def _metadata(metadata: Object) -> Object:
    kept = {name: copy.deepcopy(metadata[name]) for name in _METADATA if metadata.get(name)}
    _drop_notes(kept)
    return kept


def _drop_notes(metadata: Object) -> None:
    """Labels and annotations that controllers and clients have put there."""
    for name, globs in (("labels", _LABELS), ("annotations", _ANNOTATIONS)):
        notes = metadata.get(name)
        if isinstance(notes, dict):
            left = {key: value for key, value in notes.items() if not any(fnmatchcase(key, glob) for glob in globs)}
            metadata[name] = left
        if not metadata.get(name):
            metadata.pop(name, None)


def _clean_template(template: Object) -> None:
    """Of the template of a Pod, a claim or a Job: metadata that is none."""
    metadata = template.get("metadata")
    if not isinstance(metadata, dict):
        return
    metadata.pop("creationTimestamp", None)
    _drop_notes(metadata)
    if not metadata:
        del template["metadata"]


def _clean_pod_spec(spec: Object, *, is_pod: bool) -> None:
    if spec.get("serviceAccount") == spec.get("serviceAccountName"):
        spec.pop("serviceAccount", None)  # an older name of the same field
    if not is_pod:
        return
    # What admission puts into each Pod.
    _keep(spec, "tolerations", lambda one: one not in _ADMITTED_TOLERATIONS)
    _keep(spec, "volumes", lambda one: not str(one.get("name")).startswith("kube-api-access-"))
    for name in ("containers", "initContainers"):
        for container in at(spec, (name, "*")):
            _keep(container, "volumeMounts", lambda one: not str(one.get("name")).startswith("kube-api-access-"))


_ADMITTED_TOLERATIONS: Final = tuple(
    {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for what in ("not-ready", "unreachable")
)


def _keep(parent: Object, name: str, wanted: Any) -> None:
    """Of the list at ``name`` the items that are wanted; where none is, nothing."""
    if name in parent:
        parent[name] = [item for item in parent[name] if wanted(item)]
        if not parent[name]:
            del parent[name]


def _drop_by_condition(obj: Object, kind: tuple[str, str]) -> None:
    """What the cluster assigns unless somebody else has."""
    spec = obj.get("spec") or {}
    match kind:
        case "", "Service":
            if spec.get("clusterIP") != "None":  # headless is what a person says
                spec.pop("clusterIP", None)
            if spec.get("ipFamilyPolicy") in {None, "SingleStack"}:
                spec.pop("ipFamilyPolicy", None)
                spec.pop("ipFamilies", None)
            for port in at(obj, ("spec", "ports", "*")):
                drop(port, ("targetPort",), port.get("port"))
        case "batch", "Job":
            _clean_job_spec(spec)
            if not spec.get("manualSelector"):
                spec.pop("selector", None)
                for label in _JOB_LABELS:  # a Job without labels of its own gets those of its template
                    drop(obj, ("spec", "template", "metadata", "labels", label))
                    drop(obj, ("metadata", "labels", label))
                drop(obj, ("metadata", "labels"), {})
        case "rbac.authorization.k8s.io", "ClusterRole" if obj.get("aggregationRule"):
            obj.pop("rules", None)


def _clean_job_spec(spec: Object) -> None:
    """Defaults that depend on other fields (pkg/apis/batch/v1/defaults.go)."""
    if not spec.get("podFailurePolicy"):
        drop(spec, ("podReplacementPolicy",), "TerminatingOrFailed")
    if "completions" in spec:  # without it, parallelism says that it is a work queue
        drop(spec, ("parallelism",), 1)
        if "parallelism" not in spec:
            drop(spec, ("completions",), 1)
