"""A cluster of its own for installations: pods are bound to a node that is not there, and told to run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.commandline import CommandLine
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import BIN

PODS = "/api/v1/namespaces/gitops-system/pods"
MERGE_PATCH = "application/merge-patch+json"
NODE = "/api/v1/nodes/node-1"


def add_node(plane: ControlPlane) -> None:
    """On which the scheduler may put pods; a kubelet it has none."""
    plane.request("POST", "/api/v1/nodes", {"metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "n"}}})
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "capacity": {"cpu": "4", "memory": "8Gi", "pods": "20"},
        "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "20"},
    }
    plane.request("PATCH", f"{NODE}/status", {"status": status}, content_type=MERGE_PATCH)
    plane.request("PATCH", NODE, {"spec": {"taints": None}}, content_type=MERGE_PATCH)


def run_pods(plane: ControlPlane) -> int:
    """Say of each pod that is bound what a kubelet would: it runs, it is ready. And of each to be deleted: it has."""
    pods = plane.request("GET", PODS)["items"]
    for pod in pods:
        path = f"{PODS}/{pod['metadata']['name']}"
        try:
            if pod["metadata"].get("deletionTimestamp"):
                plane.request("DELETE", path, {"gracePeriodSeconds": 0, "kind": "DeleteOptions", "apiVersion": "v1"})
            elif pod["spec"].get("nodeName") and pod["status"]["phase"] == "Pending":
                ready = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "ContainersReady", "Ready")]
                status = {"phase": "Running", "conditions": ready}
                plane.request("PATCH", f"{path}/status", {"status": status}, content_type=MERGE_PATCH)
        except RequestFailed as exc:
            if exc.status not in {404, 409}:
                raise
    return len(pods)


@contextmanager
def begun(gitops: CommandLine, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A command that waits for what the test does meanwhile."""
    environment = gitops.plane.environment()
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    with subprocess.Popen(
        [gitops.plane.kubectl_path, "gitops", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=gitops.directory,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def checked(gitops: CommandLine) -> dict[str, str]:
    """What `check --cluster` finds wrong, by what it looked at."""
    done = gitops("check", "--cluster", "-o", "json")
    assert done.stderr == "", done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    wrong = {one["what"]: one["fault"] for one in document["checks"] if one["fault"]}
    assert done.returncode == (1 if wrong else 0)
    assert document["wrong"] == len([one for one in document["checks"] if one["fault"]])
    return wrong
