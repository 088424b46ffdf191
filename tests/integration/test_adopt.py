"""adopt: what already runs as Git says becomes ours, and nothing else changes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine
from tests.integration.gitsyncs import LABEL, App, config_map, deployment
from tests.integration.manifests import FLAGS, SETTINGS, WEB
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import BIN

MANAGER = "kubectl-gitops"


@pytest.fixture
def gitops(control_plane: ControlPlane, kubectl: Kubectl, namespace: str, tmp_path: Path) -> CommandLine:
    """Beside a directory: ``settings`` and ``web`` run as it says, ``changed`` does not, ``flags`` is not there."""
    found = CommandLine(control_plane, tmp_path)
    changed = SETTINGS.replace("name: settings", "name: changed")
    files = {"settings": SETTINGS, "web": WEB, "changed": changed, "flags": FLAGS}
    found.write({f"deploy/{name}.yaml": text for name, text in files.items()})
    kubectl("apply", "-n", namespace, "-f", "-", input=f"{SETTINGS}---\n{WEB}---\n{changed.replace('hello', 'bye')}")
    return found


def essence(obj: dict[str, Any]) -> dict[str, Any]:
    """All but whose it is, and what controllers write."""
    metadata = obj["metadata"]
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != LABEL}
    rest = {name: value for name, value in obj.items() if name not in {"metadata", "status"}}
    return rest | {"labels": labels, "generation": metadata.get("generation"), "uid": metadata["uid"]}


def label_of(obj: dict[str, Any]) -> str | None:
    label: str | None = (obj["metadata"].get("labels") or {}).get(LABEL)
    return label


def is_held(kubectl: Kubectl, kind: str, name: str, namespace: str) -> bool:
    """Whether our field manager owns anything of it."""
    found = kubectl("get", kind, name, "-n", namespace, "-o", "json", "--show-managed-fields").stdout
    return MANAGER in {entry["manager"] for entry in json.loads(found)["metadata"]["managedFields"]}


def test_what_runs_as_git_says_is_taken_over_and_nothing_changes(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kinds = (("configmap", "settings"), ("deployment", "web"), ("configmap", "changed"))
    before = {name: gitops.live(kind, name, namespace) for kind, name in kinds}
    mark = gitops.plane.audit_mark()
    done = gitops("adopt", "-f", "deploy", "-n", namespace, "--yes")
    assert (done.returncode, done.stderr) == (
        0,
        "left as they are: 1 object not as Git says, 1 object not in the cluster\n",
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "3 of 3 objects differ: 1 to change, 2 to take over"
    assert [line.split()[0] for line in lines if not line.startswith(" ")][1:-1] == [
        "ConfigMap/settings",
        "Deployment/web",
        "ConfigMap/changed",
    ]
    assert lines[-1] == "2 objects taken over"
    assert sorted(gitops.writes_since(mark)) == ["patch configmaps", "patch deployments"]
    after = {name: gitops.live(kind, name, namespace) for kind, name in kinds}
    assert {name: essence(obj) for name, obj in after.items()} == {name: essence(obj) for name, obj in before.items()}
    assert {name: label_of(obj) for name, obj in after.items()} == {
        "settings": f"{namespace}.deploy",
        "web": f"{namespace}.deploy",
        "changed": None,
    }
    assert [name for kind, name in kinds if is_held(kubectl, kind, name, namespace)] == ["settings", "web"]
    assert kubectl("get", "configmap", "flags", "-n", namespace, check=False).returncode == 1

    # Once more, there is nothing to do; and a sync does the rest, and only that.
    with gitops.nothing_written():
        again = gitops("adopt", "-f", "deploy", "-n", namespace, "--yes")
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "nothing to take over")
    assert "2 objects managed already" in again.stderr
    summary = gitops.ok("sync", "-f", "deploy", "-n", namespace).splitlines()[0]
    assert summary == "2 of 4 objects differed: 1 created, 1 changed"


def test_without_yes_and_with_nobody_to_ask_it_shows_and_writes_nothing(gitops: CommandLine, namespace: str) -> None:
    with gitops.nothing_written():
        done = gitops("adopt", "-f", "deploy", "-n", namespace, "-o", "diff")
    assert done.returncode == 2
    assert f"+    {LABEL}: {namespace}.deploy\n" in done.stdout
    assert done.stderr.splitlines()[-2:] == [
        "error: 2 objects to take over, and nobody to ask",
        "hint: --yes takes them over without asking",
    ]


@pytest.mark.parametrize(("answer", "code", "taken"), [("y", 0, True), ("n", 130, False)])
def test_on_a_terminal_it_asks(gitops: CommandLine, namespace: str, answer: str, code: int, taken: bool) -> None:
    with answering(answer) as stdin:
        done = subprocess.run(
            [gitops.plane.kubectl_path, "gitops", "adopt", "-f", "deploy", "-n", namespace],
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=gitops.directory,
            env=gitops.plane.environment() | {"PATH": os.pathsep.join([str(BIN), os.environ["PATH"]])},
            timeout=60,
        )
    assert done.returncode == code, done.stderr
    assert "Take over 2 objects?" in done.stderr
    assert (label_of(gitops.live("deployment", "web", namespace)) is not None) is taken


class answering:  # noqa: N801 - reads as a verb
    """A terminal on which somebody has typed a line."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> int:
        self._ours, self._theirs = pty.openpty()
        os.write(self._ours, f"{self._text}\n".encode())
        return self._theirs

    def __exit__(self, *_: object) -> None:
        os.close(self._ours)
        os.close(self._theirs)


