"""What holds back a new commit: nobody has asked for it, the windows of a GitSync, GitSyncs that come before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.api.objects import Object
from kubectl_gitops.api.windows import SyncWindow, closed, read_windows
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.reconciler.claims import GitSyncName
from kubectl_gitops.reconciler.status import Phase

#: A GitSync as the API server has it, by namespace and name; None where there is none.
Find = Callable[[GitSyncName], Object | None]


def windows_of(gitsync: GitSync) -> tuple[SyncWindow, ...]:
    """The windows of a GitSync. Raises InvalidInput that says which one is wrong."""
    try:
        return read_windows(gitsync.windows)
    except ValueError as exc:
        raise InvalidInput(f"GitSync {gitsync}: {exc}") from exc


def outside_window(windows: tuple[SyncWindow, ...], short: str, at: datetime, *, asked: bool) -> Phase | None:
    """What is said of commit ``short`` where the windows hold it back at a time; None where they do not."""
    shut = closed(windows, at, asked=asked)
    if shut is None:
        return None
    again_seconds = (shut.until - at).total_seconds() if shut.until else None
    return Phase(
        synced=False, reason="OutsideWindow", message=f"{short} is not applied: {shut}", again_seconds=again_seconds
    )


def waiting(gitsync: GitSync, sha: str, find: Find) -> Phase | None:
    """What is said of a commit where a GitSync waits for others; None where all of them are ready.

    Raises InvalidInput where it waits for itself, in the end.
    """
    _check_no_circle(gitsync, find)
    reasons = [reason for name in gitsync.depends_on if (reason := _why_not(gitsync, sha, name, find(name)))]
    if not reasons:
        return None
    return Phase(synced=False, reason="DependencyNotReady", message=f"{sha[:8]} is not applied: {'; '.join(reasons)}")


def unasked(gitsync: GitSync, commit: Commit, synced_sha: str, failed: tuple[str, str]) -> Phase:
    """What is said of a commit that is only applied if it is asked for, or not at all while suspended.

    ``failed`` is the commit whose sync failed last, and why.
    """
    why = "Suspended" if gitsync.suspended else "Manual"
    if synced_sha == commit.sha:
        return Phase(synced=True, reason=why, message=f"synced {commit.short}; new commits wait to be asked for")
    if failed[0] == commit.sha:
        words = f"{commit.short} is not applied, because the last try failed: {failed[1]}"
        return Phase(synced=False, reason=why, message=words)
    if gitsync.suspended:
        return Phase(synced=None, reason=why, message=f"{commit.short} is not applied: resume it")
    instead = f" ({synced_sha[:8]} is)" if synced_sha else ""
    words = f"{commit.short} is not applied{instead}: run kubectl gitops sync, or let spec.sync.automated do it"
    return Phase(synced=False, reason="OutOfSync", message=words)


def readiness(obj: Object) -> tuple[bool, str]:
    """Whether a GitSync is ready as it is written now, and the commit that it has synced."""
    status = obj.get("status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or []}
    is_current = status.get("observedGeneration") == obj["metadata"].get("generation")
    return is_current and conditions.get("Ready") == "True", str((status.get("synced") or {}).get("revision") or "")


def _why_not(gitsync: GitSync, sha: str, name: GitSyncName, found: Object | None) -> str:
    if found is None:
        return f"there is no GitSync {'/'.join(name)}, which spec.dependsOn names"
    is_ready, revision = readiness(found)
    if not is_ready:
        return f"GitSync {'/'.join(name)} is not ready"
    source = found["spec"]["source"]
    is_same = (source["repoURL"], source.get("revision", "HEAD")) == (gitsync.repo_url, gitsync.revision)
    if is_same and revision != sha:
        return f"GitSync {'/'.join(name)} has not synced it yet"
    return ""


def _check_no_circle(gitsync: GitSync, find: Find) -> None:
    me = (gitsync.namespace, gitsync.name)
    paths: list[tuple[GitSyncName, ...]] = [(me, name) for name in gitsync.depends_on]
    seen: set[GitSyncName] = set()
    while paths:
        path = paths.pop()
        if path[-1] == me:
            circle = " -> ".join("/".join(name) for name in path)
            raise InvalidInput(
                f"GitSyncs wait for each other in a circle: {circle}", hint="take one of them out of spec.dependsOn"
            )
        if path[-1] in seen:
            continue
        seen.add(path[-1])
        paths.extend((*path, name) for name in _dependencies(find(path[-1])))


def _dependencies(obj: Object | None) -> list[GitSyncName]:
    if obj is None:
        return []
    listed = obj["spec"].get("dependsOn") or []
    return [(one.get("namespace") or obj["metadata"]["namespace"], one["name"]) for one in listed]
