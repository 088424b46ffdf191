"""What goes on in a sync while it runs, for whoever shows it. ``at`` is in seconds since the sync began."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.health.model import Health
from kubectl_gitops.sync.inventory import Outcome
from kubectl_gitops.sync.waves import Wave


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted:
    """``objects`` are about to be written, all at the same time; ``wave`` is None where they are pruned."""

    wave: Wave | None
    rank: int
    objects: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """One object was written, pruned, or run as a hook; or it failed."""

    outcome: Outcome
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFor:
    """An object keeps the sync waiting, for so many ``seconds`` now. Told again whenever its health changes."""

    key: ResourceKey
    health: Health
    seconds: float
    at: float


Event = StageStarted | StepDone | WaitingFor
