"""The processes: Granian in front, and in its worker the app with everything that it lives on."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import urllib3
from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from kubectl_gitops.api import jsonlog
from kubectl_gitops.errors import InvalidInput
from webhook.app import MAX_BODY_BYTES, VALIDATE_PATH, create_app, create_health_app
from webhook.certs import shared_authority, write_leaf
from webhook.configuration import webhook_configuration
from webhook.gateway import Gateway
from webhook.metrics import Metrics
from webhook.registration import Registration
from webhook.settings import Endpoint, Settings
from webhook.state import LiveState

_log = logging.getLogger(__name__)

#: Open connections, most of them idle: each API server keeps a pool of them.
CONNECTIONS = 4096
#: A connection that has not sent the head of a request by then is closed, and may be opened again.
HEADER_MILLISECONDS = 30_000


def serve(settings: Settings) -> None:
    """Prepare the certificate, then serve until SIGTERM or SIGINT; requests under way are finished.

    Raises GitOpsError where that cannot begin.
    """
    _check_free(settings.listen)
    _check_free(settings.metrics_listen)
    authority = shared_authority(settings.connect(), settings.namespace)
    leaf = authority.issue(settings.server_names)
    ready = replace(settings, ca_pem=authority.certificate_pem, certificate_expires=leaf.expires)
    with _private_directory() as directory:
        files = write_leaf(leaf, directory)
        server = Granian(
            "webhook",
            address=settings.listen.host,
            port=settings.listen.port,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
            websockets=False,
            # A verdict is pure computation: more workers would only wait for each other.
            workers=1,
            backlog=CONNECTIONS,
            backpressure=CONNECTIONS,
            ssl_cert=files.certificate,
            ssl_key=files.key,
            ssl_protocol_min=SSLProtocols.tls13,
            log_level=LogLevels(settings.log_level),
            log_dictconfig=jsonlog.logging_config(settings.log_level),
        )
        _log.info(
            "serving",
            extra={"listen": str(settings.listen), "metrics": str(settings.metrics_listen), **settings.client_config},
        )
        # Not by the environment nor by an import string: the worker is given this very object, forked or spawned.
        server.serve(target_loader=functools.partial(start_worker, ready), wrap_loader=False)


def start_worker(settings: Settings) -> Any:
    """Called in the worker process: begin to watch, to answer health checks and to register; returns the app (RSGI)."""
    cluster = settings.connect()
    state = LiveState(cluster, settings.namespace)
    metrics = Metrics(state)
    if settings.certificate_expires:
        metrics.certificate(settings.certificate_expires)
    start_health_server(create_health_app(state, metrics), settings.metrics_listen)
    state.start()
    Registration(
        cluster,
        state,
        configure=functools.partial(
            webhook_configuration,
            client_config=settings.client_config,
            ca_pem=settings.ca_pem,
            namespace=settings.namespace,
        ),
        answers=functools.partial(answers, settings.listen, name=settings.server_names[0], ca_pem=settings.ca_pem),
    ).start()
    return Gateway(create_app(state, metrics), max_body_bytes=MAX_BODY_BYTES)


def answers(endpoint: Endpoint, *, name: str, ca_pem: bytes) -> bool:
    """Whether our own server answers there over TLS, as the API server will verify it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.host, endpoint.host)  # noqa: S104 - the wildcards
    pool = urllib3.HTTPSConnectionPool(
        host,
        endpoint.port,
        timeout=2.0,
        retries=False,
        ca_cert_data=ca_pem.decode(),
        assert_hostname=name,
        server_hostname=name,
    )
    try:
        return pool.request("GET", VALIDATE_PATH).status == 405
    except urllib3.exceptions.HTTPError:
        return False
    finally:
        pool.close()


class _HealthServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True
    # While a worker is replaced, as after a renewal, the next one listens before this one has stopped.
    allow_reuse_port = True


class _QuietHandler(WSGIRequestHandler):
    timeout = 10  # a client that says nothing must not keep its thread

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
        _log.debug(format, *args)


def start_health_server(app: Callable[..., object], endpoint: Endpoint) -> None:
    server_class = type("_HealthServerOfFamily", (_HealthServer,), {"address_family": _family(endpoint)})
    server = server_class(tuple(endpoint), _QuietHandler)
    server.set_app(app)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()


def _check_free(endpoint: Endpoint) -> None:
    """Here the error is one line; in the worker it would be a traceback and a restart."""
    _bound_port(endpoint)


def chosen_port(endpoint: Endpoint) -> Endpoint:
    """The endpoint with a free port in place of 0."""
    return endpoint if endpoint.port else Endpoint(endpoint.host, _bound_port(endpoint))


def _bound_port(endpoint: Endpoint) -> int:
    """The port of the endpoint, or which it gets for 0. Raises InvalidInput where it cannot be had."""
    try:
        with socket.create_server(tuple(endpoint), family=_family(endpoint)) as server:
            port: int = server.getsockname()[1]
            return port
    except OSError as exc:
        # The socket module puts its own words into strerror, except for names that cannot be resolved.
        why = exc.strerror if isinstance(exc, socket.gaierror) else os.strerror(exc.errno or 0)
        raise InvalidInput(f"cannot listen on {endpoint}: {why}") from exc


def _family(endpoint: Endpoint) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET


@contextmanager
def _private_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="gitops-webhook-"))  # 0700
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