def test_what_another_gitsync_has_is_left_to_it(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    kubectl("label", "configmap/settings", f"{LABEL}=team.other", "-n", namespace)
    done = gitops("adopt", "-f", "deploy", "-n", namespace, "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 object taken over")
    assert f"ConfigMap/settings in namespace {namespace} is labelled as managed by team.other" in done.stdout
    assert label_of(gitops.live("configmap", "settings", namespace)) == "team.other"


def test_a_person_without_the_right_to_write_is_told_object_by_object(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "role", "dev", "-n", namespace, "--verb=get,list,patch", "--resource=configmaps")
    kubectl("create", "role", "eye", "-n", namespace, "--verb=get,list", "--resource=deployments.apps,secrets")
    for role in ("dev", "eye"):
        kubectl("create", "rolebinding", role, "-n", namespace, f"--role={role}", "--user=dev")
    done = gitops("adopt", "-f", "deploy", "-n", namespace, "--yes", user="dev")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 object taken over")
    assert "cannot patch resource" in done.stdout
    assert label_of(gitops.live("deployment", "web", namespace)) is None


@pytest.fixture
def manual(app: App, kubectl: Kubectl) -> App:
    """A GitSync that syncs only when it is asked; what it declares runs already."""
    app.commit(config_map("settings", colour="red"), deployment("web"))
    running = json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": [config_map("settings", colour="red"), deployment("web")]}
    )
    kubectl("apply", "-n", app.live.namespace, "-f", "-", input=running)
    app.create(sync={"automated": False})
    return app


def test_a_gitsync_finds_what_was_taken_over_as_its_own(gitops: CommandLine, manual: App) -> None:
    done = gitops("adopt", manual.name, "-n", manual.namespace, "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 objects taken over"), done.stderr
    web = manual.live.get("apps/v1/deployments", "web")
    assert label_of(web) == f"{manual.namespace}.{manual.name}"
    before = {**manual.live.versions("configmaps")}
    gitops.ok("sync", manual.name, "-n", manual.namespace)
    assert manual.live.versions("configmaps") == before
    assert manual.live.get("apps/v1/deployments", "web")["metadata"]["generation"] == web["metadata"]["generation"]


def test_what_changes_between_looking_and_writing_is_not_overwritten(
    gitops: CommandLine, control_plane: ControlPlane, namespace: str
) -> None:
    from kubectl_gitops.cluster.connection import Cluster
    from kubectl_gitops.cluster.discovery import Discovery
    from kubectl_gitops.source.desired import from_directory
    from kubectl_gitops.source.render import Rendering
    from kubectl_gitops.sync.adoption import adopt, adoption_of
    from kubectl_gitops.sync.planning import Planner
    from kubectl_gitops.sync.steps import Target

    cluster = Cluster.from_kubeconfig(control_plane.kubeconfig)
    discovery = Discovery(cluster)
    desired = from_directory(gitops.directory / "deploy", Rendering())
    target = Target(namespace=namespace, name="it", label=f"{namespace}.it", default_namespace=namespace)
    planner = Planner(reader=cluster, writer=cluster, discovery=discovery, sealing_key=b"k")
    plan = planner.plan(desired.declared, target, previous=None, file_commits={})
    steps = adoption_of(plan).steps
    assert [step.key.name for step in steps] == ["settings", "web"]
    # Somebody changes the one; something that Git does not declare changes in the other.
    control_plane.kubectl("patch", "cm/settings", "-n", namespace, "-p", '{"data":{"greeting":"mine"}}')
    control_plane.kubectl("annotate", "deploy/web", "-n", namespace, "note=new")
    settings, web = adopt(cluster, discovery, steps)
    assert "was changed meanwhile" in str(settings.error)
    assert web.error is None
    live = gitops.live("configmap", "settings", namespace)
    assert (live["data"], label_of(live)) == ({"greeting": "mine"}, None)
    # What is gone is not made again.
    control_plane.kubectl("delete", "cm/settings", "-n", namespace)
    assert "has been deleted meanwhile" in str(adopt(cluster, discovery, steps[:1])[0].error)
    assert control_plane.kubectl("get", "cm/settings", "-n", namespace, check=False).returncode == 1
