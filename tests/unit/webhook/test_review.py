from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_gitops.api.names import ACTOR_EXTRA_KEY, MANAGED_BY_LABEL
from kubectl_gitops.api.objects import ResourceKey
from tests.unit.webhook.cases import declared, deployment, live, review
from webhook.review import BadReview, GroupResource, Operation, Request, managed_by_label, read_review, respond

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def update() -> dict[str, Any]:
    return review("UPDATE", old=live(deployment()), new=live(deployment()), extra={ACTOR_EXTRA_KEY: ["reconciler"]})


def test_all_of_a_request_is_read() -> None:
    request = read_review(update())
    assert request == Request(
        uid="705ab4f5-6393-11e8-b7cc-42010a800002",
        operation=Operation.UPDATE,
        key=ResourceKey("apps", "Deployment", "shop", "web"),
        api_version="apps/v1",
        subresource="",
        namespace="shop",
        name="web",
        user="bob",
        groups=("system:authenticated",),
        extra={ACTOR_EXTRA_KEY: ("reconciler",)},
        old=live(deployment()),
        new=live(deployment()),
        dry_run=False,
        field_manager="",
        resource=GroupResource("apps", "deployments"),
    )


def test_the_core_group_has_no_slash() -> None:
    request = read_review(review("DELETE", old=live(declared())))
    assert (request.api_version, request.key.group) == ("v1", "")


def test_a_name_that_is_missing_is_the_objects() -> None:
    """As in the reviews of deletecollection, and of objects with a generated name."""
    assert read_review(review("DELETE", old=live(declared()), name="")).name == "web"
    assert read_review(review("CREATE", new=declared(), name=None)).key.name == "web"


def test_a_namespace_is_in_no_namespace_though_its_review_says_so() -> None:
    obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    request = read_review(review("DELETE", old=obj, namespace="shop"))
    assert request.key == ResourceKey("", "Namespace", "", "shop")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("apiVersion", "admission.k8s.io/v1beta1"),
        ("kind", "Review"),
        ("request", None),
        ("request", []),
        ("request.uid", ""),
        ("request.uid", 7),
        ("request.kind", "Deployment"),
        ("request.kind.kind", ""),
        ("request.kind.version", None),
        ("request.operation", "PATCH"),
        ("request.operation", None),
        ("request.object", None),
        ("request.object", "x"),
        ("request.oldObject", None),
        ("request.oldObject", [1]),
        ("request.object.metadata", None),
        ("request.object.metadata", "x"),
        ("request.object.metadata.labels", "x"),
        ("request.object.metadata.labels", {MANAGED_BY_LABEL: 1}),
        ("request.object.metadata.labels", {MANAGED_BY_LABEL: None}),
        ("request.object.metadata.annotations", 3),
        ("request.object.metadata.managedFields", {}),
        ("request.object.metadata.finalizers", "x"),
        ("request.object.metadata.ownerReferences", {}),
        ("request.object.metadata.ownerReferences", ["x"]),
        ("request.resource", "deployments"),
        ("request.resource.resource", 1),
        ("request.object.metadata.name", {}),
        ("request.userInfo", "bob"),
        ("request.userInfo.username", 1),
        ("request.userInfo.groups", "x"),
        ("request.userInfo.groups", [1]),
        ("request.userInfo.extra", []),
        ("request.userInfo.extra", {"a": "b"}),
        ("request.name", 1),
        ("request.dryRun", "yes"),
        ("request.subResource", 1),
    ],
)
def test_what_is_malformed_is_refused_in_one_line(path: str, value: Any) -> None:
    malformed = copy.deepcopy(update())
    *parents, last = path.split(".")
    node = malformed
    for part in parents:
        node = node[part]
    node[last] = value
    if path == "request.object.metadata.name":
        malformed["request"]["name"] = ""
    with pytest.raises(BadReview) as failed:
        read_review(malformed)
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 120


@pytest.mark.parametrize(("operation", "lacking"), [("CREATE", "object"), ("DELETE", "oldObject")])
def test_an_operation_needs_its_object(operation: str, lacking: str) -> None:
    malformed = update()
    malformed["request"] |= {"operation": operation, lacking: None}
    with pytest.raises(BadReview, match=f"{operation} without its object"):
        read_review(malformed)


@given(JSON)
def test_anything_is_a_request_or_a_bad_review(value: Any) -> None:
    with pytest.raises(BadReview):
        read_review(value)


@given(data=st.data())
def test_a_review_with_anything_in_it_is_a_request_or_a_bad_review(data: st.DataObject) -> None:
    mangled = update()
    node: Any = mangled
    for _ in range(data.draw(st.integers(0, 4))):
        children = [name for name, child in node.items() if isinstance(child, dict) and child]
        if not children:
            break
        node = node[data.draw(st.sampled_from(children))]
    node[data.draw(st.sampled_from(sorted(node)))] = data.draw(JSON)
    try:
        request = read_review(mangled)
    except BadReview:
        return
    assert isinstance(managed_by_label(request.old), str)
    assert isinstance(managed_by_label(request.new), str)
    assert isinstance(request.name, str)


def test_a_denial_is_a_status_of_403() -> None:
    assert respond("u-1", allowed=False, message="no", audit={"verdict": "Deny"}) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": "u-1",
            "allowed": False,
            "status": {"status": "Failure", "reason": "Forbidden", "code": 403, "message": "no"},
            "auditAnnotations": {"verdict": "Deny"},
        },
    }


def test_an_allowed_answer_says_no_more_than_that() -> None:
    assert respond("u-1", allowed=True, message="ignored")["response"] == {"uid": "u-1", "allowed": True}
    assert respond("u-1", allowed=True, warnings=["a"])["response"]["warnings"] == ["a"]
