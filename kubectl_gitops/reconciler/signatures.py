"""How a push event proves that it comes from who knows the token: by provider. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import NamedTuple


class _Scheme(NamedTuple):
    """``header`` holds ``prefix`` and the HMAC-SHA256 of the body in hex; or the token itself, if not ``is_signed``."""

    headers: tuple[str, ...]
    prefix: str = ""
    is_signed: bool = True


#: By spec.source.receiver.provider. Header names in lower case.
SCHEMES: Mapping[str, _Scheme] = {
    "GitHub": _Scheme(("x-hub-signature-256",), "sha256="),
    "GitLab": _Scheme(("x-gitlab-token",), is_signed=False),
    "Gitea": _Scheme(("x-forgejo-signature", "x-gitea-signature")),
    "Bitbucket": _Scheme(("x-hub-signature",), "sha256="),
    "Generic": _Scheme(("x-signature",), "sha256="),
}


class Proof:
    """Checks one push event. The body is given piece by piece, and never held whole."""

    def __init__(self, provider: str, token: bytes) -> None:
        self._scheme = SCHEMES[provider]
        self._token = token
        self._digest = hmac.new(token, digestmod=hashlib.sha256)

    def update(self, piece: bytes) -> None:
        self._digest.update(piece)

    def is_given(self, header: Callable[[str], str]) -> bool:
        """Whether the request proves it; ``header`` finds a header by its name, "" where there is none.

        An empty token proves nothing. Comparing takes as long whatever the difference is.
        """
        said = next((value for name in self._scheme.headers if (value := header(name))), "")
        wanted = self._token
        if self._scheme.is_signed:
            wanted = f"{self._scheme.prefix}{self._digest.hexdigest()}".encode()
        return hmac.compare_digest(said.encode(errors="replace"), wanted) and bool(self._token)
