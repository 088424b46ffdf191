"""Which files of a plain tree count."""

from __future__ import annotations

import pytest

from kubectl_gitops.api.rendering import HelmOptions, Renderer, RenderOptions
from kubectl_gitops.errors import InvalidInput, InvalidManifest
from kubectl_gitops.source.render import Rendering, render
from tests.unit.source.memoryfiles import MemoryFiles


def config_maps(*paths: str) -> dict[str, str]:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"
    return {path: text.format(path.replace("/", "-").lower()) for path in paths}


def read(files: dict[str, str], path: str = "", **options: tuple[str, ...]) -> list[str]:
    rendering = Rendering(options=RenderOptions(include=options.get("include", ()), exclude=options.get("exclude", ())))
    return [one.origin.path for one in render(MemoryFiles(files), path, rendering)]


TREE = config_maps(
    "a.yaml", "b.json", "apps/web/a.yml", "apps/web/test/a.yaml", "apps/db/a.yaml", "apps/db/values-a.yaml"
)


def test_include_and_exclude_are_patterns_as_in_gitignore() -> None:
    assert read(TREE, include=("apps/",)) == [
        "apps/db/a.yaml", "apps/db/values-a.yaml", "apps/web/a.yml", "apps/web/test/a.yaml",
    ]  # fmt: skip
    assert read(TREE, include=("*.json", "/apps/*/a.y*ml")) == ["apps/db/a.yaml", "apps/web/a.yml", "b.json"]
    assert read(TREE, exclude=("test", "values-*.yaml", "/a.yaml")) == ["apps/db/a.yaml", "apps/web/a.yml", "b.json"]
    assert read(TREE, include=("*.yaml",), exclude=("*", "!a.yaml", "!*/")) == [
        "a.yaml", "apps/db/a.yaml", "apps/web/test/a.yaml",
    ]  # fmt: skip


def test_patterns_are_relative_to_the_path() -> None:
    assert read(TREE, "apps", exclude=("/db",)) == ["apps/web/a.yml", "apps/web/test/a.yaml"]
    assert read(TREE, "apps/db", include=("/a.yaml",)) == ["apps/db/a.yaml"]


def test_the_innermost_ignore_file_that_says_anything_decides() -> None:
    ignored = {".gitopsignore": "test/\n*.json\n/apps/db/*\n", "apps/db/.gitopsignore": "# but this\n!a.yaml\n"}
    assert read(TREE | ignored) == ["a.yaml", "apps/db/a.yaml", "apps/web/a.yml"]
    # What is above the path is not read.
    assert read(TREE | ignored, "apps") == [
        "apps/db/a.yaml",
        "apps/db/values-a.yaml",
        "apps/web/a.yml",
        "apps/web/test/a.yaml",
    ]


def test_what_is_ignored_need_not_be_a_manifest() -> None:
    files = TREE | {
        "apps/web/Chart.yaml": "name: x",
        "apps/db/values-a.yaml": "replicas: 2",
        ".gitopsignore": "web\nvalues*\n",
    }
    assert read(files) == ["a.yaml", "apps/db/a.yaml", "b.json"]


def test_an_ignore_file_has_a_bounded_size() -> None:
    for text in ("x\n" * 1000, "x" * 2000):
        with pytest.raises(InvalidManifest, match=r"^apps/\.gitopsignore:\d+: at most 500 lines of 1024 characters"):
            read(TREE | {"apps/.gitopsignore": text})


def test_options_that_would_have_no_effect_are_refused() -> None:
    for options, words in (
        (
            RenderOptions(include=("a",)),
            "include and exclude go with plain manifests, and web is rendered by kustomize",
        ),
        (
            RenderOptions(helm=HelmOptions(release_name="a")),
            "the options for helm go with a chart, and web is rendered as",
        ),
    ):
        with pytest.raises(InvalidInput, match=words):
            render(MemoryFiles({"web/kustomization.yaml": ""}), "web", Rendering(options=options))
    helm = RenderOptions(renderer=Renderer.PLAIN, helm=HelmOptions(values={"a": 1}))
    with pytest.raises(InvalidInput, match="the options for helm go with a chart, and the root is rendered as plain"):
        render(MemoryFiles({"Chart.yaml": "name: x"}), "", Rendering(options=helm))
