"""What a check has found as JUnit XML and as SARIF 2.1.0, in the manner of as_junit.py and as_sarif.py."""

from __future__ import annotations

import hashlib
from html import escape
from itertools import groupby
from typing import Any, Final

from kubectl_gitops import __version__
from kubectl_gitops.api.finding import Finding, FindingKind
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.report.as_junit import attributes
from kubectl_gitops.report.as_sarif import SCHEMA, physical_location, plain_message, provenance
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.model import CheckReport
from kubectl_gitops.report.sections import line_of
from kubectl_gitops.report.text import count_of, printable

MEANINGS: Final = {
    FindingKind.UNREADABLE: "A file cannot be read, or what it declares is no object that can be kept in sync",
    FindingKind.UNKNOWN_KIND: "Kubernetes has no such kind",
    FindingKind.UNKNOWN_FIELD: "The kind has no such field",
    FindingKind.MISSING_FIELD: "A field that the kind requires is missing",
    FindingKind.INVALID_VALUE: "A field has a value that it may not have",
    FindingKind.FORBIDDEN_FIELD: "A field is set that only the cluster may set",
    FindingKind.DUPLICATE: "One object is declared twice",
}
_KINDS: Final = tuple(MEANINGS)


def sentence_of(one: Finding) -> str:
    """``spec.replicas: must be an integer, not 'three'``."""
    path = f"{format_path(one.path)}: " if one.path else ""
    return printable(f"{path}{one.message}")


def junit(report: CheckReport, summary: str) -> str:
    """A failed test for each object with findings, or for each file that cannot be read; else one that passed."""
    cases = [_failed(list(found)) for _, found in groupby(report.findings, key=lambda one: (one.key, one.origin.path))]
    failures = len(cases)
    cases = cases or [f"<testcase{attributes(name=summary, classname=report.subject)}/>\n"]
    numbers: dict[str, object] = {"tests": len(cases), "failures": failures, "errors": 0}
    checked = (
        f'<properties>\n<property name="checked" value="{report.total - len(report.unchecked)}"/>\n</properties>\n'
    )
    suite = f"<testsuite{attributes(name=report.subject, **numbers)}>\n{checked}{''.join(cases)}</testsuite>\n"
    head = attributes(name="kubectl gitops check", **numbers)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{head}>\n{suite}</testsuites>\n'


def _failed(found: list[Finding]) -> str:
    first = found[0]
    name, classname = (first.key.described, first.key.kind) if first.key else (first.origin.path, "file")
    place = attributes(name=name, classname=classname, file=first.origin.path, line=line_of(first.origin))
    text = "\n".join(["", *(f"{printable(str(one.origin))}: {sentence_of(one)}" for one in found), ""])
    failure = attributes(type=str(first.kind), message=count_of(len(found), "finding"))
    return f"<testcase{place}>\n<failure{failure}>{escape(text, quote=False)}</failure>\n</testcase>\n"


def sarif(report: CheckReport) -> str:
    """One run, with a result at the line of each finding."""
    run = {
        "tool": {
            "driver": {"name": "kubectl-gitops", "version": __version__, "rules": [_rule(kind) for kind in _KINDS]}
        },
        "automationDetails": {"id": f"kubectl-gitops/check/{printable(report.subject)}/"},
        "columnKind": "unicodeCodePoints",
        **provenance(report),
        "results": [_result(one) for one in report.findings],
    }
    return to_json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(kind: FindingKind) -> dict[str, Any]:
    return {
        "id": f"check/{kind}",
        "name": f"{kind}",
        "shortDescription": {"text": f"{MEANINGS[kind]}."},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["check", "kubernetes"]},
    }


def _result(one: Finding) -> dict[str, Any]:
    path = format_path(one.path)
    identity = hashlib.sha256(
        "\0".join((*(one.key or (one.origin.path,)), one.kind, path, one.message)).encode(errors="surrogatepass")
    ).hexdigest()
    named = f"{one.key.described}: " if one.key else ""
    logical = "/".join(filter(None, (one.api_version, *((one.key.kind, *one.key[2:]) if one.key else ()), path)))
    location: dict[str, Any] = {"physicalLocation": physical_location(one.origin)}
    if logical:
        location["logicalLocations"] = [{"fullyQualifiedName": printable(logical), "kind": "resource"}]
    return {
        "ruleId": f"check/{one.kind}",
        "ruleIndex": _KINDS.index(one.kind),
        "level": "error",
        "message": {"text": plain_message(f"{printable(named)}{sentence_of(one)}.")},
        "locations": [location],
        "fingerprints": {"kubectlGitopsCheck/v1": identity},
        "partialFingerprints": {"primaryLocationLineHash": f"{identity[:16]}:1"},
    }
