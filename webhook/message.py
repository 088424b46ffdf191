"""The words of a refusal: readable in a terminal, bounded, and free of what others could smuggle in.

Paths, values, file and author names come from manifests and commits that anybody may have written, and end on
somebody's terminal: whatever is not printable is replaced, and everything is cut to a length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.path import ABSENT, FieldPath, format_path
from webhook.view import Owner

#: In bytes, as the API server and kubectl pass it on. All of it below 1 KiB, each warning below 256 bytes.
MAX_MESSAGE = 1023
MAX_WARNING = 255
#: The API server drops all warnings once they are 4 KiB together.
MAX_FIELD_WARNINGS = 10

_MAX_SUBJECT, _MAX_OWNER, _MAX_SOURCE = 160, 100, 180
_MAX_PATH, _MAX_VALUE, _MAX_PLACE = 120, 48, 60
_ROOM_FOR_FIELDS = 300
HIDDEN = "***"

_BARE_WORD = re.compile(r"(?!(?:true|false|null)\Z)[A-Za-z_/][A-Za-z0-9_./:@+-]*")


#: Where Git sets a field; None where that is not known.
OriginOf = Callable[[FieldPath], Origin | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """``details`` belong to ``paths``, one to one; of ``unnamed`` more, only the number is told.

    ``source`` is where Git declares the object, "" if unknown. ``emergency`` is the command that would let the request
    pass, for who may; only who is denied is told.
    """

    subject: str
    headline: str
    paths: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    unnamed: int = 0
    source: str = ""
    advice: str = ""
    emergency: str = ""


def subject_of(key: ResourceKey) -> str:
    return plain(key.described, _MAX_SUBJECT)


def owner_name(owner: Owner) -> str:
    return plain(str(owner), _MAX_OWNER)


def gitops_command(verb: str, owner: Owner) -> str:
    return plain(f"kubectl gitops {verb} {owner.name} -n {owner.namespace}", 360)


def release_command(owner: Owner) -> str:
    """What has the webhook refuse nothing any more for the sake of this GitSync."""
    patch = '{"spec":{"enforcement":{"mode":"Off"}}}'
    return plain(f"kubectl patch gitsync {owner.name} -n {owner.namespace} --type=merge -p '{patch}'", 400)


def object_line(name: str, place: str) -> tuple[str, str]:
    """An object and where Git declares it, short enough for ten of them to be shown."""
    return _keep_end(plain(name, 300), 30), _keep_end(plain(place, 1200), 30)


def source_of(origin: Origin, commit: Commit | None) -> str:
    """``deploy/web.yaml:7, 1a2b3c4d Jane Doe``."""
    where = f"{_keep_end(origin.path, 110)}:{origin.line}"
    return plain(f"{where}, {commit}" if commit else where, _MAX_SOURCE)


def differences(
    changes: Iterable[FieldChange],
    *,
    hidden: bool,
    wanted: str = "Git says",
    absent: str = "asked to remove it",
    origin_of: OriginOf = lambda _: None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths, and what to say of each, with the line that sets it where that is known.

    With ``hidden``, no value of either side.
    """
    listed = list(changes)
    return (
        tuple(path_text(change.path) for change in listed),
        tuple(
            _difference(change, wanted=wanted, absent=absent, hidden=hidden) + _place(origin_of(change.path))
            for change in listed
        ),
    )


def path_text(path: FieldPath) -> str:
    return plain(format_path(path), 1000)


def as_text(refusal: Refusal) -> str:
    """The whole message: what, which fields, declared where, and what to do; less than 1 KiB."""
    head = f"{refusal.subject} {refusal.headline}"
    foot = [f"Declared in {refusal.source}"] if refusal.source else []
    foot += [refusal.advice] if refusal.advice else []
    room = MAX_MESSAGE - _size("\n".join([head, *foot])) - 1
    emergency = f"In an emergency, if you may: {refusal.emergency}"
    if refusal.emergency and room - _size(emergency) > _ROOM_FOR_FIELDS:
        foot.append(emergency)
        room -= _size(emergency) + 1
    fields = [f"  {_keep_end(p, _MAX_PATH)}: {d}" for p, d in zip(refusal.paths, refusal.details, strict=True)]
    return plain_lines([head, *_fit(fields, room, unnamed=refusal.unnamed), *foot])


