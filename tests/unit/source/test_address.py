from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source.address import parse_address, redact


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("https://git.example/shop/deploy.git", "https"),
        ("https://git.example:8443/shop", "https"),
        ("ssh://git@git.example:2222/shop/deploy.git", "ssh"),
        ("git@git.example:shop/deploy.git", "ssh"),
        ("git.example:shop/deploy.git", "ssh"),
        ("git@git.example:/srv/git/shop", "ssh"),
    ],
)
def test_repositories_are_reached_by_https_and_ssh(url: str, protocol: str) -> None:
    assert parse_address(url).protocol == protocol
    assert parse_address(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-uevil",
        "--upload-pack=evil",
        "ext::sh -c evil",
        "ext::sh",
        "transport::address",
        "ssh://-oProxyCommand=evil/x",
        "-oProxyCommand=evil:x",
        "git@-oProxyCommand=evil:x",
        "https:///path",
        "https://[bad/path",
        "git://git.example/shop",
        "ftp://git.example/shop",
        "http://git.example/shop",
        "https://git.example/shop?private_token=s3cret",
        "https://git.example/shop#main",
        "https://git.example/a b",
        "https://git.example/a\nb",
        "shop/deploy",
        "/srv/git/shop",
        "./shop",
        "~/shop",
        "file:///srv/git/shop",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(SourceError):
        parse_address(url)


def test_repositories_in_the_file_system_have_to_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/jane")
    urls = ["./shop", f"file://{tmp_path}/a%20b", "~/shop", "/srv/shop.bundle"]
    found = [parse_address(url, allow_file=True) for url in urls]
    assert [one.url for one in found] == [f"{tmp_path}/shop", f"{tmp_path}/a b", "/home/jane/shop", "/srv/shop.bundle"]
    assert {one.protocol for one in found} == {"file"}


def test_plain_http_has_to_be_allowed() -> None:
    assert parse_address("http://127.0.0.1:8080/shop", allow_http=True).protocol == "http"


@pytest.mark.parametrize("url", ["https://jane:s3cret@git.example/shop", "ssh://git:s3cret@git.example/shop"])
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SourceError, match="holds a password") as caught:
        parse_address(url)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("fatal: 'https://jane:s3@cret@git.example/x' not found", "fatal: 'https://…@git.example/x' not found"),
        ("http://ghp_s3cret@git.example/x", "http://…@git.example/x"),
        ("https://git.example/x?private_token=s3cret", "https://git.example/x?…"),
        ("ssh://git:s3cret@git.example/x", "ssh://git:…@git.example/x"),
        ("ssh://git@git.example/x", "ssh://git@git.example/x"),
        ("git@git.example:x", "git@git.example:x"),
    ],
)
def test_what_may_be_secret_is_not_shown(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_a_token_in_place_of_a_user_is_used_but_not_shown() -> None:
    address = parse_address("HTTPS://s3cret@git.example/shop")
    assert (address.url, address.user) == ("https://git.example/shop", "s3cret")
    assert address.shown == "https://…@git.example/shop"
    assert "s3cret" not in repr(address)
