"""YAML for people to read: lines of any length, long text as blocks, nothing that a terminal would obey.

PyYAML writes each scalar. Maps and lists are written here, in the same form: it makes a node of everything
beforehand, which takes gigabytes and minutes where a report is long.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kubectl_gitops.report.text import printable_lines

if TYPE_CHECKING:
    from yaml import SafeDumper

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_NO_LIMIT = 1 << 30
# Strings to us and to YAML 1.1, numbers to readers of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).
_NUMBER_TO_OTHERS = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+")
# Most strings: nobody takes them for anything else, so that PyYAML need not be asked.
_PLAIN = re.compile(r"(?!(?:y|n|yes|no|true|false|on|off|null)$)[a-z_]\w*(?:[./-]\w+)*", re.ASCII | re.IGNORECASE)
#: Longer keys have a syntax of their own, as have those of several lines.
_KEY_LIMIT = 120
_REMEMBERED_LENGTH = 200


def to_yaml(value: Any, *, sort_keys: bool) -> str:
    """YAML that reads back as ``value``; half a surrogate pair is no text and becomes U+FFFD."""
    writer = _Writer(sort_keys=sort_keys)
    match value:
        case dict() if value:
            writer.mapping(value, "", "")
        case list() if value:
            writer.sequence(value, "", "")
        case _:
            return _by_library(value)
    return "\n".join(writer.lines) + "\n"


class _Writer:
    """Block style. ``first`` stands before the first line of a value, ``rest`` before all others."""

    def __init__(self, *, sort_keys: bool) -> None:
        self.lines: list[str] = []
        self._sort_keys = sort_keys

    def mapping(self, pairs: dict[str, Any], first: str, rest: str) -> None:
        for key in self._in_order(pairs):
            value = pairs[key]
            text = _scalar(key)
            if len(text) > _KEY_LIMIT or "\n" in text:
                self._long_key(key, value, first, rest)
            elif isinstance(value, dict) and value:
                self.lines.append(f"{first}{text}:")
                self.mapping(value, rest + "  ", rest + "  ")
            elif isinstance(value, list) and value:
                self.lines.append(f"{first}{text}:")
                self.sequence(value, rest, rest)
            else:
                self._text(f"{first}{text}: ", rest, _scalar(value))
            first = rest

    def sequence(self, items: Iterable[Any], first: str, rest: str) -> None:
        for item in items:
            if isinstance(item, dict) and item:
                self.mapping(item, first + "- ", rest + "  ")
            elif isinstance(item, list) and item:
                self.sequence(item, first + "- ", rest + "  ")
            else:
                self._text(first + "- ", rest, _scalar(item))
            first = rest

    def _in_order(self, pairs: dict[str, Any]) -> Iterable[str]:
        return sorted(pairs) if self._sort_keys else pairs

    def _long_key(self, key: str, value: Any, first: str, rest: str) -> None:
        self._text(first, rest, _item_by_library({key: value}, sort_keys=self._sort_keys).replace("\n  ", "\n"))

    def _text(self, first: str, rest: str, text: str) -> None:
        line, *others = text.split("\n")
        self.lines.append(first + line)
        self.lines.extend(rest + other if other else "" for other in others)


def _scalar(value: Any) -> str:
    """The text of a scalar, or of what is empty, in a list: lines after the first are indented."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value):
            return value
        if len(value) > _REMEMBERED_LENGTH:
            return _item_by_library(value)
    return _remembered_scalar(value) if isinstance(value, str | int | float | None) else "{}" if value == {} else "[]"


def _item_by_library(value: Any, *, sort_keys: bool = False) -> str:
    # Something must follow, to tell line feeds at the end of text from what libyaml writes after it.
    text = _by_library([value, 0], sort_keys=sort_keys)
    return text.removesuffix("...\n").removeprefix("- ").removesuffix("\n- 0\n")


_remembered_scalar = functools.lru_cache(maxsize=20_000, typed=True)(_item_by_library)


def _by_library(value: Any, *, sort_keys: bool = False) -> str:
    import yaml

    text: str = yaml.dump(value, Dumper=_dumper(), sort_keys=sort_keys, allow_unicode=True, width=_NO_LIMIT)
    # What still needs an escape stands in double quotes, see _styled.
    return printable_lines(text)


@functools.cache
def _dumper() -> type[SafeDumper]:
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    # No anchors: what is the same twice is shown twice.
    dumper: type[SafeDumper] = type("ReportDumper", (base,), {"ignore_aliases": lambda *_: True})
    dumper.add_representer(str, _styled)
    return dumper


def _styled(dumper: SafeDumper, text: str) -> Any:
    text = _HALF_PAIR.sub("\ufffd", text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines):
        return '"'
    if _NUMBER_TO_OTHERS.fullmatch(text):
        return "'"
    # libyaml writes a block that begins with white space in a way that not every reader understands.
    return "|" if len(lines) > 1 and not text[0].isspace() else None
