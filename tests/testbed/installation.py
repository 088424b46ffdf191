"""Our own processes beside a control plane, each with the rights that `kubectl gitops install` gives it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.testbed.accounts import kubeconfig_of
from tests.testbed.ports import ReservedPorts
from tests.testbed.processes import Processes
from tests.testbed.waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from tests.testbed.controlplane import ControlPlane

SYSTEM_NAMESPACE = "gitops-system"
WEBHOOK_CONFIGURATION = "kubectl-gitops.dev"
WEBHOOK_REGISTERED = "gitops-webhook-registered"
BIN = Path(sys.executable).parent


class Installation:
    """The reconciler and the webhook, to be started and stopped; a context manager that leaves no webhook behind.

    `kubectl gitops install` comes first: it makes the accounts as which they run.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._processes = Processes()
        self._ports = ReservedPorts(2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._processes.close()
        self._ports.release()
        self._plane.kubectl("delete", "validatingwebhookconfiguration", WEBHOOK_CONFIGURATION, "--ignore-not-found")
        # Else the next webhook would take this for somebody's wish to be without it.
        self._plane.kubectl(*("delete", "configmap", WEBHOOK_REGISTERED, "-n", SYSTEM_NAMESPACE, "--ignore-not-found"))

    def gitops(self, *args: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """``kubectl gitops``, found by kubectl on PATH."""
        environment = self._plane.environment()
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        environment["XDG_CACHE_HOME"] = str(self._processes.directory / "cli-cache")
        return self._plane.kubectl("gitops", *args, env=environment, check=check, input=stdin)

    # The reconciler

    def reconciler_command(self, *, url: str = "") -> list[str]:
        return [
            str(BIN / "gitops-reconciler"),
            "--kubeconfig",
            str(self._kubeconfig_of("gitops-reconciler", url=url)),
            "--cache-directory",
            str(self._processes.directory / "mirrors"),
            "--allow-file-repositories",
            "--metrics-listen",
            "127.0.0.1:0",
        ]

    def start_reconciler(self, *flags: str, url: str = "") -> None:
        """``url``: where it finds the API server, if not where that is."""
        self._processes.start("reconciler", [*self.reconciler_command(url=url), *flags])

    def reconciler_process(self) -> psutil.Process:
        """The one that runs now."""
        mine = str(self._processes.directory / "mirrors")
        found = [one for one in psutil.process_iter(["cmdline"]) if mine in (one.info["cmdline"] or [])]
        (process,) = found
        return process

    def ask_reconciler(self, path: str) -> tuple[int, str]:
        """Status and text of what it answers on its port for probes and metrics; (0, why) while there is none."""
        lines = [json.loads(line) for line in self.log("reconciler", 100_000).splitlines() if '"metrics"' in line]
        if not lines:
            return 0, "it does not run yet"
        try:
            with urllib.request.urlopen(f"http://{lines[-1]['metrics']}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()
        except urllib.error.URLError as exc:
            return 0, str(exc.reason)

    def reconciler_metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; 0.0 where there are none."""
        status, text = self.ask_reconciler("/metrics")
        if status != 200:
            return 0.0
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def stop_reconciler(self, *, grace_seconds: float = 10.0) -> int:
        return self._processes.stop("reconciler", grace_seconds=grace_seconds)["reconciler"]

    # The webhook

    def webhook_command(self) -> list[str]:
        port, metrics_port = self._ports.numbers
        return [
            str(BIN / "gitops-webhook"),
            "--kubeconfig",
            str(self._kubeconfig_of("gitops-webhook")),
            "--listen",
            f"127.0.0.1:{port}",
            "--metrics-listen",
            f"127.0.0.1:{metrics_port}",
            "--url",
            f"https://127.0.0.1:{port}/validate",
            "--drain-seconds",
            "0",
        ]

    def start_webhook(self) -> None:
        # The server cannot share a port with the socket that held it for it.
        self._ports.release()
        self._processes.start("webhook", self.webhook_command())

    def stop_webhook(self, *, grace_seconds: float = 15.0) -> int:
        return self._processes.stop("webhook", grace_seconds=grace_seconds)["webhook"]

    def wait_enforced(self, kind: str) -> None:
        """Until the API server asks the webhook about this resource (its plural name)."""

        def has_rule() -> bool:
            self.check_alive()
            done = self._plane.kubectl(
                "get", "validatingwebhookconfiguration", WEBHOOK_CONFIGURATION, "-o", "yaml", check=False
            )
            document: Any = yaml.safe_load(done.stdout) if done.returncode == 0 else {}
            hooks = [hook for hook in (document or {}).get("webhooks") or [] if not hook["name"].startswith("probe.")]
            rules = [rule for hook in hooks for rule in hook["rules"]]
            return any(kind in rule["resources"] for rule in rules)

        wait_until(has_rule, 30, f"the webhook's rule for {kind}")

    def check_alive(self) -> None:
        """Raises RuntimeError, with its last words, if a process ended that nobody stopped."""
        for name, code in self._processes.exited().items():
            raise RuntimeError(f"{name} exited with code {code}; its last lines:\n{self.log(name)}")

    def log(self, name: str, lines: int = 20) -> str:
        return self._processes.log_tail(name, lines)

    def _kubeconfig_of(self, account: str, *, url: str = "") -> Path:
        return kubeconfig_of(self._plane, account, self._processes.directory, url=url)
