"""What a sandboxed kustomize is given so that it can download remote bases: git and certificates, and no credential.

Its git has no configuration, no helper and no terminal to ask on, speaks https only, and runs no hook. Plain http
leads nowhere but to this machine itself, so that what answers it, such as the metadata service of a cloud, cannot be
asked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kubectl_gitops.errors import SourceError

#: Where systems keep the certificates of authorities; directories beside these may hold private keys.
_CERTIFICATES = (
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
    "/etc/pki/ca-trust/extracted", "/etc/ca-certificates/extracted", "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)  # fmt: skip
_NAMES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf")
#: Of our environment: the proxy, and certificates that are elsewhere. NO_PROXY would open plain http to what it names.
_PROXY = ("HTTPS_PROXY", "https_proxy")
_OWN_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_USER = re.compile(r"^((?:[a-z0-9]+://)?).*@", re.IGNORECASE)
_HTTPS_ONLY = {
    "GIT_ALLOW_PROTOCOL": "https",
    "HTTP_PROXY": "http://127.0.0.1:9",  # the discard port: nothing listens
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": os.devnull,
}
#: git is many programs, some of them scripts: "git submodule" is.
_PROGRAMS = ("/usr", "/bin")


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment that downloading needs, from ``ours``. A proxy's user and password are left out."""
    proxy = {name: _USER.sub(r"\1", ours[name]) for name in _PROXY if ours.get(name)}
    certificates = {name: ours[name] for name in _OWN_CERTIFICATES if ours.get(name)}
    # A git that is linked against GnuTLS knows no other name for it.
    for_git = {"GIT_SSL_CAINFO": ours["SSL_CERT_FILE"]} if ours.get("SSL_CERT_FILE") else {}
    return {**_HTTPS_ONLY, **proxy, **certificates, **for_git}


def readable(ours: Mapping[str, str]) -> list[str]:
    """The files and directories that it may read for that."""
    own = [part for name in _OWN_CERTIFICATES for part in ours.get(name, "").split(os.pathsep) if part]
    return [*_CERTIFICATES, *_NAMES, *own]


def programs() -> list[str]:
    """What it may run for that. Raises SourceError where there is no git."""
    git = shutil.which("git")
    if git is None:
        raise SourceError("there is no git on PATH, and a remote base is downloaded with git")
    found = subprocess.run([git, "--exec-path"], capture_output=True, check=False).stdout.decode().strip()
    return [os.path.realpath(git), *([found] if Path(found).is_absolute() else []), *_PROGRAMS]
