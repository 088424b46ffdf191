"""The reconciler's process renders: charts, and variables from the cluster."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gitsyncs import App, running_reconciler
from tests.testbed import helmbuild
from tests.testbed.assets import assets
from tests.testbed.controlplane import ControlPlane
from tests.testbed.encrypting import Sops
from tests.testbed.gitserver import GitServer, serving
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation
from tests.testbed.pki import Authority
from tests.testbed.waiting import wait_until
from tests.unit.source.repository import Repository

AUTHORITY = Authority()

pytestmark = pytest.mark.usefixtures("helm")

CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "colour: red\n",
    "charts/web/templates/settings.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
        "data: {release: '{{ .Release.Name }}', namespace: '{{ .Release.Namespace }}', colour: {{ .Values.colour }}}\n"
    ),
}
VARIABLES = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: "${colour}", region: "${region}"}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: "${password}"}
"""


@pytest.fixture(scope="module")
def reconciler(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    authority = tmp_path_factory.mktemp("authority") / "ca.crt"
    authority.write_text(AUTHORITY.pem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{helmbuild.helm().parent}{os.pathsep}{assets()}", prepend=os.pathsep)
        patch.setenv("GITOPS_RECONCILER_ALLOW_REMOTE_BASES", "1")
        patch.setenv("SSL_CERT_FILE", str(authority))
        with running_reconciler(control_plane) as installation:
            yield installation


def source(app: App, **more: Any) -> dict[str, Any]:
    return {"repoURL": str(app.repository.path), "revision": "main", "interval": "300ms", **more}


def test_remote_bases_are_built_where_the_reconciler_allows_them(app: App, tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {from: afar}\n"
    Repository(tmp_path / "srv" / "base").commit(
        {"web/kustomization.yaml": "resources: [a.yaml]", "web/a.yaml": settings}
    )
    with serving(GitServer(root=tmp_path / "srv", authority=AUTHORITY)) as server:
        app.repository.commit({"prod/kustomization.yaml": f"resources: ['{server.url}/base//web?ref=main']\n"})
        app.create(source=source(app, path="prod"))
        app.wait_ready()
    assert app.live.data("settings") == {"from": "afar"}


def test_a_chart_is_rendered_for_its_gitsync(app: App) -> None:
    app.repository.commit(CHART)
    app.create(source=source(app, path="charts/web", helm={"values": {"colour": "green"}}))
    app.wait_ready()
    assert app.live.data("settings") == {"release": app.name, "namespace": app.live.namespace, "colour": "green"}
    app.change({"source": {"helm": {"values": {"colour": "blue"}}}})
    wait_until(lambda: app.live.data("settings")["colour"] == "blue", 30, "the new value")


@pytest.fixture
def sources(control_plane: ControlPlane, app: App) -> Iterator[list[dict[str, Any]]]:
    """A ConfigMap and a Secret in the system namespace, which is that of the GitSync; and one that is not there."""
    names = {"ConfigMap": f"{app.name}-vars", "Secret": f"{app.name}-secrets"}
    path = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}"
    control_plane.request(
        "POST", f"{path}/configmaps", {"metadata": {"name": names["ConfigMap"]}, "data": {"region": "eu"}}
    )
    password = base64.b64encode(b"s3cret-s3cret").decode()
    control_plane.request(
        "POST", f"{path}/secrets", {"metadata": {"name": names["Secret"]}, "data": {"password": password}}
    )
    yield [
        *({"kind": kind, "name": name} for kind, name in names.items()),
        {"kind": "ConfigMap", "name": "none", "optional": True},
    ]
    control_plane.request("DELETE", f"{path}/configmaps/{names['ConfigMap']}")
    control_plane.request("DELETE", f"{path}/secrets/{names['Secret']}")


def test_variables_are_read_from_the_cluster_and_a_new_value_needs_no_commit(
    control_plane: ControlPlane, app: App, sources: list[dict[str, Any]]
) -> None:
    app.repository.commit({"all.yaml": VARIABLES})
    app.create(source=source(app, substitute={"inline": {"colour": "red"}, "from": sources}))
    app.wait_ready()
    assert app.live.data("settings") == {"colour": "red", "region": "eu"}
    assert base64.b64decode(app.live.get("secrets", "login")["data"]["password"]) == b"s3cret-s3cret"
    path = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/configmaps/{sources[0]['name']}"
    control_plane.request("PATCH", path, {"data": {"region": "us"}}, content_type="application/merge-patch+json")
    wait_until(lambda: app.live.data("settings")["region"] == "us", 30, "the new value")


def test_encrypted_files_are_opened_with_the_keys_in_a_secret(
    control_plane: ControlPlane, app: App, sops: Path, tmp_path: Path, reconciler: Installation
) -> None:
    tool = Sops(sops, tmp_path / "sops")
    path = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets"
    manifest = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: s3cret-s3cret}\n"
    app.repository.commit({"all.yaml": tool.encrypt("all.yaml", manifest, encrypted_regex="^stringData$")})
    app.create(source=source(app, decryption={"secretRef": {"name": f"{app.name}-age"}}))
    app.wait_failed(
        "InvalidInput", f"there is no Secret {SYSTEM_NAMESPACE}/{app.name}-age, which spec.source.decryption"
    )
    keys = base64.b64encode(tool.key_file.read_bytes()).decode()
    control_plane.request("POST", path, {"metadata": {"name": f"{app.name}-age"}, "data": {"a.agekey": keys}})
    try:
        app.wait_ready()
        assert base64.b64decode(app.live.get("secrets", "login")["data"]["password"]) == b"s3cret-s3cret"
        known = str(app.snapshots()) + str(app.status) + reconciler.log("reconciler", lines=100_000)
        assert not any(one in known for one in ("s3cret-s3cret", "AGE-SECRET-KEY"))
        rendered = reconciler.gitops("render", app.name, "-n", SYSTEM_NAMESPACE)
        assert "password: '***'" in rendered.stdout
    finally:
        control_plane.request("DELETE", f"{path}/{app.name}-age")


def test_what_is_wrong_with_variables_is_told_without_the_values_of_secrets(
    app: App, sources: list[dict[str, Any]], reconciler: Installation
) -> None:
    app.repository.commit({"all.yaml": VARIABLES})
    app.create(source=source(app, substitute={"from": sources}))
    app.wait_failed("UnknownVariable", r"all\.yaml:4: the variable colour is not defined")
    app.repository.commit({"all.yaml": VARIABLES.replace('"${colour}"', '"x-${password}"')})
    condition = app.wait_failed(
        "InvalidManifest", "data.colour: the variable password comes from a Secret, and may stand in"
    )
    assert "s3cret-s3cret" not in str(condition) + reconciler.log("reconciler", lines=100_000)
    app.change({"source": {"substitute": {"from": [{"kind": "Secret", "name": "nowhere"}]}}})
    app.wait_failed(
        "InvalidInput", f"variables are to come from Secret/nowhere in namespace {SYSTEM_NAMESPACE}, which is not there"
    )
