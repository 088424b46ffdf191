"""The repositories that GitSyncs name: a mirror for each, the credentials for it, and whose commits count.

The Secrets that a GitSync names are read as whom it writes as: whoever may create a GitSync in a namespace learns
nothing by it that the service account there may not read.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import Forbidden, NotFound, SourceError
from kubectl_gitops.source.credentials import Credentials
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.verify import PublicKeys, VerifyMode, verify

_Name = tuple[str, str]  # namespace, name
_Key = tuple[str, str]  # URL, digest of the credentials


class Repositories:
    """The mirrors, shared by GitSyncs with the same URL and the same credentials. May be used by many threads."""

    def __init__(self, *, cache_directory: Path, allow_file: bool) -> None:
        self._cache_directory = cache_directory
        self._allow_file = allow_file
        self._lock = threading.Lock()
        self._digest_key = secrets.token_bytes(32)
        self._mirrors: dict[_Key, Mirror] = {}
        self._used: dict[_Name, _Key] = {}
        self._verified: dict[_Name, tuple[str, ...]] = {}

    def mirror(self, gitsync: GitSync, reader: Cluster) -> Mirror:
        """The mirror of a GitSync's repository. ``reader`` reads the Secret with its credentials, if it names one.

        Raises InvalidInput, SourceError, ClusterError.
        """
        credentials = None
        if name := gitsync.credentials_secret:
            data = _secret(reader, gitsync, name, "spec.source.secretRef")
            credentials = Credentials.from_secret(data, where=_described(gitsync, name))
        key = gitsync.repo_url, credentials.digest(self._digest_key) if credentials else ""
        with self._lock:
            mirror = self._mirrors.get(key)
            if mirror is None:
                mirror = self._mirrors[key] = Mirror(
                    gitsync.repo_url,
                    cache_directory=self._cache_directory,
                    credentials=credentials,
                    allow_file=self._allow_file,
                )
            before, self._used[_name(gitsync)] = self._used.get(_name(gitsync), key), key
            unused = self._mirrors.pop(before) if before not in self._used.values() else None
        if unused is not None and before[1]:
            unused.remove()  # Secrets change, and each time the repository is mirrored anew
        return mirror

    def verify(self, gitsync: GitSync, reader: Cluster, mirror: Mirror, commit: Commit, *, since: str | None) -> None:
        """Raises Unverified where the GitSync wants ``commit`` signed and it is not, and as ``mirror`` does."""
        if not gitsync.verify_secret:
            return
        data = _secret(reader, gitsync, gitsync.verify_secret, "spec.source.verify.secretRef")
        keys = PublicKeys.from_secret(data, where=_described(gitsync, gitsync.verify_secret))
        asked = (gitsync.repo_url, commit.sha, gitsync.verify_mode, keys.digest)
        if self._verified.get(_name(gitsync)) != asked:
            verify(mirror, commit, since=since, mode=VerifyMode(gitsync.verify_mode), keys=keys)
            self._verified[_name(gitsync)] = asked

    def forget(self, name: _Name) -> None:
        """A GitSync is gone. The mirror stays on the disk, for when it comes again."""
        with self._lock:
            self._used.pop(name, None)
            self._verified.pop(name, None)
            for key in self._mirrors.keys() - self._used.values():
                del self._mirrors[key]


def _secret(reader: Cluster, gitsync: GitSync, name: str, field: str) -> Mapping[str, bytes]:
    try:
        found = reader.get(f"/api/v1/namespaces/{gitsync.namespace}/secrets/{name}")
    except NotFound as exc:
        raise SourceError(f"there is no {_described(gitsync, name)}, which {field} names") from exc
    except Forbidden as exc:
        account = gitsync.service_account or "the reconciler"
        raise Forbidden(
            f"{_described(gitsync, name)}, which {field} names, cannot be read: {exc}",
            hint=f"bind {account} to a Role with the verb get on secrets, resourceNames [{name}]",
        ) from exc
    return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}


def _described(gitsync: GitSync, name: str) -> str:
    return f"Secret {gitsync.namespace}/{name}"


def _name(gitsync: GitSync) -> _Name:
    return gitsync.namespace, gitsync.name
