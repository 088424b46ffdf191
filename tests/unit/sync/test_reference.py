"""A declared object under another name, and what the answer says of the declared one."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.api.objects import Object
from kubectl_gitops.sync.reference import stand_in


def declared(kind: str, name: str = "web", api_version: str = "v1", **more: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **more}


def test_the_copy_has_a_name_of_its_own_that_every_kind_can_have() -> None:
    long = declared("ConfigMap", "n" * 250, data={"a": "b"})
    copy = stand_in(long).object
    name = copy["metadata"]["name"]
    assert name != long["metadata"]["name"]
    assert len(name) <= 63
    assert name.replace("-", "a").isalnum()
    assert (copy["metadata"]["namespace"], copy["data"]) == ("shop", {"a": "b"})
    assert long["metadata"]["name"] == "n" * 250
    assert stand_in(long).object == copy
    assert stand_in(declared("ConfigMap", data={"a": "c"})).object["metadata"]["name"] != name


def test_what_is_made_of_the_name_is_told_for_the_declared_one() -> None:
    copy = stand_in(declared("Namespace", "shop"))
    name = copy.object["metadata"]["name"]
    answer = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "uid": "u", "labels": {"kubernetes.io/metadata.name": name}, "managedFields": []},
        "spec": {"finalizers": ["kubernetes"], "hosts": [f"{name}.example.com"]},
        "status": {"phase": "Active"},
    }
    assert copy.reference(answer) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"labels": {"kubernetes.io/metadata.name": "shop"}},
        "spec": {"finalizers": ["kubernetes"], "hosts": ["shop.example.com"]},
    }


def test_a_service_goes_without_what_only_one_can_have() -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    spec = {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "healthCheckNodePort": 30000, "ports": ports}
    assert stand_in(declared("Service", spec=spec)).object["spec"] == {"ports": [{"port": 80}]}
    headless = {"clusterIP": "None", "ports": [{"port": 80}]}
    assert stand_in(declared("Service", spec=headless)).object["spec"] == headless
    odd: Any
    for odd in (None, [], {"ports": [7]}, {"ports": None}):
        assert stand_in(declared("Service", spec=odd)).object["spec"] == odd


def test_a_crd_has_its_group_in_its_name_so_it_gets_another_group() -> None:
    spec = {"group": "example.com", "names": {"plural": "lamps", "kind": "Lamp"}}
    crd = declared("CustomResourceDefinition", "lamps.example.com", "apiextensions.k8s.io/v1", spec=spec)
    copy = stand_in(crd)
    group = copy.object["spec"]["group"]
    assert group.endswith(".example.com")
    assert copy.object["metadata"]["name"] == f"lamps.{group}"
    answer = {**copy.object, "spec": {**copy.object["spec"], "conversion": {"strategy": "None"}}}
    assert copy.reference(answer)["spec"] == {**spec, "conversion": {"strategy": "None"}}
