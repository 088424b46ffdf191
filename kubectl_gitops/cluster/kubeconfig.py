"""A kubeconfig becomes a configuration of the kubernetes client; what is wrong with it is told in words."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from kubectl_gitops.cluster.tokenfile import TokenFile
from kubectl_gitops.errors import InvalidInput, Unauthorized

_HINT: Final = "point --kubeconfig or KUBECONFIG at a kubeconfig, and --context at one of its contexts"
_DEFAULT: Final = "~/.kube/config"


def load(file: Path | None, context: str | None, configuration: client.Configuration) -> str:
    """Fill ``configuration`` as kubectl would: from ``file``, else $KUBECONFIG, else ~/.kube/config.

    Returns the context's namespace. Raises InvalidInput where there is no such cluster or context, and Unauthorized
    where a plugin that gives the credentials fails. Nothing is sent yet.
    """
    paths = _paths(file)
    present = [path for path in paths if path.exists()]
    documents = [_read(path) for path in present]
    where = ", ".join(map(str, paths))
    if not documents:
        raise _no_cluster(f"there is no kubeconfig at {where}")
    name = context or next((str(d["current-context"]) for d in documents if d.get("current-context")), "")
    chosen = _chosen(name, documents, where)
    plugin = _plugin_of(chosen, documents, name, where)
    try:
        with _logged_errors() as errors:
            config.load_kube_config(
                # Not left to the client, which looks at KUBECONFIG once, when it is imported.
                config_file=os.pathsep.join(map(str, paths)),
                context=name,
                client_configuration=configuration,
                persist_config=False,
            )
    except (ConfigException, OSError, ValueError, TypeError, KeyError) as exc:
        raise _no_cluster(f"{where}: {_one_line(exc)}") from exc
    if plugin and not configuration.api_key and not configuration.cert_file:
        # On a terminal the plugin says itself what is wrong, and the client trips over having nothing to repeat.
        why = "; ".join(error for error in errors if "NoneType" not in error) or "it gave none"
        raise Unauthorized(
            f"{plugin}, which gives the credentials of context {name!r}, failed: {why}",
            hint="log in again, or check the user of this kubeconfig context",
        )
    if token_file := _token_file_of(chosen, present, documents):
        configuration.refresh_api_key_hook = TokenFile(token_file)
    return str(chosen.get("namespace") or "default")


def _paths(file: Path | None) -> list[Path]:
    if file is not None:
        return [file]
    named = [path for path in os.environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    return [Path(path).expanduser() for path in named or [_DEFAULT]]


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as exc:
        raise _no_cluster(f"cannot read {path}: {exc.strerror}") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise _no_cluster(f"{place}: this is no YAML: {exc.problem}") from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise _no_cluster(f"{path}: this is no YAML: {_one_line(exc)}") from exc
    if not isinstance(document, dict):
        raise _no_cluster(f"{path} is {'empty' if document is None else 'no kubeconfig'}")
    return document


def _chosen(name: str, documents: list[dict[str, Any]], where: str) -> Mapping[str, Any]:
    """The context of that name, with a cluster that is there and has an address."""
    contexts = _named(documents, "contexts", "context")
    there = f"there is {', '.join(sorted(contexts))}" if contexts else "there is none"
    if not name:
        raise _no_cluster(f"no context is chosen in {where} ({there})")
    if name not in contexts:
        raise _no_cluster(f"no context {name!r} in {where} ({there})")
    chosen = contexts[name]
    cluster = _named(documents, "clusters", "cluster").get(str(chosen.get("cluster")))
    if cluster is None:
        raise _no_cluster(f"context {name!r} names the cluster {chosen.get('cluster')!r}, which is not in {where}")
    server = cluster.get("server")
    if not str(server).startswith(("https://", "http://")):
        raise _no_cluster(f"the server of cluster {chosen['cluster']!r} in {where} is {server!r}, and no https:// URL")
    return chosen


def _plugin_of(chosen: Mapping[str, Any], documents: list[dict[str, Any]], name: str, where: str) -> str:
    """The program that gives the credentials of a context, or "" where none does."""
    if not chosen.get("user"):
        return ""
    user = _named(documents, "users", "user").get(str(chosen["user"]))
    if user is None:
        raise _no_cluster(f"context {name!r} names the user {chosen['user']!r}, who is not in {where}")
    plugin = user.get("exec")
    has_own = any(user.get(field) for field in ("token", "tokenFile", "client-certificate", "client-certificate-data"))
    return str(plugin.get("command")) if isinstance(plugin, dict) and not has_own else ""


def _token_file_of(chosen: Mapping[str, Any], paths: list[Path], documents: list[dict[str, Any]]) -> Path | None:
    """The file with the token of a context's user, if there is one; it is named beside the kubeconfig that names it."""
    for path, document in zip(paths, documents, strict=True):
        user = _named([document], "users", "user").get(str(chosen.get("user")))
        if user is not None:
            named = user.get("tokenFile")
            return path.absolute().parent / str(named) if named and not user.get("token") else None
    return None


def _named(documents: list[dict[str, Any]], plural: str, singular: str) -> dict[str, Mapping[str, Any]]:
    """The named entries of all files; of two with one name the first counts, as for kubectl."""
    found: dict[str, Mapping[str, Any]] = {}
    for document in documents:
        entries = document.get(plural)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get(singular), dict | None):
                found.setdefault(str(entry.get("name")), entry.get(singular) or {})
    return found


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """What is logged meanwhile: the kubernetes client only logs it when a plugin fails."""
    collector = _Collector(logging.ERROR)
    logger = logging.getLogger()
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)


class _Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(" ".join(record.getMessage().split()))


def _no_cluster(why: str) -> InvalidInput:
    return InvalidInput(f"no cluster: {why}", hint=_HINT)


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__
