"""``${NAME}`` in the scalars of manifests, replaced by the values of variables.

Scalars are replaced after YAML was taken apart and before they get their types: ``replicas: ${N}`` becomes a
number, ``"${N}"`` stays a string, and no value can break out of its place. A comment is never looked at.

A value that comes from a Secret must not become readable where Secrets are not: it may stand in ``data`` and
``stringData`` of a Secret, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.secrets import is_secret
from kubectl_gitops.errors import InvalidManifest

# $${...} as it is but for one $, ${NAME}, ${NAME:-default}, ${NAME:=default}, or what is none of these.
_REFERENCE = re.compile(
    r"\$(?P<escaped>\$\{) | \$\{ (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?: :[-=] (?P<default>[^{}]*) )? \} | (?P<odd>\$\{)",
    re.VERBOSE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_FIELDS = ("data", "stringData")


class SecretText(str):
    """A string with the value of a Secret in it; always a string, whatever it looks like."""

    __slots__ = ("variable",)

    variable: str


class BadReference(ValueError):
    """A ``${`` that cannot be replaced; ``position`` is where it stands in the text, ``reference`` what it says."""

    def __init__(self, message: str, reference: str, position: int) -> None:
        super().__init__(message)
        self.reference = reference
        self.position = position


class UnknownVariable(InvalidManifest):
    """A reference that cannot be replaced, in a file. ``reference`` is what to look for in other files."""

    def __init__(self, message: str, *, reference: str, file: str, line: int) -> None:
        hint = "spec.source.substitute defines variables; $${ stands for ${ itself"
        super().__init__(message, file=file, line=line, hint=hint)
        self.reference = reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """Values by name; those in ``secret`` are not to be shown."""

    values: Mapping[str, str] = field(repr=False)
    secret: frozenset[str] = frozenset()

    def substitute(self, text: str) -> str:
        """``text`` with its references replaced, a SecretText if one of them is secret. Raises BadReference."""
        if "${" not in text:
            return text
        used: list[str] = []

        def replaced(match: re.Match[str]) -> str:
            if match["escaped"]:
                return "${"
            name = match["name"]
            if name is None:
                shown = text[match.start() : match.start() + 40].partition("\n")[0]
                raise BadReference(
                    f"{shown!r} is no variable: write ${{NAME}}, or $${{ for what is none", "${", match.start()
                )
            if name in self.values:
                used.append(name)
                return self.values[name]
            if match["default"] is not None:
                return match["default"]
            raise BadReference(f"the variable {name} is not defined", f"${{{name}}}", match.start())

        result = _REFERENCE.sub(replaced, text)
        secret = next((name for name in used if name in self.secret), None)
        return _sealed(result, secret) if secret else result

    def unsealed(self, obj: Any, origin: Origin) -> Any:
        """``obj`` with plain strings only; InvalidManifest where a Secret's value stands outside of a Secret's data."""
        if not self.secret:
            return obj
        allowed: dict[str, Any] = {}
        if isinstance(obj, dict) and is_secret(obj):
            for name in _SECRET_FIELDS:
                if isinstance(values := obj.get(name), dict):
                    allowed[name] = {
                        key: str(one) if isinstance(one, SecretText) else one for key, one in values.items()
                    }
        plain = {**obj, **allowed} if allowed else obj
        for path, text in _secret_texts(plain):
            where = ".".join(path) or "this"
            raise InvalidManifest(
                f"{where}: the variable {text.variable} comes from a Secret, "
                "and may stand in the data of a Secret only",
                file=origin.path,
                line=origin.line,
                hint="whoever may read this object could read it; take it from a ConfigMap if it is no secret",
            )
        return plain


def is_variable_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def line_of(reference: str, files: Mapping[str, bytes]) -> Origin | None:
    """Where ``reference`` first stands in ``files``, for what was rendered from them."""
    wanted = reference.encode()
    for path in sorted(files):
        position = files[path].find(wanted)
        # $${ is no reference.
        while position > 0 and files[path][position - 1 : position] == b"$":
            position = files[path].find(wanted, position + 1)
        if position >= 0:
            return Origin(path, files[path].count(b"\n", 0, position) + 1)
    return None


def _sealed(text: str, variable: str) -> SecretText:
    sealed = SecretText(text)
    sealed.variable = variable
    return sealed


def _secret_texts(value: Any) -> Iterator[tuple[tuple[str, ...], SecretText]]:
    """Each SecretText in ``value`` with the path to it. Manifests nest as deep as the readers of YAML allow."""
    if isinstance(value, SecretText):
        yield (), value
    elif isinstance(value, dict):
        for key, one in value.items():
            for path, text in _secret_texts(one):
                yield (str(key), *path), text
    elif isinstance(value, list):
        for index, one in enumerate(value):
            for path, text in _secret_texts(one):
                yield (str(index), *path), text
