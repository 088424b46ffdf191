"""The cache of canonical forms: private, bounded, shared, and never a reason for a command to fail."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.snapshot.local import LocalForms, default_directory
from tests.unit.cluster.fakeserver import Answer, Request, serving

FORM = Canonical({"data": {"a": "1"}}, {"f:data": {"f:a": {}}})
REFERENCE = {"spec": {"replicas": 1}}
DATABASE = "forms-1.sqlite3"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "forms"


def forms(place: Path | None, scope: str = "one cluster") -> LocalForms:
    return LocalForms(place, scope=scope, clock=lambda: 1000.0, lock_seconds=30.0)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_kept_is_there_the_next_time(place: Path) -> None:
    forms(place).keep({"d1": FORM}, {"d1": REFERENCE})
    again = forms(place)
    assert again.canonical(["d1", "d2"]) == {"d1": FORM}
    assert again.references(["d1", "d2"]) == {"d1": REFERENCE}


def test_it_is_good_for_one_cluster_and_version_only(place: Path) -> None:
    forms(place).keep({"d1": FORM}, {})
    assert forms(place, "another cluster").canonical(["d1"]) == {}
    assert forms(place).references(["d1"]) == {}


def test_only_its_owner_can_read_it(place: Path) -> None:
    place.mkdir(mode=0o755, parents=True)
    previous = os.umask(0)
    try:
        forms(place).keep({"d1": FORM}, {})
    finally:
        os.umask(previous)
    assert mode(place) == 0o700
    assert {path.name: mode(path) for path in place.iterdir()} == {DATABASE: 0o600, "sealing-key": 0o600}


def test_the_sealing_key_stays_and_is_the_same_for_all(place: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: forms(place).sealing_key, range(16)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert sorted(path.name for path in place.iterdir()) == ["sealing-key"]


def test_a_key_that_is_none_is_made_anew(place: Path) -> None:
    place.mkdir(parents=True)
    (place / "sealing-key").write_text("short")
    key = forms(place).sealing_key
    assert len(key) == 32
    assert forms(place).sealing_key == key


def test_it_may_be_deleted_at_any_time(place: Path) -> None:
    kept = forms(place)
    kept.keep({"d1": FORM}, {})
    for path in place.iterdir():
        path.unlink()
    assert kept.canonical(["d1"]) == {}
    place.rmdir()
    kept.keep({"d1": FORM}, {})
    assert kept.canonical(["d1"]) == {}


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_database_of_ours_is_ignored_and_replaced(place: Path, content: bytes) -> None:
    kept = forms(place)
    (place / DATABASE).write_bytes(content)
    assert kept.canonical(["d1"]) == {}
    kept.keep({"d1": FORM}, {})
    assert kept.canonical(["d1"]) == {"d1": FORM}


def test_a_table_of_somebody_else_is_ignored_and_replaced(place: Path) -> None:
    kept = forms(place)
    other = sqlite3.connect(place / DATABASE)
    other.execute("CREATE TABLE forms (something)")
    other.close()
    assert kept.canonical(["d1"]) == {}
    kept.keep({"d1": FORM}, {})
    assert kept.canonical(["d1"]) == {"d1": FORM}


@pytest.mark.parametrize("damage", ["zeroblob(40)", "'text'", "NULL + 7", "substr(form, 1, 20)", "42"])
def test_a_damaged_form_is_ignored(place: Path, damage: str) -> None:
    kept = forms(place)
    kept.keep({"d1": FORM, "d2": FORM}, {})
    database = sqlite3.connect(place / DATABASE)
    database.execute(f"UPDATE OR IGNORE forms SET form = coalesce({damage}, 0) WHERE rowid = 1")  # noqa: S608
    database.commit()
    database.close()
    assert kept.canonical(["d1", "d2"]) == {"d2": FORM}


def test_a_form_that_was_moved_to_another_declaration_is_ignored(place: Path) -> None:
    kept = forms(place)
    kept.keep({"d1": FORM}, {})
    kept.keep({"d2": Canonical({"data": {"a": "2"}}, {})}, {})
    database = sqlite3.connect(place / DATABASE)
    database.execute("UPDATE forms SET form = (SELECT form FROM forms WHERE rowid = 2) WHERE rowid = 1")
    database.commit()
    database.close()
    assert kept.canonical(["d1", "d2"]).keys() == {"d2"}


def test_what_was_not_used_for_longest_is_dropped(place: Path) -> None:
    now = 0.0
    kept = LocalForms(place, scope="x", clock=lambda: now, max_bytes=2000)
    noise = [Canonical({"data": {"a": os.urandom(200).hex()}}, {}) for _ in range(12)]
    for number, form in enumerate(noise):
        now = number * 100_000.0
        kept.keep({str(number): form}, {})
        kept.canonical(["0"])  # used all the time
    found = kept.canonical(map(str, range(12)))
    assert "0" in found
    assert "11" in found
    assert "1" not in found
    assert len(found) < 12


def test_many_runs_at_once_lose_nothing(place: Path) -> None:
    def run(number: int) -> None:
        mine = forms(place)
        mine.keep({f"{number}-{one}": FORM for one in range(20)}, {})
        assert len(mine.canonical(f"{number}-{one}" for one in range(20))) == 20

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(16)))
    assert len(forms(place).canonical(f"{number}-{one}" for number in range(16) for one in range(20))) == 320


def test_a_database_that_somebody_holds_is_left_alone(place: Path) -> None:
    kept = LocalForms(place, lock_seconds=0.0)
    kept.keep({"d1": FORM}, {})
    holder = sqlite3.connect(place / DATABASE, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    kept.keep({"d2": FORM}, {})
    assert kept.canonical(["d1"]) == {}
    holder.execute("ROLLBACK")
    holder.close()
    assert kept.canonical(["d1", "d2"]) == {"d1": FORM}


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (None, tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        kept = forms(place)
        kept.keep({"d1": FORM}, {})
        assert kept.canonical(["d1"]) == {}
        assert len(kept.sealing_key) == 32


def test_a_database_that_is_a_link_elsewhere_is_not_followed(place: Path, tmp_path: Path) -> None:
    kept = forms(place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    (place / DATABASE).symlink_to(elsewhere)
    kept.keep({"d1": FORM}, {})
    assert kept.canonical(["d1"]) == {}
    assert elsewhere.read_text() == "precious"


def test_a_cluster_is_told_by_the_uid_of_its_first_namespace_and_by_its_version(place: Path) -> None:
    answers = {
        "/api/v1/namespaces/kube-system": {"metadata": {"uid": "u1"}},
        "/version": {"gitVersion": "v1.36.3"},
    }
    with serving(lambda request: Answer(answers[request.path])) as server:
        LocalForms.of(server.cluster(), place).keep({"d1": FORM}, {})
        assert LocalForms.of(server.cluster(), place).canonical(["d1"]) == {"d1": FORM}
        answers["/version"] = {"gitVersion": "v1.37.0"}
        assert LocalForms.of(server.cluster(), place).canonical(["d1"]) == {}


def test_a_cluster_that_does_not_say_which_it_is_has_no_cache(place: Path) -> None:
    def forbid(request: Request) -> Answer:
        return Answer({"kind": "Status", "message": "forbidden"}, status=403)

    with serving(forbid) as server:
        LocalForms.of(server.cluster(), place).keep({"d1": FORM}, {})
    with serving(lambda _: Answer({})) as server:
        LocalForms.of(server.cluster(), place).keep({"d1": FORM}, {})
    assert not place.exists()


def test_the_directory_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "kubectl-gitops" / "forms"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_directory() == tmp_path / "home" / ".cache" / "kubectl-gitops" / "forms"
