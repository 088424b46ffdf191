"""The controls by which page.js filters the objects; each only where there is something to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from kubectl_gitops.report.html_object import kinds_of
from kubectl_gitops.report.html_text import escaped
from kubectl_gitops.report.sections import Section, managers_of

_SEARCH = (
    '<div class="control search"><label for="q">Search</label>'
    '<input type="search" id="q" name="q" autocomplete="off" spellcheck="false"></div>\n'
)


def filter_controls(found: Sequence[Section]) -> str:
    """The inside of the form."""
    entries = [entry for section in found for entry in (*section.entries, *section.ignored)]
    kinds = [kind for section in found for entry in section.entries for kind in kinds_of(entry)]
    kinds += [kind for section in found for entry in section.ignored for kind in kinds_of(entry, is_ignored=True)]
    namespaces = {entry.key.namespace for entry in entries}
    managers = {manager for entry in entries for manager in managers_of(entry)}
    return (
        _SEARCH
        + _choice("namespace", "Namespace", namespaces)
        + _choice("manager", "Changed by", managers)
        + _kinds(Counter(kinds))
    )


def _choice(name: str, label: str, values: Iterable[str]) -> str:
    found = sorted(values)
    if len(found) < 2:
        return ""
    # The = tells the empty name, of what is in no namespace, from no choice at all.
    options = "".join(f'<option value="={escaped(value)}">{escaped(value) or "(none)"}</option>' for value in found)
    return (
        f'<div class="control"><label for="{name}">{label}</label>'
        f'<select id="{name}" name="{name}"><option value="">all</option>{options}</select></div>\n'
    )


def _kinds(counts: Counter[str]) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="kind" value="{kind}" checked> {kind} ({number})</label>\n'
        for kind, number in counts.most_common()
    )
    return f"<fieldset><legend>Kind</legend>\n{boxes}</fieldset>\n" if boxes else ""
