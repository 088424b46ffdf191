"""What a program that renders can do. It is a script here, which tries what kustomize and helm would not."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_gitops.errors import SourceError
from kubectl_gitops.source import sandbox
from kubectl_gitops.source.limits import LimitExceeded, Limits
from tests.testbed.waiting import wait_until

_HAS_LANDLOCK = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))"
_SOME = Limits(timeout_seconds=20)


def landlock_version() -> int:
    if sys.platform != "linux":
        return 0
    return int(subprocess.run([sys.executable, "-c", _HAS_LANDLOCK], capture_output=True, text=True, check=True).stdout)


needs_landlock = pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "program"


def run(
    program: Path,
    script: str,
    files: dict[str, bytes] | None = None,
    limits: Limits = _SOME,
    *,
    network: bool = False,
) -> str:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return sandbox.run(str(program), ["-x"], files or {}, failure="it fails", limits=limits, network=network).decode()


def test_it_sees_a_copy_its_inputs_and_nothing_of_our_environment(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3CRET", "s3cret")
    assert run(program, 'cat a/b; echo "|$1|$S3CRET|"; ls -A "$HOME"', {"a/b": b"text"}) == "text|-x||\n"


def test_its_home_may_be_written_and_is_gone_afterwards(program: Path) -> None:
    home = run(program, 'echo x > "$HOME/x" && echo "$HOME"').strip()
    assert not Path(home).exists()


@needs_landlock
@pytest.mark.parametrize(
    "script",
    ["cat {outside}", "echo x > {outside}", "ln {outside} $HOME/link", "ls {directory}", "echo x > new", "{run}"],
)
def test_no_other_file_is_read_written_or_run(program: Path, tmp_path: Path, script: str) -> None:
    outside = tmp_path / "elsewhere" / "secret"
    outside.parent.mkdir()
    outside.write_text("#!/bin/sh\necho s3cret\n")
    outside.chmod(0o755)
    with pytest.raises(SourceError, match=r"(?i)permission denied|cross-device link") as caught:
        run(program, "set -e; " + script.format(outside=outside, directory=outside.parent, run=outside))
    assert "s3cret" not in str(caught.value)
    assert outside.read_text() == "#!/bin/sh\necho s3cret\n"


def test_there_is_no_network(program: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        connect = f"IO::Socket::INET->new(PeerAddr => q({address})) or die qq(none: $!)"
        command = ["/usr/bin/perl", "-MIO::Socket::INET", "-e", connect]
        assert subprocess.run(command, check=False).returncode == 0
        with pytest.raises(SourceError, match=r"^it fails: none: "):
            run(program, shlex.join(command))


@needs_landlock
def test_with_the_network_files_stay_closed_and_the_environment_empty(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    monkeypatch.setenv("S3CRET", "s3cret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/s3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://jane:s3cret@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "169.254.169.254")
    monkeypatch.setenv("https_proxy", "jane:s3cret@proxy.example")
    said = run(program, f"cat {secret} 2>&1; env", network=True)
    assert "Permission denied" in said
    assert "HTTPS_PROXY=http://proxy.example:3128\n" in said
    assert "https_proxy=proxy.example\n" in said
    assert "HTTP_PROXY=http://127.0.0.1:9\n" in said
    assert "NO_PROXY" not in said
    assert "s3cret" not in said.replace(str(secret), "")


def test_what_takes_too_long_is_stopped_with_all_that_it_started(program: Path) -> None:
    with pytest.raises(
        LimitExceeded, match=r"^it fails: it took more than 1 s: the limit timeout-seconds is 1$"
    ) as caught:
        run(program, "sleep 3600 & sleep 3600", limits=Limits(timeout_seconds=1))
    assert caught.value.hint == "if that is meant to be so, --limit timeout-seconds=10 allows more"


def test_what_it_leaves_behind_is_ended(program: Path) -> None:
    number = run(program, "sleep 3600 >/dev/null 2>&1 </dev/null & echo $!").strip()
    status = Path(f"/proc/{number}/stat")

    def is_ended() -> bool:
        try:
            return status.read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    # Nobody but init is told when it ends, so nobody can wait for that.
    wait_until(is_ended, 10, "the end of what was left behind")


def test_output_has_a_limit(program: Path) -> None:
    with pytest.raises(LimitExceeded, match="the limit max-total-bytes is 1 MiB"):
        run(program, "exec /usr/bin/yes", limits=Limits(max_total_bytes=2**20, timeout_seconds=20))


def test_memory_has_a_limit(program: Path) -> None:
    script = "exec /usr/bin/perl -e 'my $x = q(x) x 1_000_000_000'"
    with pytest.raises(LimitExceeded, match="the limit max-memory-bytes is 64 MiB"):
        run(program, script, limits=Limits(max_memory_bytes=64 * 2**20, timeout_seconds=20))


def test_its_last_words_are_bounded(program: Path) -> None:
    with pytest.raises(SourceError) as caught:
        run(program, "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1")
    assert len(str(caught.value)) < 100_000


def test_what_cannot_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^it fails: .*/nowhere cannot be run: No such file or directory$"):
        sandbox.run(str(tmp_path / "nowhere"), [], {}, failure="it fails", limits=_SOME)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_no_path_leaves_the_copy(program: Path, path: str) -> None:
    with pytest.raises(SourceError, match="is not a path inside the repository"):
        run(program, "true", {path: b""})


def test_a_file_in_the_place_of_a_directory_is_an_error(program: Path) -> None:
    with pytest.raises(SourceError, match="cannot copy"):
        run(program, "true", {"a": b"", "a/b": b""})
