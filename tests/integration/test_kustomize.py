"""What kubectl's kustomize renders, and where each object came from. Needs the kubectl of the testbed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source.desired import from_directory, from_mirror
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.render import Renderer, Rendering, RenderOptions
from kubectl_gitops.source.render import render as render_files
from tests.testbed.assets import assets
from tests.unit.source.memoryfiles import MemoryFiles
from tests.unit.source.repository import Repository

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{assets()}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("KUBECTL", raising=False)


WEB = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-api}
spec: {ports: [{port: 81}]}
---
# the front end
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {version: "1"}}
spec:
  template:
    spec:
      volumes: [{name: settings, configMap: {name: settings}}]
"""
SHOP = {
    "base/kustomization.yaml": """\
resources:
- web.yaml
configMapGenerator:
- name: other
  literals: [a=b]
- name: settings
  files: [settings.conf]
""",
    "base/web.yaml": WEB,
    "base/settings.conf": "colour=red\n",
    "prod/kustomization.yaml": """\
namePrefix: prod-
namespace: shop
resources: [../base, own.yaml]
replicas: [{name: web, count: 3}]
""",
    "prod/own.yaml": """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: first}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: second, annotations: {example.com/a: b}}
""",
}
ORIGINS = {
    "Service/prod-web": "base/web.yaml:1",
    "Service/prod-web-api": "base/web.yaml:6",
    "Deployment/prod-web": "base/web.yaml:12",
    "ConfigMap/prod-first": "prod/own.yaml:4",
    "ConfigMap/prod-second": "prod/own.yaml:7",
    "ConfigMap/prod-other": "base/kustomization.yaml:4",
    "ConfigMap/prod-settings": "base/kustomization.yaml:6",
}


def render(files: dict[str, str], path: str) -> list[Declared]:
    return render_files(MemoryFiles(files), path)


def without_hash(key: str) -> str:
    """Generated objects end in a hash of their content."""
    kind, _, name = key.partition("/")
    return f"{kind}/{'-'.join(name.split('-')[:2])}" if kind == "ConfigMap" else key


def test_each_object_names_the_file_and_line_it_was_made_from() -> None:
    declared = render(SHOP, "prod")
    assert {without_hash(str(one.key)): str(one.origin) for one in declared} == ORIGINS
    assert {one.namespace for one in declared} == {"shop"}


def test_objects_are_as_if_nobody_had_asked_for_origins() -> None:
    objects = {one.name: one.object for one in render(SHOP, "prod")}
    assert objects["prod-first"]["metadata"] == {"name": "prod-first", "namespace": "shop"}
    assert objects["prod-second"]["metadata"]["annotations"] == {"example.com/a": "b"}
    assert objects["prod-web"]["spec"]["replicas"] == 3
    assert objects["prod-web"]["metadata"]["labels"] == {"version": "1"}


@pytest.mark.parametrize(
    "text",
    [
        "buildMetadata: [originAnnotations]\nresources: [../base]\n",
        "buildMetadata: [managedByLabel, originAnnotations]\nresources: [../base]\n",
    ],
)
def test_who_asked_for_origins_keeps_them(text: str) -> None:
    declared = render({**SHOP, "prod/kustomization.yaml": text}, "prod")
    annotations = [one.object["metadata"]["annotations"]["config.kubernetes.io/origin"] for one in declared]
    assert "path: ../base/web.yaml\n" in annotations


@pytest.mark.parametrize(
    "text",
    [
        "{resources: [../base]}",
        "resources: [../base]\nbuildMetadata: [managedByLabel]",
        "---\nresources: [../base]\n...\n",
        "\ufeffresources: [../base]",
        '{"resources": ["../base"]}',
    ],
)
def test_a_kustomization_may_be_written_in_any_style(text: str) -> None:
    declared = render({**SHOP, "prod/kustomization.yaml": text}, "prod")
    assert {str(one.origin) for one in declared if one.name.startswith("web")} == {
        f"base/web.yaml:{n}" for n in (1, 6, 12)
    }
    assert not any("config.kubernetes.io/origin" in str(one.object) for one in declared)


def overlays(files: dict[str, str], path: str) -> list[Declared]:
    return render_files(MemoryFiles(files), path, Rendering(options=RenderOptions(renderer=Renderer.OVERLAYS)))


def test_each_kustomization_below_a_path_is_built_by_itself_and_in_the_same_order() -> None:
    names = [f"n{number:02}" for number in range(12)]
    files = {
        **{path: text for path, text in SHOP.items() if path.startswith("base/")},
        "parts/kustomization.yaml": "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n",
        **{f"all/{one}/kustomization.yaml": f"namespace: {one}\nresources: [../../base]\n" for one in names},
        "all/n00/more/kustomization.yaml": "resources: [own.yaml]\nnamespace: more\n",
        "all/n00/more/own.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n",
        "all/README.yaml": "no: manifest\n",
    }
    declared = overlays(files, "all")
    assert [one.namespace for one in declared if one.kind == "Deployment"] == names
    assert [str(one.origin) for one in declared if one.namespace == "more"] == ["all/n00/more/own.yaml:1"]
    assert {str(one.origin) for one in declared if one.kind == "Deployment"} == {"base/web.yaml:12"}
    single = [one.object for name in names for one in render(files, f"all/{name}")]
    assert [one.object for one in declared if one.namespace != "more"] == single
    # From the root, the base is only a part of the others, and so is the component.
    assert [one.object for one in overlays(files, "")] == [one.object for one in declared]


