"""What the webhook's tests are made of: declared objects, their canonical forms, live objects and reviews."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.gitsync import EnforcementMode
from kubectl_gitops.api.names import ACTOR_EXTRA_KEY, ACTOR_RECONCILER, FIELD_MANAGER, MANAGED_BY_LABEL, managed_by
from kubectl_gitops.api.objects import Object, Origin
from kubectl_gitops.diff.compare import Canonical, without_identity
from kubectl_gitops.diff.secrets import seal
from kubectl_gitops.snapshot.model import Entry, Snapshot
from webhook.review import Request, read_review
from webhook.view import Owner, View, labels_by_namespace

OWNER = Owner(namespace="gitops-system", name="shop", mode=EnforcementMode.ENFORCE)
LABEL = managed_by("gitops-system", "shop")
REVISION = Commit(
    sha="feedface" * 5, author="Jane Doe", author_email="jane@example.org", time="2026-11-01T10:00:00Z", subject="More"
)
COMMIT = Commit(
    sha="1a2b3c4d" * 5, author="Jane Doe", author_email="jane@example.org", time="2026-10-01T10:00:00Z", subject="Web"
)
ORIGIN = Origin("deploy/web.yaml", 7)
SEALING_KEY = b"k" * 32

#: As the schemas of built-in kinds have them.
_LIST_KEYS = {"containers": ("name",), "env": ("name",), "ports": ("containerPort", "protocol")}
_SETS = {"finalizers"}


def declared(kind: str = "ConfigMap", *, label: str = LABEL, **rest: Any) -> Object:
    return {
        "apiVersion": "apps/v1" if kind == "Deployment" else "v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop", "labels": {MANAGED_BY_LABEL: label}},
        **copy.deepcopy(rest),
    }


def deployment(*, replicas: int = 3, image: str = "shop:1.4") -> Object:
    container = {
        "name": "web",
        "image": image,
        "env": [{"name": "MODE", "value": "prod"}],
        "ports": [{"containerPort": 80, "protocol": "TCP"}],
    }
    return declared(
        "Deployment",
        spec={
            "replicas": replicas,
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    )


def fields_v1(value: Any, name: str = "") -> dict[str, Any]:
    """The FieldsV1 that the API server writes for what is applied, for the kinds in these tests."""
    if isinstance(value, dict):
        return {f"f:{key}": fields_v1(sub, key) for key, sub in value.items()}
    if isinstance(value, list) and name in _SETS:
        return {f"v:{json.dumps(member)}": {} for member in value}
    if isinstance(value, list) and name in _LIST_KEYS:
        keys = _LIST_KEYS[name]
        return {"k:" + json.dumps({key: item[key] for key in keys}): {".": {}, **fields_v1(item)} for item in value}
    return {}


def our_entry(obj: Object) -> dict[str, Any]:
    return {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": obj["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields_v1(without_identity(obj)),
    }


def live(obj: Object, **metadata: Any) -> Object:
    """The object as the cluster has it after our apply: with managedFields and what nobody declares."""
    stored = copy.deepcopy(obj)
    stored["metadata"] |= {"uid": "u-1", "resourceVersion": "7", "managedFields": [our_entry(obj)], **metadata}
    stored["status"] = {"observedGeneration": 1}
    return stored


def entry(
    obj: Object,
    *,
    is_learned: bool = True,
    commit: Commit | None = COMMIT,
    origin: Origin = ORIGIN,
    field_lines: tuple[int | None, ...] = (),
) -> Entry:
    metadata = obj["metadata"]
    tree = without_identity(seal(obj, SEALING_KEY))
    return Entry(
        api_version=obj["apiVersion"],
        kind=obj["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        origin=origin,
        declared_digest="d",
        commit=commit,
        canonical=Canonical(tree, fields_v1(without_identity(obj))) if is_learned else None,
        field_lines=field_lines,
    )


def snapshot(entries: Iterable[Entry], *, namespace: str = "gitops-system", name: str = "shop") -> Snapshot:
    return Snapshot(
        namespace=namespace,
        name=name,
        revision=REVISION,
        repo_url="https://git.example.org/shop.git",
        path="deploy",
        sequence=1,
        complete=True,
        entries=tuple(entries),
    )


def view(
    *objects: Object,
    mode: EnforcementMode = EnforcementMode.ENFORCE,
    owners: Mapping[str, Owner] | None = None,
    sealing_key: bytes | None = SEALING_KEY,
    synced: bool = True,
) -> View:
    """GitSync shop in one mode, declaring these objects."""
    snapshots = {LABEL: snapshot(map(entry, objects))}
    return View(
        owners=owners if owners is not None else {LABEL: Owner(namespace="gitops-system", name="shop", mode=mode)},
        snapshots=snapshots,
        labels_in=labels_by_namespace(snapshots),
        sealing_key=sealing_key,
        synced=synced,
    )


def review(
    operation: str,
    *,
    old: Object | None = None,
    new: Object | None = None,
    user: str = "bob",
    extra: Mapping[str, Sequence[str]] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """An AdmissionReview as the API server sends it."""
    obj = new or old
    assert obj is not None
    group, slash, version = obj["apiVersion"].rpartition("/")
    del slash
    kind = {"group": group, "version": version, "kind": obj["kind"]}
    metadata = obj.get("metadata", {})
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind,
            "requestKind": kind,
            "resource": {"group": group, "version": version, "resource": f"{obj['kind'].lower()}s"},
            "name": metadata.get("name", ""),
            "namespace": metadata.get("namespace", ""),
            "operation": operation,
            "userInfo": {"username": user, "groups": ["system:authenticated"], "extra": dict(extra or {})},
            "object": new,
            "oldObject": old,
            "dryRun": False,
            "options": None,
            **fields,
        },
    }


def request(operation: str, **arguments: Any) -> Request:
    return read_review(review(operation, **arguments))


def update(old: Object, new: Object, **arguments: Any) -> Request:
    return request("UPDATE", old=old, new=new, **arguments)


RECONCILER = {ACTOR_EXTRA_KEY: [ACTOR_RECONCILER]}


def set_at(obj: Object, path: str, value: Any) -> Object:
    """A copy with another value at ``spec.template.spec.containers.0.image``; None removes it."""
    changed = copy.deepcopy(obj)
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    node: Any = changed
    for part in parents:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return changed


def set_label(obj: Object, value: str | None) -> Object:
    changed = copy.deepcopy(obj)
    if value is None:
        del changed["metadata"]["labels"][MANAGED_BY_LABEL]
    else:
        changed["metadata"]["labels"][MANAGED_BY_LABEL] = value
    return changed
