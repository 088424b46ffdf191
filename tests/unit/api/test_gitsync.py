"""The GitSync resource, checked offline with the schema that the CRD is made from."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.durations import duration_seconds
from kubectl_gitops.api.gitsync import read_gitsync
from kubectl_gitops.api.names import MAX_LABEL_LENGTH, managed_by
from kubectl_gitops.api.schema import faults_of
from kubectl_gitops.errors import InvalidInput
from scripts import generate, reference


def gitsync(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": "shop", "namespace": "team"},
        "spec": {"source": {"repoURL": "https://git.example/shop"}, **spec},
    }


def test_what_is_left_out_is_as_the_schema_says() -> None:
    sync = read_gitsync(gitsync())
    assert (sync.revision, sync.path, sync.interval_seconds) == ("HEAD", ".", 60.0)
    assert (sync.automated, sync.prune, sync.self_heal, sync.suspended) == (True, False, True, False)
    assert sync.enforcement == "Enforce"
    assert sync.target_namespace == "team"


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"source": {}}, "spec.source: 'repoURL' is required"),
        ({"source": {"repoURL": 7}}, "spec.source.repoURL: 7 is not of type 'string'"),
        ({"sync": {"prune": "yes"}}, "spec.sync.prune: 'yes' is not of type 'boolean'"),
        ({"sync": {"purge": True}}, "spec.sync: unknown field purge (there is additions, automated, maxDelete, "),
        ({"enforcement": {"mode": "Maybe"}}, "spec.enforcement.mode: 'Maybe' is not one of"),
        ({"enforcement": {"additions": "no"}}, "spec.enforcement.additions: 'no' is not one of"),
        ({"enforcement": {"exempt": [{}]}}, "spec.enforcement.exempt[0]: give users or groups or serviceAccounts"),
        (
            {"enforcement": {"exempt": [{"serviceAccounts": ["bot"]}]}},
            "spec.enforcement.exempt[0].serviceAccounts[0]: 'bot' is not what belongs here: A service account, written",
        ),
        (
            {"enforcement": {"exempt": [{"users": ["bob"], "fields": ["spec"]}]}},
            "spec.enforcement.exempt[0].fields[0]: 'spec' is not what belongs here: A JSON pointer",
        ),
        ({"source": {"repoURL": "-u x"}}, "spec.source.repoURL: "),
        (
            {"source": {"repoURL": "x", "interval": "often"}},
            "spec.source.interval: 'often' is not what belongs here: How often to look for new commits: 30s, 5m, 1h",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(spec: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_gitsync({**gitsync(), "spec": {**gitsync()["spec"], **spec}})
    assert fault in str(caught.value)
    assert "team/shop" in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "GitSync is not valid: metadata.name: is required"),
        ({"name": ""}, "GitSync is not valid: metadata.name: is required"),
        ({"name": 5}, "GitSync 5 is not valid: metadata.name: 5 is no name: "),
        ({"name": "Shop"}, "GitSync Shop is not valid: metadata.name: 'Shop' is no name: "),
        ({"name": "a", "namespace": "b_c"}, "GitSync b_c/a is not valid: metadata.namespace: 'b_c' is no name: "),
        (["a"], "GitSync is not valid: metadata: ['a'] is not of type 'object'"),
        (None, "GitSync is not valid: metadata: None is not of type 'object'"),
    ],
)
def test_a_name_that_is_none_is_a_fault(metadata: Any, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_gitsync({**gitsync(), "metadata": metadata})
    assert str(caught.value).startswith(message)


def test_an_object_without_metadata_has_no_name() -> None:
    assert "metadata.name: is required" in faults_of({"spec": {}})


@pytest.mark.parametrize("obj", [None, [], "text", 1])
def test_what_is_no_object_is_a_fault(obj: Any) -> None:
    assert faults_of(obj) == ["not an object"]


def test_another_kind_is_a_fault() -> None:
    assert "kind: must be 'GitSync', not 'Deployment'" in faults_of({**gitsync(), "kind": "Deployment"})


def test_what_is_made_from_the_schema_is_up_to_date() -> None:
    assert generate.CRD.read_text() == generate.crd_text(), "run make generate"
    assert generate.REFERENCE.read_text() == generate.reference_text(), "run make generate"
    assert generate.CLI.read_text() == reference.cli_text(), "run make generate"
    assert generate.NAMES.read_text() == reference.names_text(), "run make generate"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30.0), ("5m", 300.0), ("1h30m", 5400.0), ("500ms", 0.5), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "1d", "-5m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration_seconds(text)


def test_a_long_name_still_makes_a_label() -> None:
    one, other = managed_by("n" * 63, "a" * 100), managed_by("n" * 63, "a" * 99 + "b")
    assert one != other
    assert max(len(one), len(other)) <= MAX_LABEL_LENGTH
    assert managed_by("team", "shop") == "team.shop"
