"""What becomes of the objects of a deleted GitSync, as far as no cluster is needed to tell."""

from __future__ import annotations

import pytest

from kubectl_gitops.sync.removal import kept_because, released


@pytest.mark.parametrize(
    ("kind", "annotations", "why"),
    [
        ("ConfigMap", {}, ""),
        ("ConfigMap", {"kubectl-gitops.dev/prune": "disabled"}, "kubectl-gitops.dev/prune: disabled"),
        ("ConfigMap", {"kubectl-gitops.dev/prune": "confirm"}, "kubectl-gitops.dev/prune: confirm"),
        ("ConfigMap", {"kubectl-gitops.dev/prune": "alowed"}, "kubectl-gitops.dev/prune: alowed"),
        (
            "ConfigMap",
            {"argocd.argoproj.io/sync-options": "Prune=false, Delete=false"},
            "argocd.argoproj.io/sync-options: Delete=false",
        ),
        ("ConfigMap", {"argocd.argoproj.io/sync-options": "Prune=false"}, ""),
        ("ConfigMap", {"helm.sh/resource-policy": "keep"}, "helm.sh/resource-policy: keep"),
        ("Namespace", {}, "a Namespace goes only with kubectl-gitops.dev/prune: allowed in Git"),
        ("Namespace", {"kubectl-gitops.dev/prune": "allowed"}, ""),
        (
            "PersistentVolumeClaim",
            {},
            "a PersistentVolumeClaim goes only with kubectl-gitops.dev/prune: allowed in Git",
        ),
    ],
)
def test_what_stays_says_why(kind: str, annotations: dict[str, str], why: str) -> None:
    assert kept_because({"kind": kind, "metadata": {"name": "a", "annotations": annotations}}) == why


def test_released_it_loses_the_label_and_nothing_else_and_only_as_it_was_seen() -> None:
    metadata = {"name": "a", "resourceVersion": "7", "labels": {"team": "a", "kubectl-gitops.dev/managed-by": "x.y"}}
    assert released({"metadata": metadata}) == {
        "resourceVersion": "7",
        "labels": {"kubectl-gitops.dev/managed-by": None},
    }
