"""Requests to where a GitSync's Secret says: chat, webhooks. Whoever may write that Secret chooses the address.

So the reconciler must not be made to reach what only it can reach: only https, only addresses that are no machine's own
and no link's own (cloud metadata), connected to exactly as they were looked at, no redirects, and nothing of the answer
but its status goes anywhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3

from kubectl_gitops.errors import GitOpsError

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0


class NotSent(GitOpsError):
    """The request was not made, or not answered with success. The message does not hold the address."""

    def __init__(self, message: str, *, is_temporary: bool = False) -> None:
        super().__init__(message)
        self.is_temporary = is_temporary


class Outgoing:
    """Sends requests. With ``insecure``, plain http and addresses of this machine are allowed: for tests."""

    def __init__(self, *, insecure: bool = False, ca_pem: str | None = None) -> None:
        self._insecure = insecure
        self._ca_pem = ca_pem

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises NotSent unless the answer is 2xx."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or parts.scheme not in {"https", *(["http"] if self._insecure else [])}:
            raise NotSent("the address is no https:// URL")
        if parts.username or parts.password:
            raise NotSent("the address must hold no user and password")
        is_tls = parts.scheme == "https"
        address = self._address_of(host, port or (443 if is_tls else 80))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        pool = self._pool(address, port, host, is_tls=is_tls)
        try:
            answer = pool.urlopen(
                "POST",
                target,
                body=body,
                headers={"Host": parts.netloc, "User-Agent": "kubectl-gitops", **headers},
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
            )
            status = answer.status
            answer.close()  # whatever follows is not read, however much it is
        except urllib3.exceptions.SSLError as exc:
            raise NotSent("its certificate is not trusted, or TLS failed") from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise NotSent(f"no answer: {type(exc).__name__}", is_temporary=True) from exc
        finally:
            pool.close()
        if not 200 <= status < 300:
            raise NotSent(f"the answer was {status}", is_temporary=status == 429 or status >= 500)

    def _pool(self, address: str, port: int | None, host: str, *, is_tls: bool) -> urllib3.HTTPConnectionPool:
        """To the very address that was looked at, with the name for TLS: a second look might find another."""
        if not is_tls:
            return urllib3.HTTPConnectionPool(address, port, maxsize=1)
        return urllib3.HTTPSConnectionPool(
            address,
            port,
            maxsize=1,
            cert_reqs="CERT_REQUIRED",
            assert_hostname=host,
            server_hostname=host,
            ca_cert_data=self._ca_pem,
        )

    def _address_of(self, host: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise NotSent("the host's name is not known", is_temporary=True) from exc
        addresses = [str(one[4][0]) for one in found]
        if not self._insecure and any(_is_forbidden(address) for address in addresses):
            raise NotSent("the address is one of this machine or its links")
        return addresses[0]


def _is_forbidden(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip.is_reserved
