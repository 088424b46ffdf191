"""Who declares what is another's."""

from __future__ import annotations

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.reconciler.claims import Claims, contested_words

WEB, API = (ResourceKey("apps", "Deployment", "shop", name) for name in ("web", "api"))
A, B = ("team", "a"), ("team", "b")


def test_both_sides_learn_of_a_claim_and_of_its_end() -> None:
    told: list[tuple[str, str]] = []
    claims = Claims(changed=told.append)
    claims.lay(B, {WEB: A})
    assert sorted(told) == [A, B]
    assert [claim.key for claim in claims.on(A)] == [claim.key for claim in claims.by(B)] == [WEB]
    told.clear()
    claims.lay(B, {WEB: A})
    assert told == []
    claims.forget(B)
    assert sorted(told) == [A, B]
    assert claims.on(A) == claims.by(B) == []


def test_the_words_name_the_object_and_the_other_side() -> None:
    claims = Claims(changed=lambda _: None)
    assert contested_words(claims.on(A), claims.by(A)) == ""
    claims.lay(B, {WEB: A, API: A})
    words = contested_words(claims.on(A), claims.by(A))
    assert words.startswith("GitSync team/b declares Deployment/api in namespace shop, too; it stays with this one; ")
    words = contested_words(claims.on(B), claims.by(B))
    assert words.startswith("Deployment/api in namespace shop is GitSync team/a's, which had it first; Deployment/web")
