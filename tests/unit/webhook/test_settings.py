from __future__ import annotations

import dataclasses
import logging
import pickle
import socket
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.serving.endpoint import Endpoint, read_endpoint
from webhook.__main__ import main
from webhook.settings import Settings, read_url

SETTINGS = Settings(
    kubeconfig=None,
    namespace="gitops-system",
    listen=Endpoint("0.0.0.0", 9443),
    metrics_listen=Endpoint("0.0.0.0", 9090),
    service="gitops-webhook",
)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """The command configures logging for its own process; here it would be that of all tests after."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("0.0.0.0:9443", "0.0.0.0", 9443), ("[::]:1", "::", 1), ("::1:80", "::1", 80), ("localhost:0", "localhost", 0)],
)
def test_addresses_are_read(text: str, host: str, port: int) -> None:
    assert read_endpoint(text) == (host, port)


@pytest.mark.parametrize("text", ["", ":9443", "9443", "host:", "host:x", "host:65536", "host:-1", "host:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not an address"):
        read_endpoint(text)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert str(Endpoint("::1", 80)) == "[::1]:80"
    assert str(Endpoint("127.0.0.1", 80)) == "127.0.0.1:80"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://127.0.0.1:0/validate", "https://127.0.0.1:9443/validate"),
        ("https://[::1]:0/validate", "https://[::1]:9443/validate"),
        ("https://hook.example.org", "https://hook.example.org/validate"),
        ("https://hook.example.org:8443/x", "https://hook.example.org:8443/x"),
    ],
)
def test_urls_are_read(text: str, url: str) -> None:
    assert read_url(text, port=9443) == url


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "http://127.0.0.1/validate", "https://", "https://a:x/", "https://[/", "https://a/?b=c"]
)
def test_what_the_api_server_cannot_call_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a URL"):
        read_url(text, port=9443)


def test_inside_a_cluster_it_is_found_by_its_service() -> None:
    assert SETTINGS.client_config == {
        "service": {"name": "gitops-webhook", "namespace": "gitops-system", "path": "/validate", "port": 443}
    }
    assert SETTINGS.server_names[0] == "gitops-webhook.gitops-system.svc"


def test_outside_it_is_found_by_its_url() -> None:
    outside = dataclasses.replace(SETTINGS, url="https://[::1]:9443/validate")
    assert outside.client_config == {"url": "https://[::1]:9443/validate"}
    assert outside.server_names == ("::1",)


def test_settings_reach_a_spawned_worker() -> None:
    assert pickle.loads(pickle.dumps(SETTINGS)) == SETTINGS  # noqa: S301 - our own


def test_help_tells_every_option() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for option in (
        "--kubeconfig",
        "--namespace",
        "--listen",
        "--metrics-listen",
        "--url",
        "--service",
        "--certificate-secret",
    ):
        assert option in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--listen", "nonsense"],
            "error: not an address to listen on: 'nonsense'\nwrite host:port, as 0.0.0.0:9443\n",
        ),
        (["--url", "http://x"], "error: not a URL for the API server to call: 'http://x'\n"),
        (["--kubeconfig", "no-such-file"], "error: no cluster: "),
        ([], "error: not in a pod: "),
    ],
)
def test_errors_are_one_line_and_a_hint(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    ports = ["--metrics-listen", "127.0.0.1:0"]
    ports += [] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]
    result = CliRunner().invoke(main, [*arguments, *ports])
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = CliRunner().invoke(main, ["--listen", address, "--metrics-listen", "127.0.0.1:0"])
    assert (result.exit_code, result.stderr) == (2, f"error: cannot listen on {address}: Address already in use\n")
