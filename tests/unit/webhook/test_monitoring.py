"""What the dashboard and the alerts ask for, a webhook exports; and the labels that they go by."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.cluster.fakeserver import cluster_at
from tests.unit.webhook.cases import deployment, live, request, view
from webhook.metrics import Metrics
from webhook.policy import decide
from webhook.recording import Recorder

MONITORING = Path(__file__).parents[3] / "manifests" / "components" / "monitoring"
_METRIC = re.compile(r"gitops_webhook_\w+")
_LABELS = re.compile(r"(?:\bby \(|\{)([^){}]*)[)}]")


def dashboard_expressions() -> list[str]:
    document = json.loads((MONITORING / "webhook-dashboard.json").read_text())
    return [target["expr"] for panel in document["panels"] for target in panel["targets"]]


def alert_expressions() -> list[str]:
    (document,) = yaml.safe_load_all((MONITORING / "webhook-rules.yaml").read_text())
    return [rule["expr"] for group in document["spec"]["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """The labels of each metric of a webhook that has decided once."""

    class Known:
        view = view(deployment())
        ready = True

    metrics = Metrics(Known())
    Recorder(cluster_at("http://127.0.0.1:9"), metrics.registry, replica="here")
    metrics.certificate(datetime.now(UTC))
    asked = request("DELETE", old=live(deployment()))
    metrics.count(asked, decide(asked, Known.view))
    with metrics.latency.time():
        pass
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return found


@pytest.mark.parametrize("expression", [*dashboard_expressions(), *alert_expressions()])
def test_what_is_asked_for_is_exported(expression: str, exported: dict[str, set[str]]) -> None:
    names = set(_METRIC.findall(expression))
    assert names
    assert names <= exported.keys()
    labels = {re.split(r"[=!~]", part)[0].strip() for group in _LABELS.findall(expression) for part in group.split(",")}
    assert labels <= set().union(*(exported[name] for name in names))


def test_all_that_is_exported_is_shown(exported: dict[str, set[str]]) -> None:
    shown = {name for expression in dashboard_expressions() for name in _METRIC.findall(expression)}
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported if not name.endswith("_created")}
    assert ours - {re.sub(r"_bucket$", "", name) for name in shown} == {"gitops_webhook_snapshots"}


def test_panels_do_not_overlap() -> None:
    document = json.loads((MONITORING / "webhook-dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
