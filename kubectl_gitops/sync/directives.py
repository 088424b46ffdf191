"""All that an object's annotations say on when and how it is synced. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_gitops.api.objects import Declared, Object
from kubectl_gitops.errors import InvalidManifest
from kubectl_gitops.sync.annotations import InvalidAnnotation
from kubectl_gitops.sync.hooks import Hook, hook_in
from kubectl_gitops.sync.options import SyncOptions, options_in
from kubectl_gitops.sync.waves import Phase, Wave, wave_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """``hook`` is None for an ordinary object."""

    wave_number: int
    hook: Hook | None
    options: SyncOptions

    @property
    def waves(self) -> tuple[Wave, ...]:
        """The waves in which a sync applies the object: one, unless it is a hook of several phases, or of none."""
        phases = (Phase.SYNC,) if self.hook is None else self.hook.phases
        return tuple(Wave(phase, self.wave_number) for phase in phases)


def directives_of(declared: Declared) -> Directives:
    """What Git says on one object. Raises InvalidManifest, so a plan asks before anything is written."""
    try:
        return _directives_in(declared.object)
    except InvalidAnnotation as exc:
        metadata = declared.object["metadata"]
        name = metadata.get("name") or metadata.get("generateName")
        raise InvalidManifest(
            f"{declared.kind}/{name}: {exc}",
            file=declared.origin.path,
            line=declared.origin.line,
        ) from exc


def is_hook(declared: Declared) -> bool:
    """Whether an object is made for one sync alone. Raises InvalidManifest."""
    return directives_of(declared).hook is not None


#: What is said by an object without annotations, as most are.
_NOTHING_SAID = Directives(wave_number=0, hook=None, options=SyncOptions())


def _directives_in(obj: Object) -> Directives:
    if not obj["metadata"].get("annotations"):
        return _NOTHING_SAID
    return Directives(wave_number=wave_number(obj), hook=hook_in(obj), options=options_in(obj))
