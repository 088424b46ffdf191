from __future__ import annotations

import pytest

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.source.declared import declare, refuse_duplicates


def names(text: str) -> list[str]:
    return [f"{one.key.described} {one.origin}" for one in declare(text.encode(), file="a.yaml")]


def refused(text: str) -> InvalidManifest:
    with pytest.raises(InvalidManifest) as caught:
        declare(text.encode(), file="a.yaml")
    return caught.value


def config_map(metadata: str) -> str:
    return f"# first\napiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n"


def test_documents_become_objects_with_their_place() -> None:
    text = (
        config_map("{name: a, namespace: shop, creationTimestamp: null, labels: null}")
        + "---\n"
        + config_map("{name: b}")
    )
    assert names(text) == ["ConfigMap/a in namespace shop a.yaml:2", "ConfigMap/b a.yaml:7"]


def test_a_list_is_taken_apart_wherever_it_stands() -> None:
    text = """\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: a}}
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata: {name: b}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
- apiVersion: example.com/v1
  kind: AllowList
  metadata: {name: d}
"""
    assert names(text) == [
        "Secret/a a.yaml:4",
        "ConfigMap/b a.yaml:5",
        "ConfigMap/c a.yaml:5",
        "AllowList.example.com/d a.yaml:10",
    ]
    assert declare(text.encode(), file="a.yaml")[1].api_version == "v1"


@pytest.mark.parametrize(
    "text", ["apiVersion: v1\nkind: List\nitems: []\n", '{"apiVersion":"v1","kind":"List","items":[]}']
)
def test_a_list_may_be_empty(text: str) -> None:
    assert names(text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# a\n[1]", "a Kubernetes object is a mapping, not a list"),
        ("# a\njust text", "a Kubernetes object is a mapping, not a string"),
        ("# a\nreplicas: 3", "this is no Kubernetes object: it has neither apiVersion nor kind"),
        ("# a\nkind: Pod", "apiVersion is missing"),
        ("# a\napiVersion: v1", "kind is missing"),
        ("# a\napiVersion: 1\nkind: Pod", "apiVersion must be a string, not the number 1; quote it"),
        ("# a\napiVersion: v1\nkind: Pod", "Pod: metadata must be a mapping with a name, not null"),
        ("# a\napiVersion: v1\nkind: List\nitems: null", "List: metadata must be a mapping with a name, not null"),
        (config_map("{}"), "metadata.name is missing"),
        (config_map("{name: 12}"), "metadata.name must be a string, not the number 12; quote it"),
        (
            config_map("{name: a, namespace: true}"),
            "metadata.namespace must be a string, not the boolean true; quote it",
        ),
        (config_map("{name: a/b}"), "metadata.name 'a/b' must not be '.' or '..', nor contain '/' or '%'"),
        (
            config_map("{generateName: a-}"),
            "ConfigMap: metadata.generateName: an object without a fixed name cannot be kept in sync",
        ),
        (
            config_map("{name: a, labels: {version: 1}}"),
            "metadata.labels.version must be a string, not the number 1; quote it",
        ),
        (
            config_map("{name: a, annotations: {on: yes}}"),
            "metadata.annotations.true must be a string, not the boolean true; quote it",
        ),
        (config_map("{name: a, labels: {version: null}}"), "metadata.labels.version must be a string, not null"),
        (config_map("{name: a, labels: [x]}"), "metadata.labels must be a mapping, not a list"),
    ],
)
def test_what_could_not_be_kept_in_sync_is_refused(text: str, reason: str) -> None:
    error = refused(text)
    assert (error.reason, error.file, error.line) == (reason, "a.yaml", 2)


def secret(fields: str) -> str:
    return f"# first\napiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{fields}\n"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("data: s3cret", "Secret/a: data must be a mapping"),
        ("data: [s3cret]", "Secret/a: data must be a mapping"),
        ("data: {k: 's3cret!'}", "Secret/a: data.k is not base64; plain text goes into stringData"),
        ("data: {k: czNjcmV}", "Secret/a: data.k is not base64; plain text goes into stringData"),
        ("data: {k: {s3cret: s3cret}}", "Secret/a: data.k must be a string"),
        ("stringData: s3cret", "Secret/a: stringData must be a mapping"),
        ("stringData: {k: 12345}", "Secret/a: stringData.k must be a string; quote it"),
        ("stringData: {k: true}", "Secret/a: stringData.k must be a string; quote it"),
        ("type: {s3cret: s3cret}", "Secret/a: type must be a string"),
    ],
)
def test_what_is_wrong_with_a_secret_is_told_without_its_values(fields: str, reason: str) -> None:
    error = refused(secret(fields))
    assert (error.reason, error.file, error.line) == (reason, "a.yaml", 2)


@pytest.mark.parametrize(
    "fields",
    [
        "",
        "data: null\nstringData: null\ntype: null",
        "data: {a: czNjcmV0, b: '', c: null}",
        "data:\n  a: |\n    czNj\n    cmV0\n",
        "stringData: {a: 's3cret!', b: '', c: null}\ntype: Opaque",
    ],
)
def test_secrets_as_the_api_server_takes_them(fields: str) -> None:
    assert names(secret(fields)) == ["Secret/a a.yaml:2"]


def test_an_object_is_declared_once() -> None:
    once: list[Declared] = declare(config_map("{name: a}").encode(), file="a.yaml")
    elsewhere = declare(config_map("{name: a, namespace: x}").encode(), file="b.yaml")
    again = declare(config_map("{name: a, labels: {app: web}}").encode(), file="c.yaml")
    assert refuse_duplicates([*once, *elsewhere]) == [*once, *elsewhere]
    with pytest.raises(InvalidManifest, match=r"^c\.yaml:2: ConfigMap/a is declared already, at a\.yaml:2$"):
        refuse_duplicates([*once, *elsewhere, *again])


def test_a_hook_may_leave_its_name_to_be_generated() -> None:
    text = b"{apiVersion: v1, kind: ConfigMap, metadata: {generateName: a-, annotations: {helm.sh/hook: pre-install}}}"
    (one,) = declare(text, file="all.yaml")
    assert one.name == "a-"
