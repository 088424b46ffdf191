"""The status of a commit, as GitHub, GitLab and Gitea want to be told of it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.gitsync import GitSync, read_gitsync
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.reconciler.changes import REASONS, Change
from kubectl_gitops.reconciler.commitstatus import is_forge, post_of, repository_of, says_something

SHA = "0123456789abcdef0123456789abcdef01234567"
WHERE = "Secret team/forge"


def gitsync(url: str) -> GitSync:
    return read_gitsync(
        {
            "apiVersion": "kubectl-gitops.dev/v1alpha1",
            "kind": "GitSync",
            "metadata": {"namespace": "team", "name": "shop", "uid": "u"},
            "spec": {"source": {"repoURL": url}},
        }
    )


def post(kind: str, url: str, change: Change | None = None, /, **secret: str) -> Any:
    change = change or Change("Synced", "synced 01234567: 2 objects", SHA)
    return post_of(kind, gitsync(url), change, {"token": "t0ken", **secret}, where=WHERE)


@pytest.mark.parametrize(
    ("kind", "url", "sent_to", "header"),
    [
        (
            "GitHub",
            "https://github.com/acme/shop.git",
            f"https://api.github.com/repos/acme/shop/statuses/{SHA}",
            ("Authorization", "Bearer t0ken"),
        ),
        (
            "GitHub",
            "git@git.acme.example:acme/shop.git",
            f"https://git.acme.example/api/v3/repos/acme/shop/statuses/{SHA}",
            ("Authorization", "Bearer t0ken"),
        ),
        (
            "GitLab",
            "ssh://git@gitlab.example:2222/acme/web/shop.git",
            f"https://gitlab.example/api/v4/projects/acme%2Fweb%2Fshop/statuses/{SHA}",
            ("PRIVATE-TOKEN", "t0ken"),
        ),
        (
            "Gitea",
            "https://codeberg.org/acme/shop",
            f"https://codeberg.org/api/v1/repos/acme/shop/statuses/{SHA}",
            ("Authorization", "token t0ken"),
        ),
    ],
)
def test_where_it_is_told_follows_from_the_repository(
    kind: str, url: str, sent_to: str, header: tuple[str, str]
) -> None:
    found = post(kind, url)
    assert found.url == sent_to
    assert header in found.headers.items()


def test_an_address_in_the_secret_counts_more() -> None:
    found = post("GitLab", "https://mirror.example/acme/shop.git", address="https://git.example:8443/api/v4/")
    assert found.url == f"https://git.example:8443/api/v4/projects/acme%2Fshop/statuses/{SHA}"


@pytest.mark.parametrize(
    ("kind", "well", "bad", "name"),
    [
        ("GitHub", "success", "failure", "context"),
        ("GitLab", "success", "failed", "name"),
        ("Gitea", "success", "failure", "context"),
    ],
)
def test_what_is_told(kind: str, well: str, bad: str, name: str) -> None:
    url = "https://git.example/acme/shop"
    assert post(kind, url).body == {
        "state": well,
        name: "kubectl-gitops/team/shop",
        "description": "Synced: synced 01234567: 2 objects",
    }
    failed = post(kind, url, Change("SyncFailed", f"no\n{'x' * 200}", SHA), context="prod/shop").body
    assert failed["state"] == bad
    assert failed[name] == "prod/shop"
    assert len(failed["description"]) == 140
    assert failed["description"].startswith("SyncFailed: no xxx")


def test_changes_that_say_nothing_of_a_commit_are_not_told() -> None:
    told = {reason for reason in REASONS if says_something(Change(reason, "words", SHA))}
    assert told == {"Synced", "SyncFailed", "DriftFound", "DriftEnded", "HealthDegraded", "HealthRecovered"}
    assert not says_something(Change("SyncFailed", "Git cannot be reached"))
    assert not is_forge("Slack")


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("https://github.com/acme/shop", {"token": ""}, "Secret team/forge has no key token"),
        ("https://github.com/acme/shop", {"token": "two\r\nlines"}, "the key token of Secret team/forge is no token"),
        ("/srv/git/shop", {}, "Secret team/forge has no key address"),
    ],
)
def test_what_is_missing_is_named(url: str, secret: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        post("GitHub", url, None, **secret)
    assert "lines" not in str(caught.value)


def test_the_repository_in_a_url() -> None:
    assert repository_of("git@git.example:acme/shop.git") == ("git.example", "acme/shop")
    assert repository_of("https://git.example:8443/acme/shop.git/") == ("git.example:8443", "acme/shop")
    assert repository_of("/srv/git/shop.git") == ("", "srv/git/shop")
