"""What an installation consists of: the objects of ``manifests/``, as ``kubectl apply -k`` makes them."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from kubectl_gitops.api.names import SYSTEM_NAMESPACE
from kubectl_gitops.api.objects import Object
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.source.declared import declare
from kubectl_gitops.source.desired import from_directory

#: What runs in pods, or is there for pods alone.
POD_KINDS: Final = frozenset({"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"})
#: As the Deployments have it; the part before the version is what a registry may call otherwise.
IMAGE_NAME: Final = "kubectl-gitops"
#: What there is in a base's kustomization beside its head, and is read here.
_KNOWN: Final = {"apiVersion", "kind", "resources", "labels"}


def manifests_directory() -> Path:
    """``manifests/``: beside the package's modules when installed, in the checkout else."""
    packaged = Path(str(resources.files("kubectl_gitops"))) / "manifests"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "manifests"


def overlays() -> list[str]:
    """The names that ``read_manifests`` knows."""
    return sorted(path.parent.name for path in manifests_directory().glob("overlays/*/kustomization.yaml"))


def read_manifests(overlay: str = "", *, image: str = "", with_pods: bool = True) -> list[Object]:
    """The objects of the base or of an overlay, in the order in which they are applied.

    ``image`` replaces that of all containers; without ``with_pods`` what runs in pods is left out. An overlay is built
    by kustomize; the base needs none. Raises InvalidInput for an overlay that there is not.
    """
    if overlay and overlay not in overlays():
        raise InvalidInput(f"there is no overlay {overlay!r}", hint=f"there is {', '.join(overlays())}")
    found = _overlay(overlay) if overlay else _base()
    return [_with_image(obj, image) for obj in found if with_pods or obj["kind"] not in POD_KINDS]


def namespace_of(objects: Iterable[Object]) -> str:
    """The namespace that an installation makes for itself."""
    return next((str(obj["metadata"]["name"]) for obj in objects if obj["kind"] == "Namespace"), SYSTEM_NAMESPACE)


def _base() -> list[Object]:
    directory = manifests_directory() / "base"
    options = yaml.safe_load((directory / "kustomization.yaml").read_text())
    unknown = options.keys() - _KNOWN
    assert not unknown, f"{directory}/kustomization.yaml: {unknown} would not be read"
    labels = {name: value for one in options["labels"] for name, value in one["pairs"].items()}
    return [
        _labelled(declared.object, labels)
        for name in options["resources"]
        for declared in declare((directory / name).read_bytes(), file=name)
    ]


def _overlay(name: str) -> list[Object]:
    return [one.object for one in from_directory(manifests_directory() / "overlays" / name).declared]


def _labelled(obj: Object, labels: dict[str, str]) -> Object:
    labelled = copy.deepcopy(obj)
    metadata = labelled["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    return labelled


def _with_image(obj: Object, image: str) -> Object:
    if not image or obj["kind"] != "Deployment":
        return obj
    changed = copy.deepcopy(obj)
    containers: list[dict[str, Any]] = changed["spec"]["template"]["spec"]["containers"]
    for container in containers:
        container["image"] = image
    return changed
