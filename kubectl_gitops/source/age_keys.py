"""The age keys that open files which SOPS has encrypted: from a Secret of the GitSync, or from the environment."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_gitops.api.rendering import Decryption
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import Forbidden, InvalidInput, NotFound

if TYPE_CHECKING:
    import pyrage

#: As Flux has it: each value of a Secret under such a key holds age keys.
SECRET_SUFFIX = ".agekey"  # noqa: S105 - the end of a name
#: As sops itself has it.
KEY_VARIABLE, FILE_VARIABLE = "SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE"
_KEY = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]{40,80}")


@dataclass(frozen=True, slots=True)
class AgeKeys:
    """Keys as ``age-keygen`` prints them. ``where`` says for people where they are from."""

    where: str
    texts: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str, where: str) -> AgeKeys:
        """Raises InvalidInput, which repeats nothing of ``text``."""
        lines = [stripped for line in text.splitlines() if (stripped := line.strip()) and not stripped.startswith("#")]
        for number, line in enumerate(lines, 1):
            if not _KEY.fullmatch(line):
                raise InvalidInput(
                    f"{where}: what is in line {number}, comments not counted, is no age key",
                    hint="write there what age-keygen prints: AGE-SECRET-KEY-1…; keys of plugins, of ssh and with "
                    "a passphrase cannot be used here",
                )
        if not lines:
            raise InvalidInput(f"{where} holds no age key", hint="age-keygen makes one")
        return cls(where, tuple(lines))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AgeKeys | None:
        """What SOPS_AGE_KEY holds, and the file that SOPS_AGE_KEY_FILE names; None where neither is set."""
        found = [cls.parse(environ[KEY_VARIABLE], KEY_VARIABLE)] if environ.get(KEY_VARIABLE) else []
        if name := environ.get(FILE_VARIABLE):
            try:
                text = Path(name).expanduser().read_text()
            except (OSError, UnicodeDecodeError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
                raise InvalidInput(f"{FILE_VARIABLE}: {name} cannot be read: {reason}") from exc
            found.append(cls.parse(text, name))
        if not found:
            return None
        return cls(" and ".join(one.where for one in found), tuple(key for one in found for key in one.texts))

    @property
    def digest(self) -> str:
        """What tells these keys from others. It is kept in memory only."""
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

    def open(self, message: str) -> bytes | None:
        """What a message in age's armor holds; None where it is for nobody who has one of these keys."""
        import pyrage

        try:
            return bytes(pyrage.decrypt(message.encode(), self._identities()))
        except pyrage.DecryptError:
            return None

    def _identities(self) -> list[pyrage.x25519.Identity]:
        import pyrage

        try:
            return [pyrage.x25519.Identity.from_str(text) for text in self.texts]
        except pyrage.IdentityError:
            # The exception may repeat the key.
            raise InvalidInput(f"{self.where}: one of the age keys is damaged") from None


def read_age_keys(decryption: Decryption | None, cluster: Cluster, namespace: str) -> AgeKeys | None:
    """The keys in the Secret that a GitSync names, read with the rights of ``cluster``; None where it names none.

    Raises InvalidInput for what is missing or no key, ClusterError where it cannot be read.
    """
    if decryption is None:
        return None
    name, field_name = decryption.secret_name, "spec.source.decryption.secretRef"
    where = f"Secret {namespace}/{name}"
    try:
        secret = cluster.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    except NotFound as exc:
        raise InvalidInput(f"there is no {where}, which {field_name} names") from exc
    except Forbidden as exc:
        raise Forbidden(
            f"{where}, which {field_name} names, cannot be read: {exc}",
            hint=f"the account that the GitSync writes as needs the verb get on secrets, resourceNames [{name}]",
        ) from exc
    data = secret.get("data") or {}
    texts = [
        AgeKeys.parse(base64.b64decode(data[key]).decode(errors="replace"), f"{key} of {where}").texts
        for key in sorted(data)
        if key.endswith(SECRET_SUFFIX)
    ]
    if not texts:
        raise InvalidInput(
            f"{where}, which {field_name} names, holds no age key: none of its keys ends in {SECRET_SUFFIX}",
            hint=f"kubectl create secret generic {name} -n {namespace} --from-file=identity.agekey=keys.txt",
        )
    return AgeKeys(where, tuple(key for keys in texts for key in keys))
