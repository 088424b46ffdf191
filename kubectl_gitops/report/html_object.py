"""One object as an HTML article that can be folded, with what the filter needs to know of it."""

from __future__ import annotations

from kubectl_gitops.diff.drift import DriftKind
from kubectl_gitops.report.html_fields import field_table
from kubectl_gitops.report.html_text import declared_html, element, escaped
from kubectl_gitops.report.kinds import explanation_of
from kubectl_gitops.report.sections import Entry, commit_of, managers_of, remark_of
from kubectl_gitops.report.text import printable


def article(entry: Entry, *, is_ignored: bool = False) -> str:
    """The object: its kind of drift, its name, where Git declares it, and each field."""
    data = _data(entry, kinds_of(entry, is_ignored=is_ignored))
    return (
        f"<article{data}><details open>\n<summary>{_head(entry)}</summary>\n"
        f"{_remark(entry)}{field_table(entry)}</details></article>\n"
    )


def kinds_of(entry: Entry, *, is_ignored: bool = False) -> list[str]:
    """What the filter knows the object by: its kind, and those of its fields; ``Ignored`` is one more."""
    if is_ignored:
        return ["Ignored"]
    of_fields = {str(field.kind) for field in entry.fields} if isinstance(entry.kind, DriftKind) else set()
    return [str(entry.kind), *sorted(of_fields - {str(entry.kind)})]


def _data(entry: Entry, kinds: list[str]) -> str:
    found = {"kinds": kinds, "namespace": [entry.key.namespace], "managers": managers_of(entry)}
    # A line feed parts the values; there is none in them.
    joined = ((name, "\n".join(map(printable, values))) for name, values in found.items())
    return "".join(f' data-{name}="{attribute(values)}"' for name, values in joined)


def attribute(lines: str) -> str:
    """Lines for a quoted attribute."""
    return "\n".join(map(escaped, lines.split("\n")))


def _head(entry: Entry) -> str:
    badge = f'<span class="kind {entry.kind.lower().replace(" ", "-")}">{entry.kind}</span>'
    namespace = f' <span class="in">in namespace {escaped(entry.key.namespace)}</span>' if entry.key.namespace else ""
    declared = declared_html(entry.origin, commit_of(entry), " · ")
    below = f'<span class="muted">{declared}</span>' if declared else ""
    return f"<h3>{badge} {escaped(str(entry.key))}{namespace}</h3>{below}"


def _remark(entry: Entry) -> str:
    css_class = "note" if isinstance(entry.kind, DriftKind) else "error"
    return element("p", explanation_of(entry), "note") + element("p", escaped(remark_of(entry)), css_class)
