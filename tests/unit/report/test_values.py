"""Values, times and texts on one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.diff.attribution import FieldOwner
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.report.authors import commit_text, owner_text, place_text
from kubectl_gitops.report.text import printable, printable_lines, shortened, without_credentials
from kubectl_gitops.report.values import inline, inline_pair, time_text
from tests.unit.report.samples import COMMIT

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("3", '"3"'),
        ("3.10", '"3.10"'),
        ("1e3", '"1e3"'),
        (True, "true"),
        ("true", '"true"'),
        (None, "null"),
        ("", '""'),
        (" a", '" a"'),
        ("a ", '"a "'),
        ("shop:1.4", "shop:1.4"),
        ("two words", "two words"),
        ("a\\b", "a\\b"),
        ("a\\b\n", '"a\\\\b\\n"'),
        ('"quoted"', '"\\"quoted\\""'),
        ("[1]", '"[1]"'),
        ({"b": [1, "x"], "a": {}}, '{"a": {}, "b": [1, "x"]}'),
        ("grüße", "grüße"),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("\ud800", '"\\ud800"'),
        ("\U000e0041", '"\\U000e0041"'),
        (ABSENT, "(absent)"),
    ],
)
def test_values_of_different_types_never_look_the_same(value: Any, text: str) -> None:
    assert inline(value) == text


def test_short_values_are_left_whole() -> None:
    assert inline_pair("a" * 60, "a" * 59 + "b") == ("a" * 60, "a" * 59 + "b")


def test_a_difference_far_behind_is_brought_into_sight() -> None:
    desired, live = inline_pair("x" * 100 + "1" + "y" * 100, "x" * 100 + "2", limit=30)
    assert desired == "…" + "x" * 12 + "1" + "y" * 15 + "…"
    assert live == "…" + "x" * 12 + "2"


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2026-11-23T18:00:00Z", "0 s ago"),
        ("2026-11-23T17:59:01Z", "59 s ago"),
        ("2026-11-23T17:56:59Z", "3 min ago"),
        ("2026-11-23T00:00:00Z", "18 h ago"),
        ("2026-11-22T18:00:00Z", "1 day ago"),
        ("2026-11-20T17:00:00Z", "3 days ago"),
        ("2026-10-24T18:00:01Z", "29 days ago"),
        ("2026-10-24T18:00:00Z", "2026-10-24T18:00:00Z"),
        ("2026-11-23T18:00:01Z", "2026-11-23T18:00:01Z"),
        ("2026-11-23T17:59:01", "2026-11-23T17:59:01"),
        ("yesterday\x1b", "yesterday\\u001b"),
    ],
)
def test_times_are_ages_within_thirty_days(time: str, text: str) -> None:
    assert time_text(time, NOW) == text
    assert time_text(time, None) == printable(time)


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        (None, "not recorded"),
        (FieldOwner(manager="k9s", operation="Update", subresource="", time=""), "k9s (Update)"),
        (FieldOwner(manager="hpa", operation="Update", subresource="scale", time=""), "hpa (Update scale)"),
        (FieldOwner(manager="old", operation="", subresource="", time=""), "old"),
        (FieldOwner(manager="m" * 50, operation="Apply", subresource="", time="t"), "m" * 39 + "… (Apply), t"),
    ],
)
def test_owners(owner: FieldOwner | None, text: str) -> None:
    assert owner_text(owner, None) == text


def test_a_commit_is_its_author_and_age() -> None:
    assert commit_text(COMMIT, NOW) == "1a2b3c4d Jane Doe, 0 s ago"
    assert commit_text(replace(COMMIT, author="J\x1b", time=""), NOW) == "1a2b3c4d J\\u001b"
    assert commit_text(None, NOW) == ""


@pytest.mark.parametrize(
    ("origin", "text"),
    [(Origin("a.yaml", 3), "a.yaml:3"), (Origin("a\n.yaml", 0), "a\\n.yaml"), (None, "")],
)
def test_a_place_is_a_file_and_a_line_where_it_is_known(origin: Origin | None, text: str) -> None:
    assert place_text(origin) == text


def test_line_feeds_may_stay_and_nothing_else() -> None:
    assert printable("a\nb\r") == "a\\nb\\r"
    assert printable_lines("a\nb\r\x1b\n") == "a\nb\\r\\u001b\n"


def test_shortened_text_is_no_longer_than_asked() -> None:
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("cannot read https://bot:s3cret@git.example.com/x", "cannot read https://***@git.example.com/x"),
        ("https://ghp_0123456789@example.com/x", "https://***@example.com/x"),
        ("ssh://git@example.com/x", "ssh://git@example.com/x"),
        ("ssh://git:pw@example.com/x", "ssh://***@example.com/x"),
        ("git@example.com:shop.git", "git@example.com:shop.git"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ***"),
        ("the bearer of news", "the bearer of news"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln refused", "token *** refused"),
        ("deploy/web.yaml:3: see https://example.com/a@b", "deploy/web.yaml:3: see https://example.com/a@b"),
    ],
)
def test_credentials_are_not_shown(text: str, safe: str) -> None:
    assert without_credentials(text) == safe
    assert without_credentials(safe) == safe
