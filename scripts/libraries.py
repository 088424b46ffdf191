"""The locked libraries, and ourselves, installed for a platform and a Python that need not be these."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from scripts.dependencies import Locked

ROOT = Path(__file__).parents[1]
#: The generated half of the kubernetes package, which nothing here calls: three quarters of what is installed.
#: Its ``__init__`` modules load what they name only when it is asked for, so they stay.
_GENERATED = ("aio", "client/api/[!_]*", "client/models/[!_]*")
#: What only that half needs.
UNUSED = frozenset({"aiohttp", "aiohappyeyeballs", "aiosignal", "frozenlist", "multidict", "propcache", "yarl"})


def install(target: Path, packages: Iterable[Locked], wheel: Path, *, platform: str, python: str) -> None:
    """``packages`` by their hashes, and ``wheel``; ``platform`` as uv names it, ``python`` as 3.11."""
    target.mkdir(parents=True)
    requirements = target.with_suffix(".requirements.txt")
    requirements.write_text("\n".join(one.lines for one in packages if one.name not in UNUSED) + "\n")
    common = ["pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", str(target)]
    common += ["--python-platform", platform, "--python-version", python]
    run("uv", *common, "--require-hashes", "--requirement", str(requirements))
    run("uv", *common, "--no-index", str(wheel))
    requirements.unlink()
    shutil.rmtree(target / "bin", ignore_errors=True)  # which name the Python of this machine
    (target / ".lock").unlink(missing_ok=True)
    for record in [*target.glob("*.dist-info/RECORD"), *target.glob("*.dist-info/*.json")]:
        record.unlink()  # where they were installed from
    for path in [one for name in ("test", "tests") for one in target.glob(f"*/{name}")]:
        remove(path)
    for pattern in _GENERATED:
        for path in (target / "kubernetes").glob(pattern):
            remove(path)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True, stdout=sys.stderr)
