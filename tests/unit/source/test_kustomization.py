from __future__ import annotations

import pytest

from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.kustomization import gather
from kubectl_gitops.source.path import NoSuchPath, is_below


class Files:
    """A tree that notes which directories were read."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = {path: text.encode() for path, text in files.items()}
        self.read_directories: list[str] = []

    def __call__(self, directory: str) -> dict[str, bytes]:
        self.read_directories.append(directory)
        found = {path: text for path, text in self.files.items() if is_below(path, directory)}
        if not found:
            raise NoSuchPath(directory)
        return found


def refused(text: str) -> InvalidManifest:
    with pytest.raises(InvalidManifest) as caught:
        gather(Files({"apps/web/kustomization.yaml": text}), "apps/web")
    assert caught.value.file == "apps/web/kustomization.yaml"
    return caught.value


def test_what_a_kustomization_refers_to_is_read_and_nothing_else() -> None:
    tree = Files(
        {
            "apps/web/prod/kustomization.yaml": "resources: [../base, own.yaml, sub]\nbases: [../../../shared/tls]",
            "apps/web/prod/own.yaml": "",
            "apps/web/prod/sub/kustomization.yml": "bases:\n- ../../../../shared/deep",
            "apps/web/base/Kustomization": "resources: [web.yaml]",
            "apps/web/base/web.yaml": "",
            "apps/web/base/files/a.conf": "",
            "shared/tls/kustomization.yaml": "kind: Component\ntransformers: [../deep]",
            "shared/deep/kustomization.yaml": "{}",
            "huge/other.yaml": "",
        }
    )
    assert set(gather(tree, "apps/web/prod")) == set(tree.files) - {"huge/other.yaml"}
    assert sorted(tree.read_directories) == ["apps/web/base", "apps/web/prod", "shared/deep", "shared/tls"]


def test_a_parent_directory_is_read_though_part_of_it_was() -> None:
    tree = Files({"a/b/kustomization.yaml": "resources: [../]", "a/kustomization.yaml": "", "a/c.yaml": ""})
    assert set(gather(tree, "a/b")) == set(tree.files)


def test_directories_may_refer_to_each_other() -> None:
    tree = Files({"a/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../a]"})
    assert set(gather(tree, "a")) == set(tree.files)


@pytest.mark.parametrize(
    ("field", "reference"),
    [
        ("resources", "https://git.example/shop/base?ref=main"),
        ("resources", "HTTPS://git.example/shop/web.yaml"),
        ("bases", "git@git.example:shop/base"),
        ("components", "github.com/shop/base"),
        ("resources", "git::https://git.example/shop"),
        ("resources", "ssh://git@git.example/shop"),
        ("resources", "file:///srv/shop"),
        ("crds", "https://git.example/crd.yaml"),
        ("configurations", "https://git.example/config.yaml"),
        ("patchesStrategicMerge", "https://git.example/patch.yaml"),
        ("generators", "https://git.example/generator.yaml"),
    ],
)
def test_remote_references_are_refused_with_their_place(field: str, reference: str) -> None:
    error = refused(f"# all of it\n{field}:\n- {reference}\n")
    assert error.line == 3
    shown = reference.replace("?ref=main", "?…")  # there may be a token
    assert error.reason.startswith(f"{shown!r} is remote")


@pytest.mark.parametrize(
    "text",
    [
        "patches: [{path: https://git.example/p.yaml}]",
        "patchesJson6902: [{path: https://git.example/p.yaml}]",
        "replacements: [{path: https://git.example/r.yaml}]",
        "configMapGenerator: [{name: a, files: [key=https://git.example/f]}]",
        "secretGenerator: [{name: a, envs: [https://git.example/f]}]",
        "openapi: {path: https://git.example/schema.json}",
    ],
)
def test_remote_files_are_refused_wherever_they_are_named(text: str) -> None:
    assert "is remote" in refused(text).reason


def test_a_url_in_a_value_is_not_a_reference() -> None:
    text = """\
commonAnnotations: {home: https://shop.example/}
patches: [{patch: "- {op: add, path: /x, value: https://shop.example/}"}]
configMapGenerator: [{name: a, literals: [url=https://shop.example/]}]
transformers:
- |
  apiVersion: builtin
  kind: PrefixTransformer
  metadata: {name: https://shop.example/}
"""
    assert gather(Files({"kustomization.yaml": text}), "")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("missing.yaml", "'missing.yaml' is not there"),
        ("../missing", "'../missing' is not there"),
        ("../../../etc", "'../../../etc' is outside of the repository"),
        ("/etc", "'/etc' is outside of the repository"),
    ],
)
def test_what_is_not_there_is_refused_with_its_place(reference: str, reason: str) -> None:
    error = refused(f"resources:\n- {reference}\n")
    assert (error.reason, error.line) == (reason, 2)


def test_a_kustomization_has_one_mapping() -> None:
    assert refused("[]").reason == refused("{}\n---\n{}").reason == "a kustomization is one mapping"
