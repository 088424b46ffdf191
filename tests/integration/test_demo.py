"""`make demo` on the repository that it makes itself, and on one that it is given."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.components import CONTROLLER_MANAGER
from tests.testbed.controlplane import offers
from tests.testbed.demo import git, own_repository

ROOT = Path(__file__).parents[2]
# The demo shows "restored in milliseconds"; how many is the benchmarks' business, that they are few is its promise.
_RESTORED = re.compile(r"^Restored (\d+) ms after the API server had answered the change\.$", re.MULTILINE)


def demo(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.testbed.demo"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_whole_loop(output: str) -> None:
    assert 'admission webhook "managed.kubectl-gitops.dev" denied the request' in output
    assert "1 of" in output
    assert "drifted: 1 modified" in output
    assert _RESTORED.search(output)
    assert re.search(r"^Synced [\d.]+ s after the commit", output, re.MULTILINE)


@pytest.fixture(autouse=True)
def _controllers() -> None:
    if not offers(CONTROLLER_MANAGER):
        pytest.skip(f"the demo shows what {CONTROLLER_MANAGER} makes of a Deployment")


def test_the_demo_shows_the_whole_loop() -> None:
    assert_whole_loop(demo())


def test_the_demo_takes_another_repository(tmp_path: Path) -> None:
    repository, bundle = tmp_path / "repository", tmp_path / "some.bundle"
    own_repository(repository)
    (repository / "deploy" / "kustomization.yaml").write_text("resources: [config.yaml, web.yaml]\nnamePrefix: our-\n")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "kustomize")
    git(repository, "bundle", "create", "--quiet", str(bundle), "main")
    output = demo(REPO=str(bundle), REVISION="main", DIR="deploy")
    assert_whole_loop(output)
    assert "deployment/our-web" in output