def test_one_overlay_that_cannot_be_built_is_named() -> None:
    files = {
        "a/kustomization.yaml": "resources: [x.yaml]\n",
        "a/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
        "b/kustomization.yaml": "resources: [gone.yaml]\n",
    }
    with pytest.raises(InvalidManifest, match=r"^b/kustomization\.yaml:1: 'gone\.yaml' is not there"):
        overlays(files, "")
    with pytest.raises(SourceError, match=r"^there is no kustomization at or below c$"):
        overlays({"c/x.yaml": "a: b"}, "c")


def test_a_file_outside_of_the_kustomization_is_not_loaded() -> None:
    files = {
        "a/kustomization.yaml": "resources: [x.yaml]\npatches: [{path: ../b/p.yaml}]",
        "a/x.yaml": WEB,
        "b/p.yaml": WEB,
    }
    with pytest.raises(SourceError, match=r"^kustomize cannot build a: "):
        render(files, "a")


def test_remote_bases_are_refused() -> None:
    files = {
        "a/kustomization.yaml": "resources: [../b]",
        "b/kustomization.yaml": "\nresources: [https://git.example/c]",
    }
    with pytest.raises(InvalidManifest, match=r"^b/kustomization\.yaml:2: 'https://git\.example/c' is remote"):
        render(files, "a")


def test_a_download_that_was_not_noticed_fails() -> None:
    generator = (
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nname: a\nfiles: ['http://git.example/x']\n"
    )
    with pytest.raises(SourceError, match="kustomize cannot build"):
        render({"kustomization.yaml": "generators: [g.yaml]", "g.yaml": generator}, "")


def test_no_path_leaves_the_copy(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not a path inside the repository"):
        render({"kustomization.yaml": "resources: []", "a/../../x": ""}, "")


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "shop")
    repository.commit({**SHOP, "huge/unrelated.bin": "x"}, "all of it")
    repository.commit({"base/web.yaml": WEB.replace("80", "8080")}, "another port")
    return repository


def test_a_commit_is_rendered_with_what_it_refers_to(shop: Repository, tmp_path: Path) -> None:
    mirror = Mirror(str(shop.path), cache_directory=tmp_path / "cache", allow_file=True)
    mirror.fetch()
    desired = from_mirror(mirror, "main", "prod/")
    assert {without_hash(str(one.key)): str(one.origin) for one in desired.declared} == ORIGINS
    assert {path: commit.subject for path, commit in desired.file_commits.items()} == {
        "base/kustomization.yaml": "all of it",
        "base/web.yaml": "another port",
        "prod/own.yaml": "all of it",
    }
    assert desired.commit is not None
    assert desired.where == f"main ({desired.commit.short}) of {shop.path} path prod"


def test_a_directory_of_a_checkout_is_told_from_its_top(shop: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.path / "prod")
    desired = from_directory(Path())
    assert {without_hash(str(one.key)): str(one.origin) for one in desired.declared} == ORIGINS
    assert desired.where == "directory ."


def test_a_directory_elsewhere_is_told_as_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, text in SHOP.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    named = {
        str(one.origin)
        for one in from_directory(Path("prod"), Rendering(options=RenderOptions(renderer=Renderer.KUSTOMIZE))).declared
    }
    assert named == set(ORIGINS.values())
    monkeypatch.chdir(tmp_path / "prod")
    assert "../base/web.yaml:1" in {str(one.origin) for one in from_directory(Path()).declared}
    assert f"{tmp_path}/prod/own.yaml:4" in {str(one.origin) for one in from_directory(tmp_path / "prod").declared}
    (tmp_path / "base/kustomization.yaml").write_text("resources: [gone.yaml]")
    with pytest.raises(InvalidManifest, match=r"^\.\./base/kustomization\.yaml:1: 'gone\.yaml' is not there"):
        from_directory(Path())


ENCRYPTED = "ENC[AES256_GCM,data:cGxlYXNl,iv:bm90aGluZw==,tag:bm90aGluZw==,type:str]"
BLOCK = f"sops:\n    mac: {ENCRYPTED}\n    version: 3.13.1\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {
                "kustomization.yaml": "resources: [db.yaml]\n",
                "db.yaml": f"# s\napiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\n{BLOCK}",
            },
            "db.yaml:2: this",
        ),
        (
            {
                "kustomization.yaml": "resources: [web.yaml]\npatches: [{path: patch.yaml}]\n",
                "web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
                "patch.yaml": f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n{BLOCK}",
            },
            "web.yaml:1: a patch of this",
        ),
        (
            {
                "kustomization.yaml": "generatorOptions: {disableNameSuffixHash: true}\n"
                "secretGenerator:\n- name: db\n  envs: [db.env]\n",
                "db.env": f"password={ENCRYPTED}\nsops_version=3.13.1\n",
            },
            "kustomization.yaml:3: Secret/db: data.password",
        ),
        (
            {
                "kustomization.yaml": "generatorOptions: {disableNameSuffixHash: true}\n"
                "secretGenerator:\n- name: db\n  files: [db.yaml]\n",
                "db.yaml": f"password: {ENCRYPTED}\n{BLOCK}",
            },
            "kustomization.yaml:3: Secret/db: data.db.yaml",
        ),
    ],
    ids=["a resource", "a patch", "a file of variables", "a file"],
)
def test_what_sops_has_encrypted_is_refused(files: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        render(files, "")
    assert str(caught.value) == f"{message} is encrypted with SOPS, and there is no key for it"
