"""Phases and waves: what must be there, and healthy, before what.

As in Argo CD (docs/user-guide/sync-waves.md; gitops-engine, pkg/sync/syncwaves), but a wave that is no number is
refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kubectl_gitops.api.names import ARGOCD_SYNC_WAVE_ANNOTATION, HELM_HOOK_WEIGHT_ANNOTATION, SYNC_WAVE_ANNOTATION
from kubectl_gitops.api.objects import Object
from kubectl_gitops.sync.annotations import InvalidAnnotation, annotation_of, first_annotation

# Nine digits: more than anybody counts, and nothing that a conversion could stumble over.
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")


class Phase(StrEnum):
    """The phases of a sync, in their order. SyncFail comes instead of what is left when something failed."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"


_PLACE_OF = {phase: place for place, phase in enumerate(Phase)}


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave of one phase. The lower number comes first; 0 where nothing is said."""

    phase: Phase
    number: int = 0

    def __lt__(self, other: Wave) -> bool:
        return (_PLACE_OF[self.phase], self.number) < (_PLACE_OF[other.phase], other.number)

    def __str__(self) -> str:
        return f"{self.phase} wave {self.number}"


def wave_number(obj: Object) -> int:
    """The number of an object's wave: as annotated, else its Helm hook weight, else 0. Raises InvalidAnnotation."""
    annotation = first_annotation(obj, (SYNC_WAVE_ANNOTATION, ARGOCD_SYNC_WAVE_ANNOTATION))
    if annotation is None:
        return _helm_weight(obj)
    if not _WHOLE_NUMBER.fullmatch(annotation.value):
        raise InvalidAnnotation(annotation, f'{annotation.value!r} is no whole number (write "5" or "-1")')
    return int(annotation.value)


def _helm_weight(obj: Object) -> int:
    """A weight that is no number counts as 0, as it does for Helm: charts are other people's."""
    weight = annotation_of(obj, HELM_HOOK_WEIGHT_ANNOTATION)
    return int(weight.value) if weight and _WHOLE_NUMBER.fullmatch(weight.value) else 0
