"""As whom managed objects are written, and how those writes are marked (docs/decisions/0001)."""

from __future__ import annotations

from dataclasses import replace

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.names import ACTOR_EXTRA_KEY, ACTOR_RECONCILER
from kubectl_gitops.cluster.connection import Cluster, Impersonation
from kubectl_gitops.errors import InvalidInput

_MARK = {ACTOR_EXTRA_KEY: ACTOR_RECONCILER}


class AccountMissing(InvalidInput):
    """A GitSync outside the system namespace must name the service account that it acts as."""


def whoami(cluster: Cluster) -> Impersonation:
    """The user that the reconciler runs as, so that it can act as itself and still mark its writes."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = cluster.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
    user = answer["status"]["userInfo"]
    name = user["username"]
    # The API server knows the groups of a service account; those of anybody else must be named.
    groups = () if name.startswith("system:serviceaccount:") else tuple(user.get("groups") or ())
    return Impersonation(user=name, groups=groups)


def writer_for(gitsync: GitSync, cluster: Cluster, *, system_namespace: str, self_identity: Impersonation) -> Cluster:
    """The cluster as the GitSync may write to it. Raises AccountMissing where it names no account but must."""
    if gitsync.service_account:
        user = f"system:serviceaccount:{gitsync.namespace}:{gitsync.service_account}"
        return cluster.acting_as(Impersonation(user=user, extra=_MARK))
    if gitsync.namespace != system_namespace:
        raise AccountMissing(
            f"GitSync {gitsync} must name a spec.serviceAccountName",
            hint=f"only in namespace {system_namespace} may it act with the reconciler's own rights",
        )
    return cluster.acting_as(replace(self_identity, extra=_MARK))
