"""Drift reports as SARIF 2.1.0: each drifted field is a finding at the line of Git that declares it.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final
from urllib.parse import quote

from kubectl_gitops import __version__
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.drift import DriftedField, DriftKind, ObjectDrift
from kubectl_gitops.diff.path import format_path
from kubectl_gitops.report.as_junit import drift_reports
from kubectl_gitops.report.authors import changed_sentence, declared_sentence, remarks_on
from kubectl_gitops.report.jsontext import to_json_text
from kubectl_gitops.report.kinds import explanation_of
from kubectl_gitops.report.model import CheckReport, DriftReport, Report
from kubectl_gitops.report.sarif_rules import RULES, level_of, rule_id, rule_index
from kubectl_gitops.report.sections import field_origin, line_of
from kubectl_gitops.report.style import Style
from kubectl_gitops.report.text import printable, without_credentials
from kubectl_gitops.report.values import field_texts

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_VALUE_LIMIT = 200
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.+", re.DOTALL)


def render(report: Report, style: Style) -> str:
    """A run for each report. Ignored fields are suppressed results, where they are asked for."""
    runs = [_run(one, show_ignored=style.show_ignored) for one in drift_reports(report, "sarif")]
    return to_json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def _run(report: DriftReport, *, show_ignored: bool) -> dict[str, Any]:
    shown = (*report.drifts, *(report.ignored if show_ignored else ()))
    return {
        "tool": {"driver": {"name": "kubectl-gitops", "version": __version__, "rules": RULES}},
        # The part before the last slash is the category that a code host tells runs by.
        "automationDetails": {"id": f"kubectl-gitops/drift/{printable(report.subject)}/"},
        "columnKind": "unicodeCodePoints",
        **provenance(report),
        "results": [result for drift in shown for result in _results(drift)],
    }


def provenance(report: DriftReport | CheckReport) -> dict[str, Any]:
    """The repository, where it has a URI; user@host:path is none."""
    url = without_credentials(report.repo_url)
    if not _URI.fullmatch(url):
        return {}
    details = {"repositoryUri": quote(url, safe=":/?&=@+,;~%*!$'()", errors="replace")}
    details |= {"revisionId": report.revision.sha} if report.revision else {}
    return {"versionControlProvenance": [details | ({"branch": report.ref} if report.ref else {})]}


def _results(drift: ObjectDrift) -> list[dict[str, Any]]:
    if not drift.fields:
        return [_result(drift, drift.kind, drift.origin, _object_message(drift), "")]
    return [_of_field(field, drift) for field in drift.fields]


def _of_field(field: DriftedField, drift: ObjectDrift) -> dict[str, Any]:
    path = format_path(field.path)
    result = _result(drift, field.kind, field_origin(field, drift), _field_message(field, drift), path)
    if not field.ignored:
        return result
    return result | {"suppressions": [{"kind": "external", "justification": printable(field.ignored)}]}


def _result(drift: ObjectDrift, kind: DriftKind, origin: Origin | None, message: str, path: str) -> dict[str, Any]:
    identity = _identity(drift, kind, path)
    logical = {"fullyQualifiedName": _qualified_name(drift, path), "kind": "resource"}
    physical = {"physicalLocation": physical_location(origin)} if origin and origin.path else {}
    return {
        "ruleId": rule_id(kind),
        "ruleIndex": rule_index(kind),
        "level": level_of(kind),
        "message": {"text": plain_message(message)},
        "locations": [{**physical, "logicalLocations": [logical]}],
        "fingerprints": {"kubectlGitopsDrift/v1": identity},
        # Code hosts know the same finding again by this one alone.
        "partialFingerprints": {"primaryLocationLineHash": f"{identity[:16]}:1"},
    }


def plain_message(message: str) -> str:
    """A message without placeholders and links (SARIF 3.11.5 and 3.11.6), which values might otherwise pass for."""
    return message.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def physical_location(origin: Origin) -> dict[str, Any]:
    """A file, and its line where that is known."""
    path = origin.path
    # What begins with two slashes would name a host.
    uri = quote("/" + path.lstrip("/") if path.startswith("/") else path, safe="/", errors="replace")
    relative = {} if uri.startswith("/") else {"uriBaseId": "%SRCROOT%"}
    line = line_of(origin)
    return {"artifactLocation": {"uri": uri, **relative}, **({"region": {"startLine": line}} if line else {})}


def _identity(drift: ObjectDrift, kind: DriftKind, path: str) -> str:
    """The same as long as the same field of the same object drifts in the same way, whatever its values and line."""
    parts = "\0".join((*drift.key, kind, path))
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()


def _qualified_name(drift: ObjectDrift, path: str) -> str:
    return printable("/".join(filter(None, (drift.api_version, drift.key.kind, *drift.key[2:], path))))


def _object_message(drift: ObjectDrift) -> str:
    note = f" {printable(drift.note)}." if drift.note else ""
    return f"{printable(drift.key.described)}: {drift.kind.lower()}. {explanation_of(drift)}{note}"


def _field_message(field: DriftedField, drift: ObjectDrift) -> str:
    desired, live = field_texts(field, drift, _VALUE_LIMIT)
    where = printable(f"{drift.key.described}: {format_path(field.path)}")
    beside = (changed_sentence(field), declared_sentence(field, drift), *remarks_on(field), printable(drift.note))
    sentences = (f"{said[:1].upper()}{said[1:]}." for said in beside if said)
    return " ".join([f"{where}: Git {desired}, live {live}.", *sentences])
