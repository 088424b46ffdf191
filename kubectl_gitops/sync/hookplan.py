"""Which hooks a sync runs: each once in a run, and none where nothing is to be done. Pure.

A run is a commit, or what a directory declares. What has ended well in it is noted in the snapshot, and on the hook
itself, so that a sync that is tried again goes on where it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from kubectl_gitops.api.names import HOOK_ANNOTATIONS, HOOK_OF_LABEL, HOOK_RUN_ANNOTATION, MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Declared, Object, digest
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.diff.secrets import declared_digest
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.sync.directives import directives_of
from kubectl_gitops.sync.hooks import named_hook
from kubectl_gitops.sync.steps import HookStep, Step
from kubectl_gitops.sync.waves import Phase


def hook_steps(hooks: Iterable[Declared], *, run: str, label: str, sealing_key: bytes) -> list[HookStep]:
    """A step for each hook, as prepared, and each of its phases. Raises InvalidManifest."""
    return [step for one in hooks for step in _steps_of(one, run, label, sealing_key)]


def _steps_of(declared: Declared, run: str, label: str, sealing_key: bytes) -> Iterator[HookStep]:
    directives = directives_of(declared)
    content = declared_digest(declared, sealing_key)
    for wave in directives.waves:
        assert directives.hook is not None
        named = named_hook(declared, wave.phase, run)
        identity = digest([wave.phase, *declared.key, content])
        token = digest([identity, run])
        step = Step(
            kind=ActionKind.HOOK,
            key=named.key,
            api_version=named.api_version,
            declared=_marked(named, label, token),
            declared_digest=content,
            note=str(wave.phase),
        )
        yield HookStep(step=step, wave=wave, hook=directives.hook, identity=identity, token=token)


def _marked(declared: Declared, label: str, token: str) -> Declared:
    """With whose hook it is. It never has the label of what Git keeps: the webhook would take it for such."""
    metadata = declared.object["metadata"]
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != MANAGED_BY_LABEL}
    marks = {
        "labels": labels | {HOOK_OF_LABEL: label},
        "annotations": {**metadata["annotations"], HOOK_RUN_ANNOTATION: token},
    }
    return Declared(object={**declared.object, "metadata": {**metadata, **marks}}, origin=declared.origin)


def with_due(hooks: Collection[HookStep], previous: Snapshot | None, *, run: str, writes: bool) -> tuple[HookStep, ...]:
    """The hooks, each with whether it is due. ``writes``: something else is to be done as well."""
    done = dict(previous.hooks) if previous else {}
    needed = [one.identity for one in hooks if one.wave.phase is not Phase.SYNC_FAIL]
    runs = {done.get(identity) for identity in needed}
    if not writes and len(runs) <= 1 and None not in runs:  # all have ended well, in one and the same run
        return tuple(replace(one, is_due=False) for one in hooks)
    return tuple(replace(one, is_due=done.get(one.identity) != run) for one in hooks)


def hooks_done(
    hooks: Iterable[HookStep], previous: Snapshot | None, *, run: str, ended_well: Collection[str]
) -> tuple[tuple[str, str], ...]:
    """What a snapshot notes: (identity, run) of each hook that has ended well. ``ended_well`` are identities."""
    done = dict(previous.hooks) if previous else {}
    noted = {one.identity: run if one.identity in ended_well else done.get(one.identity) for one in hooks}
    return tuple((identity, which) for identity, which in noted.items() if which is not None)


def is_of_this_run(hook: HookStep, live: Object) -> bool:
    """Whether a live object is the hook that an earlier try of the same run has made."""
    return (live["metadata"].get("annotations") or {}).get(HOOK_RUN_ANNOTATION) == hook.token


def is_replaceable(live: Object, label: str) -> bool:
    """Whether an object that has a hook's name is one, or was kept by the same GitSync: nobody else's is deleted."""
    metadata = live["metadata"]
    is_hook = any(name in HOOK_ANNOTATIONS for name in metadata.get("annotations") or {})
    return is_hook or (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) == label
