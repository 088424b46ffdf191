"""The values of variables, from ConfigMaps and Secrets of the cluster and from what is given inline."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from kubectl_gitops.api.objects import Object
from kubectl_gitops.api.rendering import Substitution, VariableSource
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import InvalidInput, NotFound
from kubectl_gitops.source.variables import Variables, is_variable_name

_PATHS = {"ConfigMap": "configmaps", "Secret": "secrets"}


def read_variables(substitute: Substitution | None, cluster: Cluster, namespace: str) -> Variables | None:
    """The variables that ``substitute`` names, read with the rights of ``cluster``; None where nothing is substituted.

    Raises InvalidInput for what is missing or no variable, ClusterError where it cannot be read.
    """
    if substitute is None:
        return None
    values: dict[str, str] = {}
    secret: set[str] = set()
    for source in substitute.sources:
        found = _read(source, cluster, namespace)
        values.update(found)
        secret = secret | found.keys() if source.kind == "Secret" else secret - found.keys()
    return Variables(
        values={**values, **named(substitute.inline, "spec.source.substitute.inline")},
        secret=frozenset(secret - substitute.inline.keys()),
    )


def named(values: Any, where: str) -> dict[str, str]:
    """``values``, each of which must have the name of a variable."""
    for name in values:
        if not is_variable_name(name):
            raise InvalidInput(
                f"{where}: {name!r} is no name of a variable", hint="letters, digits and '_', no digit first"
            )
    return dict(values)


def _read(source: VariableSource, cluster: Cluster, namespace: str) -> dict[str, str]:
    where = f"{source.kind}/{source.name} in namespace {namespace}"
    try:
        obj = cluster.get(f"/api/v1/namespaces/{namespace}/{_PATHS[source.kind]}/{source.name}")
    except NotFound as exc:
        if source.optional:
            return {}
        raise InvalidInput(
            f"variables are to come from {where}, which is not there", hint="create it, or mark it optional: true"
        ) from exc
    return named(_decoded(obj, where) if source.kind == "Secret" else obj.get("data") or {}, where)


def _decoded(secret: Object, where: str) -> dict[str, str]:
    values = {}
    for name, value in (secret.get("data") or {}).items():
        try:
            values[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            # The exception would repeat the value.
            raise InvalidInput(f"{where}: the value of {name} is no text, so it cannot be a variable") from None
    return values
