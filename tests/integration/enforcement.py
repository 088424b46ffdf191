"""The reconciler and the webhook together, each under its own RBAC, and a GitSync that both guard."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.gitsyncs import SECONDS, App, config_map, deployment
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import WEBHOOK_CONFIGURATION, Installation
from tests.testbed.waiting import wait_until

Object = dict[str, Any]

BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
FLOOR = tuple(f"{name}.floor.kubectl-gitops.dev" for name in ("managed", "scale", "namespaces"))
WEBHOOK = 'admission webhook "managed.kubectl-gitops.dev" denied the request'


@contextmanager
def running_both(plane: ControlPlane, *options: str) -> Iterator[Installation]:
    with Installation(plane) as installation:
        installation.gitops("install", "--no-pods")
        installation.start_reconciler(*options)
        installation.start_webhook()
        yield installation
        for name in ("reconciler", "webhook"):
            assert "Traceback" not in installation.log(name, lines=100_000)
    # What the floor was told is the next one's to take away; nobody is asked about it any more.
    for name in FLOOR:
        patch = {"spec": {"validationActions": ["Audit"]}}
        plane.request("PATCH", f"{BINDINGS}/{name}", patch, content_type="application/merge-patch+json")


def floor_action(plane: ControlPlane) -> set[str]:
    """What the bindings of the floor do, all of them together."""
    return {
        action for name in FLOOR for action in plane.request("GET", f"{BINDINGS}/{name}")["spec"]["validationActions"]
    }


def wait_floor(plane: ControlPlane, action: str) -> None:
    wait_until(lambda: floor_action(plane) == {action}, SECONDS, f"the floor to be set to {action}")


class Guarded:
    """A GitSync that declares a ConfigMap ``settings`` and a Deployment ``web``, and a person with kubectl."""

    def __init__(self, app: App, installation: Installation) -> None:
        self.app = app
        self.installation = installation
        self.plane = app.plane
        self.namespace = app.live.namespace

    def create(self, **spec: Any) -> None:
        self.app.commit(config_map("settings", greeting="hello"), deployment("web"))
        self.app.create(**spec)
        self.app.wait_ready()
        self.installation.wait_enforced("configmaps")
        self.installation.wait_enforced("deployments")

    def kubectl(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.plane.kubectl("-n", self.namespace, *args, check=False, **options)

    def refused(self, *args: str, by: str, **options: Any) -> str:
        """What kubectl writes once this refuses, which may take a moment to become known to the API server."""

        def said() -> str:
            done = self.kubectl(*args, "--dry-run=server", **options)
            assert done.returncode != 0, done.stdout
            assert by in done.stderr, done.stderr
            return done.stderr

        wait_until(said, SECONDS, f"{args} to be refused by {by}")
        done = self.kubectl(*args, **options)
        assert by in done.stderr, f"not refused: {done.stdout} {done.stderr}"
        return done.stderr

    def wait_allowed(self, *args: str, **options: Any) -> str:
        """What kubectl writes, warnings included, once the change passes."""

        def said() -> subprocess.CompletedProcess[str]:
            done = self.kubectl(*args, **options)
            assert done.returncode == 0, done.stderr
            return done

        return wait_until(said, SECONDS, f"{args} to be allowed").stderr

    def gitops(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.installation.gitops(*args, "-n", self.app.namespace, check=check)

    def greeting(self) -> str | None:
        return self.app.live.data("settings").get("greeting")

    def wait_greeting(self, value: str) -> None:
        wait_until(lambda: self.greeting() == value, SECONDS, f"the greeting to be {value!r}")


def greet(value: str) -> list[str]:
    """The change that a person makes: the greeting of ConfigMap ``settings``."""
    return ["patch", "configmap", "settings", "--type=merge", "-p", json.dumps({"data": {"greeting": value}})]


def registered(plane: ControlPlane) -> Callable[[], bool]:
    """Whether the API server is told to ask the webhook."""
    return lambda: (
        plane.kubectl("get", "validatingwebhookconfiguration", WEBHOOK_CONFIGURATION, check=False).returncode == 0
    )
