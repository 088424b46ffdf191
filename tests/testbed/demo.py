"""``make demo``: the whole loop on a real control plane, each step with its real command and its real output.

``REPO`` (a URL, a path or a bundle), ``REVISION`` and ``DIR`` take another repository than the small one that it
makes itself; ``KEEP=1`` leaves everything up until Ctrl-C.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import orjson

from tests.testbed.assets import AssetsUnavailable
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import BIN, Installation
from tests.testbed.waiting import wait_until

NAMESPACE = "shop"
NAME = "shop"
_MANIFESTS = {
    "deploy/config.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  greeting: hello
""",
    "deploy/web.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: example.com/shop:1.4
          ports:
            - containerPort: 8080
          resources:
            requests:
              cpu: 100m
              memory: 0.5Gi
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - port: 80
      targetPort: 8080
""",
}


class DemoFailed(Exception):
    """A step did not end as it must."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment to play with."""

    name: str
    container: str
    image: str


class Demo:
    """The steps, on a control plane and an installation that are up."""

    def __init__(self, plane: ControlPlane, installation: Installation, work_tree: Path, path: str) -> None:
        self._plane = plane
        self._installation = installation
        self._work_tree = work_tree
        self._path = path
        self._environment = plane.environment()
        self._environment["PATH"] = f"{BIN}:{self._environment['PATH']}"
        self.restored_milliseconds = 0.0

    def run(self) -> None:
        self._install()
        self._sync()
        workload = self._workload()
        self._refused(workload)
        self._past_the_webhook(workload)
        self._new_commit(workload)
        say("That was the whole loop: prevented, reported, restored, synced.")

    def _install(self) -> None:
        say("Install the GitSync resource, and run the reconciler and the webhook with the rights that it gives them")
        self._show("kubectl gitops install --no-pods")
        say_command(self._installation.reconciler_command())
        self._installation.start_reconciler()
        say_command(self._installation.webhook_command())
        self._installation.start_webhook()

    def _sync(self) -> None:
        say(f"Keep {self._path} of a repository in sync")
        self._show(f"kubectl create namespace {NAMESPACE}")
        create = ["kubectl", "gitops", "create", NAME, "--repo", str(self._work_tree), "--path", self._path]
        create += ["--revision", self._branch(), "--target-namespace", NAMESPACE, "--interval", "2s", "--prune"]
        self._show(shlex.join([*create, "--namespace", "gitops-system"]))
        self._show(f"kubectl gitops sync {NAME} -n gitops-system")
        self._show(f"kubectl gitops status {NAME} -n gitops-system")
        self._show(f"kubectl get all -n {NAMESPACE}")

    def _refused(self, workload: Workload) -> None:
        say("Change an object by hand: the webhook refuses it")
        self._wait_enforced(workload)
        self._show(self._change(workload, "by-hand"), expect=1)
        self._show(f"kubectl delete deployment {workload.name} -n {NAMESPACE}", expect=1)

    def _past_the_webhook(self, workload: Workload) -> None:
        say("Stop the webhook: the floor, policies in the API server itself, refuses in its place")
        self._installation.stop_webhook()
        wait_until(lambda: "ValidatingAdmissionPolicy" in self._asked(workload).stderr, 30, "the floor's refusal")
        self._show(self._change(workload, "by-hand"), expect=1)
        say("Break the glass, for half an hour: changes pass, and drift stays to be looked at")
        self._show(f"kubectl gitops break-glass {NAME} -n gitops-system --for 30m --reason 'INC-42: a demo'")
        wait_until(lambda: self._asked(workload).returncode == 0, 15, "the glass to be broken")
        self._show(self._change(workload, "by-hand"))
        self._show(f"kubectl gitops drift {NAME} -n gitops-system", expect=1)
        self._show(f"kubectl gitops drift {NAME} -n gitops-system -o diff", expect=1)
        say("Mend it, with healing suspended for a moment, and start the webhook again:")
        say("away from Git nobody may change it, towards Git everybody may")
        self._suspend(True)
        self._show(f"kubectl gitops break-glass {NAME} -n gitops-system --end")
        self._installation.start_webhook()
        self._wait_enforced(workload)
        self._show(self._change(workload, "another"), expect=1)
        self._show(f"kubectl set image deployment/{workload.name} -n {NAMESPACE} {workload.container}={workload.image}")
        say("Take the webhook away, with healing on, as it is by default: what gets in is restored")
        self._show("kubectl delete validatingwebhookconfiguration kubectl-gitops.dev")
        wait_until(lambda: self._asked(workload).returncode == 0, 15, "nothing to refuse")
        self._suspend(False)
        milliseconds = self._restored(workload)
        self.restored_milliseconds = milliseconds
        click.secho(f"Restored {milliseconds:.0f} ms after the API server had answered the change.", bold=True)
        self._show(f"kubectl gitops drift {NAME} -n gitops-system")

    def _new_commit(self, workload: Workload) -> None:
        say("Commit a change: it is synced")
        file = self._file_of(workload)
        text = file.read_text()
        image = f"{workload.image}-new"
        changed = re.sub(rf"(image:\s*[\"']?){re.escape(workload.image)}", lambda match: f"{match[1]}{image}", text)
        if changed == text:
            raise DemoFailed(f"{file} does not name the image {workload.image}")
        file.write_text(changed)
        self._show(f"git -C {self._work_tree} commit --all --message 'web: new image'")
        started = time.monotonic()
        self._wait_image(workload.name, image)
        click.secho(f"Synced {time.monotonic() - started:.1f} s after the commit (polling every 2 s).", bold=True)
        self._show(f"kubectl gitops status {NAME} -n gitops-system")

    # Inside

    def _wait_enforced(self, workload: Workload) -> None:
        """Until the webhook serves."""
        self._installation.wait_enforced("deployments")
        wait_until(lambda: "admission webhook" in self._asked(workload).stderr, 15, "the webhook's refusal")

    def _asked(self, workload: Workload) -> subprocess.CompletedProcess[str]:
        """What would become of a change: a dry-run is judged like the real thing."""
        return self._run(f"{self._change(workload, 'no-such-tag')} --dry-run=server")

    def _workload(self) -> Workload:
        done = self._run(f"kubectl get deployments -n {NAMESPACE} -l kubectl-gitops.dev/managed-by -o json")
        items = orjson.loads(done.stdout)["items"]
        if not items:
            raise DemoFailed(f"{self._path} declares no Deployment to play with")
        container = items[0]["spec"]["template"]["spec"]["containers"][0]
        return Workload(items[0]["metadata"]["name"], container["name"], container["image"])

    def _change(self, workload: Workload, tag: str) -> str:
        image = f"{workload.image.rpartition(':')[0]}:{tag}"
        return f"kubectl set image deployment/{workload.name} -n {NAMESPACE} {workload.container}={image}"

    def _restored(self, workload: Workload) -> float:
        """Change the image by hand; the milliseconds from the answer to that until the answer to what restored it.

        Both times are the API server's own, from its audit log.
        """
        mark = self._plane.audit_mark()
        self._show(self._change(workload, "by-hand-again"))

        def answered(by_reconciler: bool) -> list[datetime]:
            return [
                datetime.fromisoformat(event["stageTimestamp"])
                for event in self._plane.audit_events(since=mark)
                if event["verb"] == "patch"
                and event["objectRef"].get("name") == workload.name
                and event["objectRef"].get("resource") == "deployments"
                and event["responseStatus"]["code"] == 200
                and ("impersonatedUser" in event) is by_reconciler
            ]

        restored = wait_until(lambda: answered(by_reconciler=True), 10, "the change to be restored")
        return (restored[0] - answered(by_reconciler=False)[0]).total_seconds() * 1000

    def _suspend(self, suspended: bool) -> None:
        patch = orjson.dumps({"spec": {"suspend": suspended}}).decode()
        self._show(f"kubectl patch gitsync {NAME} -n gitops-system --type merge -p '{patch}'")
        generation = self._gitsync()["metadata"]["generation"]
        wait_until(
            lambda: (self._gitsync().get("status") or {}).get("observedGeneration") == generation,
            10,
            "the reconciler to take note",
        )

    def _gitsync(self) -> Any:
        return orjson.loads(self._run(f"kubectl get gitsync {NAME} -n gitops-system -o json").stdout)

    def _wait_image(self, deployment: str, image: str) -> None:
        path = "{.spec.template.spec.containers[0].image}"
        command = f"kubectl get deployment {deployment} -n {NAMESPACE} -o jsonpath={path}"
        wait_until(lambda: self._run(command).stdout == image, 30, f"deployment {deployment} to run {image}")

    def _file_of(self, workload: Workload) -> Path:
        """The file that declares the workload, as `render` tells."""
        done = self._run(f"kubectl gitops render -f {self._work_tree / self._path}")
        for document in done.stdout.split("---\n"):
            origin = re.match(r"# (.*):\d+\n", document)
            if origin and "kind: Deployment" in document and f"name: {workload.name}\n" in document:
                return next(p for p in (self._work_tree / origin[1], Path(origin[1])) if p.exists())
        raise DemoFailed(f"no file declares deployment {workload.name}")

    def _branch(self) -> str:
        return git(self._work_tree, "rev-parse", "--abbrev-ref", "HEAD")

    def _show(self, command: str, *, expect: int = 0) -> None:
        """Run a command as a person would type it, and print it with what it prints."""
        click.secho(f"$ {command}", fg="cyan")
        done = self._run(command)
        click.echo((done.stdout + done.stderr).rstrip())
        self._installation.check_alive()
        if done.returncode != expect:
            raise DemoFailed(f"exit code {done.returncode}, not {expect}: {command}")

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        argv = shlex.split(command)
        return subprocess.run(argv, capture_output=True, check=False, text=True, env=self._environment, timeout=120)


