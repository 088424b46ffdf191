"""The process: a server in front, and behind it the app with everything that it lives on."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.serving.endpoint import Endpoint, bound_port
from kubectl_gitops.serving.plain import PlainServer
from webhook.app import MAX_BODY_BYTES, VALIDATE_PATH, create_app, create_health_app
from webhook.authorities import Authorities, shared_authorities
from webhook.certs import Leaf, write_leaf
from webhook.configuration import holds_bundle, webhook_configuration
from webhook.gateway import Gateway
from webhook.listener import Listener, listen
from webhook.metrics import Metrics
from webhook.presence import Presence
from webhook.provided import Provided, wait_provided
from webhook.recording import Recorder
from webhook.registration import Registration
from webhook.rotation import Rotation
from webhook.secretcertificate import SecretCertificate
from webhook.settings import Settings
from webhook.state import LiveState

_log = logging.getLogger(__name__)

#: A thread that computes gives way to one that waits after that long.
_SWITCH_SECONDS = 0.0005
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises GitOpsError where that cannot begin.

    SIGTERM drains first: not ready, but answering. SIGHUP has a new certificate served.
    """
    _check_free(settings.metrics_listen)
    _check_free(settings.listen)
    cluster = settings.connect()
    source = _certificate_source(settings, cluster)
    # A snapshot is taken in beside the thread that answers: let it have its turn soon.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # A review leaves no cycles behind, but makes thousands of objects: a search for cycles with each would find none.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    with _private_directory() as directory, listen(settings.listen) as listening:
        asyncio.run(_serve(settings, cluster, source, directory, listening))


async def _serve(
    settings: Settings, cluster: Cluster, source: Authorities | Provided, directory: Path, listening: socket.socket
) -> None:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[signal.Signals] = loop.create_future()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, _stop, stopped, one)
    state = LiveState(cluster, settings.namespace)
    metrics = Metrics(state)
    recorder = Recorder(cluster, metrics.registry, replica=settings.replica)
    app = create_app(state, metrics, record=recorder.record)
    listener = Listener(listening, lambda: Gateway(app, max_body_bytes=MAX_BODY_BYTES), log_level=settings.log_level)

    def serve_leaf(leaf: Leaf) -> None:
        # In the loop's thread, where the files are read too: never a certificate of one and a key of another.
        listener.serve(write_leaf(leaf, directory))
        metrics.certificate(leaf.expires)

    certificate = _certificate(
        settings, cluster, source, serve=lambda leaf: loop.call_soon_threadsafe(serve_leaf, leaf), trusted=state.wake
    )

    def is_answered() -> bool:
        return answers(settings.listen, name=settings.server_names[0], ca_pem=certificate.bundle_pem)

    presence = Presence(
        cluster,
        settings.namespace,
        settings.replica,
        is_ready=lambda: state.ready and certificate.is_trusted and is_answered(),
    )
    registration = Registration(
        cluster,
        state,
        namespace=settings.namespace,
        configure=lambda kinds: webhook_configuration(
            kinds, settings.client_config, certificate.bundle_pem, namespace=settings.namespace
        ),
        answers=is_answered,
    )
    health = create_health_app(state, metrics, is_trusted=lambda: certificate.is_trusted)
    PlainServer(health, settings.metrics_listen).start("health")
    loop.add_signal_handler(signal.SIGHUP, lambda: threading.Thread(target=certificate.renew_leaf).start())
    certificate.start()
    state.start()
    registration.start()
    presence.start()
    recorder.start()
    _log.info(
        "serving",
        extra={"listen": str(settings.listen), "metrics": str(settings.metrics_listen), **settings.client_config},
    )
    signalled = await stopped
    _log.info("stopping", extra={"signal": signalled.name})
    state.retire()
    certificate.stop()
    registration.stop()
    # At once, not after the drain: where this was the last replica, the floor is raised while we still answer.
    withdrawn = asyncio.create_task(asyncio.to_thread(presence.withdraw))
    await listener.drain(settings.drain_seconds if signalled is signal.SIGTERM else 0.0)
    await withdrawn


def _certificate_source(settings: Settings, cluster: Cluster) -> Authorities | Provided:
    """What there is to begin with. Raises BadCertificate where it cannot be used."""
    if not settings.certificate_secret:
        return shared_authorities(cluster, settings.namespace)
    return wait_provided(cluster, settings.namespace, settings.certificate_secret, settings.server_names[0])


def _certificate(
    settings: Settings,
    cluster: Cluster,
    source: Authorities | Provided,
    *,
    serve: Callable[[Leaf], object],
    trusted: Callable[[], None],
) -> Rotation | SecretCertificate:
    """What keeps the certificate fresh: ourselves, or a Secret that others write."""
    if isinstance(source, Provided):
        return SecretCertificate(
            cluster,
            settings.namespace,
            settings.certificate_secret,
            source,
            server_name=settings.server_names[0],
            serve=serve,
            trusted=trusted,
            wait_seconds=settings.rotation_wait_seconds,
        )
    return Rotation(
        cluster,
        settings.namespace,
        source,
        names=settings.server_names,
        serve=serve,
        trusted=trusted,
        is_trusted=functools.partial(holds_bundle, cluster),
        wait_seconds=settings.rotation_wait_seconds,
    )


def _stop(stopped: asyncio.Future[signal.Signals], signalled: signal.Signals) -> None:
    if not stopped.done():
        stopped.set_result(signalled)


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
    """Raises InvalidInput where it is not, before anything is begun."""
    bound_port(endpoint)


@contextmanager
def _private_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="gitops-webhook-"))  # 0700
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
