"""Whose commits count: real signatures of gpg and ssh-keygen, and what is said of those that do not."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_gitops.errors import InvalidInput, SourceError
from kubectl_gitops.source.mirror import Mirror
from kubectl_gitops.source.verify import PublicKeys, Unverified, VerifyMode, verify
from tests.testbed.signing import GPG, Gpg, gpg_home
from tests.testbed.sshserver import Key, new_key
from tests.unit.source.repository import Repository

JANE, MALLORY = "Jane Doe <jane@shop.example>", "Mallory <mallory@evil.example>"
needs_gpg = pytest.mark.skipif(GPG is None, reason="no gpg on this machine (make test installs it where it may)")
needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine")


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with gpg_home() as gpg:
        gpg.new_key(JANE)
        gpg.new_key(MALLORY)
        yield gpg


@pytest.fixture(scope="module")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Key, Key]:
    directory = tmp_path_factory.mktemp("keys")
    return new_key(directory / "jane"), new_key(directory / "mallory")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def mirror(repository: Repository, tmp_path: Path) -> Mirror:
    return Mirror(str(repository.path), cache_directory=tmp_path / "cache", allow_file=True)


def sign_with_gpg(repository: Repository, gpg: Gpg, user: str) -> str:
    """A commit that ``user`` signed."""
    key = gpg.run("--list-keys", "--with-colons", user).partition("fpr:::::::::")[2].partition(":")[0]
    program = repository.path.parent / "gpg"
    program.write_text(f'#!/bin/sh\nGNUPGHOME={gpg.home} exec gpg --batch "$@"\n')
    program.chmod(0o755)
    return _signed(repository, "gpg.format=openpgp", f"gpg.program={program}", f"user.signingKey={key}")


def sign_with_ssh(repository: Repository, key: Key) -> str:
    return _signed(repository, "gpg.format=ssh", f"user.signingKey={key.file}")


def _signed(repository: Repository, *options: str) -> str:
    given = [part for option in options for part in ("-c", option)]
    repository.git(*given, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "signed")
    return repository.git("rev-parse", "HEAD")


def forge(repository: Repository, sha: str) -> str:
    """The commit with another message and the same signature."""
    text = repository.git("cat-file", "commit", sha).replace("\n\nsigned", "\n\nforged") + "\n"
    command = ["git", "-C", str(repository.path), "hash-object", "-t", "commit", "-w", "--stdin"]
    forged = subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout.strip()
    repository.git("update-ref", "refs/heads/forged", forged)
    return forged


def check(mirror: Mirror, sha: str, keys: PublicKeys, *, since: str | None = None, mode: str = "HEAD") -> None:
    mirror.fetch()
    verify(mirror, mirror.resolve(sha), since=since, mode=VerifyMode(mode), keys=keys)


def refused(mirror: Mirror, sha: str, keys: PublicKeys, *, since: str | None = None, mode: str = "HEAD") -> str:
    with pytest.raises(Unverified) as caught:
        check(mirror, sha, keys, since=since, mode=mode)
    assert caught.value.hint == (
        "have it signed by somebody whose public key is in Secret team/signers, or add the signer's key there"
    )
    return str(caught.value)


def gpg_keys(gpg: Gpg, *users: str) -> PublicKeys:
    data = {f"{number}.asc": gpg.public(user).encode() for number, user in enumerate(users)}
    return PublicKeys.from_secret(data, where="Secret team/signers")


def signers(*keys: Key) -> PublicKeys:
    text = "# who may sign\n" + "".join(f"jane@shop.example {key.public}\n" for key in keys)
    return PublicKeys.from_secret({"allowed_signers": text.encode()}, where="Secret team/signers")


# --- OpenPGP ---


@needs_gpg
def test_a_commit_that_is_signed_by_one_of_the_keys_counts(repository: Repository, mirror: Mirror, gpg: Gpg) -> None:
    sha = sign_with_gpg(repository, gpg, JANE)
    check(mirror, sha, gpg_keys(gpg, JANE))
    check(mirror, sha, gpg_keys(gpg, MALLORY, JANE))
    together = gpg.public(MALLORY) + gpg.public(JANE)
    check(mirror, sha, PublicKeys.from_secret({"keys": together.encode()}, where="Secret team/signers"))


@needs_gpg
def test_a_key_that_is_not_among_them_is_named(repository: Repository, mirror: Mirror, gpg: Gpg) -> None:
    sha = sign_with_gpg(repository, gpg, MALLORY)
    listing = gpg.run("--list-keys", "--with-colons", MALLORY)
    found = re.search(r"^fpr:+([0-9A-F]+):", listing, re.MULTILINE)
    assert found is not None
    assert refused(mirror, sha, gpg_keys(gpg, JANE)) == (
        f"commit {sha[:8]} by Jane Doe (signed) is signed with the OpenPGP key {found[1]}, "
        "which is not in Secret team/signers"
    )


@needs_gpg
def test_a_commit_that_was_changed_after_it_was_signed(repository: Repository, mirror: Mirror, gpg: Gpg) -> None:
    sha = forge(repository, sign_with_gpg(repository, gpg, JANE))
    words = refused(mirror, sha, gpg_keys(gpg, JANE))
    assert words.startswith(f"commit {sha[:8]} by Jane Doe (forged) is signed by {JANE} (key ")
    assert words.endswith(", but the commit is not what was signed")


@needs_gpg
def test_a_key_that_was_revoked_does_not_count(repository: Repository, mirror: Mirror) -> None:
    with gpg_home() as gpg:
        fingerprint = gpg.new_key(JANE)
        sha = sign_with_gpg(repository, gpg, JANE)
        certificate = gpg.home / "openpgp-revocs.d" / f"{fingerprint}.rev"
        certificate.write_text(certificate.read_text().replace(":-----BEGIN", "-----BEGIN"))
        gpg.run("--import", str(certificate))
        words = refused(mirror, sha, gpg_keys(gpg, JANE))
    assert words == (
        f"commit {sha[:8]} by Jane Doe (signed) is signed by {JANE} (key {fingerprint}), but the key has been revoked"
    )


@needs_gpg
def test_a_key_that_has_expired_does_not_count(repository: Repository, mirror: Mirror) -> None:
    with gpg_home() as gpg:
        old = ("--faked-system-time", "20200101T000000")
        gpg.run(*old, "--quick-gen-key", JANE, "ed25519", "sign", "10d")
        fingerprint = re.findall(r"^fpr:+([0-9A-F]+):", gpg.run("--list-keys", "--with-colons"), re.MULTILINE)[0]
        program = repository.path.parent / "gpg"
        program.write_text(f'#!/bin/sh\nGNUPGHOME={gpg.home} exec gpg --batch {" ".join(old)} "$@"\n')
        program.chmod(0o755)
        sha = _signed(repository, f"gpg.program={program}", f"user.signingKey={fingerprint}")
        words = refused(mirror, sha, gpg_keys(gpg, JANE))
    assert f"is signed by {JANE} (key {fingerprint}), but the key has expired" in words


# --- SSH ---


@needs_ssh
def test_ssh_signatures_count_too(repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]) -> None:
    jane, mallory = ssh_keys
    sha = sign_with_ssh(repository, jane)
    check(mirror, sha, signers(mallory, jane))
    alone = PublicKeys.from_secret({"jane.pub": jane.public.encode()}, where="Secret team/signers")
    check(mirror, sha, alone)
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(jane.file)], check=True, capture_output=True, text=True
    ).stdout.split()[1]
    assert refused(mirror, sha, signers(mallory)) == (
        f"commit {sha[:8]} by Jane Doe (signed) is signed with the SSH key {fingerprint}, "
        "which is not allowed by Secret team/signers"
    )


@needs_ssh
def test_an_ssh_signature_is_of_one_commit_only(
    repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]
) -> None:
    sha = forge(repository, sign_with_ssh(repository, ssh_keys[0]))
    words = refused(mirror, sha, signers(ssh_keys[0]))
    assert words.endswith("has an SSH signature, but the commit is not what was signed")


@needs_ssh
def test_a_signer_may_be_allowed_for_a_time_and_a_purpose(
    repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]
) -> None:
    sha = sign_with_ssh(repository, ssh_keys[0])  # in November 2026

    def allowed(options: str) -> PublicKeys:
        line = f"jane@shop.example {options} {ssh_keys[0].public}"
        return PublicKeys.from_secret({"signers": line.encode()}, where="Secret team/signers")

    check(mirror, sha, allowed('namespaces="git",valid-before="20270101"'))
    refused(mirror, sha, allowed('namespaces="file"'))
    refused(mirror, sha, allowed('valid-before="20260101"'))


# --- both ---


@needs_gpg
@needs_ssh
def test_a_signature_of_another_kind_than_the_keys(
    repository: Repository, mirror: Mirror, gpg: Gpg, ssh_keys: tuple[Key, Key]
) -> None:
    by_gpg, by_ssh = sign_with_gpg(repository, gpg, JANE), sign_with_ssh(repository, ssh_keys[0])
    assert "is signed with SSH, and Secret team/signers holds no allowed sign" in refused(
        mirror, by_ssh, gpg_keys(gpg, JANE)
    )
    assert "is signed with OpenPGP, and Secret team/signers holds no OpenPGP" in refused(
        mirror, by_gpg, signers(ssh_keys[0])
    )
    both = replace(gpg_keys(gpg, JANE), allowed_signers=signers(ssh_keys[0]).allowed_signers)
    check(mirror, by_ssh, both)
    check(mirror, by_gpg, both)


@needs_ssh
def test_a_commit_that_is_not_signed_does_not_count(
    repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]
) -> None:
    sha = repository.commit({}, "sneak it in")
    assert refused(mirror, sha, signers(*ssh_keys)) == f"commit {sha[:8]} by Jane Doe (sneak it in) is not signed"


@needs_ssh
def test_a_signature_of_an_unknown_kind_does_not_count(
    repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]
) -> None:
    signed = sign_with_ssh(repository, ssh_keys[0])
    text = repository.git("cat-file", "commit", signed).replace("SSH SIGNATURE", "SIGNED MESSAGE") + "\n"
    command = ["git", "-C", str(repository.path), "hash-object", "-t", "commit", "-w", "--stdin"]
    sha = subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout.strip()
    repository.git("update-ref", "refs/heads/other", sha)
    assert refused(mirror, sha, signers(*ssh_keys)).endswith("is neither of OpenPGP nor of SSH")


@needs_ssh
def test_in_a_range_each_commit_must_be_signed(
    repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]
) -> None:
    jane, _ = ssh_keys
    before = repository.commit({}, "before anything was synced")
    synced = sign_with_ssh(repository, jane)
    keys = signers(jane)
    check(mirror, synced, keys, mode="Range")
    check(mirror, synced, keys, since=synced, mode="Range")
    hidden = repository.commit({"evil.yaml": "1"}, "hidden")
    head = sign_with_ssh(repository, jane)
    check(mirror, head, keys, since=synced, mode="HEAD")
    assert refused(mirror, head, keys, since=synced, mode="Range") == (
        f"commit {hidden[:8]} by Jane Doe (hidden) is not signed"
    )
    assert refused(mirror, head, keys, since=before, mode="Range").startswith(f"commit {hidden[:8]}")


@needs_ssh
def test_a_range_goes_through_side_branches_and_rewritten_history(
    repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]
) -> None:
    jane, _ = ssh_keys
    synced = sign_with_ssh(repository, jane)
    repository.git("checkout", "--quiet", "-b", "side")
    sides = [repository.commit({f"{number}.yaml": "1"}, f"side {number}") for number in range(5)]
    repository.git("checkout", "--quiet", "main")
    options = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={jane.file}"]
    repository.git(*options, "merge", "--quiet", "--no-ff", "--gpg-sign", "--message", "merge", "side")
    words = refused(mirror, repository.git("rev-parse", "HEAD"), signers(jane), since=synced, mode="Range")
    assert words.startswith(f"commit {sides[-1][:8]}")
    assert words.endswith("; and 2 more commits")
    repository.git("checkout", "--quiet", "--orphan", "anew")
    root = repository.commit({}, "anew")
    head = sign_with_ssh(repository, jane)
    assert refused(mirror, head, signers(jane), since=synced, mode="Range").startswith(f"commit {root[:8]}")


@needs_ssh
def test_a_range_from_a_commit_that_is_lost_is_not_taken_for_short(
    repository: Repository, mirror: Mirror, ssh_keys: tuple[Key, Key]
) -> None:
    sha = sign_with_ssh(repository, ssh_keys[0])
    with pytest.raises(SourceError, match=r"commit 12121212 is not in .* any more"):
        check(mirror, sha, signers(ssh_keys[0]), since="12" * 20, mode="Range")


# --- the Secret ---


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Secret team/signers holds no public key"),
        ({"key": b"s3cret"}, "the key 'key' of Secret team/signers holds neither an OpenPGP public key nor"),
        (
            {"key": b"-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret"},
            "the key 'key' of Secret team/signers is a private key",
        ),
        ({"key": b"-----BEGIN PGP PRIVATE KEY BLOCK-----\ns3cret"}, "is a private key"),
        ({"key": b"\xff\xfes3cret"}, "holds neither an OpenPGP public key nor allowed signers"),
    ],
)
def test_a_secret_without_public_keys_is_refused(data: dict[str, bytes], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PublicKeys.from_secret(data, where="Secret team/signers")
    assert message in str(caught.value)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@needs_gpg
def test_a_key_that_gpg_cannot_read_is_refused(repository: Repository, mirror: Mirror) -> None:
    sha = repository.commit({})
    text = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"
    with pytest.raises(InvalidInput, match="Secret team/signers holds an OpenPGP key that gpg cannot read"):
        check(mirror, sha, PublicKeys.from_secret({"key": text}, where="Secret team/signers"))


@needs_gpg
def test_the_keys_of_the_person_who_runs_this_do_not_count(
    repository: Repository, mirror: Mirror, gpg: Gpg, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = sign_with_gpg(repository, gpg, MALLORY)
    monkeypatch.setenv("GNUPGHOME", str(gpg.home))
    assert "which is not in Secret team/signers" in refused(mirror, sha, gpg_keys(gpg, JANE))
