"""Kustomizations that refer to other repositories, behind a real server: refused, or built with what it gives."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
from click.testing import CliRunner

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.cli.frame import gitops
from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source.limits import LimitExceeded, Limits
from kubectl_gitops.source.render import Renderer, Rendering, RenderOptions
from kubectl_gitops.source.render import render as render_files
from tests.testbed.assets import assets
from tests.testbed.gitserver import GitServer, serving
from tests.testbed.pki import Authority
from tests.unit.source.memoryfiles import MemoryFiles
from tests.unit.source.repository import Repository

pytestmark = pytest.mark.integration

AUTHORITY = Authority()
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\n"
WEB = {
    "web/kustomization.yaml": "resources: [web.yaml, api.yaml]\nconfigMapGenerator:\n- {name: cm, literals: [a=b]}\n",
    "web/web.yaml": SERVICE % "web",
    "web/api.yaml": SERVICE % "api",
    "db/kustomization.yaml": "resources: [db.yaml]\n",
    "db/db.yaml": SERVICE % "db",
}


@pytest.fixture
def authority_file(tmp_path: Path) -> Path:
    file = tmp_path / "authority.pem"
    file.write_text(AUTHORITY.pem)
    return file


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, authority_file: Path, tmp_path: Path) -> None:
    """A machine that trusts the server, and on which somebody has credentials for it."""
    monkeypatch.setenv("PATH", str(assets()), prepend=os.pathsep)  # found before there is another home
    for name in ("KUBECTL", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "GIT_SSL_CAINFO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority_file))
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login jane password s3cret\n")
    (home / ".gitconfig").write_text("[credential]\n helper = !echo username=jane; echo password=s3cret; true\n")
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def remote(tmp_path: Path) -> Repository:
    (tmp_path / "srv").mkdir()
    repository = Repository(tmp_path / "srv" / "shop")
    repository.commit(WEB)
    return repository


@pytest.fixture
def server(remote: Repository) -> Iterator[GitServer]:
    with serving(GitServer(root=remote.path.parent, authority=AUTHORITY)) as server:
        yield server


def render(text: str, limits: Limits | None = None, more: dict[str, str] | None = None) -> list[Declared]:
    files = {"prod/kustomization.yaml": text, **(more or {})}
    return render_files(MemoryFiles(files), "prod", Rendering(remote_bases=True, limits=limits or Limits()))


def origins(declared: list[Declared]) -> dict[str, str]:
    return {f"{one.kind}/{one.name.partition('-')[0]}": str(one.origin) for one in declared}


# --- what is allowed ---


def test_objects_of_a_remote_base_have_the_line_that_refers_to_it(server: GitServer, remote: Repository) -> None:
    text = (
        f"namespace: shop\nresources:\n- own.yaml\n- {server.url}/shop//web?ref=main\n- {server.url}/shop//db\n"
        f"- ../base\n"
    )
    more = {
        "prod/own.yaml": "\n" + SERVICE % "own",
        "base/kustomization.yaml": f"\nresources: ['{server.url}/shop//more?ref=more']\n",
    }
    remote.git("checkout", "--quiet", "-b", "more")
    remote.commit({"more/kustomization.yaml": "resources: [more.yaml]", "more/more.yaml": SERVICE % "more"})
    remote.git("checkout", "--quiet", "main")
    declared = render(text, more=more)
    assert origins(declared) == {
        "Service/own": "prod/own.yaml:2",
        "Service/web": "prod/kustomization.yaml:4",
        "Service/api": "prod/kustomization.yaml:4",
        "ConfigMap/cm": "prod/kustomization.yaml:4",
        "Service/db": "prod/kustomization.yaml:5",
        "Service/more": "base/kustomization.yaml:2",
    }
    assert {one.namespace for one in declared} == {"shop"}
    assert not any("annotations" in one.object["metadata"] for one in declared)


def test_a_remote_file_has_the_line_that_refers_to_it(server: GitServer) -> None:
    text = (SERVICE % "far").encode()
    server.trick = lambda path: (200, {}, iter((text,))) if path.endswith(".yaml") else None
    assert origins(render(f"\nresources: ['{server.url}/files/a/b/far.yaml']\n")) == {
        "Service/far": "prod/kustomization.yaml:2"
    }


def test_a_remote_base_may_have_remote_bases(server: GitServer, remote: Repository) -> None:
    remote.commit({"all/kustomization.yaml": f"resources: ['{server.url}/shop//web', '{server.url}/shop//db']"})
    found = origins(render(f"\nresources: ['{server.url}/shop//all?ref=main']"))
    assert found == dict.fromkeys(
        ["Service/web", "Service/api", "ConfigMap/cm", "Service/db"], "prod/kustomization.yaml:2"
    )


def test_overlays_may_have_them_too(server: GitServer) -> None:
    files = {f"{one}/kustomization.yaml": f"namespace: {one}\nresources: ['{server.url}/shop//db']" for one in "ab"}
    rendering = Rendering(options=RenderOptions(renderer=Renderer.OVERLAYS), remote_bases=True)
    declared = render_files(MemoryFiles(files), "", rendering)
    assert [(one.namespace, str(one.origin)) for one in declared] == [
        ("a", "a/kustomization.yaml:2"),
        ("b", "b/kustomization.yaml:2"),
    ]


def test_the_plugin_asks_for_leave(server: GitServer, tmp_path: Path) -> None:
    place = tmp_path / "app"
    place.mkdir()
    (place / "kustomization.yaml").write_text(f"resources:\n- {server.url}/shop//db\n")
    refused = CliRunner().invoke(gitops, ["render", "-f", str(place)])
    assert refused.exit_code == 2
    assert f"{place}/kustomization.yaml:2: " in refused.stderr
    assert "--allow-remote-bases allows what is remote" in refused.stderr
    allowed = CliRunner().invoke(gitops, ["render", "-f", str(place), "--allow-remote-bases"])
    assert "name: db" in allowed.stdout
    assert f"{place}/kustomization.yaml:2" in allowed.stdout


# --- what is not ---


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("http://git.example/shop//web", "is remote, and only https is allowed"),
        ("git@git.example:shop.git", "is remote, and only https is allowed"),
        ("git@github.com:shop/shop", "is remote, and only https is allowed"),
        ("ssh://git@git.example/shop.git", "is remote, and only https is allowed"),
        ("file:///etc", "is remote, and only https is allowed"),
        ("https://jane:s3cret@git.example/shop", "has a user or a password in it"),
        ("git::https://s3cret@git.example/shop", "has a user or a password in it"),
        ("https://git.example/shop?ref=--upload-pack=x", "has a ref that begins with -"),
        ("https://git.example/shop?ref=&version=%2Du", "has a ref that begins with -"),
    ],
)
def test_only_https_without_credentials_is_taken(reference: str, why: str) -> None:
    with pytest.raises(InvalidManifest, match=rf"^prod/kustomization\.yaml:2: .* {why}") as caught:
        render(f"resources:\n- '{reference}'\n")
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


def test_no_credential_is_sent(server: GitServer) -> None:
    server.authorization = "Basic never"
    with pytest.raises(SourceError, match="terminal prompts disabled"):
        render(f"resources: ['{server.url}/shop//web']")
    assert server.received
    assert all("Authorization" not in one.headers for one in server.received)


def test_passwords_in_what_a_remote_base_refers_to_are_not_shown(server: GitServer, remote: Repository) -> None:
    remote.commit({"all/kustomization.yaml": "resources: ['https://jane:s3cret@127.0.0.1:9/x/y//z']"})
    with pytest.raises(SourceError, match="https://…@127") as caught:
        render(f"resources: ['{server.url}/shop//all']")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["ssh", "file", "http"])
def test_a_remote_base_may_not_refer_to_what_is_not_https(server: GitServer, remote: Repository, scheme: str) -> None:
    remote.commit({"all/kustomization.yaml": f"resources: ['{scheme}://127.0.0.1:9/x/y//z']"})
    with pytest.raises(SourceError, match=f"transport '{scheme}' not allowed"):
        render(f"resources: ['{server.url}/shop//all']")


def test_a_server_that_nobody_vouches_for_is_not_believed(
    server: GitServer, monkeypatch: pytest.MonkeyPatch, authority_file: Path
) -> None:
    authority_file.write_text(Authority().pem)
    with pytest.raises(SourceError, match="certificate"):
        render(f"resources: ['{server.url}/shop//web']")


def test_links_of_a_remote_base_lead_nowhere(server: GitServer, remote: Repository, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(SERVICE % "s3cret")
    (remote.path / "link").mkdir()
    (remote.path / "link" / "x.yaml").symlink_to(secret)
    remote.commit({"link/kustomization.yaml": "resources: [x.yaml]"})
    with pytest.raises(SourceError, match="is not in or below") as caught:
        render(f"resources: ['{server.url}/shop//link']")
    assert "s3cret" not in str(caught.value)


def test_no_plugin_of_a_remote_base_is_run(server: GitServer, remote: Repository) -> None:
    program = "apiVersion: run.example/v1\nkind: Mark\nmetadata: {name: x}\n"
    remote.commit({"plugin/kustomization.yaml": "generators: [x.yaml]\n", "plugin/x.yaml": program})
    with pytest.raises(SourceError, match="external plugins disabled"):
        render(f"resources: ['{server.url}/shop//plugin']")


def test_a_submodule_of_a_remote_base_is_not_a_command(server: GitServer, remote: Repository, tmp_path: Path) -> None:
    head = remote.git("rev-parse", "HEAD")
    (remote.path / "x").mkdir()
    remote.write({".gitmodules": f'[submodule "x"]\n path = x\n url = "ext::touch {tmp_path}/mark"\n'})
    remote.git("add", ".gitmodules")
    remote.git("update-index", "--add", "--cacheinfo", f"160000,{head},x")
    remote.git("commit", "--quiet", "--message=submodule")
    with pytest.raises(SourceError, match="transport 'ext' not allowed"):
        render(f"resources: ['{server.url}/shop//web']")
    assert not (tmp_path / "mark").exists()


# --- what it may cost ---


def test_a_remote_base_that_is_too_large_is_not_taken(server: GitServer, remote: Repository) -> None:
    (remote.path / "large").write_bytes(os.urandom(3 * 2**20))
    remote.commit({})
    with pytest.raises(LimitExceeded, match="the limit max-total-bytes is 1 MiB") as caught:
        render(f"resources: ['{server.url}/shop//web']", Limits(max_total_bytes=2**20))
    assert "--limit max-total-bytes=2Gi" in caught.value.hint


def test_a_small_download_that_becomes_large_is_not_taken(server: GitServer, remote: Repository) -> None:
    (remote.path / "bomb").write_bytes(bytes(64 * 2**20))
    remote.commit({})
    with pytest.raises(LimitExceeded, match="the limit max-total-bytes is 1 MiB"):
        render(f"resources: ['{server.url}/shop//web']", Limits(max_total_bytes=2**20))


def test_a_remote_file_without_end_is_not_taken(server: GitServer) -> None:
    server.trick = lambda path: (200, {}, repeat(b"# " + b"x" * 65534)) if path.endswith(".yaml") else None
    limits = Limits(max_memory_bytes=256 * 2**20, timeout_seconds=20)
    with pytest.raises(LimitExceeded, match=r"the limit (max-memory-bytes|timeout-seconds) is"):
        render(f"resources: ['{server.url}/files/a/b/far.yaml']", limits)


def test_a_server_that_never_answers_does_not_hold_us_up(server: GitServer) -> None:
    def silence() -> Iterator[bytes]:
        yield b"#"
        stopped.wait()

    stopped = threading.Event()
    server.trick = lambda _: (200, {}, silence())
    try:
        with pytest.raises(LimitExceeded, match="the limit timeout-seconds is 2"):
            render(f"resources: ['{server.url}/shop//web']", Limits(timeout_seconds=2))
    finally:
        stopped.set()


def test_nothing_of_it_is_left(server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert render(f"resources: ['{server.url}/shop//web']")
    assert not list(temporary.iterdir())


def test_without_git_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").symlink_to(Path(str(shutil.which("kubectl"))))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert shutil.which("git") is None
    with pytest.raises(SourceError, match="there is no git on PATH"):
        render("resources: ['https://git.example/shop/shop']")
