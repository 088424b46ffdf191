"""Text as HTML: escaped, on one line unless it is meant to have several, authors on both sides with their times."""

from __future__ import annotations

from datetime import datetime
from html import escape

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.report.authors import NOT_RECORDED, name_text, place_text
from kubectl_gitops.report.text import printable, printable_lines, shortened

_SUBJECT_LIMIT = 100
_SHORT = 20


def escaped(text: str) -> str:
    """Text of one line, for an element or a quoted attribute."""
    return escape(printable(text))


def breakable(text: str) -> str:
    """Text of one line that may go on in the next one, after a dot or slash and before a bracket."""
    html = escaped(text)
    return html.replace(".", ".<wbr>").replace("/", "/<wbr>").replace("[", "<wbr>[") if len(text) > _SHORT else html


def escaped_lines(text: str) -> str:
    """Text whose line feeds stay, for ``<pre>``."""
    return escape(printable_lines(text))


def element(name: str, html: str, css_class: str = "") -> str:
    """An element around HTML; "" around nothing."""
    attribute = f' class="{css_class}"' if css_class else ""
    return f"<{name}{attribute}>{html}</{name}>\n" if html else ""


def when(time: str) -> str:
    """An RFC 3339 time; as machines read it, too, where it is one."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return escaped(time)
    return f'<time datetime="{escaped(time)}">{moment:%Y-%m-%d %H:%M:%S} {escaped(moment.tzname() or "")}</time>'


def owner_html(owner: FieldOwner | None) -> str:
    """The manager, below it how and when it wrote."""
    if owner is None:
        return f'<span class="none">{NOT_RECORDED}</span>'
    how = " ".join(filter(None, (owner.operation, owner.subresource)))
    below = "<br>".join(filter(None, (escaped(how), when(owner.time) if owner.time else "")))
    return f"<b>{escaped(name_text(owner.manager))}</b><br>{below}"


def declared_html(origin: Origin | None, commit: Commit | None, separator: str = "<br>") -> str:
    """File and line, the commit and its author, when, and why."""
    place = f'<span class="place">{breakable(place_text(origin))}</span>' if origin else ""
    return separator.join(filter(None, (place, commit_html(commit, separator))))


def commit_html(commit: Commit | None, separator: str = " · ") -> str:
    """``1a2b3c4d Jane Doe · 2026-11-20 18:00:00 UTC · Three replicas``."""
    if commit is None:
        return ""
    who = f'<span class="place">{escaped(commit.short)}</span> <b>{escaped(name_text(commit.author))}</b>'
    time = when(commit.time) if commit.time else ""
    return separator.join(filter(None, (who, time, escaped(shortened(commit.subject, _SUBJECT_LIMIT)))))
