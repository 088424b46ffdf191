"""GitSyncs of tests: a repository each, the reconciler's process, and what the API server says of both."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.waiting import wait_until
from tests.unit.source.repository import Repository

Object = dict[str, Any]

GITSYNCS = "/apis/kubectl-gitops.dev/v1alpha1/namespaces/{}/gitsyncs"
MERGE_PATCH = "application/merge-patch+json"
RECONCILER = "system:serviceaccount:gitops-system:gitops-reconciler"
LABEL = "kubectl-gitops.dev/managed-by"
#: Generous: on a busy machine only this keeps a test from failing for no reason.
SECONDS = 30.0


def config_map(name: str, /, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data or {"key": "git"}}


def secret(name: str, /, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def deployment(name: str, image: str = "example.com/web:1.0") -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": image, "resources": {"requests": {"cpu": "1000m"}}}]},
            },
        },
    }


def manifest(*objects: Object) -> str:
    return yaml.safe_dump_all(objects)


class Api:
    """Objects of one namespace, as admin."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane = plane
        self.namespace = namespace

    def path(self, plural: str, name: str = "") -> str:
        """``configmaps``, or ``apps/v1/deployments``."""
        group_version, _, kind = plural.rpartition("/")
        root = f"/apis/{group_version}" if group_version else "/api/v1"
        return "/".join([root, "namespaces", self.namespace, kind, *([name] if name else [])])

    def get(self, plural: str, name: str) -> Object:
        found: Object = self.plane.request("GET", self.path(plural, name))
        return found

    def find(self, plural: str, name: str) -> Object | None:
        try:
            return self.get(plural, name)
        except RequestFailed as exc:
            if exc.status != 404:
                raise
            return None

    def create(self, plural: str, obj: Object) -> Object:
        made: Object = self.plane.request("POST", self.path(plural), obj)
        return made

    def patch(self, plural: str, name: str, patch: Object, *, manager: str = "kubectl-edit") -> Object:
        path = f"{self.path(plural, name)}?fieldManager={manager}"
        changed: Object = self.plane.request("PATCH", path, patch, content_type=MERGE_PATCH)
        return changed

    def delete(self, plural: str, name: str) -> None:
        self.plane.request("DELETE", self.path(plural, name))

    def data(self, name: str) -> Object:
        """The data of a ConfigMap; {} where there is none."""
        return (self.find("configmaps", name) or {}).get("data") or {}

    def names(self, plural: str) -> set[str]:
        """Those that are managed."""
        path = f"{self.path(plural)}?labelSelector=kubectl-gitops.dev/managed-by"
        return {item["metadata"]["name"] for item in self.plane.request("GET", path)["items"]}

    def versions(self, plural: str) -> dict[str, str]:
        items = self.plane.request("GET", self.path(plural))["items"]
        return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}


