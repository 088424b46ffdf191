"""The control plane for all integration tests, and what they share around it."""

from __future__ import annotations

import os
import secrets
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.testbed import helmbuild, sopsbuild
from tests.testbed.apiclient import RequestFailed
from tests.testbed.assets import AssetsUnavailable, assets
from tests.testbed.components import CONTROLLER_MANAGER, SCHEDULER
from tests.testbed.controlplane import ControlPlane, offers
from tests.testbed.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

# How long an example takes tells of the machine's load, not of the code.
_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time, so that a failure is about the change at hand; --hypothesis-profile=searching has others.
settings.register_profile("steady", _unhurried, derandomize=True)
settings.register_profile("searching", _unhurried, print_blob=True)
settings.load_profile("steady")

_INTEGRATION = Path(__file__).parent / "integration"


class Kubectl(Protocol):
    """``ControlPlane.kubectl``, as far as most tests need it."""

    def __call__(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run has it
        check: bool = True,
        user: str | None = None,
    ) -> subprocess.CompletedProcess[str]: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_INTEGRATION):
            item.add_marker("integration")


def pytest_collection_finish(session: pytest.Session) -> None:
    """A build takes minutes: before the tests and in sight, not in the time limit of the first of them."""
    if session.config.option.collectonly:
        return
    needed = [assets] if any(item.get_closest_marker("integration") for item in session.items) else []
    needed += [helmbuild.helm] if any("helm" in getattr(item, "fixturenames", ()) for item in session.items) else []
    needed += [sopsbuild.sops] if any("sops" in getattr(item, "fixturenames", ()) for item in session.items) else []
    capture = session.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            for make in needed:
                make()
    except AssetsUnavailable as exc:
        pytest.exit(f"{exc}\n(pytest tests/unit needs none of this)", returncode=2)


@pytest.fixture
def helm(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real helm, first on PATH."""
    program = helmbuild.helm()
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return program


@pytest.fixture
def sops() -> Path:
    """The directory with the real sops and age-keygen."""
    return sopsbuild.sops()


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """All that the programs at hand offer, with an audit log. Shared: leave it running and as it was."""
    controller_manager, scheduler = offers(CONTROLLER_MANAGER), offers(SCHEDULER)
    with ControlPlane(controller_manager=controller_manager, scheduler=scheduler, audit=True) as plane:
        yield plane


@pytest.fixture(scope="session")
def controller_manager(control_plane: ControlPlane) -> ControlPlane:
    """The control plane, for tests that need its controllers (setup-envtest ships none)."""
    if not control_plane.runs(CONTROLLER_MANAGER):
        pytest.skip(f"the directory that KUBEBUILDER_ASSETS names holds no {CONTROLLER_MANAGER}")
    return control_plane


@pytest.fixture(scope="session")
def scheduler(control_plane: ControlPlane) -> ControlPlane:
    """The control plane, for tests that need its scheduler (setup-envtest ships none)."""
    if not control_plane.runs(SCHEDULER):
        pytest.skip(f"the directory that KUBEBUILDER_ASSETS names holds no {SCHEDULER}")
    return control_plane


@pytest.fixture
def kubectl(control_plane: ControlPlane) -> Kubectl:
    return control_plane.kubectl


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A new namespace for one test, deleted after it without waiting."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    if control_plane.runs(CONTROLLER_MANAGER):
        wait_until(lambda: _is_furnished(control_plane, name), 30, f"what controllers put into {name}")
    yield name
    with suppress(RequestFailed):  # the test may have deleted it
        control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


def _is_furnished(plane: ControlPlane, namespace: str) -> bool:
    """Controllers put two objects into each namespace; no test should see them appear, or miss them."""
    try:
        plane.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
        plane.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt")
    except RequestFailed:
        return False
    return True
