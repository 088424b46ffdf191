"""What a replica calls itself: kept for who comes next, shared by nobody."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.reconciler.replicaname import ReplicaName, replica_name


def end(name: ReplicaName) -> None:
    """As the end of the process does."""
    assert name.lock is not None
    os.close(name.lock)


def test_the_next_process_has_the_name_of_the_last(tmp_path: Path) -> None:
    first = replica_name(tmp_path)
    end(first)
    second = replica_name(tmp_path)
    assert second.text == first.text
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", first.text)
    end(second)


def test_while_one_runs_another_gets_a_name_of_its_own(tmp_path: Path) -> None:
    first, second, third = (replica_name(tmp_path) for _ in range(3))
    assert len({first.text, second.text, third.text}) == 3
    assert second.lock is None
    end(first)


def test_what_is_no_name_of_this_host_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "replica").write_text("../other host's name")
    first = replica_name(tmp_path)
    end(first)
    second = replica_name(tmp_path)
    assert second.text == first.text
    end(second)


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=r"cannot write in .*file"):
        replica_name(tmp_path / "file" / "below")
