"""A GitSync as the code uses it: typed, with the schema's defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kubectl_gitops.api.names import KIND, managed_by
from kubectl_gitops.api.objects import Object
from kubectl_gitops.api.rendering import RenderOptions, read_render_options
from kubectl_gitops.api.schema import faults_of, with_defaults
from kubectl_gitops.errors import InvalidInput


class EnforcementMode(StrEnum):
    ENFORCE = "Enforce"
    WARN = "Warn"
    AUDIT = "Audit"
    OFF = "Off"


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSync:
    """One GitSync. ``interval_seconds`` is how often Git is polled.

    ``credentials_secret`` and ``verify_secret`` name Secrets in its namespace; ``verify_mode`` is "" without the
    latter.
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
    )


def _described(obj: Object) -> str:
    """``GitSync team/shop``, as far as the object tells."""
    metadata = obj.get("metadata")
    names = [metadata.get("namespace"), metadata.get("name")] if isinstance(metadata, dict) else []
    return " ".join([KIND, "/".join(str(name) for name in names if name)]).strip()


_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_seconds(text: str) -> float:
    """``1h30m`` -> 5400.0. Raises ValueError on what is no duration."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r} (write 30s, 5m or 1h30m)")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
