"""What people have in their repositories becomes what kubectl and helm themselves make of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Kubectl
from tests.integration.othertools import created, ours, output_of, write
from tests.testbed.assets import assets

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: ghcr.example/web:1.0
        env: [{name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
"""
KUSTOMIZED = {
    "base/kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [web.yaml, ../shared]
configMapGenerator:
- name: settings
  literals: [colour=red]
  files: [nginx.conf, key.conf=nginx.conf]
""",
    "base/web.yaml": WEB,
    "base/nginx.conf": "server { listen 80; }\n",
    "shared/kustomization.yml": "resources: [account.yaml]\n",
    "shared/account.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n",
    "monitored/kustomization.yaml": """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- target: {kind: Deployment}
  patch: |
    - op: add
      path: /spec/template/metadata/annotations
      value: {prometheus.io/scrape: "true"}
""",
    "overlays/prod/kustomization.yaml": """\
namespace: prod
namePrefix: prod-
nameSuffix: -v1
labels: [{pairs: {env: prod}, includeSelectors: true}]
commonAnnotations: {team: shop}
resources: [../../base, ingress.yaml]
components: [../../monitored]
images: [{name: ghcr.example/web, newTag: "2.0"}]
replicas: [{name: web, count: 5}]
patches:
- path: memory.yaml
- path: port.json
  target: {kind: Service, name: web}
configMapGenerator:
- {name: settings, behavior: merge, literals: [colour=green]}
secretGenerator:
- {name: login, envs: [login.env], options: {disableNameSuffixHash: true}}
replacements:
- source: {kind: ConfigMap, name: settings, fieldPath: data.colour}
  targets:
  - select: {kind: Ingress}
    fieldPaths: [metadata.annotations.colour]
    options: {create: true}
generators: [more.yaml]
""",
    "overlays/prod/ingress.yaml": """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
""",
    "overlays/prod/memory.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, resources: {limits: {memory: 64Mi}}}]}}}
""",
    "overlays/prod/port.json": '[{"op": "replace", "path": "/spec/ports/0/port", "value": 8080}]',
    "overlays/prod/login.env": "user=jane\n",
    "overlays/prod/more.yaml": (
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: more}\nliterals: [a=b]\n"
    ),
}
CHART = {
    "web/Chart.yaml": """\
apiVersion: v2
name: web
version: 1.2.3
appVersion: "4.5"
kubeVersion: ">=1.23.0-0"
dependencies:
- {name: cache, version: 1.x, repository: "https://charts.example", condition: cache.enabled, alias: store}
""",
    "web/values.yaml": """\
replicas: 2
cache: {enabled: true}
env: {A: one, B: two}
hosts: [a.example, b.example]
""",
    "web/templates/_helpers.tpl": """\
{{- define "web.labels" -}}
app: {{ .Chart.Name }}
version: {{ .Chart.AppVersion | quote }}
{{- end }}
""",
    "web/templates/web.yaml": """\
{{- range $name := .Values.hosts }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name | replace "." "-" }}
  labels:
    {{- include "web.labels" $ | nindent 4 }}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-env"}
data:
  {{- toYaml .Values.env | nindent 2 }}
  file: {{ .Files.Get "files/a.txt" | quote }}
{{- if .Capabilities.APIVersions.Has "policy/v1" }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
{{- end }}
""",
    "web/templates/hook.yaml": (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}\n"
    ),
    "web/templates/NOTES.txt": "Thank you for {{ .Chart.Name }}\n",
    "web/files/a.txt": "text\n",
    "web/.helmignore": "*.md\n",
    "web/charts/cache/Chart.yaml": "apiVersion: v2\nname: cache\nversion: 1.0.0\n",
    "web/charts/cache/templates/x.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: '{{ .Chart.Name }}-login'}\n",
    "web/crds/carts.yaml": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: carts.shop.example}
spec: {names: {enum: [=, yes, 0777]}}
""",
}
PLAIN = {
    "all/a.yaml": "# first\n---\n" + WEB + "---\n# nothing\n---\n",
    "all/b/list.yml": """\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: "on"}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {b: "1e3"}}
""",
    "all/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
    "all/README.md": "no manifest",
}


@pytest.fixture(autouse=True)
def kubectl_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(assets()), prepend=os.pathsep)
    monkeypatch.delenv("KUBECTL", raising=False)


@pytest.mark.parametrize("directory", ["base", "shared", "overlays/prod"])
def test_kustomizations(tmp_path: Path, directory: str) -> None:
    write(tmp_path, KUSTOMIZED)
    expected = output_of("kubectl", "kustomize", str(tmp_path / directory))
    assert ours(tmp_path / directory) == expected
    assert expected


def test_charts(tmp_path: Path, helm: Path) -> None:
    write(tmp_path, CHART)
    expected = output_of(str(helm), "template", "web", str(tmp_path / "web"), "--include-crds", "--skip-tests")
    assert ours(tmp_path / "web") == expected
    assert len(expected) == 7


def test_plain_manifests(tmp_path: Path, kubectl: Kubectl) -> None:
    write(tmp_path, PLAIN)
    expected = created(kubectl, tmp_path / "all")
    assert ours(tmp_path / "all") == expected
    assert len(expected) == 5
