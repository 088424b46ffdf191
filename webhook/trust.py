"""Which of the provided certificates is served, and which authorities the API server is told to trust. Pure.

Several replicas see the same Secret, each at its own time, and write one configuration. They agree without a store of
their own: what is found there is kept for a while, and what another has taken out, because its while was over, goes.

1. a certificate of an authority that is served already: it is served at once;
2. of another: the authority is announced, beside the present one;
3. when the configuration has had it for ``wait_seconds``, the certificate is served;
4. after ``wait_seconds`` more, the authority before is forgotten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from webhook.provided import Provided

Bundle = frozenset[x509.Certificate]


class Trust:
    """``served`` is what is to be served now. Not for several threads at once. ``clock`` gives seconds."""

    def __init__(self, first: Provided, *, wait_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.served = first
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._coming: Provided | None = None
        self._trusted_since: float | None = None  # of what is coming
        self._before: dict[x509.Certificate, float] = {}  # since when it is not needed any more
        self._found: Sequence[Bundle] | None = None

    @property
    def bundle_pem(self) -> bytes:
        """All that the API server is to trust; the same bytes at every replica that trusts the same."""
        wanted = sorted(self._needed | self._before.keys(), key=lambda one: one.fingerprint(hashes.SHA256()))
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in wanted)

    @property
    def is_trusted(self) -> bool:
        """Whether the API server accepts what is served, wherever it asks us."""
        return self._is_found(self.served.authorities)

    @property
    def is_changing(self) -> bool:
        return self._coming is not None or bool(self._before)

    def provide(self, given: Provided) -> bool:
        """Another certificate is there. Whether it is to be served at once."""
        if given == self._coming:
            return False
        left, self._coming, self._trusted_since = self._coming, None, None
        if given.authorities <= self.served.authorities:
            is_other = given.leaf != self.served.leaf
            self._serve(given)
        else:
            is_other, self._coming = False, given
        self._leave(left)
        return is_other

    def find(self, bundles: Sequence[Bundle] | None) -> None:
        """What the configuration's entries trust; None where there is no configuration."""
        had: Bundle = frozenset().union(*(self._found or ()))
        has: Bundle = frozenset().union(*(bundles or ()))
        self._found = bundles
        for gone in [one for one in self._before if one in had and one not in has]:
            del self._before[gone]  # another replica knows that its time is over
        for other in has - self._needed - self._before.keys():
            self._before[other] = self._clock()  # another replica serves it, or is about to
        for needed in self._needed & self._before.keys():
            del self._before[needed]

    def step(self) -> bool:
        """What time has brought. Whether another certificate is to be served from now on."""
        now = self._clock()
        self._before = {one: since for one, since in self._before.items() if now - since < self._wait_seconds}
        if self._coming is None or not self._is_found(self._coming.authorities):
            self._trusted_since = None
            return False
        if self._trusted_since is None:
            self._trusted_since = now
        if now - self._trusted_since < self._wait_seconds:
            return False
        coming, self._coming = self._coming, None
        self._serve(coming)
        return True

    @property
    def _needed(self) -> Bundle:
        return self.served.authorities | (self._coming.authorities if self._coming else frozenset())

    def _is_found(self, authorities: Bundle) -> bool:
        return self._found is None or all(authorities <= one for one in self._found)

    def _serve(self, one: Provided) -> None:
        before, self.served = self.served, one
        self._leave(before)

    def _leave(self, one: Provided | None) -> None:
        """Keep its authorities for a while: another replica may serve it."""
        if one is not None:
            self._before |= dict.fromkeys(one.authorities - self._needed, self._clock())
