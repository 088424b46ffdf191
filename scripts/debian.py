"""A root file system of Debian's packages, those of ``image/debian.lock``: no more of them than two processes need.

The packages are unpacked, not installed: none of their scripts is run, so it takes neither root nor a chroot.
``python -m scripts.debian`` writes the lock anew, from what this machine's apt knows.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "image" / "debian.lock"
RELEASE: Final = "bookworm"
#: Packages that are asked for. All that they depend on comes along, but for what follows.
_WANTED = (
    "base-files", "netbase", "ca-certificates", "python3.11-minimal", "libpython3.11-stdlib",
    "git", "openssh-client", "gpg", "dash", "coreutils",
)  # fmt: skip
#: Needed to install packages, to read manuals, to use a terminal, or by what is left out below.
_UNNEEDED = frozenset({
    "adduser", "awk", "debconf", "debconf-2.0", "debianutils", "dpkg", "gcc-12-base", "git-man", "gpgconf",
    "krb5-locales", "libacl1", "libattr1", "libdb5.3", "liberror-perl", "libldap-common", "libncursesw6", "libnsl2",
    "libsasl2-modules-db", "libtirpc-common", "libtirpc3", "mawk", "media-types", "openssl", "passwd", "perl",
    "readline-common",
})  # fmt: skip
#: Files that are left out, as tar's patterns: documentation, and programs that are not run.
_LEFT_OUT = (
    "./etc/default", "./etc/update-motd.d", "./usr/lib/openssh", "./usr/lib/x86_64-linux-gnu/audit",
    "./usr/lib/x86_64-linux-gnu/gconv", "./usr/share/base-files", "./usr/share/bash-completion", "./usr/share/bug",
    "./usr/share/doc/*/[!c]*", "./usr/share/doc/*/changelog*", "./usr/share/gnupg/help.*", "./usr/share/info",
    "./usr/share/lintian", "./usr/share/locale", "./usr/share/man", "./usr/share/perl5", "./usr/share/pixmaps",
    "./usr/bin/scp", "./usr/bin/sftp", "./usr/bin/slogin", "./usr/bin/ssh-[ac]*", "./usr/lib/python3.11/test",
    "./usr/lib/python3.11/config-*", "./usr/lib/python3.11/lib2to3", "./usr/lib/python3.11/pydoc_data",
)  # fmt: skip
#: Of these packages, only these files.
_ONLY = {
    "coreutils": ("./usr/bin/env", "./usr/share/doc/coreutils/copyright"),
    "git": (
        "./usr/bin/git", "./usr/lib/git-core/git-remote-http",
        "./usr/lib/git-core/git-remote-https", "./usr/share/git-core/templates", "./usr/share/doc/git/copyright",
    ),
}  # fmt: skip
#: Modules of Python for terminals and databases that need libraries which are left out.
_MODULES_LEFT_OUT = ("_curses", "_curses_panel", "_dbm", "nis", "readline", "_tkinter")


class DebianFailed(Exception):
    """A package cannot be had, or is not the one that was locked; the message says what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One line of the lock."""

    name: str
    version: str
    sha256: str


def read_lock() -> list[Package]:
    lines = LOCK.read_text().splitlines()
    return [Package(*line.split()) for line in lines if line and not line.startswith("#")]


def fetch(packages: Iterable[Package], directory: Path) -> list[Path]:
    """The packages' files in ``directory``, by apt, unless they are there already. Each is what the lock says."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = list(packages)
    missing = [one for one in wanted if _file(one, directory) is None]
    if missing:
        command = ["apt-get", "--quiet", "--quiet", "download", *(f"{one.name}={one.version}" for one in missing)]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DebianFailed(
                f"apt-get download: {done.stderr.strip()}\nDebian {RELEASE} may have newer versions by now: run "
                "apt-get update and then `python -m scripts.debian`, and look at what changes in image/debian.lock"
            )
    return [_checked(one, directory) for one in wanted]


def _file(package: Package, directory: Path) -> Path | None:
    name = f"{package.name}_{package.version.replace(':', '%3a')}_*.deb"
    return next(directory.glob(name), None)


def _checked(package: Package, directory: Path) -> Path:
    path = _file(package, directory)
    if path is None:
        raise DebianFailed(f"apt-get has not downloaded {package.name} {package.version}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != package.sha256:
        path.unlink()
        raise DebianFailed(f"{path.name} has the SHA-256 {found}, and image/debian.lock says {package.sha256}")
    return path


def unpack(packages: Iterable[Package], files: Iterable[Path], root: Path) -> None:
    """Unpacks all of ``files`` into the new directory ``root``, and notes there which packages they were."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package, file in zip(packages, files, strict=True):
        left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
        command = [
            "tar",
            "--extract",
            "--keep-directory-symlink",
            "--no-same-owner",
            "--directory",
            str(root),
            *left_out,
        ]
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as content:
            subprocess.run([*command, *_ONLY.get(package.name, ())], stdin=content.stdout, check=True)
        if content.returncode:
            raise DebianFailed(f"dpkg-deb cannot read {file.name}")
        # Where scanners look for what is in an image that has no package manager.
        status = root / "var/lib/dpkg/status.d" / package.name
        status.parent.mkdir(parents=True, exist_ok=True)
        status.write_bytes(subprocess.run(["dpkg-deb", "--field", str(file)], capture_output=True, check=True).stdout)
    for module in _MODULES_LEFT_OUT:
        for path in root.glob(f"usr/lib/python3.11/lib-dynload/{module}.*.so"):
            path.unlink()


def locked_now() -> list[Package]:
    """What the lock would be, as this machine's apt knows the packages."""
    found: dict[str, Package] = {}
    wanted = list(_WANTED)
    while wanted:
        name = wanted.pop()
        if name in found or name in _UNNEEDED:
            continue
        command = ["apt-cache", "show", "--no-all-versions", name]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", shown, re.MULTILINE))
        found[name] = Package(name, fields["Version"], fields["SHA256"])
        for field in ("Depends", "Pre-Depends"):
            wanted += re.findall(r"(?:^|, )([a-z0-9.+-]+)", fields.get(field, ""))
    return sorted(found.values())


def main() -> None:
    release = Path("/etc/os-release").read_text()
    if f"VERSION_CODENAME={RELEASE}" not in release:
        sys.exit(f"error: the image is made of Debian {RELEASE}, and this is another system: run it there")
    head = "# Package, version, SHA-256. Written by `python -m scripts.debian`; not to be edited.\n"
    LOCK.write_text(head + "".join(f"{one.name} {one.version} {one.sha256}\n" for one in locked_now()))


if __name__ == "__main__":
    main()
