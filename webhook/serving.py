"""The processes: Granian in front, and in its worker the app with everything that it lives on."""

from __future__ import annotations

import functools
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import urllib3
from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from kubectl_gitops.api import jsonlog
from kubectl_gitops.serving.endpoint import Endpoint, bound_port
from kubectl_gitops.serving.plain import PlainServer
from webhook.app import MAX_BODY_BYTES, VALIDATE_PATH, create_app, create_health_app
from webhook.certs import shared_authority, write_leaf
from webhook.configuration import webhook_configuration
from webhook.gateway import Gateway
from webhook.metrics import Metrics
from webhook.presence import Presence, withdraw
from webhook.recording import Recorder
from webhook.registration import Registration
from webhook.settings import Settings
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
        try:
            server.serve(target_loader=functools.partial(start_worker, ready), wrap_loader=False)
        finally:
            withdraw(settings.connect(), settings.namespace, settings.replica)


def start_worker(settings: Settings) -> Any:
    """Called in the worker process: begin to watch, to answer health checks and to register; returns the app (RSGI)."""
    cluster = settings.connect()
    state = LiveState(cluster, settings.namespace)
    metrics = Metrics(state)
    if settings.certificate_expires:
        metrics.certificate(settings.certificate_expires)
    PlainServer(create_health_app(state, metrics), settings.metrics_listen).start("health")
    state.start()
    Presence(
        cluster, settings.namespace, settings.replica, is_ready=functools.partial(_is_serving, settings, state)
    ).start()
    Registration(
        cluster,
        state,
        namespace=settings.namespace,
        configure=functools.partial(
            webhook_configuration,
            client_config=settings.client_config,
            ca_pem=settings.ca_pem,
            namespace=settings.namespace,
        ),
        answers=functools.partial(answers, settings.listen, name=settings.server_names[0], ca_pem=settings.ca_pem),
    ).start()
    recorder = Recorder(cluster, metrics.registry, replica=settings.replica)
    recorder.start()
    return Gateway(create_app(state, metrics, record=recorder.record), max_body_bytes=MAX_BODY_BYTES)


def _is_serving(settings: Settings, state: LiveState) -> bool:
    return state.ready and answers(settings.listen, name=settings.server_names[0], ca_pem=settings.ca_pem)


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


def _check_free(endpoint: Endpoint) -> None:
    """Here the error is one line; in the worker it would be a traceback and a restart."""
    bound_port(endpoint)


@contextmanager
def _private_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="gitops-webhook-"))  # 0700
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
