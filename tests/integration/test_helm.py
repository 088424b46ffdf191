"""What helm makes of charts, and what charts cannot do. Needs the helm of the testbed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.api.rendering import HelmOptions, RenderOptions
from kubectl_gitops.errors import InvalidInput, InvalidManifest, SourceError
from kubectl_gitops.source.limits import LimitExceeded, Limits
from kubectl_gitops.source.render import Rendering, render
from tests.unit.source.memoryfiles import MemoryFiles

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("helm")]

DEPLOYMENT = """\
{{/* the front end */}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  namespace: {{ .Release.Namespace }}
spec:
  replicas: {{ .Values.replicas }}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}-web, labels: {tier: {{ .Values.tier | quote }}}}
"""
CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: carts.shop.example}
spec: {}
"""
CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "replicas: 1\ntier: none\n",
    "charts/web/templates/deployment.yaml": DEPLOYMENT,
    "charts/web/templates/_helpers.tpl": "{{ define `x` }}x{{ end }}",
    "charts/web/templates/tests/test.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: try, annotations: {helm.sh/hook: test}}\n"
    ),
    "charts/web/crds/carts.yaml": CRD,
    "values/prod.yaml": "replicas: 3\ntier: prod\n",
}


def built(files: dict[str, str | bytes] | dict[str, str], **helm: Any) -> list[Declared]:
    rendering = Rendering(options=RenderOptions(helm=HelmOptions(**helm)), namespace="shop")
    return render(MemoryFiles({**files}), "charts/web", rendering)


def config_map(files: dict[str, str], template: str, **helm: Any) -> dict[str, Any]:
    """The data of a ConfigMap, which is one template line."""
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  found: {template}\n"
    chart = {"charts/web/Chart.yaml": CHART["charts/web/Chart.yaml"], "charts/web/templates/x.yaml": text}
    (declared,) = built({**chart, **files}, **helm)
    data: dict[str, Any] = declared.object["data"]
    return data


def test_a_chart_is_found_by_itself_and_each_object_names_its_template() -> None:
    assert [(str(one.key), str(one.origin)) for one in built(CHART)] == [
        ("CustomResourceDefinition/carts.shop.example", "charts/web/crds/carts.yaml:1"),
        ("Service/web-web", "charts/web/templates/deployment.yaml:10"),
        ("Deployment/web-web", "charts/web/templates/deployment.yaml:2"),
    ]


def test_release_values_files_and_values_count_in_their_order() -> None:
    objects = {
        one.kind: one.object
        for one in built(
            CHART,
            release_name="shop",
            values_files=("../../values/prod.yaml",),
            values={"tier": "inline"},
            skip_crds=True,
        )
    }
    assert objects.keys() == {"Service", "Deployment"}
    assert objects["Deployment"]["metadata"] == {"name": "shop-web", "namespace": "shop"}
    assert objects["Deployment"]["spec"] == {"replicas": 3}
    assert objects["Service"]["metadata"]["labels"] == {"tier": "inline"}


def test_templates_are_told_which_cluster_there_is() -> None:
    template = '"{{ .Capabilities.KubeVersion.Minor }} {{ .Capabilities.APIVersions.Has `shop.example/v1` }}"'
    assert config_map({}, template, kube_version="1.31", api_versions=("shop.example/v1",)) == {"found": "31 true"}


def dependency(text: str) -> dict[str, str]:
    return {**CHART, "charts/web/Chart.yaml": CHART["charts/web/Chart.yaml"] + text}


CACHE = {
    "shared/cache/Chart.yaml": "apiVersion: v2\nname: cache\nversion: 2.0.0\n",
    "shared/cache/templates/x.yaml": "\napiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Values.name }}}\n",
    "shared/cache/values.yaml": "name: cache\n",
}
LOCAL = "dependencies:\n- name: cache\n  version: 2.x\n  repository: file://../../shared/cache\n"


def test_a_dependency_in_the_repository_is_taken_from_there() -> None:
    declared = built({**dependency(LOCAL), **CACHE}, values={"cache": {"name": "redis"}})
    assert {str(one.key): str(one.origin) for one in declared}["Secret/redis"] == "shared/cache/templates/x.yaml:2"


def test_a_vendored_dependency_needs_no_repository() -> None:
    vendored = {path.replace("shared/", "charts/web/charts/"): text for path, text in CACHE.items()}
    remote = "dependencies:\n- name: cache\n  version: 2.x\n  repository: https://charts.example\n"
    origins = {str(one.key): str(one.origin) for one in built({**dependency(remote), **vendored})}
    assert origins["Secret/cache"] == "charts/web/charts/cache/templates/x.yaml:2"