def as_warnings(refusal: Refusal) -> tuple[str, ...]:
    """The same in single lines of less than 256 bytes each."""
    lines = [f"{refusal.subject} {refusal.headline}"]
    fields = list(zip(refusal.paths, refusal.details, strict=True))
    lines += [f"{_keep_end(path, _MAX_PATH)}: {detail}" for path, detail in fields[:MAX_FIELD_WARNINGS]]
    if more := max(0, len(fields) - MAX_FIELD_WARNINGS) + refusal.unnamed:
        lines.append(f"and {more} more")
    lines += [f"declared in {refusal.source}"] if refusal.source else []
    lines += [refusal.advice] if refusal.advice else []
    return tuple(plain(line, MAX_WARNING) for line in lines)


def plain(text: str, limit: int) -> str:
    """One printable line of at most ``limit`` bytes."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return _cut(text, limit)


def plain_lines(lines: Sequence[str]) -> str:
    return _cut("\n".join(plain(line, MAX_MESSAGE) for line in lines), MAX_MESSAGE)


def _fit(lines: list[str], room: int, *, unnamed: int = 0) -> list[str]:
    """As many lines as there is room for, and how many more there are, ``unnamed`` ones included."""
    shown: list[str] = []
    for index, line in enumerate(lines):
        left = len(lines) - index - 1 + unnamed
        tail = _size(_and_more(left)) + 1 if left else 0
        if _size(line) + 1 + tail > room:
            break
        shown.append(line)
        room -= _size(line) + 1
    left = len(lines) - len(shown) + unnamed
    return [*shown, _and_more(left)] if left else shown


def _and_more(count: int) -> str:
    return f"  and {count} more" if count > 1 else "  and 1 more"


def _difference(change: FieldChange, *, wanted: str, absent: str, hidden: bool) -> str:
    desired, live = (_hide(change.desired), _hide(change.live)) if hidden else _shown(change.desired, change.live)
    asks = f"asked {live}" if change.live is not ABSENT else absent
    return f"{wanted} {desired}, {asks}"


def _place(origin: Origin | None) -> str:
    """`` (deploy/web.yaml:12)``: last, because what is too long loses its end."""
    return plain(f" ({_keep_end(origin.path, _MAX_PLACE)}:{origin.line})", 2 * _MAX_PLACE) if origin else ""


def _hide(value: Any) -> str:
    return "nothing" if value is ABSENT else HIDDEN


def _shown(desired: Any, live: Any) -> tuple[str, str]:
    """Both values, short; of two long ones that begin alike, from shortly before where they part."""
    left, right = _value(desired), _value(live)
    if max(len(left), len(right)) > _MAX_VALUE:
        common = next(
            (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
        )
        if common > _MAX_VALUE // 2:
            left, right = (f"…{text[common - 8 :]}" for text in (left, right))
    return _cut(left, _MAX_VALUE), _cut(right, _MAX_VALUE)


def _value(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    if isinstance(value, str) and _BARE_WORD.fullmatch(value):
        return value
    try:
        return plain(orjson.dumps(value).decode(), 4096)
    except orjson.JSONEncodeError:  # nested more deeply than it writes; a message must not fail for that
        return "something deeply nested"


def _size(text: str) -> int:
    return len(text.encode())


def _cut(text: str, limit: int) -> str:
    """At most ``limit`` bytes of UTF-8, with an ellipsis for what is cut off."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return text
    return encoded[: limit - 3].decode(errors="ignore") + "…"


def _keep_end(text: str, limit: int) -> str:
    """The end of a long path or file name tells more than its beginning."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= limit:
        return text
    return "…" + encoded[3 - limit :].decode(errors="ignore")
