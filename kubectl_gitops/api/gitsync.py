"""A GitSync as the code uses it: typed, with the schema's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kubectl_gitops.api.durations import duration_seconds
from kubectl_gitops.api.names import APPROVED_DELETES_ANNOTATION, KIND, managed_by
from kubectl_gitops.api.objects import Object
from kubectl_gitops.api.rendering import RenderOptions, read_render_options
from kubectl_gitops.api.schema import faults_of, with_defaults
from kubectl_gitops.errors import InvalidInput


class AdditionsPolicy(StrEnum):
    """What becomes of fields that people add beside those that Git declares."""

    REMOVE = "remove"
    REPORT = "report"
    ALLOW = "allow"


class EnforcementMode(StrEnum):
    ENFORCE = "Enforce"
    WARN = "Warn"
    AUDIT = "Audit"
    OFF = "Off"


_ANNOTATED = {name.lower(): EnforcementMode(name) for name in ("Off", "Warn", "Audit", "Enforce")}


def read_mode(text: str) -> EnforcementMode:
    """The mode in the annotation kubectl-gitops.dev/enforcement. Raises ValueError where it is none."""
    try:
        return _ANNOTATED[text.lower()]
    except KeyError:
        raise ValueError(f"must be one of {', '.join(_ANNOTATED)}, not {text!r}") from None


class DeletionPolicy(StrEnum):
    """What becomes of a GitSync's objects when it is deleted."""

    ORPHAN = "Orphan"
    FOREGROUND = "Foreground"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Which snapshot counts in place of Git, by its number; who asked for it, and why."""

    snapshot: int
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """``spec.sync.retry``: how often a sync that failed is tried again (None: for ever), and how long after.

    The first time after ``first_seconds``, then each time ``factor`` times as long, up to ``max_seconds``.
    """

    limit: int | None
    first_seconds: float
    factor: float
    max_seconds: float

    def delay_seconds(self, failures: int) -> float:
        """How long after that many failures in a row the next try is due."""
        return min(self.first_seconds * self.factor ** min(failures - 1, 64), self.max_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxDelete:
    """How much one sync may prune before a person must approve: objects, and percent of all there were."""

    count: int | None = None
    percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSync:
    """One GitSync. ``interval_seconds`` is how often Git is polled, ``sync_timeout_seconds`` how long a sync waits for
    one wave or hook. ``approved_deletes`` is the commit whose deletions a person has approved, or "".

    ``credentials_secret`` and ``verify_secret`` name Secrets in its namespace; ``verify_mode`` is "" without the
    latter. ``windows`` are as they were written (see :mod:`windows`), ``depends_on`` the namespaces and names of other
    GitSyncs. ``deny_when_unavailable`` puts it on the floor (docs/webhook.md).
    """

    namespace: str
    name: str
    uid: str
    generation: int
    repo_url: str
    revision: str
    path: str
    interval_seconds: float
    credentials_secret: str | None
    verify_mode: str
    verify_secret: str | None
    rendering: RenderOptions
    target_namespace: str
    service_account: str | None
    automated: bool
    prune: bool
    self_heal: bool
    enforcement: EnforcementMode
    suspended: bool
    human_managers: tuple[str, ...] = ()
    ignore_differences: tuple[Object, ...] = ()
    deny_additions: bool = False
    exempt: tuple[Object, ...] = ()
    health_checks: tuple[Object, ...] = ()
    additions: AdditionsPolicy = AdditionsPolicy.REPORT
    windows: tuple[Object, ...] = ()
    depends_on: tuple[tuple[str, str], ...] = ()
    retry: Retry | None = None
    receiver_provider: str = ""
    receiver_secret: str | None = None
    notifications: tuple[Object, ...] = ()
    deletion_policy: DeletionPolicy = DeletionPolicy.ORPHAN
    rollback: Rollback | None = None
    deny_when_unavailable: bool = True
    sync_timeout_seconds: float = 300.0
    prune_propagation: str = "Background"
    max_delete: MaxDelete | None = None
    approved_deletes: str = ""

    @property
    def label(self) -> str:
        """The value of the managed-by label on its objects."""
        return managed_by(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def read_gitsync(obj: Object) -> GitSync:
    """The GitSync in an object. Raises InvalidInput that names each fault with its path."""
    faults = faults_of(obj)
    if faults:
        raise InvalidInput(f"{_described(obj)} is not valid: " + "; ".join(faults))
    metadata = obj["metadata"]
    spec = with_defaults(obj)["spec"]
    source, sync = spec["source"], spec["sync"]
    namespace = metadata.get("namespace") or "default"
    return GitSync(
        namespace=namespace,
        name=metadata["name"],
        uid=metadata.get("uid") or "",
        generation=metadata.get("generation") or 0,
        repo_url=source["repoURL"],
        revision=source["revision"],
        path=source["path"],
        interval_seconds=duration_seconds(source["interval"]),
        credentials_secret=source.get("secretRef", {}).get("name"),
        verify_mode=source.get("verify", {}).get("mode", ""),
        verify_secret=source.get("verify", {}).get("secretRef", {}).get("name"),
        rendering=read_render_options(source),
        target_namespace=spec["target"].get("namespace") or namespace,
        service_account=spec.get("serviceAccountName"),
        automated=sync["automated"],
        prune=sync["prune"],
        self_heal=sync["selfHeal"],
        enforcement=EnforcementMode(spec["enforcement"]["mode"]),
        suspended=spec["suspend"],
        human_managers=tuple(spec.get("humanManagers") or ()),
        ignore_differences=tuple(spec.get("ignoreDifferences") or ()),
        deny_additions=spec["enforcement"]["additions"] == "deny",
        exempt=tuple(spec["enforcement"].get("exempt") or ()),
        health_checks=tuple(spec.get("healthChecks") or ()),
        additions=AdditionsPolicy(sync["additions"]),
        windows=tuple(sync.get("windows") or ()),
        depends_on=tuple((one.get("namespace") or namespace, one["name"]) for one in spec.get("dependsOn") or ()),
        retry=_retry(sync["retry"]) if "retry" in sync else None,
        notifications=tuple(spec.get("notifications") or ()),
        receiver_provider=source.get("receiver", {}).get("provider", ""),
        receiver_secret=source.get("receiver", {}).get("secretRef", {}).get("name"),
        deletion_policy=DeletionPolicy(spec["deletionPolicy"]),
        rollback=Rollback(**spec["rollback"]) if spec.get("rollback") else None,
        sync_timeout_seconds=duration_seconds(sync["timeout"]),
        prune_propagation=sync["prunePropagation"],
        max_delete=MaxDelete(**sync["maxDelete"]) if sync.get("maxDelete") else None,
        approved_deletes=(metadata.get("annotations") or {}).get(APPROVED_DELETES_ANNOTATION) or "",
        deny_when_unavailable=spec["enforcement"]["onUnavailable"] == "Deny",
    )


def _retry(retry: Object) -> Retry:
    backoff = retry["backoff"]
    return Retry(
        limit=retry.get("limit"),
        first_seconds=duration_seconds(backoff["duration"]),
        factor=float(backoff["factor"]),
        max_seconds=duration_seconds(backoff["maxDuration"]),
    )


def _described(obj: Object) -> str:
    """``GitSync team/shop``, as far as the object tells."""
    metadata = obj.get("metadata")
    names = [metadata.get("namespace"), metadata.get("name")] if isinstance(metadata, dict) else []
    return " ".join([KIND, "/".join(str(name) for name in names if name)]).strip()
