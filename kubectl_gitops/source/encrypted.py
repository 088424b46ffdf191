"""What SOPS has encrypted, and nobody has decrypted: applied as it is it would replace a value by nonsense.

SOPS encrypts value by value (``ENC[AES256_GCM,data:...]``) and notes how in a block of its own beside them: ``sops`` in
YAML and JSON, ``sops_...`` in files of environment variables, a section in INI files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.errors import InvalidManifest

_HINT = (
    "name its age key (spec.source.decryption of a GitSync; SOPS_AGE_KEY_FILE with -f), leave it out (of plain "
    "manifests by spec.source.exclude or a .gitopsignore), or commit what an operator in the cluster decrypts, such as "
    "a SealedSecret or a SopsSecret"
)
_METADATA_FIELD = "sops"
#: Custom resources, by group and kind, that have such a block of their own: they are decrypted in the cluster.
_DECRYPTED_IN_CLUSTER = frozenset({("isindir.github.com", "SopsSecret")})

_ANY_VALUE = "ENC[AES256_GCM,"
_VALUE = re.compile(r"ENC\[AES256_GCM,data:[^\]]+\]")
_METADATA = re.compile(r"""^sops\s*:|"sops"\s*:\s*\{|^sops_[a-z_]+\s*=|^\[sops\]""", re.MULTILINE)


class EncryptedManifest(InvalidManifest):
    """SOPS has encrypted what is at ``file`` and ``line``."""

    def __init__(self, what: str, *, file: str, line: int) -> None:
        super().__init__(f"{what} is encrypted with SOPS, and there is no key for it", file=file, line=line, hint=_HINT)


def refuse_encrypted(obj: Mapping[str, Any], origin: Origin, *, what: str = "this") -> None:
    """EncryptedManifest, about ``what``, for a document that SOPS has encrypted, whichever of its values."""
    if not isinstance(obj.get(_METADATA_FIELD), dict):
        return
    if not is_decrypted_in_cluster(obj):
        raise EncryptedManifest(what, file=origin.path, line=origin.line)


def is_decrypted_in_cluster(obj: Mapping[str, Any]) -> bool:
    return (str(obj.get("apiVersion")).partition("/")[0], obj.get("kind")) in _DECRYPTED_IN_CLUSTER


def is_encrypted_file(content: bytes) -> bool:
    """Whether SOPS has encrypted a file of any format."""
    return _ANY_VALUE.encode() in content and _metadata_in(content.decode(errors="replace")) is not None


def refuse_encrypted_files(files: Mapping[str, bytes]) -> None:
    """EncryptedManifest for a file, of any of its formats, that SOPS has encrypted."""
    for path, content in files.items():
        text = content.decode(errors="replace")
        if match := _metadata_in(text):
            raise EncryptedManifest("this file", file=path, line=text.count("\n", 0, match.start()) + 1)


def is_encrypted(text: str) -> bool:
    """Whether ``text`` is one encrypted value, or the content of an encrypted file."""
    if _ANY_VALUE not in text:
        return False
    return _VALUE.fullmatch(text.strip()) is not None or _metadata_in(text) is not None


def _metadata_in(text: str) -> re.Match[str] | None:
    return _METADATA.search(text) if _ANY_VALUE in text else None
