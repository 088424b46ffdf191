"""A manifest of a live object: what the cluster has put there is gone, what a person says stays."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.diff.exported import claims_of_sets, exported, made_by_cluster

Object = dict[str, Any]


def live(api_version: str, kind: str, metadata: Object | None = None, **rest: Any) -> Object:
    cluster = {"uid": "u", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z"}
    cluster |= {"namespace": "shop", "managedFields": [{"manager": "kubectl"}], "finalizers": ["a/b"], "selfLink": "/x"}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "it"} | cluster | (metadata or {}), **rest}


def service(**spec: Any) -> Object:
    found: Object = exported(live("v1", "Service", spec=spec, status={"loadBalancer": {}}))
    return found


def test_of_metadata_only_what_a_person_writes_is_left() -> None:
    notes = {
        "labels": {"app": "web", "kubectl-gitops.dev/managed-by": "a.b", "pod-template-hash": "1"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "x"},
    }
    assert exported(live("v1", "ConfigMap", notes, data={"a": "b"}, status={})) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "it", "labels": {"app": "web"}, "annotations": {"team": "x"}},
        "data": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("spec", "left"),
    [
        ({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}, {}),
        ({"clusterIP": "None", "clusterIPs": ["None"]}, {"clusterIP": "None"}),
        ({"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"]}, {}),
        (
            {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"]},
            {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"]},
        ),
        ({"type": "ClusterIP", "sessionAffinity": "None"}, {}),
        ({"type": "NodePort", "sessionAffinity": "ClientIP"}, {"type": "NodePort", "sessionAffinity": "ClientIP"}),
        (
            {"ports": [{"port": 80, "targetPort": 80, "nodePort": 30000, "protocol": "TCP"}]},
            {"ports": [{"port": 80}]},
        ),
        (
            {"ports": [{"port": 80, "targetPort": "http", "protocol": "UDP"}]},
            {"ports": [{"port": 80, "targetPort": "http", "protocol": "UDP"}]},
        ),
    ],
)
def test_a_service_s_addresses_and_ports_are_the_cluster_s_unless_chosen(spec: Object, left: Object) -> None:
    assert service(**spec).get("spec", {}) == left


def template(container: Object, **spec: Any) -> Object:
    made = exported(live("apps/v1", "Deployment", spec={"template": {"spec": {"containers": [container], **spec}}}))
    found: Object = made["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize(
    ("image", "policy", "is_said"),
    [
        ("web", "Always", False),
        ("web", "IfNotPresent", True),
        ("web:latest", "Always", False),
        ("registry:5000/web", "Always", False),
        ("web:1", "IfNotPresent", False),
        ("web:1", "Always", True),
        ("web@sha256:0", "IfNotPresent", False),
        ("web:latest@sha256:0", "Always", False),
    ],
)
def test_when_an_image_is_pulled_is_said_only_where_it_is_not_the_default(
    image: str, policy: str, is_said: bool
) -> None:
    (container,) = template({"name": "it", "image": image, "imagePullPolicy": policy})["containers"]
    assert ("imagePullPolicy" in container) is is_said


def test_defaults_are_left_out_and_other_values_are_not() -> None:
    defaults = {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {}}
    assert template({"name": "it"}, **defaults, terminationGracePeriodSeconds=30).keys() == {"containers"}
    others = {"dnsPolicy": "None", "securityContext": {"runAsUser": 0}, "terminationGracePeriodSeconds": 0}
    assert template({"name": "it"}, **others) == others | {"containers": [{"name": "it"}]}


def test_a_job_s_selector_is_its_own_only_if_it_says_so() -> None:
    labels = {"controller-uid": "1", "batch.kubernetes.io/job-name": "it", "job-name": "it"}
    spec = {"selector": {"matchLabels": {"controller-uid": "1"}}, "template": {"metadata": {"labels": labels}}}
    assert "selector" not in exported(live("batch/v1", "Job", spec=copy.deepcopy(spec))).get("spec", {})
    kept = exported(live("batch/v1", "Job", spec={**spec, "manualSelector": True}))["spec"]
    assert kept["selector"] == spec["selector"]


@pytest.mark.parametrize(
    ("spec", "left"),
    [
        ({"completions": 1, "parallelism": 1}, {}),
        ({"parallelism": 1}, {"parallelism": 1}),
        ({"completions": 3, "parallelism": 1}, {"completions": 3}),
        ({"completions": 1, "parallelism": 2}, {"completions": 1, "parallelism": 2}),
    ],
)
def test_a_job_with_parallelism_alone_is_a_work_queue(spec: Object, left: Object) -> None:
    assert exported(live("batch/v1", "Job", spec=spec)).get("spec", {}) == left


def test_what_admission_puts_into_a_pod_is_left_out() -> None:
    token = {"name": "kube-api-access-x", "mountPath": "/var"}
    spec = {
        "nodeName": "n",
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "priority": 0,
        "containers": [{"name": "it", "volumeMounts": [token]}],
        "volumes": [{"name": "kube-api-access-x", "projected": {}}],
        "tolerations": [
            {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for what in ("not-ready", "unreachable")
        ],
    }
    assert exported(live("v1", "Pod", spec=spec))["spec"] == {
        "serviceAccountName": "default",
        "containers": [{"name": "it"}],
    }


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (live("v1", "ConfigMap"), ""),
        (live("v1", "ConfigMap", {"ownerReferences": [{"uid": "o"}]}), "that another one owns"),
        (live("v1", "ConfigMap", {"deletionTimestamp": "2026-01-01T00:00:00Z"}), "that is being deleted"),
        (live("v1", "ConfigMap", {"name": "kube-root-ca.crt"}, data={"ca.crt": "x"}), "that the cluster makes"),
        (live("v1", "ServiceAccount", {"name": "default"}), "that the cluster makes"),
        (live("v1", "ServiceAccount", {"name": "default"}, imagePullSecrets=[{"name": "pull"}]), ""),
        (live("v1", "Secret", type="kubernetes.io/service-account-token"), "that the cluster makes"),
        (live("v1", "Secret", type="Opaque"), ""),
    ],
)
def test_what_is_not_a_person_s_to_declare(obj: Object, why: str) -> None:
    assert made_by_cluster(obj) == why


def test_the_claims_of_a_stateful_set_are_its_own() -> None:
    templates = [{"metadata": {"name": "disk"}}]
    is_claim = claims_of_sets([live("apps/v1", "StatefulSet", spec={"volumeClaimTemplates": templates})])
    assert is_claim(live("v1", "PersistentVolumeClaim", {"name": "disk-it-0"}))
    for other in ("disk-it", "disk-other-0", "disk-it-x"):
        assert not is_claim(live("v1", "PersistentVolumeClaim", {"name": other}))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_KINDS = st.sampled_from(
    [("v1", "Service"), ("v1", "Pod"), ("apps/v1", "Deployment"), ("batch/v1", "Job"), ("example.com/v1", "Widget")]
)


@given(kind=_KINDS, spec=st.dictionaries(st.sampled_from(["ports", "template", "selector", "x"]), _JSON))
def test_nothing_that_is_given_is_changed_and_a_manifest_is_its_own_manifest(
    kind: tuple[str, str], spec: Object
) -> None:
    given_object = live(*kind, spec=spec)
    before = copy.deepcopy(given_object)
    manifest = exported(given_object)
    assert given_object == before
    assert exported(copy.deepcopy(manifest)) == manifest
