"""What the testbed says is missing of the system's programs."""

from __future__ import annotations

from pathlib import Path

from tests.testbed import tools


def program(directory: Path, name: str) -> None:
    (directory / name).write_text("#!/bin/sh\n")
    (directory / name).chmod(0o755)


def test_any_of_a_package_s_programs_will_do(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    # What is in the directories of daemons is found anyhow.
    assert {"gnupg", "chromium"} <= set(tools.missing(environ))
    program(tmp_path, "gpg")
    program(tmp_path, "google-chrome")
    assert not {"gnupg", "chromium"} & set(tools.missing(environ))


def test_daemons_are_found_where_they_are(tmp_path: Path) -> None:
    program(tmp_path, "sshd")
    assert tools.find("sshd", {"PATH": str(tmp_path)}) == str(tmp_path / "sshd")
    assert tools.find("no-such-program", {"PATH": ""}) is None
