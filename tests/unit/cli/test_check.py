"""``kubectl gitops check``: all mistakes at once, each with its file and line, and no cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from kubectl_gitops.cli.check import FORMATS
from kubectl_gitops.cli.frame import gitops
from kubectl_gitops.report.checked import CHECK_FORMATS
from tests.unit.source.repository import Repository

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text())

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: three
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          imagge: x
"""
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
CERTIFICATE = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\nspec: {secretNam: x}\n"
DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: certificates.cert-manager.io}
spec:
  group: cert-manager.io
  scope: Namespaced
  names: {kind: Certificate, plural: certificates}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {
        spec: {type: object, properties: {secretName: {type: string}}}}}}
"""


def check(place: Path | str, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(gitops, ["check", "-f", str(place), *arguments], input=stdin)


def findings(place: Path | str, *arguments: str, stdin: str | None = None) -> list[str]:
    """``file:line path: message``, each."""
    result = check(place, *arguments, "-o", "json", stdin=stdin)
    document = json.loads(result.stdout)
    assert list(Draft202012Validator(SCHEMA).iter_errors(document)) == []
    assert result.exit_code == (1 if document["findings"] else 0)
    return [
        f"{Path(one['file']).name}:{one['line']} {one['path'] + ': ' if one['path'] else ''}{one['message']}"
        for one in document["findings"]
    ]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(DEPLOYMENT)
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    return tmp_path


def test_each_mistake_is_told_with_its_line(place: Path) -> None:
    assert findings(place) == [
        "web.yaml:6 spec.replicas: must be an integer, not 'three'",
        "web.yaml:13 spec.template.spec.containers[0].imagge: unknown field; did you mean image?",
    ]


def test_where_nothing_is_wrong_it_says_so_and_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    result = check(tmp_path)
    assert (result.exit_code, result.stdout) == (0, "nothing wrong in 1 object\n")


def test_a_file_that_cannot_be_read_hides_no_other(place: Path) -> None:
    (place / "broken.yaml").write_text("a: [\n")
    (place / "labels.yaml").write_text(f"{SETTINGS.replace('settings', 'x, labels: {a: 1}')}---\n{SETTINGS}")
    (place / "chart").mkdir()
    (place / "chart" / "Chart.yaml").write_text("name: x\n")
    found = findings(place)
    assert [one.partition(" ")[0] for one in found] == [
        "broken.yaml:2",
        "Chart.yaml:None",
        "labels.yaml:1",
        "settings.yaml:1",
        "web.yaml:6",
        "web.yaml:13",
    ]
    assert "metadata.labels.a must be a string, not the number 1; quote it" in found[2]
    assert "ConfigMap/settings is declared already, at " in found[3]


def test_what_git_must_not_set_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  uid: x\n")
    assert findings(tmp_path) == ["a.yaml:5 metadata.uid: is set by the cluster and must not be declared"]


def test_annotations_of_ours_are_checked(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n"
        "    kubectl-gitops.dev/ignore: data\n    kubectl-gitops.dev/ignored: /data\n"
        "    kubectl-gitops.dev/enforcement: never\n    other.example/ignore: data\n"
    )
    assert [one.partition(": ")[2][:40] for one in findings(tmp_path)] == [
        "not a JSON pointer: 'data' (it begins wi",
        "no annotation of kubectl-gitops (there i",
        "must be one of off, warn, audit, enforce",
    ]


def test_a_gitsync_is_checked_by_our_own_schema() -> None:
    text = "apiVersion: kubectl-gitops.dev/v1alpha1\nkind: GitSync\nmetadata: {name: a}\nspec:\n  source: {}\n"
    assert findings("-", stdin=text) == ["<stdin>:5 spec.source: 'repoURL' is required"]


def test_a_kind_that_kubernetes_no_longer_has_is_told_with_what_it_has() -> None:
    text = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n"
    (found,) = findings("-", stdin=text)
    assert found.startswith("<stdin>:1 Kubernetes 1.")
    assert found.endswith("has no kind Ingress in extensions/v1beta1 (it has networking.k8s.io/v1)")


def test_a_custom_resource_without_its_crd_is_counted_as_not_checked(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CERTIFICATE)
    result = check(tmp_path)
    words = "nothing wrong in 1 object; 1 not checked: no schema of Certificate.cert-manager.io\n"
    assert (result.exit_code, result.stdout) == (0, words)


def test_a_crd_beside_it_or_elsewhere_checks_it(tmp_path: Path) -> None:
    crds, app = tmp_path / "crds", tmp_path / "app"
    for directory, text in ((crds, DEFINITION), (app, CERTIFICATE)):
        directory.mkdir()
        (directory / "a.yaml").write_text(text)
    wrong = ["a.yaml:4 spec.secretNam: unknown field; did you mean secretName?"]
    assert findings(tmp_path) == wrong
    assert findings(app) == []
    assert findings(app, "--crds", str(crds)) == wrong


def test_with_a_namespace_two_declarations_may_be_one_object() -> None:
    text = f"{SETTINGS}---\n{SETTINGS.replace('{', '{namespace: shop, ')}"
    assert findings("-", stdin=text) == []
    assert findings("-", "-n", "shop", stdin=text) == [
        "<stdin>:5 ConfigMap/settings in namespace shop is declared already, at <stdin>:1"
    ]


def test_a_commit_is_checked_as_a_directory_is(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop")
    repository.commit({"deploy/web.yaml": DEPLOYMENT, "other/x.yaml": "a: ["})
    repository.write({"deploy/web.yaml": SETTINGS})
    assert len(findings(repository.path, "--revision", "main", "--path", "deploy")) == 2
    assert findings(repository.path / "deploy") == []


@pytest.mark.parametrize("output", FORMATS)
def test_no_value_of_a_secret_is_in_any_format(output: str) -> None:
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringdata: {a: hunter2}\nimmutable: hunter2\n"
        "type: Opaque\ndata: {b: aHVudGVyMg==}\npassword: hunter2\n"
    )
    result = check("-", "-o", output, stdin=text)
    assert result.exit_code == 1
    assert "hunter2" not in result.output
    assert "aHVudGVyMg" not in result.output


@pytest.mark.parametrize("output", FORMATS)
def test_nothing_declared_can_write_to_a_terminal(output: str) -> None:
    escape = '"\\e[2J"'
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {escape}, {escape}: 1}}\nimmutable: {escape}\n"
    result = check("-", "-o", output, stdin=text)
    assert result.exit_code == 1
    assert "\x1b" not in result.output


def test_the_formats_are_those_of_the_report() -> None:
    assert list(FORMATS) == list(CHECK_FORMATS)


def test_names_are_those_of_objects_with_findings(place: Path) -> None:
    assert check(place, "-o", "name").stdout == "deployment.apps/web\n"


def test_yaml_is_the_same_document_as_json(place: Path) -> None:
    assert yaml.safe_load(check(place, "-o", "yaml").stdout) == json.loads(check(place, "-o", "json").stdout)


def test_sarif_points_to_the_lines(place: Path) -> None:
    (run,) = json.loads(check(place, "-o", "sarif").stdout)["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    found = [(one["ruleId"], one["locations"][0]["physicalLocation"]["region"]["startLine"]) for one in run["results"]]
    assert found == [("check/InvalidValue", 6), ("check/UnknownField", 13)]
    assert [rules[one["ruleIndex"]] for one in run["results"]] == [rule for rule, _ in found]


def test_junit_has_a_failed_test_for_each_object(place: Path) -> None:
    text = check(place, "-o", "junit").stdout
    assert '<testsuites name="kubectl gitops check" tests="1" failures="1" errors="0">' in text
    assert "web.yaml:6: spec.replicas: must be an integer, not 'three'" in text
    (place / "web.yaml").unlink()
    assert 'tests="1" failures="0"' in check(place, "-o", "junit").stdout


def test_markdown_fits_into_a_comment(tmp_path: Path) -> None:
    wrong = "\n---\n".join(f"{SETTINGS.replace('settings', f's{n}')}dataa: x" for n in range(1000))
    (tmp_path / "a.yaml").write_text(wrong)
    text = check(tmp_path, "-o", "markdown").stdout
    assert len(text.encode()) < 65_536
    assert "findings more did not fit" in text


@pytest.mark.parametrize(
    ("arguments", "stderr"),
    [
        ((), "error: say what to check: -f with a directory"),
        (("-f", "/nowhere"), "error: there is no file or directory /nowhere"),
        (("-f", "-"), "error: <stdin> declares no object at all"),
        (("-f", "-", "-o", "html"), "error: invalid value for '-o' / '--output': 'html' is not one of"),
    ],
)
def test_what_cannot_be_checked_is_an_error(arguments: tuple[str, ...], stderr: str) -> None:
    result = CliRunner().invoke(gitops, ["check", *arguments], input="")
    assert result.exit_code == 2
    assert result.stderr.startswith(stderr)
