"""Whose signature a commit carries: nothing is rendered from a commit that is not signed with one of the given keys.

git checks the signature, with gpg or ssh-keygen, in a directory of its own where nobody else's keys are known.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_gitops.errors import InvalidInput, SourceError
from kubectl_gitops.source.commit import Commit

if TYPE_CHECKING:
    from kubectl_gitops.source.gitcommand import Answer
    from kubectl_gitops.source.mirror import Mirror

TIMEOUT_SECONDS = 30
#: So many of the commits that fail are named; the others only counted.
_MAX_NAMED = 3

_PGP, _SSH = "-----BEGIN PGP SIGNATURE-----", "-----BEGIN SSH SIGNATURE-----"
_PGP_KEY, _PRIVATE = "-----BEGIN PGP PUBLIC KEY BLOCK-----", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_SSH_KEY_TYPE = re.compile(r"(?:ssh-|ecdsa-|sk-)[\w@.-]+ ")
_SIGNER = re.compile(r"\S+ (?:\S.* )?(?:ssh-|ecdsa-|sk-)[\w@.-]+ \S+")
_STATUS = re.compile(r"^\[GNUPG:\] (?P<word>[A-Z_]+) ?(?P<rest>.*)$", re.MULTILINE)
_GOOD_SSH = re.compile(r'^Good "git" signature for (?P<who>.+) with \S+ key (?P<key>SHA256:\S+)$', re.MULTILINE)
_ANY_SSH = re.compile(r'^Good "git" signature with \S+ key (?P<key>SHA256:\S+)$', re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
#: What gpg says of a signature that is right, but not to be trusted.
_EXCEPTIONS = {
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "the key has expired",
    "REVKEYSIG": "the key has been revoked",
    "BADSIG": "the commit is not what was signed",
}
_GPG_CONFIGURATION = (
    "batch\nno-tty\nno-autostart\nno-auto-key-retrieve\nno-auto-key-locate\ntrust-model always\nweak-digest SHA1\n"
)


class Unverified(SourceError):
    """A commit is not signed, or not by whom it has to be; it was not read any further."""


class VerifyMode(StrEnum):
    """HEAD: the commit that is synced. RANGE: each that came since the last one that was."""

    HEAD = "HEAD"
    RANGE = "Range"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeys:
    """Who may sign: OpenPGP keys in armour, and lines of ssh-keygen's allowed signers. ``where`` is where they are."""

    where: str
    openpgp: tuple[str, ...] = ()
    allowed_signers: tuple[str, ...] = ()

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes], *, where: str) -> PublicKeys:
        """Of a Secret's decoded data: each value holds keys of one kind. Raises InvalidInput; no value is in it."""
        openpgp: list[str] = []
        signers: list[str] = []
        for key, value in sorted(data.items()):
            text = value.decode(errors="replace").replace("\r\n", "\n").strip()
            if _PRIVATE.search(text) or "PGP PRIVATE KEY" in text:
                raise InvalidInput(f"the key {key!r} of {where} is a private key", hint="only public keys belong there")
            if _PGP_KEY in text:
                openpgp.append(f"{text}\n")
            else:
                signers.extend(_signers(text, key, where))
        if not openpgp and not signers:
            raise InvalidInput(
                f"{where} holds no public key", hint="what gpg --export --armor gives, or allowed signers of ssh-keygen"
            )
        return cls(where=where, openpgp=tuple(openpgp), allowed_signers=tuple(signers))

    @property
    def digest(self) -> str:
        """What tells these keys from others."""
        return hashlib.sha256(repr((self.openpgp, self.allowed_signers)).encode()).hexdigest()


def verify(mirror: Mirror, commit: Commit, *, since: str | None, mode: VerifyMode, keys: PublicKeys) -> None:
    """Raises Unverified unless ``commit`` is signed with one of ``keys``.

    In RANGE mode that goes for each commit that ``commit`` has and ``since``, the last one that was synced, has not.
    Before anything was synced it goes for ``commit`` alone: whoever signs that vouches for what it builds upon.
    """
    commits = mirror.commits_between(since, commit) if mode is VerifyMode.RANGE and since != commit.sha else [commit]
    with _keyring(keys) as environment:
        failures = []
        for one in commits or [commit]:
            fault = _fault(*mirror.check_signature(one, environment), keys)
            if fault:
                failures.append(f"commit {one.short} by {one.author} ({one.subject[:60]}) {fault}")
    if failures:
        more = f"; and {len(failures) - _MAX_NAMED} more commits" if len(failures) > _MAX_NAMED else ""
        raise Unverified(
            "; ".join(failures[:_MAX_NAMED]) + more,
            hint=f"have it signed by somebody whose public key is in {keys.where}, or add the signer's key there",
        )


