"""References of a kustomization to what is elsewhere on the network: which are taken, and what came of which."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from kubectl_gitops.api.objects import Origin
from kubectl_gitops.source.path import is_below

# What kustomize would clone or download (its internal/git/repospec.go and fileloader.go).
_REMOTE = re.compile(
    r"(?:[^=/]*=)?(?:git::)?(?:(?:https?|ssh|file)://|[a-z][a-z0-9-]*@[^/]+[:/]|github\.com[:/])", re.IGNORECASE
)
_HTTPS = re.compile(r"(?:[^=/]*=)?(?:git::)?(?:https://|(?=github\.com/))(?P<rest>.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RemoteReference:
    """``text`` as it is written at ``origin``, in the kustomization file."""

    text: str
    origin: Origin

    def likeness(self, note: Mapping[str, str]) -> tuple[bool, bool, int]:
        """How much speaks for that what kustomize's annotation says of an object came from here."""
        place, _, query = self._rest.partition("?")
        repository = _without_scheme(note.get("repo", ""))
        same_repository = place.lower().startswith(repository.lower())
        directory = place[len(repository) :].strip("/") if same_repository else ""
        is_there = is_below(note.get("path") or note.get("configuredIn", ""), directory)
        return same_repository, _ref(query) == note.get("ref", ""), len(directory) if is_there else -1

    @property
    def _rest(self) -> str:
        match = _HTTPS.fullmatch(self.text)
        return match["rest"] if match else ""


def is_remote(reference: str) -> bool:
    """Whether kustomize would look for ``reference`` on the network, or in a repository of its own."""
    return _REMOTE.match(reference) is not None


def fault(reference: str) -> str:
    """Why a remote reference is not taken where such are allowed; "" if it is.

    What may change on the way, or would need a credential, is of no use; kustomize gives its ``ref`` to git as an
    argument.
    """
    match = _HTTPS.fullmatch(reference)
    if match is None:
        return "is remote, and only https is allowed"
    place, _, query = match["rest"].partition("?")
    if "@" in place.partition("/")[0]:
        return "has a user or a password in it, and is downloaded without credentials"
    if _ref(query).startswith("-"):
        return "has a ref that begins with -"
    return ""


def origin_of(note: Mapping[str, str], references: Collection[RemoteReference]) -> Origin | None:
    """The line by which an object came that, as kustomize's annotation says, is from another repository."""
    if not note.get("repo") or not references:
        return None
    return max(references, key=lambda one: one.likeness(note)).origin


def _ref(query: str) -> str:
    values = parse_qs(query)
    return next((found[-1] for name in ("ref", "version") if (found := values.get(name))), "")


def _without_scheme(url: str) -> str:
    return url.partition("://")[2] or url
