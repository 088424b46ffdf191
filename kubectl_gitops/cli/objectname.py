"""Objects as people name them to kubectl: ``deploy/web``, ``deployment.apps/web``, ``deploy web``."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_gitops.errors import InvalidInput

_HINT = "such as deploy/web, deployment.apps/web, or deploy web"


def parse_object_name(text: str) -> tuple[str, str]:
    """The kind, in any word that Discovery.resolve takes, and the name. Raises InvalidInput."""
    kind, _, name = text.partition("/")
    if not kind or not name or "/" in name:
        raise InvalidInput(f"{text!r} is no KIND/NAME", hint=_HINT)
    return kind, name


def take_object_name(words: Sequence[str]) -> tuple[tuple[str, str], list[str]]:
    """Kind and name from the first argument, or the first two where it has no slash; and the arguments left."""
    if words and "/" in words[0]:
        return parse_object_name(words[0]), list(words[1:])
    if len(words) < 2:
        kind = f"{words[0]!r} says no name" if words else "say which object"
        raise InvalidInput(f"{kind}: KIND/NAME", hint=_HINT)
    return parse_object_name(f"{words[0]}/{words[1]}"), list(words[2:])
