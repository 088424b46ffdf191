"""The names that this project puts on the wire: group, labels, annotations, field manager, identity."""

from __future__ import annotations

import hashlib

GROUP = "kubectl-gitops.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "GitSync"
PLURAL = "gitsyncs"

#: Where the reconciler, the webhook and the snapshots live.
SYSTEM_NAMESPACE = "gitops-system"

#: The manager of every server-side apply; the API server keeps our field set under this name.
FIELD_MANAGER = "kubectl-gitops"
#: Status, snapshots and configuration are not desired state, so another manager writes them.
CONTROLLER_FIELD_MANAGER = "kubectl-gitops-controller"

#: On every managed object: the webhook's objectSelector and the reconciler's watch selector.
MANAGED_BY_LABEL = f"{GROUP}/managed-by"
#: Reserved: nothing writes or reads it at present.
SOURCE_ANNOTATION = f"{GROUP}/source"
#: On an object in Git: JSON pointers to what may differ in the cluster.
IGNORE_ANNOTATION = f"{GROUP}/ignore"
#: On an object in Git: off, warn, audit or enforce, in place of what its GitSync says.
ENFORCEMENT_ANNOTATION = f"{GROUP}/enforcement"
#: On an object in Git: when it is synced, and how (docs/sync-order.md).
SYNC_WAVE_ANNOTATION = f"{GROUP}/sync-wave"
HOOK_ANNOTATION = f"{GROUP}/hook"
HOOK_DELETE_POLICY_ANNOTATION = f"{GROUP}/hook-delete-policy"
PRUNE_ANNOTATION = f"{GROUP}/prune"
FORCE_ANNOTATION = f"{GROUP}/force"
#: On a hook in the cluster: whose it is (the value is as that of the managed-by label), and which run of it.
HOOK_OF_LABEL = f"{GROUP}/hook-of"
HOOK_RUN_ANNOTATION = f"{GROUP}/hook-run"
#: The same in the words of Argo CD and Helm, so that a repository written for them works unchanged.
ARGOCD_SYNC_WAVE_ANNOTATION = "argocd.argoproj.io/sync-wave"
ARGOCD_HOOK_ANNOTATION = "argocd.argoproj.io/hook"
ARGOCD_HOOK_DELETE_POLICY_ANNOTATION = "argocd.argoproj.io/hook-delete-policy"
ARGOCD_SYNC_OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"
HELM_HOOK_ANNOTATION = "helm.sh/hook"
HELM_HOOK_WEIGHT_ANNOTATION = "helm.sh/hook-weight"
HELM_HOOK_DELETE_POLICY_ANNOTATION = "helm.sh/hook-delete-policy"
HELM_RESOURCE_POLICY_ANNOTATION = "helm.sh/resource-policy"
#: By these an object is a hook.
HOOK_ANNOTATIONS = (HOOK_ANNOTATION, ARGOCD_HOOK_ANNOTATION, HELM_HOOK_ANNOTATION)
ARGOCD_IGNORE_RESTART_POLICY_ANNOTATION = "argocd.argoproj.io/ignore-restart-policy"
#: On an object in Git: ``disabled`` keeps it, whatever we would delete it for; ``allowed`` lets even a kind go that
#: holds what nobody can bring back.
PRUNE_ANNOTATION = f"{GROUP}/prune"
#: Others' words for the same, when all of an application is deleted: Argo CD's (Delete=false) and Helm's (keep).
ARGOCD_SYNC_OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"
HELM_RESOURCE_POLICY_ANNOTATION = "helm.sh/resource-policy"
#: On a GitSync: keeps it until the reconciler has done with its objects what spec.deletionPolicy says.
FINALIZER = f"{GROUP}/finalizer"
#: On a GitSync: why it is suspended.
SUSPEND_REASON_ANNOTATION = f"{GROUP}/suspend-reason"
#: On a ConfigMap that is created in a dry-run: a question to the webhook whether it is there. It refuses, and says so.
PROBE_LABEL = f"{GROUP}/probe"
#: The entry of the webhook configuration by which such a question is asked.
PROBE_WEBHOOK_NAME = f"probe.{GROUP}"
#: What the webhook writes by itself: its configuration, and the Secret of its certificate authority.
WEBHOOK_CONFIGURATION = GROUP
WEBHOOK_CA_SECRET = "gitops-webhook-ca"  # noqa: S105 - a name
#: The ConfigMap that the policies of the floor look into.
FLOOR_CONTENT = "gitops-floor"
#: On a GitSync: asks the reconciler to sync now; any new value counts.
SYNC_REQUEST_ANNOTATION = f"{GROUP}/sync-requested-at"
#: ... and who asked, as the command that was run has it from the API server. Whoever may ask may write another name.
SYNC_REQUESTER_ANNOTATION = f"{GROUP}/sync-requested-by"

#: On a GitSync: when a replica that is not in charge was last told that there are new commits.
PUSH_ANNOTATION = f"{GROUP}/push-received-at"

#: On the Lease of each replica of the webhook that is ready.
WEBHOOK_LABEL = f"{GROUP}/webhook"
#: The ConfigMap that says that the webhook's configuration was made once: if it is gone, somebody has deleted it.
WEBHOOK_REGISTERED = "gitops-webhook-registered"
#: On a GitSync: the commit (7 digits of it at least) whose sync may delete what needs a person's word.
APPROVED_DELETES_ANNOTATION = f"{GROUP}/approved-deletes"

#: Holds a part of a snapshot: what was synced, and from where.
SNAPSHOT_SECRET_TYPE = f"{GROUP}/snapshot"
#: On the Secrets of a snapshot: whose it is.
GITSYNC_LABEL = f"{GROUP}/gitsync"

#: Marks, in the user info of a request, a write by the reconciler (see docs/decisions/0001).
ACTOR_EXTRA_KEY = f"{GROUP}/actor"
ACTOR_RECONCILER = "reconciler"

MAX_LABEL_LENGTH = 63


def managed_by(namespace: str, name: str) -> str:
    """The value of the managed-by label for the GitSync ``namespace``/``name``.

    ``<namespace>.<name>``, or its start and a hash where that is longer than a label may be.
    """
    value = f"{namespace}.{name}"
    if len(value) <= MAX_LABEL_LENGTH:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:10]
    return f"{value[: MAX_LABEL_LENGTH - 11].rstrip('-._')}-{digest}"
