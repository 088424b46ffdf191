"""How git writes a commit for us, and how that is read back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from kubectl_gitops.api.commit import Commit

__all__ = ["FORMAT", "Commit", "described", "from_record"]

#: For ``git log --format``. No field can hold a control character but the names and the subject.
FORMAT = "%H%x1f%an%x1f%ae%x1f%at%x1f%s"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def from_record(record: str) -> Commit:
    """Reads what FORMAT wrote."""
    sha, author, email, seconds, subject = record.split("\x1f", 4)
    return described(sha, author, email, seconds, subject)


def described(sha: str, author: str, email: str, seconds: str, subject: str) -> Commit:
    """A commit in git's words. The people who write names and subjects do not get to move a terminal's cursor."""
    return Commit(
        sha=sha,
        author=_CONTROL.sub(" ", author),
        author_email=_CONTROL.sub(" ", email),
        time=_rfc3339(seconds),
        subject=_CONTROL.sub(" ", subject),
    )


def _rfc3339(seconds: str) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        # Anybody can write a commit with a time that no calendar has.
        return "1970-01-01T00:00:00Z"
