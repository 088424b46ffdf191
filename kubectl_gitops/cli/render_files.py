"""One file for each object, below a directory: ``kubectl gitops render --to``, ``export -d``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kubectl_gitops.api.objects import Declared, digest
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.report.text import printable
from kubectl_gitops.report.yamltext import to_yaml
from kubectl_gitops.sync.showing import shown

#: Objects that name no namespace: those of the cluster, and those that go where a sync says.
_NO_NAMESPACE = "cluster"
_SAFE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
#: With the kind before it and the hash and suffix after it well below what file systems take.
_MAX_LENGTH = 150


def write_files(declared: Iterable[Declared], directory: Path, *, force: bool) -> int:
    """Write each object to ``<namespace|cluster>/<kind>-<name>.yaml`` below ``directory``; how many there are.

    Values of Secrets are masked. Raises InvalidInput where the directory holds anything and ``force`` is not given;
    with it, files of the same names are replaced and others stay. GitOpsError where a file cannot be written.
    """
    files = dict(_files(declared))
    try:
        prepare_directory(directory, force=force)
        for relative, text in files.items():
            write_file(directory, relative, text)
    except OSError as exc:
        raise GitOpsError(f"cannot write {exc.filename or directory}: {exc.strerror or type(exc).__name__}") from exc
    return len(files)


def prepare_directory(directory: Path, *, force: bool) -> None:
    """Make the directory. Raises InvalidInput where it holds anything and ``force`` is not given; OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    if not force and any(directory.iterdir()):
        raise InvalidInput(
            f"{directory} is not empty", hint="--force writes into it, and replaces files of these names"
        )


def write_file(directory: Path, relative: Path, text: str, *, private: bool = False) -> None:
    """No link that is there already may lead out of the directory: none is followed. Raises OSError.

    Nobody but its owner may read a ``private`` file, from before its first byte on.
    """
    parent = directory / relative.parent
    if parent.is_symlink():
        raise InvalidInput(f"{parent} is a link, and may lead elsewhere", hint="remove it, or take another directory")
    parent.mkdir(exist_ok=True)
    target = directory / relative
    if target.is_symlink():
        target.unlink()
    if private:
        target.unlink(missing_ok=True)  # whoever has it open already must not read what comes
    how, mode = (os.O_EXCL, 0o600) if private else (os.O_TRUNC, 0o666)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | how, mode)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(text)


def _files(declared: Iterable[Declared]) -> Iterator[tuple[Path, str]]:
    """Relative paths and what stands there. Where two objects would have one, the second's has a hash in it."""
    taken: dict[Path, Declared] = {}
    for one in declared:
        folder, name = safe_name(one.namespace or _NO_NAMESPACE), f"{safe_name(one.kind.lower())}-{safe_name(one.name)}"
        path = Path(folder, f"{name}.yaml")
        if path in taken:
            path = Path(folder, f"{name}.{digest([*one.key, one.api_version])[:8]}.yaml")
        if (other := taken.setdefault(path, one)) is not one:
            raise InvalidInput(f"{one.origin} and {other.origin} would be written to the same file {path}")
        yield path, f"# {printable(str(one.origin))}\n{to_yaml(shown(one.object), sort_keys=False)}"


def safe_name(name: str) -> str:
    """``name`` if any file system takes it as one name; else what is left of it, and a hash."""
    if _SAFE.fullmatch(name) and len(name) <= _MAX_LENGTH and ".." not in name:
        return name
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MAX_LENGTH].strip("-")
    return f"{kept or 'x'}-{digest(name)[:8]}"
