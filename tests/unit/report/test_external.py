"""KUBECTL_EXTERNAL_DIFF, with real programs."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.diff.drift import DriftedField
from kubectl_gitops.diff.secrets import MASKED_AFTER, MASKED_BEFORE
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.report.external import files_to_compare, run_external_diff
from kubectl_gitops.report.model import DriftReportList, Report
from tests.unit.report.samples import IMAGE, REPLICAS, drift_report, missing, modified, orphaned, reports

REPORT = drift_report(
    modified(REPLICAS, desired={"spec": {"replicas": 3}}, live={"spec": {"replicas": 5}}),
    missing(desired={"data": {"a": "b"}}),
    orphaned(live={"metadata": {"labels": {"a": "b"}}}),
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary directories are made."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that writes down what it was called with and what it saw, and ends as it is told to."""
    path = tmp_path / "compare"
    path.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, sys\n"
        "live, merged = map(pathlib.Path, sys.argv[-2:])\n"
        "print(*sys.argv[1:-2], live.name[:5], merged.name[:7], sep='|')\n"
        "for side in (live, merged):\n"
        "    print(oct(side.stat().st_mode & 0o777), *sorted(file.name for file in side.iterdir()))\n"
        "print(sys.stdin.read() == '')\n"
        "sys.exit(int(os.environ.get('CODE', 0)))\n"
    )
    path.chmod(stat.S_IRWXU)
    return path


def test_live_is_compared_with_git_and_each_object_is_a_file_on_both_sides() -> None:
    files = files_to_compare(REPORT)
    names = ["v1.Namespace.shop", "v1.ConfigMap.shop.settings", "apps.v1.Deployment.shop.web"]
    assert list(files.live) == list(files.desired) == names
    assert files.live[names[2]].endswith("  replicas: 5\n")
    assert files.desired[names[2]].endswith("  replicas: 3\n")
    assert (files.desired[names[0]], files.live[names[1]]) == ("", "")


def test_the_program_gets_two_directories_of_its_user_s_own_which_are_gone_afterwards(
    program: Path, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_external_diff(REPORT, f"{program} -N --color=always") is False
    names = "apps.v1.Deployment.shop.web v1.ConfigMap.shop.settings v1.Namespace.shop"
    assert capfd.readouterr().out.splitlines() == [
        "-N|--color=always|LIVE-|MERGED-",
        f"0o700 {names}",
        f"0o700 {names}",
        "True",
    ]
    assert list(temporary.iterdir()) == []


def test_diff_itself_says_that_there_are_differences(temporary: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_external_diff(REPORT, "diff -u -N") is True
    shown = capfd.readouterr().out
    assert "\n-  replicas: 5\n+  replicas: 3\n" in shown
    assert list(temporary.iterdir()) == []


def test_no_shell_sees_the_arguments_and_strange_ones_are_left_out_as_in_kubectl(
    program: Path, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_external_diff(REPORT, f"{program}  -u ; touch $(x) `y` a/b --x=1 >z")
    assert capfd.readouterr().out.splitlines()[0] == "-u|touch|--x=1|LIVE-|MERGED-"


@pytest.mark.parametrize(("code", "differs"), [("0", False), ("1", True)])
def test_its_exit_code_says_whether_something_differs(
    program: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, code: str, differs: bool
) -> None:
    monkeypatch.setenv("CODE", code)
    assert run_external_diff(REPORT, str(program)) is differs


def test_any_other_exit_code_is_an_error(program: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE", "3")
    with pytest.raises(GitOpsError, match="compare ended with exit code 3"):
        run_external_diff(REPORT, str(program))
    assert list(temporary.iterdir()) == []


def test_a_program_that_was_killed_is_an_error(tmp_path: Path, temporary: Path) -> None:
    script = tmp_path / "dies"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(stat.S_IRWXU)
    with pytest.raises(GitOpsError, match="ended by signal 9"):
        run_external_diff(REPORT, str(script))


@pytest.mark.parametrize("command", ["no-such-program-anywhere -u", " -u", "/"])
def test_a_program_that_cannot_be_run_is_the_person_s_to_mend(command: str, temporary: Path) -> None:
    with pytest.raises(InvalidInput, match=r"KUBECTL_EXTERNAL_DIFF: .* cannot be run") as caught:
        run_external_diff(REPORT, command)
    assert "options after spaces" in caught.value.hint
    assert list(temporary.iterdir()) == []


def test_nothing_to_compare_is_two_empty_directories(
    program: Path, temporary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_external_diff(drift_report(), str(program)) is False
    assert capfd.readouterr().out.splitlines()[1:3] == ["0o700", "0o700"]


def test_secrets_arrive_masked() -> None:
    field = DriftedField(path=("data", "password"), desired=MASKED_BEFORE, live=MASKED_AFTER, owner=None)
    secret = modified(field, key=ResourceKey("", "Secret", "shop", "db"), api_version="v1")
    files = files_to_compare(drift_report(secret))
    assert "data.password: '*** (after)'\n" in files.live["v1.Secret.shop.db"]
    assert "data.password: '*** (before)'\n" in files.desired["v1.Secret.shop.db"]


def test_the_same_object_of_two_reports_has_two_files() -> None:
    one = drift_report(modified(IMAGE))
    files = files_to_compare(DriftReportList(items=(one, one)))
    assert list(files.live) == ["apps.v1.Deployment.shop.web", "apps.v1.Deployment.shop.web.2"]


@pytest.mark.parametrize("name", ["system:node", "../../etc/passwd", "x" * 300, ".hidden", "-rf", "a\x1b\n\u202eb", ""])
def test_names_are_safe_in_every_file_system(name: str) -> None:
    drift = modified(IMAGE, key=ResourceKey("", name, "", name), api_version="")
    (file,) = files_to_compare(drift_report(drift)).live
    assert 0 < len(file) <= 220
    assert file.isascii()
    assert file.isprintable()
    assert not set(file) & set('/\\: *?"<>|')
    assert file[0] not in ".-"


@settings(max_examples=50)
@given(reports)
def test_whatever_the_report_its_files_can_be_written(report: Report) -> None:
    files = files_to_compare(report)
    assert files.live.keys() == files.desired.keys()
    assert len({name.lower() for name in files.live}) == len(files.live)
    for name, text in (*files.live.items(), *files.desired.items()):
        assert os.sep not in name
        assert name not in {".", ".."}
        text.encode()
