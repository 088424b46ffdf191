"""install, create, status, and what the commands say of a GitSync that the reconciler keeps in sync.

On a control plane of its own, because whether GitSync is installed is a property of a whole cluster.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.integration.commandline import CommandLine, Done, Refusal, refusal_of
from tests.integration.manifests import FLAGS, SETTINGS
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import Installation
from tests.unit.source.repository import Repository

SYSTEM = ("-n", "gitops-system")
NOT_INSTALLED = Refusal(
    "GitSync is not installed in this cluster",
    "kubectl gitops install installs it; with -f, a directory or repository needs no installation",
)
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.com/shop:1.4
"""


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane(audit=True) as found:
        yield found


@dataclass(frozen=True)
class Installed:
    """What commands said before and after the installation."""

    before: dict[str, Done]
    first: Done
    second: Done
    version_before: Done


@pytest.fixture(scope="module")
def installed(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    gitops = CommandLine(plane, tmp_path_factory.mktemp("install"))
    asked = {
        "status": ("status",),
        "drift": ("drift", "shop"),
        "diff": ("diff", "shop"),
        "sync": ("sync", "shop"),
        "render": ("render", "shop"),
        "create": ("create", "shop", "--repo", "https://git.example/shop.git"),
    }
    mark = plane.audit_mark()
    before = {name: gitops(*args) for name, args in asked.items()}
    version = gitops("version")
    assert gitops.writes_since(mark) == []
    return Installed(before, gitops("install", "--no-pods"), gitops("install", "--no-pods"), version)


@pytest.fixture
def gitops(installed: Installed, plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(plane, tmp_path)


# Installation


def test_without_gitsync_the_commands_say_how_to_install_it(installed: Installed) -> None:
    for done in installed.before.values():
        assert refusal_of(done) == NOT_INSTALLED
    assert installed.version_before.stdout.splitlines()[2] == "GitSync resource not installed"


def test_install_creates_everything_and_a_second_time_nothing(
    installed: Installed, gitops: CommandLine, plane: ControlPlane
) -> None:
    assert (installed.first.returncode, installed.first.stderr) == (0, "")
    assert (installed.second.returncode, installed.second.stderr) == (0, "")
    exported = list(yaml.safe_load_all(gitops.ok("install", "--export", "--no-pods")))
    names = [f"{obj['kind']}/{obj['metadata']['name']}" for obj in exported]
    assert "CustomResourceDefinition/gitsyncs.kubectl-gitops.dev" in names
    assert installed.first.stdout.splitlines()[:-2] == [f"{name} created" for name in names]
    assert installed.second.stdout.splitlines()[:-2] == [f"{name} unchanged" for name in names]
    assert installed.second.stdout.endswith("kubectl gitops create NAME --repo URL --path PATH -n gitops-system\n")
    assert gitops.ok("version").splitlines()[2] == "GitSync resource kubectl-gitops.dev/v1alpha1"
    # What kubectl would make of the exported manifests is what is there.
    done = plane.kubectl(
        "diff",
        "--server-side",
        "--field-manager=kubectl-gitops-controller",
        "-f",
        "-",
        input=gitops.ok("install", "--export", "--no-pods"),
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_who_may_not_install_is_told_what_is_missing(gitops: CommandLine) -> None:
    refused = gitops.refused("install", user="jane")
    assert refused.error.startswith(
        'namespaces "gitops-system" is forbidden: User "jane" cannot get resource "namespaces"'
    )


# create and status


def test_a_gitsync_is_created_once(gitops: CommandLine, plane: ControlPlane) -> None:
    options = ("--repo", "https://git.example/shop.git", "--path", "deploy", "--prune", "--mode", "Warn")
    with gitops.nothing_written():
        printed = yaml.safe_load(gitops.ok("create", "once", *options, "--dry-run", *SYSTEM))
    assert printed == {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": "once", "namespace": "gitops-system"},
        "spec": {
            "source": {"repoURL": "https://git.example/shop.git", "path": "deploy"},
            "sync": {"prune": True},
            "enforcement": {"mode": "Warn"},
        },
    }
    assert gitops.ok("create", "once", *options, *SYSTEM) == "GitSync gitops-system/once created\n"
    assert gitops.refused("create", "once", *options, *SYSTEM).error == "GitSync gitops-system/once exists already"
    spec = gitops.live("gitsync", "once", "gitops-system")["spec"]
    assert (spec["sync"]["prune"], spec["enforcement"]["mode"], spec["source"]["interval"]) == (True, "Warn", "1m")
    gitops.write({"other.yaml": yaml.safe_dump(printed).replace("once", "twice")})
    assert gitops.ok("create", "-f", "other.yaml") == "GitSync gitops-system/twice created\n"
    plane.kubectl("delete", "gitsync", "once", "twice", *SYSTEM)


def test_outside_of_the_system_namespace_an_account_is_asked_for(gitops: CommandLine, plane: ControlPlane) -> None:
    done = gitops("create", "theirs", "--repo", "https://git.example/shop.git", "-n", "default")
    assert (done.returncode, done.stdout) == (0, "GitSync default/theirs created\n")
    assert done.stderr == "it waits for a spec.serviceAccountName: only in gitops-system may it do without one\n"
    plane.kubectl("delete", "gitsync", "theirs", "-n", "default")


INVALID = """\
# A first try.
apiVersion: kubectl-gitops.dev/v1alpha1
kind: GitSync
metadata:
  name: shop
spec:
  source:
    repoUrl: https://git.example/shop.git
    interval: 5 minutes
  sync:
    prune: "yes"
"""


def test_an_invalid_gitsync_is_told_the_path_of_each_fault(gitops: CommandLine) -> None:
    gitops.write({"shop.yaml": INVALID})
    refused = gitops.refused("create", "-f", "shop.yaml")
    head, *faults = refused.error.split("; ")
    assert [head, *faults] == [
        "shop.yaml:2: GitSync shop is not valid: spec.source: 'repoURL' is required",
        (
            "spec.source: unknown field repoUrl (there is decryption, exclude, helm, include, interval, path, "
            "receiver, render, repoURL, revision, secretRef, substitute, verify)"
        ),
        "spec.source.interval: '5 minutes' is not what belongs here: How often to look for new commits: 30s, 5m, 1h",
        "spec.sync.prune: 'yes' is not of type 'boolean'",
    ]
    refused = gitops.refused("create", "Shop", "--repo", "https://git.example/shop.git")
    assert refused.error.startswith("GitSync Shop is not valid: metadata.name: 'Shop' is no name: ")
    refused = gitops.refused("create", "-f", "-", stdin=f"{SETTINGS}---\n{FLAGS}")
    assert refused.error == "<stdin> must hold exactly one GitSync, and holds 2 documents"
    assert gitops.refused("create", "-f", "none.yaml").error == "cannot read none.yaml: No such file or directory"
    refused = gitops.refused("create", "shop", "--repo", "https://git.example/shop.git", "-n", "nowhere")
    assert refused.error == 'namespaces "nowhere" not found'


def test_where_there_is_no_gitsync(gitops: CommandLine) -> None:
    assert gitops.ok("status", "-n", "kube-public") == "there is no GitSync in namespace kube-public; -A looks in all\n"
    done = gitops("drift", "-n", "kube-public")
    assert (done.returncode, done.stdout) == (0, "nothing to compare\n")
    assert done.stderr == "there is no GitSync in namespace kube-public; -A looks in all\n"
    refused = gitops.refused("status", "shop", "-n", "kube-public")
    assert refused == Refusal(
        "no GitSync shop in namespace kube-public (there is none at all)", "-n names another namespace"
    )
    refused = gitops.refused("drift", "shop", "-A")
    assert refused.error == "a name is one of a namespace: give -n with NAME, or -A without it"


# A GitSync that is kept in sync


@dataclass(frozen=True)
class Shop:
    """GitSync ``shop``, which does not heal by itself, so that drift can be looked at."""

    repository: Repository
    gitops: CommandLine

    def sync(self) -> str:
        return self.gitops.ok("sync", "shop", *SYSTEM)

    @property
    def commit(self) -> str:
        return self.repository.git("rev-parse", "--short=8", "HEAD")


@pytest.fixture(scope="module")
def new_shop(
    installed: Installed, plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Shop]]:
    """Brings the repository and the namespace back to where they started."""
    directory = tmp_path_factory.mktemp("shop")
    repository = Repository(directory / "repository")
    gitops = CommandLine(plane, directory)
    files = {"deploy/settings.yaml": SETTINGS, "deploy/flags.yaml": FLAGS, "deploy/web.yaml": f"# the shop\n{WEB}"}
    repository.commit(files, "Open the shop")
    plane.kubectl("create", "namespace", "shop")
    spec = {
        "source": {"repoURL": str(repository.path), "revision": "main", "path": "deploy"},
        "target": {"namespace": "shop"},
        "sync": {"automated": False, "selfHeal": False},
    }
    obj = {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": "shop", "namespace": "gitops-system"},
        "spec": spec,
    }
    gitops.write({"shop.yaml": yaml.safe_dump(obj)})
    with Installation(plane) as installation:
        gitops.ok("create", "-f", "shop.yaml")
        installation.start_reconciler()

        def renewed() -> Shop:
            installation.check_alive()
            repository.commit(files, "Open the shop")
            shop = Shop(repository, gitops)
            shop.sync()
            return shop

        yield renewed


@pytest.fixture
def shop(new_shop: Callable[[], Shop]) -> Shop:
    return new_shop()


def test_status_of_a_gitsync(shop: Shop) -> None:
    assert shop.sync().startswith(f"GitSync gitops-system/shop: synced {shop.commit}")
    gitops = shop.gitops
    with gitops.nothing_written():
        head, row, *rest = gitops.ok("status", *SYSTEM).splitlines()
        report = json.loads(gitops.ok("status", "shop", *SYSTEM, "-o", "json"))
        listed = yaml.safe_load(gitops.ok("status", "-A", "-o", "yaml"))
    counts = ["OBJECTS", "DRIFT", "ADDED", "IGNORED"]
    assert head.split() == ["NAMESPACE", "NAME", "REVISION", "READY", "HEALTH", *counts, "ENFORCEMENT", "SYNCED", "AT"]
    time = report["status"]["synced"]["time"]
    revision = f"main@{shop.commit}"
    assert row.split() == ["gitops-system", "shop", revision, "True", "Progressing", *"3000", "Enforce", time]
    assert rest == []
    assert (report["kind"], report["metadata"]["name"]) == ("GitSync", "shop")
    assert listed == {"apiVersion": "v1", "kind": "List", "items": [report]}
    refused = gitops.refused("status", "shpo", *SYSTEM)
    assert refused == Refusal(
        "no GitSync shpo in namespace gitops-system (there is shop)", "-n names another namespace"
    )


def test_drift_names_commit_and_author_and_what_is_orphaned(shop: Shop, plane: ControlPlane) -> None:
    gitops = shop.gitops
    assert gitops.ok("drift", "shop", *SYSTEM) == f"3 objects are as Git says ({shop.commit} main)\n"
    plane.kubectl("set", "image", "deployment/web", "web=example.com/shop:by-hand", "-n", "shop")
    plane.kubectl("delete", "configmap", "settings", "-n", "shop")
    web = shop.repository.git("log", "-1", "--format=%h", "--abbrev=8", "--", "deploy/web.yaml")
    with gitops.nothing_written():
        table = gitops.differs("drift", "shop", *SYSTEM).splitlines()
        report = json.loads(gitops.differs("drift", "shop", *SYSTEM, "-o", "json"))
        unified = gitops.differs("drift", *SYSTEM, "-o", "diff")
    assert table[0] == "2 of 3 objects drifted: 1 modified, 1 missing"
    assert table[1].startswith("ConfigMap/settings in namespace shop   Missing    deploy/settings.yaml:1   ")
    head = f"Deployment/web in namespace shop       Modified   deploy/web.yaml:2        {web} Jane Doe, "
    assert table[2].startswith(head)
    assert table[3].startswith(
        "  spec.template.spec.containers[name=web].image   Git example.com/shop:1.4   live example.com/shop:by-hand   "
        "kubectl-set (Update), "
    )
    assert report["source"]["revision"]["author"] == "Jane Doe"
    assert "\n-      - image: example.com/shop:by-hand\n+      - image: example.com/shop:1.4\n" in unified
    shop.sync()

    (shop.repository.path / "deploy" / "flags.yaml").unlink()
    shop.repository.commit({}, "No flags")
    shop.sync()
    assert gitops.differs("drift", "shop", *SYSTEM).splitlines() == [
        "1 of 2 objects drifted: 1 orphaned",
        "ConfigMap/flags in namespace shop   Orphaned",
    ]


def test_diff_shows_what_a_sync_would_change(shop: Shop) -> None:
    gitops = shop.gitops
    shop.repository.git("tag", "--force", "before")
    shop.repository.commit({"deploy/web.yaml": WEB.replace("1.4", "1.5")}, "web: 1.5")
    change = "  spec.template.spec.containers[name=web].image   Git example.com/shop:1.5   live example.com/shop:1.4"
    with gitops.nothing_written():
        table = gitops.differs("diff", "shop", *SYSTEM).splitlines()
        assert gitops.ok("diff", "shop", *SYSTEM, "--revision", "before").startswith("3 objects are as Git says (")
        assert gitops.ok("drift", "shop", *SYSTEM).startswith("3 objects are as Git says (")
        gitops.write({"try/web.yaml": WEB.replace("1.4", "1.6")})
        tried = gitops.differs("diff", "shop", *SYSTEM, "-f", "try").splitlines()
    assert table[:2] == [
        "1 of 3 objects differs: 1 to change",
        "Deployment/web in namespace shop   change   deploy/web.yaml:1",
    ]
    assert table[2].startswith(change)
    assert tried[0] == "3 of 3 objects differ: 1 to change, 2 no longer in Git"
    refused = gitops.refused("diff", "shop", *SYSTEM, "--revision", "nope")
    assert refused.error.startswith(f"no such revision 'nope' in {shop.repository.path} (branches: main; tags: before")
    rendered = gitops.ok("render", "shop", *SYSTEM, "--revision", "before")
    assert [line for line in rendered.splitlines() if line.startswith("#")] == [
        *("# deploy/flags.yaml:1", "# deploy/settings.yaml:1", "# deploy/web.yaml:2"),
    ]


def test_a_sync_that_fails_says_why(shop: Shop) -> None:
    shop.repository.commit({"deploy/web.yaml": WEB.replace("replicas: 2", "replicas: -2")}, "Broken")
    said = (
        "Deployment/web in namespace shop (deploy/web.yaml:1): "
        'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -2: must be greater than or equal to 0'
    )
    for _ in range(2):
        refused = refusal_of(shop.gitops("sync", "shop", *SYSTEM))
        assert refused.error.startswith("GitSync gitops-system/shop: ")
        assert refused.error.endswith(said)
    row, *details = shop.gitops.ok("status", *SYSTEM).splitlines()[1:]
    assert row.split()[3] == "False"
    assert details[0].endswith(said)


def test_a_gitsync_that_has_not_synced_yet_has_no_drift_to_show(shop: Shop, plane: ControlPlane) -> None:
    gitops = shop.gitops
    gitops("create", "later", "--repo", str(shop.repository.path), "-n", "default")
    with gitops.nothing_written():
        done = gitops("drift", "-A")
    assert done.returncode == 2
    assert done.stdout == f"GitSync gitops-system/shop: 3 objects are as Git says ({shop.commit} main)\n"
    assert done.stderr.splitlines() == [
        "error: GitSync default/later has not synced yet, so there is nothing to compare with",
        "hint: kubectl gitops status -n default later says why",
    ]
    plane.kubectl("patch", "gitsync", "later", "-n", "default", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    refused = gitops.refused("sync", "later", "-n", "default")
    assert refused == Refusal(
        "GitSync default/later is suspended: the reconciler writes nothing", "kubectl gitops resume later -n default"
    )
    plane.kubectl("delete", "gitsync", "later", "-n", "default")
