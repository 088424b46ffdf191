"""Where children are looked for, and who belongs to whom."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.sync.children import by_owner


def obj(
    kind: str, name: str, uid: str, *owners: str, api_version: str = "v1", namespace: str = "shop"
) -> dict[str, Any]:
    references = [{"uid": owner} for owner in owners]
    metadata = {"name": name, "namespace": namespace, "uid": uid}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata | ({"ownerReferences": references} if references else {}),
    }


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [one["metadata"]["name"] for one in objects]


def test_children_are_found_by_the_uid_of_their_owner_and_sorted() -> None:
    objects = [
        obj("Pod", "b", "2", "1"),
        obj("Pod", "a", "3", "1"),
        obj("ConfigMap", "z", "4", "1"),
        obj("Job", "x", "1"),
    ]
    assert {uid: names(children) for uid, children in by_owner(objects).items()} == {"1": ["z", "a", "b"]}


def test_an_object_that_was_listed_twice_is_there_once() -> None:
    pod = obj("Pod", "a", "2", "1")
    assert names(by_owner([pod, pod])["1"]) == ["a"]


def test_endpoints_are_those_of_the_service_of_their_name() -> None:
    objects = [
        obj("Service", "web", "1"),
        obj("Endpoints", "web", "2"),
        obj("Endpoints", "other", "3"),
        obj("Endpoints", "web", "4", namespace="elsewhere"),
        obj("EndpointSlice", "web-x", "5", "1", api_version="discovery.k8s.io/v1"),
    ]
    assert {uid: names(children) for uid, children in by_owner(objects).items()} == {"1": ["web-x", "web"]}
