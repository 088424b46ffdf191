"""Which of the locked packages the plugin needs, and what a bill of materials says of them (CycloneDX 1.6)."""

from __future__ import annotations

import importlib.metadata
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: What only the processes in the cluster need.
_NOT_THE_PLUGIN_S = {"cryptography", "flask", "granian", "prometheus-client"}


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of the lock file: its lines there, hashes and all."""

    name: str
    version: str
    lines: str


def read_lock(text: str) -> dict[str, Locked]:
    """Packages of a lock file by their canonical names."""
    blocks = re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*", text, re.MULTILINE)
    found: dict[str, Locked] = {}
    for block in blocks:
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", block)
        assert match, block
        found[canonicalize_name(match[1])] = Locked(canonicalize_name(match[1]), match[2], block)
    return found


def needed_by_plugin(distribution: str = "kubectl-gitops") -> set[str]:
    """The names of all packages that the plugin needs, as the installed ones say. Optional ones are none of them."""
    return _closure(_requirements(distribution) - _NOT_THE_PLUGIN_S)


def needed_at_all(distribution: str = "kubectl-gitops") -> set[str]:
    """The same of all three programs."""
    return _closure(_requirements(distribution))


def _closure(names: set[str]) -> set[str]:
    wanted, seen = set(names), set[str]()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted |= _requirements(name)
    return seen


def _requirements(distribution: str) -> set[str]:
    found = map(Requirement, importlib.metadata.requires(distribution) or ())
    return {canonicalize_name(one.name) for one in found if one.marker is None or one.marker.evaluate({"extra": ""})}


def bill_of_materials(version: str, packages: Iterable[Locked]) -> dict[str, Any]:
    """The same for the same packages: its serial number comes of what it says."""
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{one.name}@{one.version}",
            "name": one.name,
            "version": one.version,
            "purl": f"pkg:pypi/{one.name}@{one.version}",
        }
        for one in sorted(packages, key=lambda one: one.name)
    ]
    ours = f"pkg:pypi/kubectl-gitops@{version}"
    serial = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join([ours, *(str(one["purl"]) for one in components)]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": "kubectl-gitops",
                "version": version,
                "purl": ours,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": ours, "dependsOn": [one["purl"] for one in components]}],
    }
