"""YAML for people to read: lines of any length, long text as blocks, nothing that a terminal would obey."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from kubectl_gitops.report.text import printable_lines

if TYPE_CHECKING:
    from yaml import SafeDumper

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_NO_LIMIT = 1 << 30
# Strings to us and to YAML 1.1, numbers to readers of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).
_NUMBER_TO_OTHERS = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+")


def to_yaml(value: Any, *, sort_keys: bool) -> str:
    """YAML that reads back as ``value``; half a surrogate pair is no text and becomes U+FFFD."""
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
