"""The GitSyncs that a person names, and how commands change them."""

from __future__ import annotations

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.objects import Object
from kubectl_gitops.cli.options import ClusterOptions
from kubectl_gitops.cli.targets import find_gitsync, find_gitsyncs, gitsync_of, gitsync_resource
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.writing import merge_patch
from kubectl_gitops.errors import ClusterError, InvalidInput

#: The field manager of what commands write to a GitSync on a person's behalf.
CLI_FIELD_MANAGER = "kubectl-gitops-cli"


def chosen_gitsyncs(
    cluster: Cluster,
    discovery: Discovery,
    options: ClusterOptions,
    names: tuple[str, ...],
    *,
    every: bool,
    all_namespaces: bool,
) -> list[tuple[Object, GitSync]]:
    """Those named, all found before anything is written, or with ``--all`` each of the namespace or the cluster.

    Raises InvalidInput where neither is given, or both; NotFound.
    """
    if bool(names) == every:
        raise InvalidInput("give the names of GitSyncs, or --all" + (", not both" if every else ""))
    if all_namespaces and not every:
        raise InvalidInput("a name is one of a namespace: -A goes with --all")
    namespace = "" if all_namespaces else options.namespace_or_default(cluster)
    if every:
        found = find_gitsyncs(cluster, discovery, namespace, None)
        if not found:
            raise InvalidInput(f"there is no GitSync in {f'namespace {namespace}' if namespace else 'the cluster'}")
    else:
        found = [find_gitsync(cluster, discovery, namespace, name) for name in dict.fromkeys(names)]
    return [(obj, gitsync_of(obj)) for obj in found]


def patched(cluster: Cluster, discovery: Discovery, gitsync: GitSync, patch: Object) -> Object:
    """The GitSync after a JSON merge patch."""
    resource = gitsync_resource(discovery)
    return merge_patch(cluster, resource, gitsync.namespace, gitsync.name, patch, manager=CLI_FIELD_MANAGER)


def asker(cluster: Cluster) -> str | None:
    """The person as the API server knows them; None where it does not say."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = cluster.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
    except ClusterError:
        return None
    return str(answer["status"]["userInfo"]["username"])[:256]
