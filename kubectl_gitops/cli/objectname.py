"""Objects as people name them to kubectl: ``deploy/web``, ``deployment.apps/web``."""

from __future__ import annotations

from kubectl_gitops.errors import InvalidInput

_HINT = "such as deploy/web or deployment.apps/web"


def parse_object_name(text: str) -> tuple[str, str]:
    """The kind, in any word that Discovery.named takes, and the name. Raises InvalidInput."""
    kind, _, name = text.partition("/")
    if not kind or not name or "/" in name:
        raise InvalidInput(f"{text!r} is no KIND/NAME", hint=_HINT)
    return kind, name
