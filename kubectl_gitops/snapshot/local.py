"""Canonical forms on this machine, for ``drift -f``, where no snapshot keeps them: a cache, never the truth.

What a dry-run answered is good for the same declaration on the same cluster and version of it. It may be deleted at any
time. Whatever cannot be read, is damaged or is not ours counts as not there, and nothing here makes a command fail.
Values of Secrets are sealed with a key that stays in the same directory, which only its owner can read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.errors import ClusterError
from kubectl_gitops.snapshot.store import new_sealing_key

#: Bytes of stored forms (about 100,000 objects); beyond it, what was not used for longest is dropped.
MAX_BYTES: Final = 64 << 20
#: What one form may grow to when read: the API server takes no larger object.
_MAX_FORM_BYTES = 16 << 20
#: Another layout is another file, so that two versions of this program do not spoil each other's.
_DATABASE = "forms-1.sqlite3"
_KEY = "sealing-key"
_KEY_BYTES = 32
_DAY_SECONDS = 86400
_AT_ONCE = 500

#: Why a sound database may not be written to (https://sqlite.org/rescode.html): locked for long, a full disk, no right.
_NOT_NOW = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
_SCHEMA = "CREATE TABLE IF NOT EXISTS forms (id BLOB PRIMARY KEY, form BLOB NOT NULL, used INTEGER NOT NULL)"


class LocalForms:
    """The forms of one cluster, as its API server is now; ``scope`` tells it from others.

    Safe for many threads and processes: who holds the database is waited for ``lock_seconds``, and then done without.
    A ``directory`` of None remembers nothing.
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        scope: str = "",
        clock: Callable[[], float] = time.time,
        max_bytes: int = MAX_BYTES,
        lock_seconds: float = 2.0,
    ) -> None:
        self._scope = scope
        self._clock = clock
        self._max_bytes = max_bytes
        self._lock_seconds = lock_seconds
        self._directory, self.sealing_key = None, new_sealing_key()
        with contextlib.suppress(OSError):
            if directory is not None and _is_private(directory):
                self.sealing_key = _kept_key(directory)
                self._directory = directory

    @classmethod
    def of(cls, cluster: Cluster, directory: Path | None) -> LocalForms:
        """The forms of the cluster that this is; none are kept of one that does not say which it is."""
        try:
            uid = cluster.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
            version = cluster.get("/version")["gitVersion"]
        except (ClusterError, KeyError, TypeError):
            return cls(None)
        return cls(directory, scope=f"{uid} {version}")

    def canonical(self, digests: Iterable[str]) -> dict[str, Canonical]:
        """The canonical forms of these declarations (see :func:`declared_digest`), sealed, as far as they are known."""
        found = {}
        for digest, form in self._find("canonical", digests).items():
            match form:
                case [dict() as tree, dict() as fields_v1]:
                    found[digest] = Canonical(tree, fields_v1)
        return found

    def references(self, digests: Iterable[str]) -> dict[str, Object]:
        """What the API server would make of these declarations, were they created anew; sealed."""
        return {digest: form for digest, form in self._find("reference", digests).items() if isinstance(form, dict)}

    def keep(self, canonical: Mapping[str, Canonical], references: Mapping[str, Object]) -> None:
        """Remember forms by their declarations' digests. Values of Secrets must be sealed."""
        forms: list[tuple[bytes, Any]] = [
            *((self._row("canonical", digest), [form.tree, form.fields_v1]) for digest, form in canonical.items()),
            *((self._row("reference", digest), form) for digest, form in references.items()),
        ]
        rows = [(row, _packed(row, form)) for row, form in forms]
        if not rows or self._directory is None:
            return
        for _ in range(2):
            try:
                with self._database() as database:
                    self._store(database, rows)
                return
            except sqlite3.Error as exc:
                if getattr(exc, "sqlite_errorcode", 0) & 0xFF in _NOT_NOW:
                    return
                _remove(self._directory)  # damaged, or somebody else's: begin anew
            except OSError:
                return

    def _store(self, database: sqlite3.Connection, rows: list[tuple[bytes, bytes]]) -> None:
        now = int(self._clock())
        database.execute("BEGIN IMMEDIATE")
        database.execute(_SCHEMA)
        database.executemany("INSERT OR REPLACE INTO forms VALUES (?, ?, ?)", [(*row, now) for row in rows])
        (size,) = database.execute("SELECT coalesce(sum(length(form)), 0) FROM forms").fetchone()
        if size > self._max_bytes:
            dropped = []
            for row, length in database.execute("SELECT id, length(form) FROM forms ORDER BY used, rowid"):
                dropped.append((row,))
                size -= length
                if size <= self._max_bytes * 3 // 4:
                    break
            database.executemany("DELETE FROM forms WHERE id = ?", dropped)
        database.execute("COMMIT")

    def _find(self, what: str, digests: Iterable[str]) -> dict[str, Any]:
        rows = {self._row(what, digest): digest for digest in digests}
        found: dict[str, Any] = {}
        if not rows or self._directory is None or not (self._directory / _DATABASE).exists():
            return found
        now, stale = int(self._clock()), []
        with contextlib.suppress(sqlite3.Error, OSError), self._database() as database:
            for row, packed, used in _selected(database, list(rows)):
                form = _unpacked(row, packed)
                if form is not None:
                    found[rows[row]] = form
                    stale += [(now, row)] if now - used > _DAY_SECONDS else []
            if stale:
                database.execute("BEGIN IMMEDIATE")
                database.executemany("UPDATE forms SET used = ? WHERE id = ?", stale)
                database.execute("COMMIT")
        return found

    def _row(self, what: str, digest: str) -> bytes:
        return hashlib.blake2b(f"{what} {self._scope} {digest}".encode(), digest_size=16).digest()

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        assert self._directory is not None
        path = self._directory / _DATABASE
        # sqlite would make it with the umask's rights; its journal gets those of the file itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        with contextlib.closing(sqlite3.connect(path, timeout=self._lock_seconds, isolation_level=None)) as database:
            yield database


