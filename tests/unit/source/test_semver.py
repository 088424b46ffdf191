"""Which versions are in a range, and which is the newest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_gitops.source.semver import Range, Version, parse_version

RELEASES = ["0.0.1", "0.3.0", "0.3.4", "1.0.0", "1.2.0", "1.2.3", "1.4.7", "1.10.0", "2.0.0", "2.1.0", "3.0.0"]
PRE_RELEASES = ["1.3.0-rc.1", "2.0.0-alpha", "2.1.0-rc.1"]


def version(text: str) -> Version:
    found = parse_version(text)
    assert found is not None
    return found


def admitted(text: str) -> list[str]:
    return [one for one in [*RELEASES, *PRE_RELEASES] if version(one) in Range(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=1.2 <2", ["1.2.0", "1.2.3", "1.4.7", "1.10.0"]),
        (">=1.2, <2", ["1.2.0", "1.2.3", "1.4.7", "1.10.0"]),
        (">= 1.2.3 < 1.4", ["1.2.3"]),
        ("~1.4", ["1.4.7"]),
        ("~1.2.1", ["1.2.3"]),
        ("~>1.2.1", ["1.2.3"]),
        ("~1", ["1.0.0", "1.2.0", "1.2.3", "1.4.7", "1.10.0"]),
        ("^2", ["2.0.0", "2.1.0"]),
        ("^1.4.1", ["1.4.7", "1.10.0"]),
        ("^0.3", ["0.3.0", "0.3.4"]),
        ("^0.3.1", ["0.3.4"]),
        ("^0.0.1", ["0.0.1"]),
        ("1.x", ["1.0.0", "1.2.0", "1.2.3", "1.4.7", "1.10.0"]),
        ("v1.2.*", ["1.2.0", "1.2.3"]),
        ("*", RELEASES),
        ("1.2 - 1.4", ["1.2.0", "1.2.3", "1.4.7"]),
        ("1.2.1 - 1.4.6", ["1.2.3"]),
        (">1", ["2.0.0", "2.1.0", "3.0.0"]),
        ("<=1.2", ["0.0.1", "0.3.0", "0.3.4", "1.0.0", "1.2.0", "1.2.3"]),
        ("=1.2.3", ["1.2.3"]),
        ("1.2", ["1.2.0", "1.2.3"]),
        ("1.x !=1.2.x", ["1.0.0", "1.4.7", "1.10.0"]),
        ("0.x || ^3", ["0.0.1", "0.3.0", "0.3.4", "3.0.0"]),
    ],
)
def test_a_range_admits_releases(text: str, expected: list[str]) -> None:
    assert admitted(text) == expected


def test_pre_releases_count_only_where_one_is_named() -> None:
    assert admitted(">=1.10") == ["1.10.0", "2.0.0", "2.1.0", "3.0.0"]
    assert admitted(">=2.0.0-0 <3") == ["2.0.0", "2.1.0", "2.0.0-alpha", "2.1.0-rc.1"]
    assert admitted("^2.0.0-beta") == ["2.0.0", "2.1.0", "2.1.0-rc.1"]
    assert admitted("~1.3.0-rc.1 || 3") == ["3.0.0", "1.3.0-rc.1"]


@pytest.mark.parametrize(
    "text", ["", " ", "x*", "main", "1.2.3.4", ">=", "1..2", "01.2", "1.2 | 2", "^1.x.2-", "1.2 -1.3", "~main"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="range of versions"):
        Range(text)


def test_versions_are_ordered_as_the_specification_says() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"]
    ordered += ["1.0.0-rc.1", "1.0.0", "1.2", "1.10.0", "2"]
    shuffled = ordered[1::2] + ordered[::2]
    assert sorted(shuffled, key=version) == ordered
    assert version("1.0.0-1") < version("1.0.0-a")
    assert version("1.2.0+build.7") == version("1.2")


@pytest.mark.parametrize("text", ["", "v1.2.3", "1.2.3.4", "1.2.3-", "1.02.3", "1.2.x", "1.2.3 ", "9" * 30, "main"])
def test_what_is_no_version(text: str) -> None:
    assert parse_version(text) is None


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 30)] * 3), st.tuples(*[st.integers(0, 30)] * 3))
def test_what_is_compatible_is_as_new_and_has_the_same_first_part(low: tuple[int, ...], high: tuple[int, ...]) -> None:
    start, other = (".".join(map(str, one)) for one in (low, high))
    if low[0] > 0:
        expected = high >= low and high[0] == low[0]
        assert (version(other) in Range(f"^{start}")) == expected
        assert (version(other) in Range(f">={start} <{low[0] + 1}")) == expected
