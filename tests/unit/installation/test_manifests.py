"""What is installed: least privilege, and what the strictest namespaces admit."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops import __version__
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.installation.manifests import IMAGE_NAME, POD_KINDS, namespace_of, overlays, read_manifests
from kubectl_gitops.installation.rights import Right, rights_of

OBJECTS = read_manifests()
DEPLOYMENTS = [obj for obj in OBJECTS if obj["kind"] == "Deployment"]


def containers(obj: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = obj["spec"]["template"]["spec"]["containers"]
    return found


def test_every_object_says_what_it_is_part_of() -> None:
    assert {obj["metadata"]["labels"]["app.kubernetes.io/part-of"] for obj in OBJECTS} == {"kubectl-gitops"}


def test_everything_is_in_the_namespace_that_is_made_first() -> None:
    assert OBJECTS[0]["kind"] == "Namespace"
    assert {obj["metadata"].get("namespace", "gitops-system") for obj in OBJECTS} == {namespace_of(OBJECTS)}


def test_the_images_are_of_this_version() -> None:
    assert {one["image"] for obj in DEPLOYMENTS for one in containers(obj)} == {f"{IMAGE_NAME}:{__version__}"}


@pytest.mark.parametrize("obj", DEPLOYMENTS, ids=lambda obj: obj["metadata"]["name"])
def test_pods_have_no_more_than_they_need(obj: dict[str, Any]) -> None:
    pod = obj["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108 - the pod's own
    assert all("emptyDir" in volume and volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"])


def test_the_image_of_another_registry_takes_the_place_of_all() -> None:
    objects = read_manifests(image="registry.example/platform/gitops:9")
    found = {one["image"] for obj in objects if obj["kind"] == "Deployment" for one in containers(obj)}
    assert found == {"registry.example/platform/gitops:9"}


def test_without_pods_there_are_the_rights_and_the_resource() -> None:
    kinds = {obj["kind"] for obj in read_manifests(with_pods=False)}
    assert kinds.isdisjoint(POD_KINDS)
    assert {"Namespace", "CustomResourceDefinition", "ClusterRole", "ServiceAccount"} <= kinds


def test_an_overlay_that_there_is_not_is_named_with_those_that_there_are() -> None:
    assert {"cert-manager", "dev", "ha"} <= set(overlays())
    with pytest.raises(InvalidInput) as caught:
        read_manifests("prod")
    assert str(caught.value) == "there is no overlay 'prod'"
    assert caught.value.hint == f"there is {', '.join(overlays())}"


def test_the_webhook_may_not_read_what_it_decides_about_nor_write_what_people_own() -> None:
    granted = rights_of(OBJECTS, "gitops-webhook")
    secrets = [one for one in granted if one.resource == "secrets"]
    assert {one.namespace for one in secrets} == {"gitops-system"}
    assert not [one for one in granted if "*" in {one.verb, one.group, one.resource}]
    # Creation is what no name can limit.
    writes = [one for one in granted if one.verb not in {"get", "list", "watch", "create"} and not one.namespace]
    assert {(one.resource, one.name) for one in writes} == {
        ("validatingwebhookconfigurations", "kubectl-gitops.dev"),
        ("events", ""),  # of denials, counted in the one that is there
    }


def test_with_cert_manager_the_webhook_writes_no_secret() -> None:
    objects = read_manifests("cert-manager")
    secrets = {one.verb for one in rights_of(objects, "gitops-webhook") if one.resource == "secrets"}
    assert secrets == {"get", "list", "watch"}
    assert set(rights_of(objects, "gitops-webhook")) < set(rights_of(OBJECTS, "gitops-webhook"))
    (webhook,) = [obj for obj in objects if obj["kind"] == "Deployment" and obj["metadata"]["name"] == "gitops-webhook"]
    names = {obj["spec"]["secretName"]: obj["spec"] for obj in objects if obj["kind"] == "Certificate"}
    option = next(one for one in containers(webhook)[0]["args"] if one.startswith("--certificate-secret="))
    leaf = names[option.partition("=")[2]]
    # What the API server asks for.
    assert "gitops-webhook.gitops-system.svc" in leaf["dnsNames"]
    assert {obj["metadata"]["labels"]["app.kubernetes.io/part-of"] for obj in objects} == {"kubectl-gitops"}


def test_the_reconciler_s_own_role_writes_nothing_of_people_s() -> None:
    granted = rights_of(OBJECTS, "gitops-reconciler")
    assert Right("impersonate", "", "serviceaccounts") in granted
    wide = [one for one in granted if "*" in {one.group, one.resource}]
    assert {one.verb for one in wide} == {"get", "list", "watch"}
    assert "*" not in {one.verb for one in granted}
