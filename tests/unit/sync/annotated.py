"""Objects as Git declares them, with annotations that say when and how they are synced."""

from __future__ import annotations

from kubectl_gitops.api.objects import Declared, Object, Origin

ARGOCD = "argocd.argoproj.io/"
OWN = "kubectl-gitops.dev/"
HELM = "helm.sh/"
ORIGIN = Origin("deploy/all.yaml", 12)


def annotated(
    kind: str = "v1/ConfigMap", name: str = "web", *, namespace: str = "shop", **annotations: str
) -> Declared:
    """``batch/v1/Job``; an annotation is ``argocd_sync_wave="1"``, ``own_hook="PreSync"`` or ``helm_hook=...``."""
    api_version, _, short = kind.rpartition("/")
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if annotations:
        metadata["annotations"] = {_named(short_name): value for short_name, value in annotations.items()}
    return Declared(object={"apiVersion": api_version, "kind": short, "metadata": metadata}, origin=ORIGIN)


def _named(short: str) -> str:
    prefix, _, rest = short.partition("_")
    return {"argocd": ARGOCD, "own": OWN, "helm": HELM}[prefix] + rest.replace("_", "-")


def namespace(name: str, **annotations: str) -> Declared:
    return annotated("v1/Namespace", name, namespace="", **annotations)


def crd(kind: str, group: str = "example.com", **annotations: str) -> Declared:
    made = annotated(
        "apiextensions.k8s.io/v1/CustomResourceDefinition", f"{kind.lower()}s.{group}", namespace="", **annotations
    )
    made.object["spec"] = {"group": group, "names": {"kind": kind}}
    return made
