"""The syntax of kubectl's JSONPath templates, read as k8s.io/client-go/util/jsonpath/parser.go reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from kubectl_gitops.errors import InvalidInput


class Text(NamedTuple):
    text: str


class Literal(NamedTuple):
    """A number or a truth value to compare with."""

    value: float | bool


class Field(NamedTuple):
    name: str


class Wildcard(NamedTuple):
    """Every value of a map, every item of a list."""


class Descent(NamedTuple):
    """A value and everything below it."""


class Slice(NamedTuple):
    """``[start:stop:step]``, each None where left out; ``is_index`` where one item is meant."""

    start: int | None
    stop: int | None
    step: int | None
    is_index: bool


class Union(NamedTuple):
    paths: tuple[Path, ...]


class Filter(NamedTuple):
    """The items for which the comparison holds; without an operator, those that have ``left``."""

    left: Path
    operator: str
    right: Path


class Word(NamedTuple):
    """``range`` or ``end``."""

    word: str


Step = Text | Literal | Field | Wildcard | Descent | Slice | Union | Filter | Word
#: What one pair of braces holds; text between braces is a path of one step.
Path = tuple[Step, ...]

OPERATORS: Final = ("==", "!=", "<", "<=", ">", ">=")

_FIELD = re.compile(r"(?:\\.|[^\\ \t\r\n.,\[\]$@{}])*", re.DOTALL)
_NUMBER = re.compile(r"[-+]?[\d.]+")
_WORD = re.compile(r"\w[^ \t\r\n.,\[\]$@{}]*")
_QUOTED = re.compile(r"""(?P<quote>["'])(?:\\.|(?!(?P=quote))[^\\\n])*(?P=quote)""")
_BRACKETS = re.compile(r"\[([^\]\n]*)\]")
_FILTER = re.compile(r"""\[\?\(((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"')\n])*)\)\]""")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.DOTALL)
_KEY = re.compile(r"'([^']*)'")
_SLICE = re.compile(r"(-?\d*)(:-?\d*)?(:-?\d*)?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3})|(.))", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def parse(template: str) -> list[Path]:
    """The parts of a template, in order. Raises InvalidInput that says what is wrong or not supported."""
    parts: list[Path] = []
    position = 0
    while position < len(template):
        brace = template.find("{", position)
        text = template[position : brace if brace >= 0 else len(template)]
        if text:
            parts.append((Text(text),))
        if brace < 0:
            break
        reader = _Reader(template, brace + 1)
        parts.append(tuple(reader.steps()))
        position = reader.position
    return parts


@dataclass(slots=True)
class _Reader:
    """Reads what stands between two braces."""

    template: str
    position: int

    def steps(self) -> Iterator[Step]:
        while not self._skip("}"):
            if self.position >= len(self.template) or self.template[self.position] in "\r\n":
                raise _fault(self.template, "a { is not closed by a }")
            if not self._skip(" ", "@", "$"):
                yield from self._step()

    def _skip(self, *signs: str) -> bool:
        found = next((sign for sign in signs if self.template.startswith(sign, self.position)), "")
        self.position += len(found)
        return bool(found)

    def _step(self) -> list[Step]:
        sign = self.template[self.position]
        if self.template.startswith("[?(", self.position):
            return [self._filter()]
        if sign == "[":
            return self._brackets()
        if self._skip(".."):
            return self._descent()
        if self._skip("."):
            return [self._field()]
        if sign in "\"'":
            return [Text(self._quoted())]
        if sign in "+-" or sign.isdigit():
            return [self._number()]
        if sign == "_" or sign.isalpha():
            return [self._word()]
        raise _fault(self.template, f"{sign!r} is not understood{_HINTS.get(sign, '')}")

    def _take(self, pattern: re.Pattern[str], wanted: str) -> re.Match[str]:
        match = pattern.match(self.template, self.position)
        if match is None:
            raise _fault(self.template, f"{wanted} is expected at {self.template[self.position :][:20]!r}")
        self.position = match.end()
        return match

    def _field(self) -> Step:
        name = self._take(_FIELD, "a field name")[0]
        return Wildcard() if name == "*" else Field(name.replace("\\", ""))

    def _descent(self) -> list[Step]:
        if self.template.startswith("..", self.position):
            raise _fault(self.template, ".. is followed by another ..")
        follows = self.template[self.position : self.position + 1]
        return [Descent(), self._field()] if follows == "_" or follows.isalnum() else [Descent()]

    def _quoted(self) -> str:
        text = self._take(_QUOTED, "a closing quote")[0]
        return unquoted(text, self.template)

    def _number(self) -> Literal:
        text = self._take(_NUMBER, "a number")[0]
        try:
            return Literal(int(text) if text.lstrip("+-").isdecimal() else float(text))
        except ValueError:
            raise _fault(self.template, f"{text!r} is no number") from None

    def _word(self) -> Step:
        word = self._take(_WORD, "a word")[0]
        if word in {"true", "false"}:
            return Literal(word == "true")
        if word not in {"range", "end"}:
            raise _fault(self.template, f"{word!r} is no word of it (there is range and end; fields begin with a dot)")
        return Word(word)

    def _filter(self) -> Filter:
        inside = self._take(_FILTER, "a closing )]")[1]
        comparison = _COMPARISON.fullmatch(inside)
        if comparison is None:
            return Filter(self._path(inside), "", ())
        left, operator, right = comparison.groups()
        if operator not in OPERATORS:
            raise _fault(self.template, f"{operator!r} is no comparison (there is {', '.join(OPERATORS)})")
        return Filter(self._path(left), operator, self._path(right))

    def _path(self, text: str) -> Path:
        return tuple(_Reader(text + "}", 0).steps())

    def _brackets(self) -> list[Step]:
        inside = self._take(_BRACKETS, "a closing ]")[1]
        choices = inside.split(",")
        if len(choices) > 1:
            return [Union(tuple(self._path(f"[{choice.strip(' ')}]") for choice in choices))]
        key = _KEY.fullmatch(inside)
        return list(self._path(f".{key[1]}")) if key else [self._slice(inside)]

    def _slice(self, inside: str) -> Slice:
        match = _SLICE.fullmatch(":" if inside == "*" else inside)
        if match is None:
            raise _fault(self.template, f"[{inside}] is neither an index, a slice nor a quoted key")
        first, *others = match.groups()
        start, stop, step = (int(part) if part else None for part in (first, *((o or "")[1:] for o in others)))
        return Slice(start, stop, step, is_index=match[2] is None)


#: What people try that kubectl does not know either.
_HINTS = {
    "&": ": there is no && in filters; put one filter after the other",
    "|": ": there is no || in filters, and there are no functions",
    "~": ": there are no regular expressions in filters",
    "(": ": there are no functions",
}


def unquoted(text: str, template: str) -> str:
    """What a quoted string means, with Go's escapes."""
    quote = text[0]

    def meaning(match: re.Match[str]) -> str:
        *codes, octal, sign = match.groups()
        code = next((int(code, 16) for code in codes if code), int(octal, 8) if octal else None)
        if code is not None and code < 0x110000:
            return chr(code)
        if sign not in {*_ESCAPED, quote}:
            raise _fault(template, f"{match[0]} is no escape in {text}")
        return _ESCAPED.get(sign, sign)

    return _ESCAPE.sub(meaning, text[1:-1])


def _fault(template: str, message: str) -> InvalidInput:
    return InvalidInput(
        f"jsonpath {template!r}: {message}",
        hint="kubectl's JSONPath: https://kubernetes.io/docs/reference/kubectl/jsonpath/",
    )
