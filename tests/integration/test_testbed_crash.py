"""No process, port or directory of a control plane survives the program that started it."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.survivors import await_nothing_left, processes_of
from tests.testbed.waiting import wait_until

ROOT = Path(__file__).parents[2]

CHILD = """\
import json, sys
from tests.testbed.controlplane import ControlPlane

def tell(plane):
    print(json.dumps({"directory": str(plane.directory), "ports": plane.ports}), flush=True)

plane = ControlPlane()
if sys.argv[1] == "starting":
    tell(plane)
plane.start()
tell(plane)
sys.stdin.read()
"""


@pytest.mark.parametrize("moment", ["starting", "ready"])
def test_nothing_survives_kill(moment: str) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", CHILD, moment]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        told = json.loads(child.stdout.readline())
        directory = Path(told["directory"])
        wait_until(lambda: len(processes_of(directory)) >= 2, 20, "etcd and kube-apiserver")
        child.kill()
        await_nothing_left(directory, told["ports"])


PYTEST_MODULE = """\
import json
from pathlib import Path
from tests.testbed.waiting import wait_until

def test_hangs(control_plane, namespace):
    told = Path(__file__).with_name("told")
    told.write_text(json.dumps({"directory": str(control_plane.directory), "ports": control_plane.ports}))
    told.rename(told.with_suffix(".json"))
    wait_until(lambda: False, 300, "a signal")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_survives_a_signal_to_pytest(tmp_path: Path, number: signal.Signals) -> None:
    module, told = tmp_path / "test_hanging.py", tmp_path / "told.json"
    module.write_text(PYTEST_MODULE)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
    with subprocess.Popen([sys.executable, "-m", "pytest", *options, str(module)], cwd=ROOT) as run:
        wait_until(lambda: told.exists() or run.poll() is not None, 60, "the test")
        facts = json.loads(told.read_text())
        run.send_signal(number)
        await_nothing_left(Path(facts["directory"]), facts["ports"])
    assert run.returncode == {signal.SIGINT: 2, signal.SIGTERM: -signal.SIGTERM}[number]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cluster_tells_how_to_use_it_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.testbed.cluster"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE) as cluster:
        assert cluster.stdout is not None
        text = "".join(itertools.takewhile(lambda line: not line.startswith("Ctrl-C"), cluster.stdout))
        kubeconfig = re.findall(r"export KUBECONFIG=(\S+)", text)[0]
        kubectl = re.findall(r"(\S+/kubectl) get", text)[0]
        command = [kubectl, "get", "namespaces", "-o", "name"]
        environment = {"KUBECONFIG": kubeconfig, "HOME": str(tmp_path)}
        assert "namespace/default" in subprocess.check_output(command, env=environment, text=True)
        cluster.send_signal(number)
        await_nothing_left(Path(kubeconfig).parent)
        assert "stopped" in cluster.stdout.read()
    assert cluster.returncode == 0
