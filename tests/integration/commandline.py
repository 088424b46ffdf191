"""``kubectl gitops`` as people run it: by the real kubectl, in a directory, against the real API server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import BIN

Done = subprocess.CompletedProcess[str]

_WRITES = {"create", "update", "patch", "delete", "deletecollection"}


@dataclass(frozen=True)
class Refusal:
    """What stood on stderr behind ``error:`` and ``hint:`` ("" where there is none)."""

    error: str
    hint: str


class CommandLine:
    """Commands run in ``directory``, so that files are named in messages as a person there would name them."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.directory = directory

    def __call__(
        self,
        *args: str,
        stdin: str | None = None,
        user: str | None = None,
        environ: dict[str, str] | None = None,
    ) -> Done:
        """Whatever comes of it, as admin or as a user who may do what RBAC grants."""
        environment = self.plane.environment(user=user)
        environment["PATH"] = os.pathsep.join([str(BIN), environment["PATH"]])
        environment["XDG_CACHE_HOME"] = str(self.directory / ".cache")
        return subprocess.run(
            [self.plane.kubectl_path, "gitops", *args],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
            text=True,
            cwd=self.directory,
            env=environment | (environ or {}),
            timeout=60,
        )

    def ok(self, *args: str, stdin: str | None = None, user: str | None = None) -> str:
        """What it prints when all is well: exit code 0, and nothing on stderr."""
        return self._expect(0, args, stdin, user)

    def differs(self, *args: str, stdin: str | None = None, user: str | None = None) -> str:
        """What it prints when there are differences: exit code 1, and nothing on stderr."""
        return self._expect(1, args, stdin, user)

    def refused(
        self,
        *args: str,
        stdin: str | None = None,
        user: str | None = None,
        environ: dict[str, str] | None = None,
        prints: str = "",
    ) -> Refusal:
        """One clear line and exit code 2, never a traceback; and nothing is changed, as the audit log tells."""
        with self.nothing_written():
            return refusal_of(self(*args, stdin=stdin, user=user, environ=environ), prints=prints)

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def live(self, kind: str, name: str, namespace: str) -> Any:
        return json.loads(self.plane.kubectl("get", kind, name, "-n", namespace, "-o", "json").stdout)

    def writes_since(self, mark: int) -> list[str]:
        """What kubectl-gitops had the API server write since then, such as ``create secrets``; no dry-runs."""
        self.plane.audit_mark()
        return [
            f"{event['verb']} {event['objectRef']['resource']}"
            for event in self.plane.audit_events(since=mark)
            if event["verb"] in _WRITES
            and event.get("userAgent") == "kubectl-gitops"
            and not event["user"]["username"].startswith("system:serviceaccount:")  # the reconciler, the webhook
            and "dryRun=All" not in event["requestURI"]
            and event["responseStatus"]["code"] < 300
        ]

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        mark = self.plane.audit_mark()
        yield
        assert self.writes_since(mark) == []

    def _expect(self, code: int, args: tuple[str, ...], stdin: str | None, user: str | None) -> str:
        done = self(*args, stdin=stdin, user=user)
        assert (done.returncode, done.stderr) == (code, ""), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def refusal_of(done: Done, *, prints: str = "") -> Refusal:
    assert (done.returncode, done.stdout) == (2, prints), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    first, *rest = done.stderr.splitlines()
    assert first.startswith("error: "), done.stderr
    assert len(rest) <= 1, done.stderr
    assert all(line.startswith("hint: ") for line in rest), done.stderr
    return Refusal(first.removeprefix("error: "), rest[0].removeprefix("hint: ") if rest else "")


def kubeconfig_with(plane: ControlPlane, path: Path, **changes: dict[str, Any]) -> dict[str, str]:
    """A copy of admin's kubeconfig with other fields of ``cluster``, or another ``user``; as environment."""
    document = yaml.safe_load(plane.kubeconfig.read_text())
    document["clusters"][0]["cluster"] |= changes.get("cluster", {})
    if "user" in changes:
        document["users"][0]["user"] = changes["user"]
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    return {"KUBECONFIG": str(path)}
