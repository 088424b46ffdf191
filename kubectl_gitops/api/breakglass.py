"""BreakGlass: the enforcement of one GitSync is suspended, for a time and with a reason (docs/break-glass.md).

When it opens is what the API server wrote at its creation, so nobody can open one for the future or for longer than
its duration. Its CRD and the policy that says who may create one are in manifests/base/break-glass.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from kubectl_gitops.api.durations import duration_seconds
from kubectl_gitops.api.names import GROUP, VERSION, managed_by
from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.errors import InvalidInput

BREAK_GLASS_KIND = "BreakGlass"
BREAK_GLASS_PLURAL = "breakglasses"
#: On gitsyncs: the right to open one.
BREAK_GLASS_VERB = "break-glass"
BREAK_GLASS_API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One object that a break-glass is for, in whatever namespace."""

    group: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}/{self.name}" if self.group else f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """``opened`` and ``until`` are seconds since 1970; without targets in ``only``, it is for all objects.

    ``restores`` says whether drift is put back when it ends.
    """

    namespace: str
    name: str
    gitsync: str
    by: str
    reason: str
    opened: float
    until: float
    only: tuple[Target, ...] = ()
    restores: bool = True

    @property
    def label(self) -> str:
        """The value of the managed-by label on the objects of its GitSync."""
        return managed_by(self.namespace, self.gitsync)

    @property
    def until_text(self) -> str:
        """When it ends, in RFC 3339, UTC."""
        return datetime.fromtimestamp(self.until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def is_open(self, now: float) -> bool:
        return now < self.until

    def covers(self, key: ResourceKey) -> bool:
        """Whether it is for this object."""
        return not self.only or any(
            (one.group, one.kind, one.name) == (key.group, key.kind, key.name) for one in self.only
        )


def read_break_glass(obj: Object) -> BreakGlass:
    """The break-glass in an object as the API server has it. Raises InvalidInput on one that is none."""
    try:
        metadata, spec = obj["metadata"], obj["spec"]
        opened = datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()
        return BreakGlass(
            namespace=metadata["namespace"],
            name=metadata["name"],
            gitsync=spec["gitSync"],
            by=spec["by"],
            reason=spec["reason"],
            opened=opened,
            until=opened + duration_seconds(spec["duration"]),
            only=tuple(
                Target(group=one.get("group") or "", kind=one["kind"], name=one["name"])
                for one in spec.get("only") or ()
            ),
            restores=spec.get("then", "Restore") == "Restore",
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        name = (obj.get("metadata") or {}).get("name") or "?"
        raise InvalidInput(f"{BREAK_GLASS_KIND} {name} is not valid: {exc}") from exc
