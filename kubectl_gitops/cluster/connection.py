"""The connection to one API server: the kubernetes client's configuration, auth and pool, with raw JSON bodies.

Requests and answers are plain dicts, parsed by orjson; no model objects. Every failure is one of the
errors in :mod:`kubectl_gitops.errors`, translated here and nowhere else.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import quote, urlencode

import orjson
import urllib3
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from kubectl_gitops.api.objects import Object
from kubectl_gitops.cluster import kubeconfig as kubeconfig_file
from kubectl_gitops.cluster.failures import failure_of, json_answer, unreachable
from kubectl_gitops.cluster.tokenfile import POD_TOKEN, TokenFile
from kubectl_gitops.errors import InvalidInput

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

DEFAULT_TIMEOUT_SECONDS = 30.0
#: Connections kept open at once; no more than this many requests run in parallel without a new handshake.
POOL_SIZE = 32

# A connection that was never made can be tried again whatever the method; anything later is the caller's to judge.
_RETRIES = urllib3.Retry(total=None, connect=1, read=0, redirect=0, status=0, other=0, backoff_factor=0.05)
# Reading again changes nothing, so a kept-alive connection that the server had closed is no error.
_READ_RETRIES = urllib3.Retry(total=None, connect=1, read=1, redirect=0, status=0, other=0, backoff_factor=0.05)

Query = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impersonation:
    """Whom to act as: a user, its groups (none: the API server knows a service account's own), and extras."""

    user: str
    groups: Sequence[str] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    def headers(self) -> list[tuple[str, str]]:
        extras = [(f"Impersonate-Extra-{quote(key, safe='')}", value) for key, value in self.extra.items()]
        return [("Impersonate-User", self.user), *(("Impersonate-Group", g) for g in self.groups), *extras]


class Calls:
    """How many requests were sent, over all users of one connection; and how they were answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: Counter[tuple[str, int]] = Counter()
        self.count = 0

    def add(self) -> None:
        with self._lock:
            self.count += 1

    def answered(self, verb: str, status: int) -> None:
        """``verb`` is the HTTP method, or WATCH; ``status`` is 0 where there was no answer."""
        with self._lock:
            self._answered[verb, status] += 1

    @property
    def by_answer(self) -> dict[tuple[str, int], int]:
        """How many there were of each verb and status."""
        with self._lock:
            return dict(self._answered)


class Fence(Protocol):
    """Allows writing for a time only."""

    def allow(self) -> float:
        """For how many seconds writing is still allowed. Raises NotLeader where it is not."""


class Cluster:
    """One API server, as one user. Safe to use from many threads."""

    def __init__(
        self,
        api_client: client.ApiClient,
        *,
        default_namespace: str = "default",
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        impersonation: Impersonation | None = None,
        calls: Calls | None = None,
        fence: Fence | None = None,
    ) -> None:
        self._api_client = api_client
        self._configuration = api_client.configuration
        self._pool: urllib3.PoolManager = api_client.rest_client.pool_manager
        self._impersonation = impersonation
        self._fence = fence
        self._auth_lock = threading.Lock()
        self._base: str = self._configuration.host.rstrip("/")
        self.default_namespace = default_namespace
        self.timeout_seconds = timeout_seconds
        self.calls = calls or Calls()

    @classmethod
    def from_kubeconfig(
        cls,
        kubeconfig: Path | None = None,
        *,
        context: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        impersonation: Impersonation | None = None,
    ) -> Self:
        """Connect as kubectl would: the file given, else $KUBECONFIG, else ~/.kube/config.

        Raises InvalidInput where there is no such file or context, and Unauthorized where nobody gives us the
        credentials. Nothing is sent yet.
        """
        configuration = _configuration()
        namespace = kubeconfig_file.load(kubeconfig, context, configuration)
        return cls(
            client.ApiClient(configuration),
            default_namespace=namespace,
            timeout_seconds=timeout_seconds,
            impersonation=impersonation,
        )

    @classmethod
    def in_cluster(cls) -> Self:
        """Connect as the pod's service account. Raises InvalidInput outside a pod."""
        configuration = _configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)
        except (ConfigException, OSError) as exc:
            raise InvalidInput(f"not in a pod: {_one_line(exc)}", hint="give --kubeconfig") from exc
        configuration.refresh_api_key_hook = TokenFile(POD_TOKEN)
        return cls(client.ApiClient(configuration))

    def acting_as(self, impersonation: Impersonation) -> Cluster:
        """The same connection pool, with every request made as somebody else."""
        return self._alike(impersonation=impersonation)

    def fenced(self, fence: Fence) -> Cluster:
        """The same, but that anything other than reading raises NotLeader unless the fence allows it."""
        return self._alike(fence=fence)

    def within(self, timeout_seconds: float) -> Cluster:
        """The same with another timeout."""
        return self._alike(timeout_seconds=timeout_seconds)

    def _alike(self, **changes: Any) -> Cluster:
        same = {
            "default_namespace": self.default_namespace,
            "timeout_seconds": self.timeout_seconds,
            "impersonation": self._impersonation,
            "calls": self.calls,
            "fence": self._fence,
        }
        return Cluster(self._api_client, **{**same, **changes})

    @property
    def url(self) -> str:
        return self._base

    def get(self, path: str, query: Query | None = None, *, accept: str = JSON) -> Object:
        return self.request("GET", path, query=query, accept=accept)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Object:
        """One request, its JSON answer. Raises ClusterError (a subclass) on anything but 2xx."""
        response = self._send(method, path, query, body, content_type, accept, self.timeout_seconds, stream=False)
        if response.status >= 300:
            raise failure_of(method, path, response.status, response.headers, response.data)
        return json_answer(method, path, response.data)

    @contextlib.contextmanager
    def stream(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[urllib3.BaseHTTPResponse]:
        """An open response to read from, as for WATCH. ``timeout_seconds`` bounds the wait for each piece."""
        response = self._send("GET", path, query, None, JSON, JSON, timeout_seconds, stream=True)
        try:
            if response.status >= 300:
                raise failure_of("GET", path, response.status, response.headers, self._rest_of(response))
            yield response
        finally:
            response.close()

    def _rest_of(self, response: urllib3.BaseHTTPResponse) -> bytes:
        try:
            return response.read()
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise unreachable(self._base, exc) from exc

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Any,
        content_type: str,
        accept: str,
        timeout_seconds: float,
        *,
        stream: bool,
    ) -> urllib3.BaseHTTPResponse:
        self.calls.add()
        headers = self._headers(accept)
        if body is not None:
            headers.add("Content-Type", content_type)
        url = f"{self._base}{path}"
        if query:
            url += "?" + urlencode({name: _text(value) for name, value in query.items() if value is not None})
        data = orjson.dumps(body) if body is not None else None
        connect_seconds = min(10.0, timeout_seconds)
        if self._fence is not None and method != "GET":
            # The last thing before it is sent; and two tries to connect end before that time does.
            connect_seconds = min(connect_seconds, self._fence.allow() / 3)
        verb = "WATCH" if stream else method
        try:
            response = self._pool.request(
                method,
                url,
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(connect=connect_seconds, read=timeout_seconds),
                retries=_READ_RETRIES if method == "GET" else _RETRIES,
                preload_content=not stream,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            self.calls.answered(verb, 0)
            raise unreachable(self._base, exc) from exc
        self.calls.answered(verb, response.status)
        return response

    def _headers(self, accept: str) -> urllib3.HTTPHeaderDict:
        headers = urllib3.HTTPHeaderDict({"Accept": accept, "User-Agent": "kubectl-gitops"})
        with self._auth_lock:  # an expired token is refreshed in here, by a plugin at worst: once is enough
            settings = list(self._configuration.auth_settings().values())
        for setting in settings:
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        if self._impersonation is not None:
            for name, value in self._impersonation.headers():
                headers.add(name, value)
        return headers


def _configuration() -> client.Configuration:
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = POOL_SIZE
    # A watch may be silent for minutes: what tells that the other end is gone is TCP alone.
    configuration.keep_alive = True
    return configuration


def _text(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__