def test_a_remote_dependency_is_refused_with_its_place() -> None:
    remote = "dependencies:\n- name: cache\n  version: 2.x\n  repository: https://charts.example\n"
    with pytest.raises(
        InvalidManifest, match=r"from https://charts\.example, and is not in the chart's charts"
    ) as caught:
        built(dependency(remote))
    assert (caught.value.file, caught.value.line) == ("charts/web/Chart.yaml", 5)
    assert "commit" in caught.value.hint


@pytest.mark.parametrize("name", ["../../../values.yaml", "/etc/passwd", "https://values.example/x.yaml", "none.yaml"])
def test_values_files_are_those_of_the_repository(name: str) -> None:
    with pytest.raises(InvalidInput, match="values file"):
        built(CHART, values_files=(name,))


def test_a_value_cannot_be_taken_for_an_option() -> None:
    files = {**CHART, "charts/web/--post-renderer=x": "replicas: 7\n"}
    objects = {one.kind: one.object for one in built(files, values_files=("--post-renderer=x",))}
    assert objects["Deployment"]["spec"] == {"replicas": 7}


@pytest.mark.parametrize("name", ["Shop", "x" * 54, "-x"])
def test_a_release_name_that_helm_would_refuse(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name of a Helm release"):
        built(CHART, release_name=name)


def test_what_helm_says_is_passed_on_without_our_paths() -> None:
    files = {**CHART, "charts/web/templates/x.yaml": "{{ required `say a password` .Values.password }}"}
    with pytest.raises(SourceError, match=r"^helm cannot render charts/web: .*say a password$") as caught:
        built(files)
    assert "kubectl-gitops-" not in str(caught.value)


def test_what_is_no_manifest_is_told_with_its_template() -> None:
    files = {**CHART, "charts/web/templates/x.yaml": "kind: ConfigMap\nmetadata: {name: x}\n"}
    with pytest.raises(InvalidManifest, match=r"^charts/web/templates/x.yaml: apiVersion is missing$"):
        built(files)


def test_without_helm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="there is no helm on PATH") as caught:
        built(CHART)
    assert "install helm" in caught.value.hint


def test_lookup_finds_nothing_and_no_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/etc/hosts")
    template = '"{{ lookup `v1` `Secret` `` `` }}|{{ getHostByName `localhost` }}"'
    assert config_map({}, template) == {"found": "map[]|"}


@pytest.mark.parametrize("path", ["../../values/prod.yaml", "/etc/hosts", "../../../../../../etc/hosts"])
def test_files_outside_of_the_chart_cannot_be_read(path: str) -> None:
    assert config_map(
        CHART | {"charts/web/templates/deployment.yaml": "", "charts/web/crds/carts.yaml": ""},
        f'"{{{{ .Files.Get `{path}` }}}}"',
    ) == {"found": ""}


def test_a_schema_cannot_read_files_outside_of_the_chart(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"type": "object", "required": ["s3cret"]}')
    files = {**CHART, "charts/web/values.schema.json": f'{{"$ref": "file://{outside}"}}'}
    with pytest.raises(SourceError, match="helm cannot render") as caught:
        built(files)
    assert "s3cret" not in str(caught.value)


def test_a_template_without_end_is_stopped_with_the_limit_named() -> None:
    files = {**CHART, "charts/web/templates/x.yaml": "{{ range untilStep 0 1000000000 1 }}x{{ end }}"}
    limits = Limits(timeout_seconds=5, max_memory_bytes=256 * 2**20)
    with pytest.raises(LimitExceeded, match=r"the limit (timeout-seconds|max-memory-bytes) is") as caught:
        render(MemoryFiles(files), "charts/web", Rendering(limits=limits))
    assert "--limit" in caught.value.hint


def test_environment_variables_do_not_reach_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3CRET", "s3cret")
    with pytest.raises(SourceError, match='function "env" not defined'):
        config_map({}, "{{ env `S3CRET` }}")
    assert os.environ["S3CRET"]


@pytest.mark.parametrize("encrypted", ["values.yaml", "values-prod.yaml"])
def test_encrypted_values_are_refused_with_their_place(encrypted: str) -> None:
    value = "ENC[AES256_GCM,data:cGxlYXNl,iv:bm90aGluZw==,tag:bm90aGluZw==,type:str]"
    values = {f"charts/web/{name}": "password: open\n" for name in ("values.yaml", "values-prod.yaml")}
    values[f"charts/web/{encrypted}"] = f"password: {value}\nsops:\n    mac: {value}\n    version: 3.13.1\n"
    with pytest.raises(InvalidManifest) as caught:
        config_map(values, "{{ .Values.password }}", values_files=("values-prod.yaml",))
    assert str(caught.value) == (
        f"charts/web/{encrypted}:2: this file is encrypted with SOPS, and there is no key for it"
    )
