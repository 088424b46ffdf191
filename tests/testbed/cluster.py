"""A control plane to play with until Ctrl-C: ``python -m tests.testbed.cluster``."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from typing import NoReturn

from tests.testbed.assets import AssetsUnavailable
from tests.testbed.components import CONTROLLER_MANAGER, SCHEDULER
from tests.testbed.controlplane import ControlPlane, ControlPlaneFailed, offers


def main() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        serve()
    except KeyboardInterrupt:
        print("\nstopped, and nothing of it is left")
        return 0
    except (AssetsUnavailable, ControlPlaneFailed) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2


def serve() -> NoReturn:
    """Until a component dies or we are interrupted."""
    started = time.monotonic()
    with ControlPlane(controller_manager=offers(CONTROLLER_MANAGER), scheduler=offers(SCHEDULER)) as plane:
        print(introduction(plane, time.monotonic() - started), flush=True)
        while True:
            plane.check_alive()
            time.sleep(1)


def introduction(plane: ControlPlane, seconds: float) -> str:
    version = plane.request("GET", "/version")["gitVersion"]
    return f"""\
Kubernetes {version} at {plane.url}, ready in {seconds:.1f} s. In another terminal:

  export KUBECONFIG={shlex.quote(str(plane.kubeconfig))}
  export PATH={shlex.quote(str(plane.kubectl_path.parent))}{os.pathsep}$PATH
  {shlex.quote(str(plane.kubectl_path))} get namespaces

Logs are in {plane.directory}. Pods stay Pending: there is no node.
Ctrl-C here (or kill {os.getpid()}) stops it and removes its directory."""


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
