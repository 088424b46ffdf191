"""How git reaches a repository: the environment of the commands that talk to it, with what was given for them.

Neither the URL's user nor a credential is ever an argument of a process. git reads its configuration, passwords and
tokens from the environment; ssh and TLS want files, which are there, for this user only and in memory where there is
such a place, as long as the command runs.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kubectl_gitops.source.address import Address
from kubectl_gitops.source.credentials import Credentials
from kubectl_gitops.source.gitcommand import ISOLATION, Access

#: By this name git knows the repository; nobody else's configuration does.
REMOTE = "kubectl-gitops"

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - only directories of our own are made there, by mkdtemp
#: What would steer git's transports past what is said here, or write down what they send. Only taking it away helps.
_STEERING = (
    "GIT_SSL_NO_VERIFY", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY", "GIT_SSL_VERSION",
    "GIT_SSL_CIPHER_LIST", "GIT_PROXY_SSL_CERT", "GIT_PROXY_SSL_KEY", "GIT_PROXY_SSL_CAINFO",
    "GIT_HTTP_PROXY_AUTHMETHOD", "GIT_SSH", "GIT_SSH_VARIANT", "GIT_PROXY_COMMAND", "GIT_CURL_VERBOSE",
    "SSH_ASKPASS", "SSH_AUTH_SOCK",
)  # fmt: skip
#: The values come from the environment of the shell that git starts for it.
_HELPER = (
    '!f() { test "$1" = get && '
    'printf "username=%s\\npassword=%s\\n" "$GITOPS_GIT_USERNAME" "$GITOPS_GIT_PASSWORD"; }; f'
)
_SSH = (
    "ssh", "-F", "/dev/null", "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no",
    "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oPreferredAuthentications=publickey", "-oPermitLocalCommand=no",
    "-oClearAllForwardings=yes",
)  # fmt: skip

_Options = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The way to one repository.

    With ``use_user_config`` it is the way of the person who runs this: their git configuration, credential helpers,
    ssh configuration and agent. Without, only what was given counts.
    """

    address: Address
    credentials: Credentials | None = None
    use_user_config: bool = False

    @contextmanager
    def access(self) -> Iterator[Access]:
        """For one command; what it is lent is gone afterwards."""
        allowed = {"GIT_ALLOW_PROTOCOL": self.address.protocol}
        options = [(f"remote.{REMOTE}.url", self.address.url)]
        if self.address.user:
            options.append(("credential.username", self.address.user))
        if self.use_user_config:
            yield Access({**allowed, **_configured(options, after=os.environ)})
            return
        with ExitStack() as stack:
            lent, more = self._lent(stack)
            # A home has a .netrc.
            environment = {**ISOLATION, **allowed, **lent, **_configured([*options, *more]), "HOME": os.devnull}
            steering = [name for name in os.environ if name.startswith("GIT_TRACE")]
            yield Access(environment, without=(*_STEERING, *steering))

    def conceal(self, text: str) -> str:
        """``text`` without what is secret of the credentials."""
        return self.credentials.conceal(text) if self.credentials else text

    def _lent(self, stack: ExitStack) -> tuple[dict[str, str], _Options]:
        match self.address.protocol:
            case "ssh":
                return {"GIT_SSH_COMMAND": shlex.join(self._ssh(stack))}, []
            case "https" | "http":
                return self._https(stack)
            case _:
                return {}, []

    def _ssh(self, stack: ExitStack) -> list[str]:
        if self.credentials is None:
            return [*_SSH, "-oIdentityFile=none", "-oUserKnownHostsFile=none"]
        directory = _private_directory(stack)
        identity = _write(directory / "identity", self.credentials.identity)
        known_hosts = _write(directory / "known_hosts", self.credentials.known_hosts)
        return [
            *_SSH,
            f"-oIdentityFile={identity}",
            f"-oUserKnownHostsFile={known_hosts}",
            "-oGlobalKnownHostsFile=none",
        ]

    def _https(self, stack: ExitStack) -> tuple[dict[str, str], _Options]:
        # A redirect could lead anywhere, inside of the cluster too, and git would take tokens and headers along.
        options = [("http.followRedirects", "false"), ("http.sslVerify", "true"), ("credential.helper", "")]
        given = self.credentials
        if given is None:
            return {}, options
        host = f"{self.address.protocol}://{urlsplit(self.address.url).netloc}"
        environment = {}
        if given.password:
            environment = {"GITOPS_GIT_USERNAME": given.username, "GITOPS_GIT_PASSWORD": given.password}
            options += [(f"credential.{host}.helper", _HELPER), ("credential.username", given.username)]
        if given.bearer_token:
            options.append((f"http.{host}/.extraHeader", f"Authorization: Bearer {given.bearer_token}"))
        if given.proxy:
            options.append(("http.proxy", given.proxy))
        files = {"http.sslCAInfo": given.ca, "http.sslCert": given.client_certificate, "http.sslKey": given.client_key}
        if any(files.values()):
            directory = _private_directory(stack)
            options += [(name, _write(directory / name, text)) for name, text in files.items() if text]
        return environment, options


def _configured(options: _Options, *, after: Mapping[str, str] | None = None) -> dict[str, str]:
    """Configuration of git as an environment, beside what that may have of it already."""
    count = (after or {}).get("GIT_CONFIG_COUNT") or "0"
    start = int(count) if count.isdecimal() else 0
    environment = {"GIT_CONFIG_COUNT": str(start + len(options))}
    for number, (name, value) in enumerate(options, start):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def _private_directory(stack: ExitStack) -> Path:
    place = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else None
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kubectl-gitops-", dir=place)))


def _write(file: Path, text: str) -> str:
    file.touch(mode=0o600)
    file.write_text(text)
    return str(file)
