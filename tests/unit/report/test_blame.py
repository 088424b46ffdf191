"""The blame of an object, as people and programs see it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.attribution import FieldSource
from kubectl_gitops.diff.blame import BlamedField
from kubectl_gitops.diff.path import ABSENT, ItemKey
from kubectl_gitops.report.blame import BLAME_FORMATS
from kubectl_gitops.report.document import blame_to_json
from kubectl_gitops.report.model import BlameReport
from kubectl_gitops.report.style import PLAIN, Style
from tests.unit.report.samples import COMMIT, OTHER_COMMIT, SCALE, SET, WEB
from tests.unit.report.test_schema import VALIDATOR, at, map_paths

NOW = datetime(2026, 11, 23, 18, 41, tzinfo=UTC)
IMAGE = ("spec", "containers", ItemKey((("name", "web"),)), "image")
FIELDS = (
    BlamedField(path=("metadata", "uid"), position=("metadata", "uid"), live="u-1"),
    BlamedField(
        path=("spec", "replicas"),
        position=("spec", "replicas"),
        live=5,
        owners=(SCALE, replace(SET, time="")),
        source=FieldSource(origin=Origin("deploy/web.yaml", 8), commit=OTHER_COMMIT, exact=True),
        differs=True,
        desired=3,
    ),
    BlamedField(path=("spec", "dnsPolicy"), position=("spec", "dnsPolicy"), live="ClusterFirst"),
    BlamedField(
        path=IMAGE,
        position=("spec", "containers", 0, "image"),
        live="shop:1.5",
        owners=(SET,),
        source=FieldSource(origin=Origin("base/web.yaml", 3), commit=COMMIT, exact=False),
    ),
    BlamedField(
        path=("spec", "paused"),
        position=("spec", "paused"),
        live=ABSENT,
        source=FieldSource(origin=Origin("deploy/web.yaml", 7), commit=None, exact=True, uncommitted=True),
        differs=True,
        desired=False,
    ),
)
REPORT = BlameReport(
    key=WEB,
    api_version="apps/v1",
    subject="GitSync gitops-system/shop",
    repo_url="https://jane:secret@git.example/shop.git",
    path="deploy",
    revision=COMMIT,
    origin=Origin("deploy/web.yaml", 1),
    commit=OTHER_COMMIT,
    fields=FIELDS,
)
NOTHING_IN_GIT = BlameReport(key=WEB, api_version="apps/v1", fields=FIELDS[:1])


def test_each_field_has_both_authors_and_what_differs_is_marked() -> None:
    assert (
        BLAME_FORMATS["table"](REPORT, Style(now=NOW))
        == """\
Deployment/web in namespace shop   GitSync gitops-system/shop (1a2b3c4d)   deploy/web.yaml:1   9f8e7d6c Max Muster, 20 days ago
  FIELD                             LIVE           SET BY                                               WHEN           GIT                         COMMIT
  metadata.uid                      u-1            cluster
! spec.replicas                     5              kubectl-scale (Update scale); kubectl-set (Update)   3 min ago; -   deploy/web.yaml:8           9f8e7d6c Max Muster, 20 days ago   Git 3
  spec.dnsPolicy                    ClusterFirst   default
  spec.containers[name=web].image   shop:1.5       kubectl-set (Update)                                 1 day ago      base/web.yaml:3 (nearest)   1a2b3c4d Jane Doe, 41 min ago
! spec.paused                       (gone)         not recorded                                                        deploy/web.yaml:7           not committed yet                  Git false
"""  # noqa: E501
    )


def test_without_git_only_the_cluster_s_side_is_shown() -> None:
    head, *_ = BLAME_FORMATS["table"](NOTHING_IN_GIT, PLAIN).splitlines()
    assert head == "Deployment/web in namespace shop   not declared in Git, as far as is known"


@pytest.mark.parametrize("report", [REPORT, NOTHING_IN_GIT])
def test_its_document_is_exactly_what_the_schema_says(report: BlameReport) -> None:
    document = blame_to_json(report)
    assert list(VALIDATOR.iter_errors(document)) == []
    for path in map_paths(document):
        part = at(document, path)
        part["unheard-of"] = 1
        assert not VALIDATOR.is_valid(document), path
        del part["unheard-of"]
        for name in part.keys() - {"pointer", "desired", "live"}:
            value = part.pop(name)
            assert not VALIDATOR.is_valid(document), (path, name)
            part[name] = value


def test_json_and_yaml_are_one_document_without_credentials() -> None:
    text = BLAME_FORMATS["json"](REPORT, PLAIN)
    assert json.loads(text) == blame_to_json(REPORT)
    assert "secret" not in text + BLAME_FORMATS["yaml"](REPORT, PLAIN)
    image = json.loads(text)["fields"][3]
    assert (image["path"], image["pointer"]) == ("spec.containers[name=web].image", "/spec/containers/0/image")
