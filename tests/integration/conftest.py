"""The reconciler for the modules that need it: one process for a module, so that it sees nobody else's GitSyncs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gitsyncs import App, config_map, deployment, new_repository, running_reconciler
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import Installation


@pytest.fixture(scope="module")
def reconciler(control_plane: ControlPlane) -> Iterator[Installation]:
    with running_reconciler(control_plane) as installation:
        yield installation


@pytest.fixture
def app(control_plane: ControlPlane, reconciler: Installation, namespace: str, tmp_path: Path) -> Iterator[App]:
    """A GitSync that is still to be created, and its repository, still empty."""
    made = App(control_plane, namespace, new_repository(tmp_path))
    yield made
    made.delete()
    made.wait_gone()


@pytest.fixture
def shop(app: App) -> App:
    """A GitSync that has synced a ConfigMap ``settings`` and a Deployment ``web``."""
    app.commit(config_map("settings", greeting="hello", colour="red"), deployment("web"))
    app.create()
    app.wait_ready()
    return app