def default_directory() -> Path | None:
    """Where forms are kept unless somebody says otherwise; None for a user without a home."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (given if given.is_absolute() else Path.home() / ".cache") / "kubectl-gitops" / "forms"
    except RuntimeError:
        return None


def _is_private(directory: Path) -> bool:
    """Make the directory, or make sure that it is this user's and nobody else's. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if found.st_uid != os.geteuid():
        return False
    if stat.S_IMODE(found.st_mode) & 0o077:
        directory.chmod(0o700)
    return True


def _kept_key(directory: Path) -> bytes:
    """The sealing key, made when first asked for: of two processes that make one at once, the first one's counts."""
    path = directory / _KEY
    with contextlib.suppress(FileNotFoundError):
        key = path.read_bytes()
        if len(key) == _KEY_BYTES:
            path.chmod(0o600)
            return key
        path.unlink(missing_ok=True)
    fresh = directory / f".{_KEY}-{secrets.token_hex(8)}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_sealing_key())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
    return path.read_bytes()


def _selected(database: sqlite3.Connection, rows: list[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        yield from database.execute(f"SELECT id, form, used FROM forms WHERE id IN ({marks})", some)  # noqa: S608


def _packed(row: bytes, form: Any) -> bytes:
    """A form with a digest over what it is the form of, and over itself."""
    payload = zlib.compress(orjson.dumps(form), level=1)
    return hashlib.blake2b(row + payload, digest_size=16).digest() + payload


def _unpacked(row: bytes, packed: Any) -> Any:
    """The form, or None where it is not what was packed."""
    if not isinstance(packed, bytes) or hashlib.blake2b(row + packed[16:], digest_size=16).digest() != packed[:16]:
        return None
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(packed[16:], _MAX_FORM_BYTES)
        return None if inflater.unconsumed_tail else orjson.loads(text)
    except (zlib.error, orjson.JSONDecodeError):
        return None


def _remove(directory: Path) -> None:
    for name in (_DATABASE, f"{_DATABASE}-journal"):
        with contextlib.suppress(OSError):
            (directory / name).unlink()
