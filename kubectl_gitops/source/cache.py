"""Where in a cache directory each mirror is."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from pathlib import Path

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.address import Address
from kubectl_gitops.source.credentials import Credentials


def mirror_directory(cache: Path, address: Address, credentials: Credentials | None) -> Path:
    """Where the mirror is in ``cache``: a name that tells neither the user in the URL nor the credentials."""
    text = address.given
    if credentials is not None:
        text += f"\0{credentials.digest(_key(cache))}"
    return cache / hashlib.sha256(text.encode()).hexdigest()[:32]


def _key(cache: Path) -> bytes:
    """The key of this cache, made when first needed."""
    file = cache / "key"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.is_file():
            made = cache / f"key.{secrets.token_hex(8)}"
            made.touch(mode=0o600)
            made.write_bytes(secrets.token_bytes(32))
            with suppress(FileExistsError):  # somebody else was first
                file.hardlink_to(made)
            made.unlink()
        return file.read_bytes()
    except OSError as exc:
        raise SourceError(f"cannot keep a mirror in {cache}: {exc.strerror}") from exc
