"""What ends a command, as words on stderr and an exit code.

::

    0    done, no differences
    1    done, there are differences (diff, drift), as ``kubectl diff`` has it; or mistakes (check)
    2    an error: what was asked cannot be done
    3    a fault in this program
    130  interrupted (Ctrl-C)
    141  whoever read the output has gone (``| head``)
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Final, NoReturn

import click

from kubectl_gitops.errors import GitOpsError
from kubectl_gitops.report.text import printable_lines, without_credentials

EXIT_OK: Final = 0
EXIT_DIFFERENCES: Final = 1
EXIT_ERROR: Final = 2
EXIT_FAULT: Final = 3
EXIT_INTERRUPTED: Final = 130
EXIT_BROKEN_PIPE: Final = 141

#: Set to anything, it makes every error show its traceback.
DEBUG_VARIABLE: Final = "KUBECTL_GITOPS_DEBUG"


def exit_with_differences() -> NoReturn:
    """End the command with the exit code that says: done, and there are differences."""
    raise click.exceptions.Exit(EXIT_DIFFERENCES)


def exit_code_of(work: Callable[[], None]) -> int:
    """Do the work of a command; whatever ends it is shown, and comes back as an exit code."""
    _encode_anything()
    try:
        code = _outcome(work)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as exc:
        _discard_output()
        _tell(unwritable(exc))
        return EXIT_ERROR
    return code


def unwritable(exc: OSError) -> GitOpsError:
    """The error for output that cannot be written, as on a full disk."""
    return GitOpsError(f"the output cannot be written: {exc.strerror or type(exc).__name__}")


def _outcome(work: Callable[[], None]) -> int:
    try:
        work()
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say(EXIT_INTERRUPTED, "interrupted")
    except GitOpsError as exc:
        return _tell(exc)
    except click.ClickException as exc:
        return _say(EXIT_ERROR, f"error: {_in_our_manner(exc.format_message())}", *_usage_hint(exc))
    except Exception as exc:
        if isinstance(exc, BrokenPipeError) and _reader_has_gone():
            raise
        return _fault(exc)
    return EXIT_OK


def _tell(error: GitOpsError) -> int:
    hint = [f"hint: {error.hint}"] if error.hint else []
    return _say(error.exit_code, *_trace(error), f"error: {error}", *hint)


def _usage_hint(exc: click.ClickException) -> list[str]:
    ctx = exc.ctx if isinstance(exc, click.UsageError) else None
    return [f"hint: see {ctx.command_path} --help"] if ctx else []


def _fault(exc: Exception) -> int:
    words = f"error: internal error: {type(exc).__name__}: {exc}; please report"
    return _say(EXIT_FAULT, *_trace(exc), words, f"hint: {DEBUG_VARIABLE}=1 in the environment shows where")


def _trace(exc: Exception) -> list[str]:
    if not os.environ.get(DEBUG_VARIABLE):
        return []
    import traceback

    return ["".join(traceback.format_exception(exc)).rstrip()]


def _say(code: int, *paragraphs: str) -> int:
    """Write to stderr what is safe to show. Further lines are indented, so that no message poses as another."""
    for paragraph in paragraphs:
        safe = printable_lines(without_credentials(paragraph.strip()))
        click.echo(safe.replace("\n", "\n  "), err=True)
    return code


def _in_our_manner(text: str) -> str:
    """Click's sentences as the clauses that ours are."""
    return (text[:1].lower() + text[1:] if text[1:2].islower() else text).rstrip(".")


def _encode_anything() -> None:
    """Make output in a narrow encoding (not UTF-8) show escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _reader_has_gone() -> bool:
    """Whether a broken pipe is the one that we print to, and not one of a subprocess."""
    # Asked of the system: with PYTHONUNBUFFERED, flushing again finds nothing left to fail with.
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # not a real file, as under a test
        return False
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _discard_output() -> None:
    """Let the interpreter flush what is left into nothing when it exits."""
    with contextlib.suppress(OSError, ValueError):  # not a real file, as under a test
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
