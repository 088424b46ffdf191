"""Runs kustomize on a private copy of what a kustomization needs: no network, no plugins, no home directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from kubectl_gitops.api.objects import Declared
from kubectl_gitops.errors import InvalidManifest, SourceError
from kubectl_gitops.source import kustomization
from kubectl_gitops.source.declared import check
from kubectl_gitops.source.manifest import parse
from kubectl_gitops.source.path import NoSuchPath, is_below, normal_path
from kubectl_gitops.source.process import stop
from kubectl_gitops.source.provenance import ORIGIN_OPTION, Provenance, without_note

TIMEOUT_SECONDS = 60

#: What was not noticed to be remote ends here: git may use no protocol, and nothing listens on the discard port.
_NO_NETWORK = {
    "GIT_ALLOW_PROTOCOL": "none",
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
}


def build(files: Mapping[str, bytes], directory: str) -> Iterator[Declared]:
    """What ``kustomize build`` makes of ``directory``, each object with the file and line it was made from."""
    top = kustomization.find(files, directory)
    if top is None:
        names = ", ".join(kustomization.FILE_NAMES)
        raise SourceError(f"there is no kustomization in {directory or 'the root'} ({names})")
    needed = kustomization.gather(lambda below: _below(files, below), directory)
    options = kustomization.load(files, top)
    asked_for = ORIGIN_OPTION in (options.get("buildMetadata") or [])
    copy = needed if asked_for else {**needed, top: _asking_for_origins(files[top], options, top)}
    provenance = Provenance(needed, top)
    for document in parse(_run(copy, directory), file=top):
        origin = provenance.of(document.object)
        yield check(document.object if asked_for else without_note(document.object), origin)


def _below(files: Mapping[str, bytes], directory: str) -> dict[str, bytes]:
    found = {path: text for path, text in files.items() if is_below(path, directory)}
    if not found:
        raise NoSuchPath(f"no such path {directory!r}")
    return found


def _asking_for_origins(text: bytes, options: dict[str, Any], path: str) -> bytes:
    """The kustomization with one more option: added at its end, or all written anew as JSON where that goes wrong."""
    wanted = {**options, "buildMetadata": [*(options.get("buildMetadata") or []), ORIGIN_OPTION]}
    longer = text + f"\nbuildMetadata: [{ORIGIN_OPTION}]\n".encode()
    try:
        if kustomization.load({path: longer}, path) == wanted:
            return longer
    except InvalidManifest:
        pass
    return orjson.dumps(wanted)


def _run(files: Mapping[str, bytes], directory: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="kubectl-gitops-") as temporary:
        root, home = Path(temporary).resolve() / "tree", Path(temporary).resolve() / "home"
        home.mkdir()
        _write(files, root)
        status, stdout, stderr = _execute([*_tool(), str(root / directory)], root, home)
    if not status:
        return stdout
    said = stderr.decode(errors="replace").replace(f"{root}/", "").strip()
    words = said.removeprefix("Error: ").removeprefix("error: ")
    reason = words or f"it gave no reason, but exit status {status}"
    raise SourceError(f"kustomize cannot build {directory or 'the root'}: {reason}")


def _execute(command: list[str], root: Path, home: Path) -> tuple[int, bytes, bytes]:
    path = os.environ.get("PATH", os.defpath)
    environment = {"PATH": path, "HOME": str(home), "TMPDIR": str(home), **_NO_NETWORK}
    try:
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except OSError as exc:
        raise SourceError(f"{command[0]} cannot be run: {exc.strerror}") from exc
    try:
        stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as exc:
        raise SourceError(f"kustomize took more than {TIMEOUT_SECONDS} s") from exc
    finally:
        stop(process)
    return process.returncode, stdout, stderr


def _tool() -> list[str]:
    if kustomize := shutil.which("kustomize"):
        return [kustomize, "build"]
    if kubectl := shutil.which(os.environ.get("KUBECTL") or "kubectl"):
        return [kubectl, "kustomize"]
    raise SourceError("there is no kustomize and no kubectl on PATH", hint="install one, or let KUBECTL name kubectl")


def _write(files: Mapping[str, bytes], root: Path) -> None:
    root.mkdir()
    for path, text in files.items():
        target = root / normal_path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
        except OSError as exc:
            raise SourceError(f"cannot copy {path!r} to render it: {exc.strerror}") from exc
