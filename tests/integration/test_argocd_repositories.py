"""Repositories that were written for Argo CD mean the same here; what they tell Argo CD stays in the annotations."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Kubectl
from tests.integration.othertools import created, ours, output_of, write
from tests.testbed.assets import assets

HOOK, WAVE, OPTIONS = (f"argocd.argoproj.io/{name}" for name in ("hook", "sync-wave", "sync-options"))


def job(name: str, annotations: str) -> str:
    return f"""\
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  annotations:
{annotations}
spec:
  template:
    spec:
      containers:
      - {{name: sleep, image: "alpine:latest", command: ["sleep", "10"]}}
      restartPolicy: Never
  backoffLimit: 0
"""


def tier(name: str, annotations: str = "") -> str:
    return f"""\
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: {name}
  annotations: {{{annotations}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{tier: {name}}}}}
  template:
    metadata: {{labels: {{tier: {name}}}}}
    spec: {{containers: [{{name: main, image: "nginx:latest"}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, annotations: {{{annotations}}}}}
spec: {{selector: {{tier: {name}}}, ports: [{{protocol: TCP, port: 8080, targetPort: 8080}}]}}
"""


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: guestbook-ui
spec:
  replicas: 1
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      app: guestbook-ui
  template:
    metadata:
      labels:
        app: guestbook-ui
    spec:
      containers:
      - image: gcr.example/heptio-images/ks-guestbook-demo:0.2
        name: guestbook-ui
        ports:
        - containerPort: 80
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: guestbook-ui
spec:
  ports:
  - port: 80
    targetPort: 80
  selector:
    app: guestbook-ui
"""
PLAIN = {
    "guestbook": {"guestbook-ui-deployment.yaml": DEPLOYMENT, "guestbook-ui-svc.yaml": SERVICE},
    "sync-waves": {
        "manifests.yaml": "---\n"
        + "---\n".join(
            [
                job("upgrade-sql-schema", f"    {HOOK}: PreSync"),
                tier("backend"),
                job(
                    "maint-page-up", f'    {HOOK}: Sync\n    {WAVE}: "1"\n    {HOOK}-delete-policy: BeforeHookCreation'
                ),
                tier("frontend", f'{WAVE}: "2"'),
                job("maint-page-down", f'    {HOOK}: Sync\n    {WAVE}: "3"\n    {OPTIONS}: Prune=false,Replace=true'),
            ]
        )
    },
    "helm-hooks": {
        "manifests.yaml": "---\n"
        + "---\n".join(
            [
                job("upgrade-sql-schema", '    helm.sh/hook: pre-install\n    helm.sh/hook-weight: "-2"'),
                job("maint-page-up", '    helm.sh/hook: pre-install\n    helm.sh/hook-weight: "-1"'),
                tier("frontend"),
                job(
                    "maint-page-down", "    helm.sh/hook: post-install\n    helm.sh/hook-delete-policy: hook-succeeded"
                ),
            ]
        )
    },
}
KUSTOMIZED = {
    "kustomize-guestbook/kustomization.yaml": (
        "namePrefix: kustomize-\n\nresources:\n- guestbook-ui-deployment.yaml\n- guestbook-ui-svc.yaml\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    ),
    "kustomize-guestbook/guestbook-ui-deployment.yaml": DEPLOYMENT,
    "kustomize-guestbook/guestbook-ui-svc.yaml": SERVICE,
    "pre-post-sync/kustomization.yaml": (
        "namePrefix: pre-post-sync-\n\nbases:\n- ../kustomize-guestbook\n\n"
        "resources:\n- pre-sync-job.yaml\n- post-sync-job.yaml\n"
    ),
    "pre-post-sync/pre-sync-job.yaml": job("before", f"    {HOOK}: PreSync\n    {HOOK}-delete-policy: HookSucceeded"),
    "pre-post-sync/post-sync-job.yaml": job("after", f"    {HOOK}: PostSync\n    {HOOK}-delete-policy: HookSucceeded"),
    "sock-shop/kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamePrefix: sock-\n"
        "commonLabels: {shop: socks}\n"
        "resources: [base/carts-dep.yaml, base/carts-svc.yaml, base/front-end-ingress.yaml]\n"
    ),
    "sock-shop/base/carts-dep.yaml": DEPLOYMENT.replace("guestbook-ui", "carts"),
    "sock-shop/base/carts-svc.yaml": SERVICE.replace("guestbook-ui", "carts"),
    "sock-shop/base/front-end-ingress.yaml": """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front-end, annotations: {nginx.ingress.kubernetes.io/rewrite-target: /$2}}
spec:
  rules:
  - http: {paths: [{path: /carts(/|$)(.*), pathType: Prefix, backend: {service: {name: carts, port: {number: 80}}}}]}
""",
}
SERVICE_TEMPLATE = """\
apiVersion: v1
kind: Service
metadata:
  name: {{ template "helm-guestbook.fullname" . }}
  labels:
    app: {{ template "helm-guestbook.name" . }}
    chart: {{ template "helm-guestbook.chart" . }}
    release: {{ .Release.Name }}
    heritage: {{ .Release.Service }}
spec:
  type: {{ .Values.service.type }}
  ports:
    - port: {{ .Values.service.port }}
      targetPort: http
      protocol: TCP
      name: http
  selector:
    app: {{ template "helm-guestbook.name" . }}
"""
HELPERS = """\
{{- define "helm-guestbook.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- define "helm-guestbook.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name }}{{- else -}}{{ .Release.Name }}-x{{- end -}}
{{- end -}}
{{- define "helm-guestbook.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}
"""
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: helm-guestbook\ntype: application\nversion: 0.1.0\nappVersion: '1.0'\n",
    "values.yaml": "service: {type: ClusterIP, port: 80}\nreplicaCount: 1\nresources: {}\nwave: 5\n",
    "templates/_helpers.tpl": HELPERS,
    "templates/service.yaml": SERVICE_TEMPLATE,
    "templates/NOTES.txt": "Thank you\n",
    "templates/job.yaml": job("migrate", f"    {HOOK}: PreSync\n    {WAVE}: {{{{ .Values.wave | quote }}}}"),
}
ROLLOUT = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: {{ template "helm-guestbook.fullname" . }}
  annotations: {argocd.argoproj.io/sync-options: "SkipDryRunOnMissingResource=true"}
spec:
  replicas: {{ .Values.replicaCount }}
  strategy:
    blueGreen: {activeService: active, previewService: preview}
  template:
    spec:
      containers:
        - name: web
          resources:
{{ toYaml .Values.resources | indent 12 }}
"""
CHARTS = {"helm-guestbook": CHART, "blue-green": {**CHART, "templates/rollout.yaml": ROLLOUT}}


@pytest.fixture(autouse=True)
def kubectl_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(assets()), prepend=os.pathsep)
    monkeypatch.delenv("KUBECTL", raising=False)


def told(rendered: list[str]) -> dict[str, dict[str, str]]:
    """What each object has for Argo CD or helm, by its kind and name."""
    objects: list[dict[str, Any]] = [json.loads(one) for one in rendered]
    annotations = {f"{one['kind']}/{one['metadata']['name']}": one["metadata"].get("annotations") for one in objects}
    return {name: found for name, found in annotations.items() if found}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_manifests(name: str, tmp_path: Path, kubectl: Kubectl) -> None:
    write(tmp_path, PLAIN[name])
    expected = created(kubectl, tmp_path)
    assert ours(tmp_path) == expected
    assert expected


@pytest.mark.parametrize("name", ["kustomize-guestbook", "pre-post-sync", "sock-shop"])
def test_kustomizations(name: str, tmp_path: Path) -> None:
    write(tmp_path, KUSTOMIZED)
    expected = output_of("kubectl", "kustomize", str(tmp_path / name))
    assert ours(tmp_path / name) == expected
    assert expected


@pytest.mark.parametrize("name", CHARTS)
def test_charts(name: str, tmp_path: Path, helm: Path) -> None:
    write(tmp_path, CHARTS[name])
    expected = output_of(str(helm), "template", "helm-guestbook", str(tmp_path), "--include-crds", "--skip-tests")
    assert ours(tmp_path) == expected
    assert told(expected)["Job/migrate"] == {HOOK: "PreSync", WAVE: "5"}


def test_what_argo_cd_is_told_is_carried(tmp_path: Path) -> None:
    write(tmp_path / "plain", PLAIN["sync-waves"])
    assert told(ours(tmp_path / "plain")) == {
        "Job/upgrade-sql-schema": {HOOK: "PreSync"},
        "Job/maint-page-up": {HOOK: "Sync", WAVE: "1", f"{HOOK}-delete-policy": "BeforeHookCreation"},
        "ReplicaSet/frontend": {WAVE: "2"},
        "Service/frontend": {WAVE: "2"},
        "Job/maint-page-down": {HOOK: "Sync", WAVE: "3", OPTIONS: "Prune=false,Replace=true"},
    }
    write(tmp_path, KUSTOMIZED)
    assert told(ours(tmp_path / "pre-post-sync")) == {
        "Job/pre-post-sync-before": {HOOK: "PreSync", f"{HOOK}-delete-policy": "HookSucceeded"},
        "Job/pre-post-sync-after": {HOOK: "PostSync", f"{HOOK}-delete-policy": "HookSucceeded"},
    }
