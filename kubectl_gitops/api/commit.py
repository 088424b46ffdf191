"""A commit, as much of it as people want to see beside a field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """``sha`` is 40 hex digits, ``time`` the author's, in RFC 3339 and UTC."""

    sha: str
    author: str
    author_email: str
    time: str
    subject: str

    @property
    def short(self) -> str:
        return self.sha[:8]

    def __str__(self) -> str:
        return f"{self.short} {self.author}"
