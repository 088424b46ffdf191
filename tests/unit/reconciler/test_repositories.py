"""Which GitSyncs share a mirror, and what becomes of it when credentials change."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.errors import Forbidden, InvalidInput, SourceError
from kubectl_gitops.reconciler.repositories import Repositories
from tests.unit.cluster.fakeserver import Answer, Request, serving
from tests.unit.reconciler.test_work import GITSYNC

SHOP = replace(GITSYNC, name="shop", credentials_secret="git")
CART = replace(GITSYNC, name="cart", credentials_secret="git")
OPEN = replace(GITSYNC, name="open")

Secrets = dict[str, dict[str, str]]


@pytest.fixture
def secrets() -> Secrets:
    return {"git": {"bearerToken": "s3cret-1"}, "other": {"bearerToken": "s3cret-2"}}


@pytest.fixture
def reader(secrets: Secrets) -> Iterator[Cluster]:
    """A cluster with these Secrets in gitops-system."""

    def answer(request: Request) -> Answer:
        prefix, _, name = request.path.rpartition("/")
        assert prefix == "/api/v1/namespaces/gitops-system/secrets"
        if name == "forbidden":
            return Answer({"kind": "Status", "reason": "Forbidden", "message": "no"}, status=403)
        if name not in secrets:
            return Answer({"kind": "Status", "reason": "NotFound", "message": "no"}, status=404)
        data = {key: base64.b64encode(value.encode()).decode() for key, value in secrets[name].items()}
        return Answer({"kind": "Secret", "data": data})

    with serving(answer) as server:
        yield server.cluster()


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(cache_directory=tmp_path, allow_file=False)


def test_a_mirror_is_shared_by_those_with_the_same_url_and_credentials(
    repositories: Repositories, reader: Cluster
) -> None:
    shop = repositories.mirror(SHOP, reader)
    assert repositories.mirror(SHOP, reader) is shop
    assert repositories.mirror(CART, reader) is shop
    others = [replace(CART, credentials_secret="other"), replace(CART, repo_url="https://git.example/x"), OPEN]
    paths = {repositories.mirror(other, reader).path for other in others}
    assert len(paths | {shop.path}) == 4


def test_the_mirror_of_credentials_that_nobody_has_any_more_is_removed(
    repositories: Repositories, reader: Cluster, secrets: Secrets
) -> None:
    before = repositories.mirror(SHOP, reader)
    assert repositories.mirror(CART, reader) is before
    before.path.mkdir()
    secrets["git"] = {"bearerToken": "s3cret-new"}
    after = repositories.mirror(SHOP, reader)
    assert after.path != before.path
    assert before.path.exists()  # the other one has not looked yet
    assert repositories.mirror(CART, reader) is after
    assert not before.path.exists()


def test_the_mirror_of_an_open_repository_stays_for_the_next_one(repositories: Repositories, reader: Cluster) -> None:
    mirror = repositories.mirror(OPEN, reader)
    mirror.path.mkdir()
    repositories.mirror(replace(OPEN, repo_url="https://git.example/x"), reader)
    repositories.forget((OPEN.namespace, OPEN.name))
    assert mirror.path.exists()
    assert repositories.mirror(OPEN, reader).path == mirror.path


def test_a_secret_that_cannot_be_had_is_named(repositories: Repositories, reader: Cluster, secrets: Secrets) -> None:
    where = "Secret gitops-system/{}, which spec.source.secretRef names"
    with pytest.raises(SourceError, match=f"^there is no {where.format('none')}$"):
        repositories.mirror(replace(SHOP, credentials_secret="none"), reader)
    with pytest.raises(Forbidden, match=f"^{where.format('forbidden')}, cannot be read: ") as caught:
        repositories.mirror(replace(SHOP, credentials_secret="forbidden"), reader)
    assert caught.value.hint.endswith("the verb get on secrets, resourceNames [forbidden]")
    secrets["git"] = {"token": "s3cret"}
    with pytest.raises(InvalidInput, match=r"^Secret gitops-system/git holds no credentials for a repository$"):
        repositories.mirror(SHOP, reader)
