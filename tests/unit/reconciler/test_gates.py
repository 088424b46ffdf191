"""Which GitSyncs must be ready before a new commit is applied."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.gitsync import GitSync, read_gitsync
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.reconciler.gates import readiness, waiting, windows_of

SHA = "a" * 40


def gitsync(name: str, *after: str, url: str = "https://git.example/shop", **status: Any) -> dict[str, Any]:
    source = {"repoURL": url}
    return {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": name, "namespace": "team", "generation": 2},
        "spec": {"source": source, "dependsOn": [{"name": one} for one in after]},
        "status": status,
    }


def ready(revision: str = SHA, **status: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True"}]
    return {"observedGeneration": 2, "conditions": conditions, "synced": {"revision": revision}, **status}


def words(*there: dict[str, Any]) -> str:
    """What the first of them is told."""
    by_name = {("team", one["metadata"]["name"]): one for one in there}
    phase = waiting(read_gitsync(there[0]), SHA, by_name.get)
    return phase.message if phase else ""


def test_nothing_to_wait_for() -> None:
    assert words(gitsync("shop")) == ""
    assert words(gitsync("shop", "platform"), gitsync("platform", **ready())) == ""


def test_what_is_waited_for_is_named() -> None:
    shop = gitsync("shop", "platform")
    assert words(shop) == "aaaaaaaa is not applied: there is no GitSync team/platform, which spec.dependsOn names"
    assert words(shop, gitsync("platform")).endswith("GitSync team/platform is not ready")
    # Ready, but as it was before it was changed.
    assert words(shop, gitsync("platform", **ready(observedGeneration=1))).endswith("is not ready")


def test_of_the_same_repository_the_same_commit_is_waited_for() -> None:
    shop = gitsync("shop", "platform")
    assert words(shop, gitsync("platform", **ready("b" * 40))).endswith("team/platform has not synced it yet")
    assert words(shop, gitsync("platform", url="https://git.example/other", **ready("b" * 40))) == ""


def test_a_circle_is_told() -> None:
    circle = [gitsync("a", "b"), gitsync("b", "c", **ready()), gitsync("c", "a", **ready())]
    with pytest.raises(InvalidInput, match="team/a -> team/b -> team/c -> team/a"):
        words(*circle)
    with pytest.raises(InvalidInput, match="team/a -> team/a"):
        words(gitsync("a", "a"))
    # One that does not concern it is the others' to tell.
    assert words(gitsync("x", "b"), *circle[1:], gitsync("a", "b", **ready())) == ""


def test_readiness_changes_with_the_commit() -> None:
    assert readiness(gitsync("a", **ready())) == (True, SHA)
    assert readiness(gitsync("a")) == (False, "")


def test_a_wrong_window_is_told_with_the_gitsync() -> None:
    wrong = gitsync("a")
    wrong["spec"]["sync"] = {"windows": [{"schedule": "0 25 * * *", "duration": "1h"}]}
    found: GitSync = read_gitsync(wrong)
    with pytest.raises(InvalidInput, match=r"^GitSync team/a: spec\.sync\.windows\[0\]\.schedule: '25' is no hour"):
        windows_of(found)
