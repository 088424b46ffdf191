from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source.render import Renderer, Rendering, RenderOptions
from kubectl_gitops.source.render import render as render_files
from tests.unit.source.memoryfiles import MemoryFiles

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"


def render(files: dict[str, bytes], path: str, rendering: Rendering | None = None) -> list[Declared]:
    return render_files(MemoryFiles(files), path, rendering)


def config_maps(*paths: str) -> dict[str, bytes]:
    """A file at each path, with an object that has the file's name."""
    return {path: CONFIG_MAP.format(path.rpartition("/")[2].partition(".")[0] or "hidden").encode() for path in paths}


def origins(files: dict[str, bytes], path: str) -> list[str]:
    return [str(one.origin) for one in render(files, path)]


def test_a_plain_tree_is_read_in_order_and_in_depth() -> None:
    files = config_maps("b.yaml", "a/c.yml", "a/b/d.json.yaml", "z.json", "other/e.yaml", "a.txt", "README.md")
    assert origins(files, "") == ["a/b/d.json.yaml:1", "a/c.yml:1", "b.yaml:1", "other/e.yaml:1", "z.json:1"]


def test_nothing_hidden_is_read() -> None:
    files = config_maps(".a.yaml", ".github/workflows/b.yaml", "apps/.c/d.yaml", ".deploy/e.yaml", ".deploy/.f/g.yaml")
    assert origins(files, "") == []
    assert origins(files, ".deploy") == [".deploy/e.yaml:1"]


def test_one_file_may_have_any_name() -> None:
    assert origins(config_maps("apps/web"), "apps/web") == ["apps/web:1"]


def test_the_same_object_in_two_files_is_refused() -> None:
    files = config_maps("a/x.yaml", "b/x.yaml")
    with pytest.raises(InvalidManifest, match=r"^b/x\.yaml:1: ConfigMap/x is declared already, at a/x\.yaml:1$"):
        render(files, "")


def test_a_file_that_is_no_manifest_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidManifest, match=r"^values\.yaml:2: this is no Kubernetes object"):
        render({"values.yaml": b"# for a chart\nreplicas: 2\n"}, "")


@pytest.mark.parametrize("name", ["Chart.yaml", "kustomization.yaml"])
def test_other_formats_inside_of_a_plain_tree_are_named(name: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        render({f"apps/web/{name}": b"apiVersion: v2\nname: web\n"}, "apps")
    assert caught.value.file == f"apps/web/{name}"
    assert caught.value.hint


def test_there_has_to_be_a_kustomization_to_build_one() -> None:
    with pytest.raises(SourceError, match="there is no kustomization in apps"):
        render(config_maps("apps/a.yaml"), "apps", Rendering(options=RenderOptions(renderer=Renderer.KUSTOMIZE)))


def test_a_kustomization_needs_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBECTL", raising=False)
    with pytest.raises(SourceError, match="there is no kustomize and no kubectl"):
        render({"kustomization.yaml": b"resources: []"}, "")


def kustomize_is(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "kustomize"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


KUSTOMIZATION = {"a/kustomization.yaml": b"resources: [x.yaml]", "a/x.yaml": b"", "b/y.yaml": b""}


def test_kustomize_gets_a_copy_and_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 'data: {command: "$*", root: "$PWD", home: "$HOME", secret: "$SECRET", files: "$(ls "$2")"}'
    kustomize_is(f"cat <<END\n{CONFIG_MAP.format('x')}{seen}\nEND", tmp_path, monkeypatch)
    monkeypatch.setenv("SECRET", "s3cret")
    (declared,) = render(KUSTOMIZATION, "a")
    data = declared.object["data"]
    assert (data["command"], data["secret"], data["files"]) == ("build ./a", "", "kustomization.yaml x.yaml")
    assert Path(data["root"]).name == "tree"
    assert data["home"] == str(Path(data["root"]).parent / "home")
    assert not Path(data["root"]).exists()


@pytest.mark.parametrize(
    ("script", "words"),
    [('echo "Error: in $PWD/a: no" >&2; exit 1', "in a: no"), ("exit 3", "it gave no reason, but exit status 3")],
)
def test_what_kustomize_says_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    kustomize_is(script, tmp_path, monkeypatch)
    with pytest.raises(SourceError, match=f"^kustomize cannot build a: {words}$"):
        render(KUSTOMIZATION, "a")


def test_an_object_without_an_origin_comes_from_the_kustomization(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kustomize_is(f"echo '{CONFIG_MAP.format('x')}'", tmp_path, monkeypatch)
    assert [str(one.origin) for one in render(KUSTOMIZATION, "a")] == ["a/kustomization.yaml:1"]