def _fault(signature: str, answer: Answer, keys: PublicKeys) -> str:
    """What is wrong with a commit's signature, told after its name; "" if nothing is."""
    if not signature:
        return "is not signed"
    if signature == _PGP:
        return _openpgp_fault(answer, keys)
    if signature == _SSH:
        return _ssh_fault(answer, keys)
    return "has a signature that is neither of OpenPGP nor of SSH"


def _openpgp_fault(answer: Answer, keys: PublicKeys) -> str:
    if not keys.openpgp:
        return f"is signed with OpenPGP, and {keys.where} holds no OpenPGP key"
    said = {match["word"]: _CONTROL.sub(" ", match["rest"]) for match in _STATUS.finditer(answer.stderr)}
    for word, meaning in _EXCEPTIONS.items():
        if word in said:
            who = said[word].partition(" ")[2]
            return f"is signed by {who} (key {_fingerprint(said, word)}), but {meaning}"
    if "GOODSIG" in said and "VALIDSIG" in said and not answer.status:
        return ""
    if "ERRSIG" in said:
        reason = "which is not" if "NO_PUBKEY" in said else "and cannot be checked with the keys"
        return f"is signed with the OpenPGP key {_fingerprint(said, 'ERRSIG')}, {reason} in {keys.where}"
    return "has an OpenPGP signature that cannot be checked"


def _fingerprint(said: Mapping[str, str], word: str) -> str:
    """The longest name of the key that gpg tells; ERRSIG ends with it, VALIDSIG begins with it."""
    if "VALIDSIG" in said:
        return said["VALIDSIG"].split(" ")[0]
    parts = said[word].split(" ")
    return parts[-1] if word == "ERRSIG" and len(parts[-1]) >= 40 else parts[0]


def _ssh_fault(answer: Answer, keys: PublicKeys) -> str:
    if not keys.allowed_signers:
        return f"is signed with SSH, and {keys.where} holds no allowed signers"
    if not answer.status and _GOOD_SSH.search(answer.stderr):
        return ""
    if other := _ANY_SSH.search(answer.stderr):
        return f"is signed with the SSH key {other['key']}, which is not allowed by {keys.where}"
    return "has an SSH signature, but the commit is not what was signed"


def _signers(text: str, key: str, where: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            # Who writes a public key alone means whoever has the private one.
            signer = f"* {line.strip()}" if _SSH_KEY_TYPE.match(line.strip()) else line.strip()
            if not _SIGNER.match(signer):
                raise InvalidInput(
                    f"the key {key!r} of {where} holds neither an OpenPGP public key nor allowed signers of SSH",
                    hint="a line is: jane@shop.example ssh-ed25519 AAAA…",
                )
            yield signer


@contextmanager
def _keyring(keys: PublicKeys) -> Iterator[dict[str, str]]:
    """The environment in which git knows these keys and no others."""
    with tempfile.TemporaryDirectory(prefix="kubectl-gitops-") as directory:
        home = Path(directory)
        signers = home / "allowed_signers"
        signers.write_text("".join(f"{line}\n" for line in keys.allowed_signers))
        (home / "gpg.conf").write_text(_GPG_CONFIGURATION)
        if keys.openpgp:
            _import(home, keys)
        options = {
            "gpg.openpgp.program": "gpg",
            "gpg.x509.program": "false",
            "gpg.ssh.program": "ssh-keygen",
            "gpg.ssh.allowedSignersFile": str(signers),
            "gpg.minTrustLevel": "undefined",
        }
        environment = {"GNUPGHOME": directory, "LC_ALL": "C", "GIT_CONFIG_COUNT": str(len(options))}
        for number, (name, value) in enumerate(options.items()):
            environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        yield environment


def _import(home: Path, keys: PublicKeys) -> None:
    gpg = shutil.which("gpg")
    if gpg is None:
        raise SourceError("gpg cannot be run here, so OpenPGP signatures cannot be checked", hint="install gnupg")
    environment = {"GNUPGHOME": str(home), "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    for armoured in keys.openpgp:
        try:
            done = subprocess.run(
                [gpg, "--import"], input=armoured.encode(), env=environment, capture_output=True,
                check=False, timeout=TIMEOUT_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as exc:
            raise SourceError(f"gpg took more than {TIMEOUT_SECONDS} s to read the keys of {keys.where}") from exc
        if done.returncode:
            raise InvalidInput(f"{keys.where} holds an OpenPGP key that gpg cannot read")
