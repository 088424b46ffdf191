"""What is watched to see the objects of a snapshot."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from kubectl_gitops.api.objects import Object, Origin, ResourceKey
from kubectl_gitops.cli.watch_scopes import MAX_NAMESPACES, Objects, by_label, by_name, sight
from kubectl_gitops.cluster.discovery import Resource
from kubectl_gitops.cluster.watchset import Scope
from kubectl_gitops.snapshot.model import Entry, Snapshot
from tests.unit.cluster.test_connection import CONFIG_MAPS

LABEL = "kubectl-gitops.dev/managed-by=team.shop"
ALL = Scope(resource=CONFIG_MAPS, namespace="shop", label_selector=LABEL)


def find(api_version: str, kind: str) -> Resource | None:
    return CONFIG_MAPS if (api_version, kind) == ("v1", "ConfigMap") else None


def entry(name: str, namespace: str = "shop", kind: str = "ConfigMap") -> Entry:
    return Entry(
        api_version="v1", kind=kind, namespace=namespace, name=name, origin=Origin("a.yaml", 1), declared_digest=""
    )


def snapshot(*entries: Entry, owed: Iterable[ResourceKey] = ()) -> Snapshot:
    return Snapshot(
        namespace="team",
        name="shop",
        revision=None,
        repo_url="",
        path="",
        sequence=1,
        complete=True,
        entries=entries,
        owed=tuple(("v1", key) for key in owed),
    )


def key(name: str, namespace: str = "shop") -> ResourceKey:
    return ResourceKey("", "ConfigMap", namespace, name)


def objects(*names: str) -> Objects:
    return {key(name): {"metadata": {"name": name}} for name in names}


def look(one: Snapshot, known: dict[Scope, Objects]) -> tuple[tuple[Scope, ...], dict[str, Object] | None]:
    scopes, live = sight(one, find, by_label([one], find, "team.shop"), known.get)
    return scopes, None if live is None else {key.name: obj for key, obj in live.items()}


def test_one_watch_sees_what_is_labelled_of_a_kind_in_a_namespace() -> None:
    one = snapshot(entry("a"), entry("b"), entry("x", kind="Gone"))
    assert look(one, {}) == ((ALL,), None)
    scopes, live = look(one, {ALL: objects("a", "b", "another")})
    assert scopes == (ALL,)
    assert live is not None
    assert set(live) == {"a", "b"}


def test_a_kind_in_many_namespaces_is_watched_in_the_whole_cluster() -> None:
    few = snapshot(*(entry("a", f"n{number}") for number in range(MAX_NAMESPACES)))
    many = snapshot(*few.entries, entry("a", "shop"))
    assert {scope.namespace for scope in look(few, {})[0]} == {f"n{number}" for number in range(MAX_NAMESPACES)}
    assert {scope.namespace for scope in look(many, {})[0]} == {""}


@pytest.mark.parametrize(
    ("seen", "beside"),
    [
        (["a"], Scope(resource=CONFIG_MAPS, namespace="shop", name="b")),
        ([], Scope(resource=CONFIG_MAPS, namespace="shop")),
    ],
)
def test_what_is_not_seen_by_its_label_is_looked_for_without_it(seen: list[str], beside: Scope) -> None:
    one = snapshot(entry("a"), entry("b"))
    assert look(one, {ALL: objects(*seen)}) == ((ALL, beside), None)
    scopes, live = look(one, {ALL: objects(*seen), beside: objects("b", "another")})
    assert (scopes, set(live or ())) == ((ALL, beside), {*seen, "b"})
    assert look(one, {ALL: objects(*seen), beside: {}})[1] is not None


def test_what_git_declares_no_more_is_looked_for_by_its_label_alone() -> None:
    one = snapshot(entry("a"), owed=[key("old")])
    assert look(one, {ALL: objects("a")}) == ((ALL,), dict(objects_by_name("a")))
    assert set(look(one, {ALL: objects("a", "old")})[1] or ()) == {"a", "old"}


def objects_by_name(*names: str) -> Iterable[tuple[str, Object]]:
    return ((one.name, obj) for one, obj in objects(*names).items())


def test_one_object_is_looked_for_by_its_name() -> None:
    one = snapshot(entry("a"))
    scope = Scope(resource=CONFIG_MAPS, namespace="shop", name="a")
    assert sight(one, find, by_name, {scope: objects("a")}.get) == ((scope,), objects("a"))
    assert sight(one, find, by_name, {scope: objects()}.get) == ((scope,), {})
