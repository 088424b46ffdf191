"""What a rollback needs to know: the snapshot that is asked for, and what Git said then."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from kubectl_gitops.api.gitsync import GitSync, Rollback
from kubectl_gitops.api.objects import Declared, ResourceKey
from kubectl_gitops.diff.secrets import holds_secret_values
from kubectl_gitops.errors import GitOpsError, InvalidInput, SourceError
from kubectl_gitops.reconciler.surroundings import Surroundings
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.snapshot.store import SnapshotStore
from kubectl_gitops.source.desired import from_mirror
from kubectl_gitops.source.render import Rendering
from kubectl_gitops.source.variable_sources import read_variables

_log = logging.getLogger(__name__)

#: The reason of the condition Synced while a rollback counts.
ROLLED_BACK: Final = "RolledBack"
_MAX_NAMED = 10


def find_snapshot(store: SnapshotStore, gitsync: GitSync, sequence: int) -> Snapshot:
    """The kept snapshot with that number. Raises InvalidInput where this GitSync has none (any more)."""
    kept = [one for one in store.load_kept(gitsync.namespace, gitsync.name) if one.uid == gitsync.uid and one.revision]
    found = next((one for one in kept if one.sequence == sequence), None)
    if found is None:
        raise InvalidInput(
            f"there is no snapshot {sequence} of GitSync {gitsync} to roll back to",
            hint=f"kubectl gitops history {gitsync.name} -n {gitsync.namespace} lists those that are kept",
        )
    return found


def declared_then(around: Surroundings, gitsync: GitSync, old: Snapshot) -> Sequence[Declared]:
    """What Git declares at the commit of a snapshot; nothing where it needs not or cannot be asked."""
    has_secrets = any(holds_secret_values(entry.key.group, entry.kind) for entry in old.entries)
    if not has_secrets or old.revision is None or old.repo_url != gitsync.repo_url:
        return ()
    try:
        writer = around.writer(gitsync)
        mirror = around.repositories.mirror(gitsync, writer)
        try:
            mirror.resolve(old.revision.sha)
        except SourceError:
            mirror.fetch()
        rendering = Rendering(
            options=gitsync.rendering,
            release_name=gitsync.name,
            namespace=gitsync.target_namespace,
            variables=read_variables(gitsync.rendering.substitute, writer, gitsync.namespace),
            limits=around.limits,
        )
        return from_mirror(mirror, old.revision.sha, old.path, rendering, cache=around.rendered).declared
    except GitOpsError as exc:
        _log.warning("%s: what Git said at %s cannot be read: %s", gitsync, old.revision.short, exc)
        return ()


def rolled_back_text(old: Snapshot, rollback: Rollback, left_alone: Sequence[ResourceKey]) -> str:
    """What the condition says: where to, what could not be, and that new commits wait."""
    assert old.revision is not None
    words = f"rolled back to {old.revision.short} (snapshot {old.sequence}): {len(old.entries)} objects"
    if rollback.by or rollback.reason:
        words += f", asked for{f' by {rollback.by}' if rollback.by else ''}" + (
            f": {rollback.reason}" if rollback.reason else ""
        )
    words += "; new commits wait until it is resumed"
    if left_alone:
        named = ", ".join(key.described for key in left_alone[:_MAX_NAMED])
        more = len(left_alone) - _MAX_NAMED
        words += f"; left as they are, because their values are only in Git: {named}"
        words += f" and {more} more" if more > 0 else ""
    return words
