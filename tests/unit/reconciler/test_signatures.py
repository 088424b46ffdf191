"""Who knows the token, by provider."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from kubectl_gitops.reconciler.signatures import SCHEMES, Proof

TOKEN, BODY = b"It's a Secret to Everybody", b"Hello, World!"
#: As GitHub's documentation has it for this token and body.
DIGEST = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

GOOD = [
    ("GitHub", "x-hub-signature-256", f"sha256={DIGEST}"),
    ("GitLab", "x-gitlab-token", TOKEN.decode()),
    ("Gitea", "x-gitea-signature", DIGEST),
    ("Gitea", "x-forgejo-signature", DIGEST),
    ("Bitbucket", "x-hub-signature", f"sha256={DIGEST}"),
    ("Generic", "x-signature", f"sha256={DIGEST}"),
]


def is_proven(provider: str, header: str, value: str, *, token: bytes = TOKEN, body: bytes = BODY) -> bool:
    proof = Proof(provider, token)
    for at in range(0, len(body), 5):
        proof.update(body[at : at + 5])
    return proof.is_given(lambda name: value if name == header else "")


@pytest.mark.parametrize(("provider", "header", "value"), GOOD)
def test_what_the_provider_sends_is_proof(provider: str, header: str, value: str) -> None:
    assert is_proven(provider, header, value)


@pytest.mark.parametrize(("provider", "header", "value"), GOOD)
def test_anything_else_is_none(provider: str, header: str, value: str) -> None:
    assert not is_proven(provider, header, value, token=b"another")
    assert not is_proven(provider, header, value[:-1])
    assert not is_proven(provider, header, value + "é")
    assert not is_proven(provider, "x-other", value)
    if SCHEMES[provider].is_signed:
        assert not is_proven(provider, header, value, body=b"Hello, World?")
        assert not is_proven(provider, header, value.replace("sha256=", "sha1="), body=b"Hello, World?")


@pytest.mark.parametrize("provider", SCHEMES)
def test_an_empty_token_proves_nothing(provider: str) -> None:
    digest = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    for header in SCHEMES[provider].headers:
        for value in ("", digest, f"sha256={digest}"):
            assert not is_proven(provider, header, value, token=b"")