class App:
    """A GitSync with a repository of its own; its objects go to ``target``."""

    def __init__(
        self,
        plane: ControlPlane,
        target: str,
        repository: Repository,
        *,
        name: str = "",
        namespace: str = SYSTEM_NAMESPACE,
    ) -> None:
        self.plane = plane
        self.repository = repository
        self.name = name or f"app-{secrets.token_hex(4)}"
        self.namespace = namespace
        self.live = Api(plane, target)
        self._path = GITSYNCS.format(namespace)

    # -- Git

    def commit(self, *objects: Object, **files: str | None) -> str:
        """Commit ``objects`` as all.yaml, if there are any; and files by their stem, None for one to remove."""
        texts = {f"{stem}.yaml": text for stem, text in files.items()}
        if objects:
            texts["all.yaml"] = manifest(*objects)
        for path in [path for path, text in texts.items() if text is None]:
            (self.repository.path / path).unlink()
        return self.repository.commit({path: text for path, text in texts.items() if text is not None})

    @contextmanager
    def git_unreachable(self) -> Iterator[None]:
        away = self.repository.path.with_suffix(".away")
        self.repository.path.rename(away)
        try:
            yield
        finally:
            away.rename(self.repository.path)

    # -- the GitSync

    def create(self, *, interval: str = "300ms", path: str = "", sync: Object | None = None, **spec: Any) -> None:
        source = {"repoURL": str(self.repository.path), "revision": "main", "interval": interval}
        source |= {"path": path} if path else {}
        body = {
            "apiVersion": "kubectl-gitops.dev/v1alpha1",
            "kind": "GitSync",
            "metadata": {"name": self.name},
            "spec": {
                "source": source,
                "target": {"namespace": self.live.namespace},
                "sync": {"prune": True} | (sync or {}),
                **spec,
            },
        }
        self.plane.request("POST", self._path, body)

    def change(self, spec: Object) -> None:
        self.plane.request("PATCH", f"{self._path}/{self.name}", {"spec": spec}, content_type=MERGE_PATCH)

    def delete(self) -> None:
        with suppress(RequestFailed):
            self.plane.request("DELETE", f"{self._path}/{self.name}")

    def wait_gone(self) -> None:
        """Until the reconciler has let it go, too."""
        wait_until(lambda: not self.exists, SECONDS, f"{self.name} to be gone")

    @property
    def exists(self) -> bool:
        try:
            self.get()
        except RequestFailed as exc:
            if exc.status != 404:
                raise
            return False
        return True

    def get(self) -> Object:
        found: Object = self.plane.request("GET", f"{self._path}/{self.name}")
        return found

    @property
    def status(self) -> Object:
        return self.get().get("status") or {}

    def condition(self, kind: str) -> Object:
        return condition_of(self.status, kind)

    def wait_synced(self, sha: str) -> Object:
        """Until the status says that this commit is synced, of the GitSync as it is now; the status."""

        def synced() -> Object:
            found = self.get()
            status: Object = found.get("status") or {}
            assert status.get("observedGeneration") == found["metadata"]["generation"], status
            assert (status.get("synced") or {}).get("revision") == sha, status
            assert condition_of(status, "Synced").get("status") == "True", status
            return status

        return wait_until(synced, SECONDS, f"{self.name} to be synced")

    def wait_ready(self) -> Object:
        def ready() -> Object:
            status = self.status
            assert condition_of(status, "Ready").get("status") == "True", status
            return status

        return wait_until(ready, SECONDS, f"{self.name} to be ready")

    def wait_observed(self) -> None:
        """Until the reconciler has taken note of what the spec says now."""

        def observed() -> bool:
            found = self.get()
            return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])

        wait_until(observed, SECONDS, "the reconciler to take note")

    def wait_failed(self, reason: str, words: str) -> Object:
        """Until Synced is False for this reason and says these words (a regular expression); the condition."""

        def failed() -> Object:
            found = self.condition("Synced")
            assert found.get("status") == "False", found
            assert found["reason"] == reason, found
            assert re.search(words, found["message"]), found
            return found

        return wait_until(failed, SECONDS, f"{self.name} to say {words!r}")

    def wait_drift(self, *rows: tuple[str, str]) -> list[Object]:
        """Until the status reports exactly these drifted fields: (kind and object, field or "")."""

        def reported() -> list[Object]:
            drift: list[Object] = self.status["drift"]
            found = [(f"{row['kind']} {row['object']}", row.get("field", "")) for row in drift]
            assert sorted(found) == sorted(rows), found
            return drift or [{}]

        return wait_until(reported, SECONDS, f"the drift of {self.name}")

    def snapshots(self) -> list[Object]:
        """The chunks stored of this GitSync."""
        label = f"{self.namespace}.{self.name}"
        path = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets?labelSelector=kubectl-gitops.dev/gitsync%3D{label}"
        items: list[Object] = self.plane.request("GET", path)["items"]
        return items

    # -- what the reconciler did

    def writes(self, since: int, *, resource: str = "", user: str = RECONCILER) -> list[Object]:
        """The audit events of its writes to the target namespace that were answered with success."""
        return [
            event
            for event in self.plane.audit_events(since=since)
            if event["user"]["username"] == user
            and event["verb"] in {"create", "update", "patch", "delete"}
            and event["objectRef"].get("namespace") == self.live.namespace
            and event["objectRef"]["resource"] == (resource or event["objectRef"]["resource"])
            and "dryRun=All" not in event["requestURI"]
            and event["responseStatus"]["code"] < 300
        ]

    def status_writes(self, since: int) -> list[Object]:
        return [
            event
            for event in self.plane.audit_events(since=since)
            if event["verb"] == "patch"
            and event["objectRef"].get("resource") == "gitsyncs"
            and event["objectRef"].get("name") == self.name
            and event["objectRef"].get("subresource") == "status"
        ]


def condition_of(status: Object, kind: str) -> Object:
    found: Object = next((c for c in status.get("conditions") or [] if c["type"] == kind), {})
    return found


@contextmanager
def holding_up(plane: ControlPlane, namespace: str, *, names: str) -> Iterator[None]:
    """While in here, no ConfigMap with such a name (a CEL regular expression) is stored in the namespace.

    A webhook is asked that never answers. Each request fails after a second, and the next try takes another.
    """
    hook = f"hold-{namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    webhooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    probe = f"{Api(plane, namespace).path('configmaps')}?dryRun=All"
    with socket.create_server(("127.0.0.1", 0)) as server:
        webhook = {
            "name": "hold.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{server.getsockname()[1]}/"},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "matchConditions": [{"name": "name", "expression": f"object.metadata.name.matches('{names}|^probe$')"}],
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "timeoutSeconds": 1,
            "admissionReviewVersions": ["v1"],
        }
        plane.request("POST", webhooks, {"metadata": {"name": hook}, "webhooks": [webhook]})

        def is_held() -> bool:
            try:
                plane.request("POST", probe, config_map("probe"))
            except RequestFailed:
                return True
            return False

        try:
            wait_until(is_held, SECONDS, "the webhook to be asked")
            yield
        finally:
            plane.request("DELETE", f"{webhooks}/{hook}")
            wait_until(lambda: not is_held(), SECONDS, "the webhook not to be asked any more")


@contextmanager
def running_reconciler(plane: ControlPlane, *, url: str = "") -> Iterator[Installation]:
    """The reconciler's process, under its own RBAC. It must end well, and may never have met a bug of its own.

    ``url``: where it finds the API server, if not where that is.
    """
    with Installation(plane) as installation:
        installation.gitops("install", "--no-pods")
        installation.start_reconciler(url=url)
        yield installation
        installation.check_alive()
        assert installation.stop_reconciler() == 0
        log = installation.log("reconciler", lines=100_000)
        assert "Traceback" not in log, log


def new_repository(directory: Path) -> Repository:
    return Repository(directory / f"repository-{secrets.token_hex(4)}")