def say(text: str) -> None:
    click.secho(f"\n# {text}", bold=True)


def say_command(argv: list[str]) -> None:
    click.secho(f"$ {shlex.join([Path(argv[0]).name, *argv[1:]])} &", fg="cyan")


def git(directory: Path, *args: str) -> str:
    identity = ["-c", "user.name=Jane Doe", "-c", "user.email=jane@example.com"]
    done = subprocess.run(["git", *identity, "-C", str(directory), *args], capture_output=True, check=False, text=True)
    if done.returncode:
        raise DemoFailed(f"git {args[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def own_repository(directory: Path) -> None:
    """A small repository with a history of two commits."""
    directory.mkdir()
    git(directory, "init", "--quiet", "--initial-branch", "main")
    for message, files in (("web: config", ["deploy/config.yaml"]), ("web: deploy 1.4", ["deploy/web.yaml"])):
        for file in files:
            path = directory / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(_MANIFESTS[file])
        git(directory, "add", ".")
        git(directory, "commit", "--quiet", "--message", message)
    _keep_identity(directory)


def cloned_repository(repo: str, revision: str, directory: Path) -> None:
    """A clone, so that there is something to commit to."""
    git(directory.parent, "clone", "--quiet", "--", repo, str(directory))
    known = git(directory, "for-each-ref", "--format=%(refname:short)").splitlines()
    start = f"origin/{revision}" if f"origin/{revision}" in known else revision or "HEAD"
    git(directory, "checkout", "--quiet", "-B", "demo", start)
    _keep_identity(directory)


def _keep_identity(directory: Path) -> None:
    git(directory, "config", "user.name", "Jane Doe")
    git(directory, "config", "user.email", "jane@example.com")


def main() -> int:
    repo, revision = os.environ.get("REPO", ""), os.environ.get("REVISION", "")
    keep = os.environ.get("KEEP", "") not in {"", "0"}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="kubectl-gitops-demo-") as temporary:
        work_tree = Path(temporary) / "repository"
        try:
            if repo:
                cloned_repository(repo, revision, work_tree)
            else:
                own_repository(work_tree)
            path = os.environ.get("DIR") or ("." if repo else "deploy")
            say("Start a control plane: etcd, kube-apiserver, kube-controller-manager")
            with ControlPlane(controller_manager=True, audit=True) as plane, Installation(plane) as installation:
                click.echo(f"Kubernetes at {plane.url}, its user's kubeconfig in {plane.kubeconfig}")
                Demo(plane, installation, work_tree, path).run()
                if keep:
                    _wait_for_interrupt(plane, work_tree)
        except (DemoFailed, AssetsUnavailable, AssertionError, RuntimeError) as exc:
            click.secho(f"the demo failed: {exc}", fg="red", err=True)
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


def _wait_for_interrupt(plane: ControlPlane, work_tree: Path) -> None:
    say("KEEP=1: everything stays up until Ctrl-C")
    click.echo(f"export KUBECONFIG={plane.kubeconfig}")
    click.echo(f"export PATH={BIN}:{plane.kubectl_path.parent}:$PATH")
    click.echo(f"the repository is {work_tree}")
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo("stopping")


if __name__ == "__main__":
    sys.exit(main())
