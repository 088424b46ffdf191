"""Whether there is anything to sync."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_gitops.api.gitsync import EnforcementMode, GitSync, read_gitsync
from kubectl_gitops.api.rendering import Renderer, RenderOptions
from kubectl_gitops.reconciler.work import covers, work_of

GITSYNC = read_gitsync(
    {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "GitSync",
        "metadata": {"name": "shop", "namespace": "gitops-system"},
        "spec": {"source": {"repoURL": "https://git.example/shop"}},
    }
)


def is_done(after: GitSync, *, before: GitSync = GITSYNC, sha: str = "a") -> bool:
    return covers(work_of(before, "a"), work_of(after, sha))


def test_the_same_again_is_nothing_to_do() -> None:
    assert is_done(GITSYNC)
    assert not is_done(GITSYNC, sha="b")


@pytest.mark.parametrize(
    "change",
    [
        {"repo_url": "https://git.example/other"},
        {"path": "other"},
        {"rendering": RenderOptions(renderer=Renderer.KUSTOMIZE)},
        {"target_namespace": "other"},
        {"service_account": "deployer"},
        {"prune": True},
    ],
)
def test_what_decides_what_a_sync_does_makes_it_necessary(change: dict[str, Any]) -> None:
    assert not is_done(replace(GITSYNC, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"enforcement": EnforcementMode.OFF},
        {"interval_seconds": 5.0},
        {"revision": "a-tag-of-the-same-commit"},
        {"generation": 7},
        {"automated": False},
        {"self_heal": False},
        {"suspended": True},
    ],
)
def test_what_does_not_would_only_overwrite_drift(change: dict[str, Any]) -> None:
    assert is_done(replace(GITSYNC, **change))


@pytest.mark.parametrize("change", [{"self_heal": False}, {"suspended": True}])
def test_drift_that_is_to_be_restored_again_makes_work(change: dict[str, Any]) -> None:
    assert not is_done(GITSYNC, before=replace(GITSYNC, **change))
