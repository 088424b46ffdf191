"""What is exported says all that a person has said, and nothing else: for random objects of many kinds.

A manifest, applied to the object that it comes from, changes nothing; and created anew elsewhere it gives the same
object, but for what the cluster assigns. So nothing was left out that the API server would not fill in by itself.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import apply_object, create_object
from kubectl_gitops.diff.exported import exported
from kubectl_gitops.errors import Rejected
from kubectl_gitops.sync.judge import differences
from tests.oracle.builtin import BUILTIN
from tests.oracle.custom import CRDS, CUSTOM
from tests.oracle.kinds import Kind
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

HERE, ELSEWHERE = "here", "elsewhere"
_EXAMPLES = 12
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Without controllers, which would change what was just created."""
    with ControlPlane() as running:
        for name in (HERE, ELSEWHERE):
            running.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            account = f"/api/v1/namespaces/{name}/serviceaccounts"
            running.request("POST", account, {"metadata": {"name": "default"}})
        for crd in CRDS:
            running.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        yield running


@pytest.fixture(scope="module")
def discovery(plane: ControlPlane) -> Discovery:
    made = Discovery(Cluster.from_kubeconfig(plane.kubeconfig))

    def are_served() -> bool:
        made.refresh()
        return all(made.find(kind.api_version, kind.name) for kind in CUSTOM)

    wait_until(are_served, 30, "the custom resources to be served")
    return made


#: By kind, what each object is given anew, as paths of names; ``*`` is each item of a list.
ASSIGNED = {
    "Service": ("spec.clusterIP", "spec.clusterIPs", "spec.healthCheckNodePort", "spec.ports.*.nodePort"),
    "PersistentVolume": ("spec.claimRef",),
    "PersistentVolumeClaim": ("spec.volumeName",),
    "ServiceAccount": ("secrets",),
    "Pod": ("spec.nodeName",),
    "Job": (
        "spec.selector",
        "metadata.labels",  # those of its template, where it has none
        *(
            f"spec.template.metadata.labels.{prefix}{name}"
            for prefix in ("", "batch~kubernetes~io/")
            for name in ("controller-uid", "job-name")
        ),
    ),
}


def essence(obj: dict[str, Any]) -> dict[str, Any]:
    """All that counts of an object, defaults included."""
    found: dict[str, Any] = copy.deepcopy(obj)
    labels, annotations = (found["metadata"].get(name) or {} for name in ("labels", "annotations"))
    found["metadata"] = {"labels": labels, "annotations": annotations}
    found.pop("status", None)
    for path in ASSIGNED.get(obj["kind"], ()):
        remove(found, [name.replace("~", ".") for name in path.split(".")])
    if found.get("aggregationRule"):
        found.pop("rules", None)
    for claim in found.get("spec", {}).get("volumeClaimTemplates") or ():
        claim.pop("status", None)
    text = json.dumps(found)
    found = json.loads(re.sub("kube-api-access-[a-z0-9]{5}", "kube-api-access-x", text))
    return found


def remove(value: Any, path: list[str]) -> None:
    if path[0] == "*":
        for item in value if isinstance(value, list) else ():
            remove(item, path[1:])
    elif isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            del value[path[0]]
        else:
            remove(value[path[0]], path[1:])


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("kind", [*BUILTIN, *CUSTOM], ids=lambda kind: kind.name)
def test_a_manifest_says_what_the_object_is(plane: ControlPlane, discovery: Discovery, kind: Kind) -> None:
    cluster = Cluster.from_kubeconfig(plane.kubeconfig)
    resource = discovery.need(kind.api_version, kind.kind or kind.name)
    seen = 0

    @seed(1)
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(kind.body)
    def go(body: dict[str, Any]) -> None:
        nonlocal seen
        name = f"x{next(_numbers)}"
        try:
            live = create_object(cluster, resource, kind.identity(HERE, name) | body, manager="kubectl-create")
        except Rejected:  # not every random object is a valid one
            return
        seen += 1
        try:
            manifest = exported(live)
            there = {"namespace": HERE} if kind.namespaced else {}
            answer = apply_object(
                cluster, resource, {**manifest, "metadata": {**manifest["metadata"], **there}}, dry_run=True
            )
            assert differences(answer, live) == []
            other = kind.identity(ELSEWHERE, f"{name}-too")["metadata"]
            anew = {**manifest, "metadata": {**manifest["metadata"], **other}}
            made = create_object(cluster, resource, anew, manager="kubectl-create", dry_run=True)
            assert essence(made) == essence(live)
            again = exported(made)
            assert {**again, "metadata": {**again["metadata"], "name": name}} == manifest
        finally:
            with suppress(RequestFailed):
                plane.request("DELETE", kind.path(HERE, name))

    go()
    assert seen
