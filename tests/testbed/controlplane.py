"""A real control plane on random ports of 127.0.0.1, in one temporary directory.

Beside this module lies ``controlplane/``, the Go module that its programs are built from.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import psutil

from tests.testbed import components
from tests.testbed.apiclient import ApiClient
from tests.testbed.assets import AssetsUnavailable, assets
from tests.testbed.components import APISERVER, CONTROLLER_MANAGER, ETCD, HOST, SCHEDULER
from tests.testbed.credentials import Credentials
from tests.testbed.ports import ReservedPorts
from tests.testbed.processes import Processes
from tests.testbed.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_READY_SECONDS = 90.0


class ControlPlaneFailed(Exception):
    """A component exited or did not become ready; the message ends with the last lines of its log."""


def offers(component: str) -> bool:
    """Whether the programs at hand include it; setup-envtest's lack the controller-manager and the scheduler."""
    return os.access(assets() / component, os.X_OK)


class ControlPlane:
    """etcd and kube-apiserver, and the controllers that are asked for; a context manager.

    However this process ends, kill -9 included, its processes, ports and directory go with it.
    """

    def __init__(
        self,
        *,
        controller_manager: bool = False,
        scheduler: bool = False,
        audit: bool = False,
        apiserver_flags: Sequence[str] = (),
    ) -> None:
        self._assets = assets()
        self._flags_of_controllers = {
            **({CONTROLLER_MANAGER: components.controller_manager_flags} if controller_manager else {}),
            **({SCHEDULER: components.scheduler_flags} if scheduler else {}),
        }
        for name in self._flags_of_controllers:
            if not offers(name):
                raise AssetsUnavailable(f"{self._assets} holds no {name}: unset KUBEBUILDER_ASSETS to have it built")
        self._audit = audit
        self._apiserver_flags = tuple(apiserver_flags)
        self._reserved = ReservedPorts(len(components.Ports._fields))
        self.ports = components.Ports(*self._reserved.numbers)
        self._processes = Processes()
        self._files = components.Files(self.directory)
        self._files.audit_policy.write_text(components.AUDIT_POLICY)
        self._credentials = Credentials(self._files, url=self.url, controllers=self._flags_of_controllers)
        self._client = ApiClient(
            self.url,
            ca_file=self._files.ca,
            certificate_file=self._files.admin_certificate,
            key_file=self._files.admin_key,
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # What it is

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.ports.apiserver}"

    @property
    def ca_pem(self) -> str:
        return self._credentials.ca_pem

    @property
    def directory(self) -> Path:
        return self._processes.directory

    @property
    def kubeconfig(self) -> Path:
        """Of a user in ``system:masters``."""
        return self._credentials.admin_kubeconfig

    @property
    def kubectl_path(self) -> Path:
        return self._assets / "kubectl"

    def runs(self, component: str) -> bool:
        """Whether this control plane was asked to run ``kube-controller-manager`` or ``kube-scheduler``."""
        return component in self._flags_of_controllers

    def log(self, component: str, lines: int = 20) -> str:
        """The last lines that a component wrote."""
        return self._processes.log_tail(component, lines)

    # Its life

    def start(self) -> None:
        try:
            self._start(ETCD, components.etcd_flags(self._files, self.ports))
            self.start_apiserver()  # it waits for etcd itself
            # Not before: RBAC would refuse them, and they wait seconds before they try again.
            for name, flags in self._flags_of_controllers.items():
                self._start(name, flags(self._files, self.ports))
            self._wait_controllers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kills all of it: nothing of it is kept, so there is nothing to save."""
        self._client.disconnect()
        self._processes.close()
        self._reserved.release()

    def stop_apiserver(self, *, grace_seconds: float = 0.0) -> None:
        """A crash; with a grace, a shutdown that drains connections first. Returns when its port is closed."""
        self._client.disconnect()
        self._processes.stop(APISERVER, grace_seconds=grace_seconds)

    def start_apiserver(self) -> None:
        """On the same port, with the same data and credentials."""
        flags = components.apiserver_flags(
            self._files,
            self.ports,
            service_accounts=self.runs(CONTROLLER_MANAGER),
            audit=self._audit,
            extra=self._apiserver_flags,
        )
        self._start(APISERVER, flags)
        self._wait_for("/readyz", APISERVER)
        # Not part of /readyz, and the first thing that a test may use.
        self._wait_for("/api/v1/namespaces/default", APISERVER)

    def restart_apiserver(self, *, grace_seconds: float = 0.0) -> None:
        self.stop_apiserver(grace_seconds=grace_seconds)
        self.start_apiserver()

    @contextmanager
    def etcd_paused(self) -> Iterator[None]:
        """While in here, etcd answers nothing, and keeps its connections: as on a disk that has stalled."""
        data = f"--data-dir={self._files.directory / 'etcd'}"
        (etcd,) = (one for one in psutil.process_iter(["cmdline"]) if data in (one.info["cmdline"] or []))
        etcd.suspend()
        try:
            yield
        finally:
            etcd.resume()

    def compact_etcd(self) -> None:
        """Have etcd forget all but the present, as the API server does every five minutes."""
        latest = self._etcd("kv/range", {"key": "AA==", "range_end": "AA==", "count_only": True})["header"]["revision"]
        self._etcd("kv/compaction", {"revision": latest, "physical": True})

    def check_alive(self) -> None:
        """Raises ControlPlaneFailed when a component has exited by itself."""
        for name, code in self._processes.exited().items():
            raise ControlPlaneFailed(f"{name} exited with code {code}; its last lines:\n{self.log(name)}")

    # Ways to talk to it

    def request(self, method: str, path: str, body: Any = None, *, content_type: str = "application/json") -> Any:
        """JSON in, JSON out, as admin; RequestFailed when it is refused or not answered."""
        return self._client.request(method, path, body, content_type=content_type)

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run has it
        check: bool = True,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        groups: Sequence[str] = (),
        timeout_seconds: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """As admin, or as ``user`` with ``groups``; what it wrote is in ``stdout`` and ``stderr``."""
        done = subprocess.run(
            [self.kubectl_path, *args],
            input=input,
            capture_output=True,
            check=False,
            text=True,
            env=self.environment(user=user, groups=groups) | dict(env or {}),
            timeout=timeout_seconds,
        )
        if check and done.returncode:
            failed = subprocess.CalledProcessError(done.returncode, ["kubectl", *args], done.stdout, done.stderr)
            failed.add_note(done.stderr)
            raise failed
        return done

    def environment(self, *, user: str | None = None, groups: Sequence[str] = ()) -> dict[str, str]:
        """For a program that is to talk to it: our variables, KUBECONFIG, and its kubectl first on PATH."""
        kubeconfig = self.kubeconfig if user is None else self.user_kubeconfig(user, groups)
        return os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "PATH": os.pathsep.join([str(self._assets), os.environ.get("PATH", os.defpath)]),
            # Neither the caches nor the preferences of the person who runs the tests.
            "KUBECACHEDIR": str(self.directory / "kubectl-cache"),
            "KUBERC": "off",
        }

    def user_kubeconfig(self, name: str, groups: Sequence[str] = ()) -> Path:
        """Of a user who may do nothing but what RBAC grants."""
        return self._credentials.user_kubeconfig(name, groups)

    def audit_mark(self) -> int:
        """Now, for ``audit_events(since=…)``: all that was answered before is in the log before the mark.

        The log is in the order in which requests were answered, hence one of ours is looked for in it. Its size
        alone may be half way through a line.
        """
        before = self._files.audit_log.stat().st_size
        token = secrets.token_hex(8)
        self.request("GET", f"/version?mark={token}")

        def end_of_mark() -> int:
            with self._files.audit_log.open("rb") as log:
                log.seek(before)
                written = log.read()
            found = written.find(token.encode())
            end = written.find(b"\n", found) + 1 if found >= 0 else 0
            return before + end if end else 0

        return wait_until(end_of_mark, 10, "the audit log")

    def audit_events(self, *, since: int = 0) -> list[dict[str, Any]]:
        """What was answered, oldest first, one event a request; needs ``audit=True``.

        The event of a long answer may be written a moment after the answer is read: wait for what you count.
        """
        with self._files.audit_log.open("rb") as log:
            log.seek(since)
            complete, _, _ = log.read().rpartition(b"\n")
        return [json.loads(line) for line in complete.splitlines()]

    # Inside

    def _etcd(self, method: str, body: dict[str, Any]) -> Any:
        url = f"http://{HOST}:{self.ports.etcd}/v3/{method}"
        with urllib.request.urlopen(url, data=json.dumps(body).encode(), timeout=10) as answer:
            return json.load(answer)

    def _start(self, name: str, flags: Sequence[str]) -> None:
        self._processes.start(name, [str(self._assets / name), *flags])

    def _wait_controllers(self) -> None:
        if self.runs(CONTROLLER_MANAGER):
            # Its /healthz is fine before its controllers run.
            self._wait_for("/api/v1/namespaces/default/serviceaccounts/default", CONTROLLER_MANAGER)
        if self.runs(SCHEDULER):
            self._wait_for(f"https://{HOST}:{self.ports.scheduler}/readyz", SCHEDULER)

    def _wait_for(self, path: str, component: str) -> None:
        last = (0, "")

        def is_answered() -> bool:
            nonlocal last
            self.check_alive()
            last = self._client.fetch(path)
            return last[0] == 200

        try:
            wait_until(is_answered, _READY_SECONDS, path)
        except AssertionError as exc:
            raise ControlPlaneFailed(
                f"{component} is not ready after {_READY_SECONDS:g} s: {path} answers {last[0]} {last[1]}; "
                f"its last lines:\n{self.log(component)}"
            ) from exc
