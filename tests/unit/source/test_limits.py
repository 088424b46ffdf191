from __future__ import annotations

import pytest

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.source.limits import Budget, LimitExceeded, Limits, read_limits, size_text


def test_limits_are_numbers_and_sizes() -> None:
    limits = read_limits(["max-files=5", "max-file-bytes=2Gi", "timeout-seconds=90", "max-files=7"])
    assert limits == Limits(max_files=7, max_file_bytes=2 * 2**30, timeout_seconds=90)
    assert read_limits([]) == Limits()


@pytest.mark.parametrize(
    "setting", ["max-files", "max-files=", "max-files=-1", "max-files=0", "max-files=1.5", "max-files=5T"]
)
def test_what_is_no_number_is_refused(setting: str) -> None:
    with pytest.raises(InvalidInput, match="no number for the limit max-files"):
        read_limits([setting])


def test_an_unknown_limit_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="there is no limit 'max-dogs'") as caught:
        read_limits(["max-dogs=1"])
    assert "max-files, max-file-bytes" in caught.value.hint


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(max_files=2), "c.yaml is one file too many: the limit max-files is 2"),
        (Limits(max_file_bytes=1024), "b.yaml has 2 KiB: the limit max-file-bytes is 1 KiB"),
        (Limits(max_total_bytes=4000), "all files up to c.yaml have 4.5 KiB: the limit max-total-bytes is 3.9 KiB"),
    ],
)
def test_what_is_beyond_a_limit_is_told_with_file_limit_and_option(limits: Limits, message: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        read_three(Budget(limits))
    assert str(caught.value) == message
    option = message.partition("limit ")[2].partition(" ")[0]
    assert f"--limit {option}=" in caught.value.hint


def read_three(budget: Budget) -> None:
    for path, size in (("a.yaml", 512), ("b.yaml", 2048), ("b.yaml", 2048), ("c.yaml", 2048)):
        budget.file(path, size)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1536, "1.5 KiB"), (17 * 2**20, "17 MiB"), (2**31, "2 GiB")]
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert size_text(size) == text
