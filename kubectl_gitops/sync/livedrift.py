"""The drift of a snapshot's objects as they change: each is judged again only when something about it is new. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kubectl_gitops.api.objects import Object, ResourceKey
from kubectl_gitops.diff.rules import Rules, is_about_replicas, scaled_by
from kubectl_gitops.snapshot.model import Entry, Snapshot
from kubectl_gitops.sync.drift import Judged, drift_of, orphans_in


class _Verdict(NamedTuple):
    """A judgement, and all that it was made from."""

    entry: Entry
    live: Object | None
    rules: Rules
    judged: Judged


class LiveDrift:
    """Judges the objects of one GitSync as :func:`find_drift` does, over and over.

    An object that is given again as the same Python object is taken to be unchanged.
    """

    def __init__(self) -> None:
        self._sealing_key = b""
        self._verdicts: dict[ResourceKey, _Verdict] = {}
        self._rules: dict[str, Rules] = {}

    def judge(
        self,
        snapshot: Snapshot,
        live: Mapping[ResourceKey, Object],
        *,
        sealing_key: bytes,
        rules: Rules,
        autoscalers: Mapping[str, Iterable[Object]],
    ) -> list[Judged]:
        """What has drifted in ``live``; ``autoscalers`` are the HorizontalPodAutoscalers that are known, by namespace.

        See :meth:`scaled_namespaces` for those that should be.
        """
        if sealing_key != self._sealing_key:
            self._sealing_key, self._verdicts = sealing_key, {}
        in_namespace = self._rules_of(rules, autoscalers)
        verdicts: dict[ResourceKey, _Verdict] = {}
        for entry in snapshot.entries:
            found, counting = live.get(entry.key), in_namespace.get(entry.key.namespace, rules)
            verdicts[entry.key] = self._kept(entry, found, counting) or _Verdict(
                entry, found, counting, drift_of(entry, found, sealing_key, counting)
            )
        self._verdicts = verdicts
        return [*(verdict.judged for verdict in verdicts.values()), *orphans_in(snapshot, live)]

    @property
    def scaled_namespaces(self) -> frozenset[str]:
        """Where replicas differ, so that it matters whether an autoscaler has set them."""
        return frozenset(
            key.namespace
            for key, verdict in self._verdicts.items()
            if any(one is not None and is_about_replicas(one.fields) for one in verdict.judged)
        )

    def _kept(self, entry: Entry, live: Object | None, rules: Rules) -> _Verdict | None:
        known = self._verdicts.get(entry.key)
        if known is None or known.live is not live or known.rules is not rules:
            return None
        return known if known.entry is entry else None

    def _rules_of(self, rules: Rules, autoscalers: Mapping[str, Iterable[Object]]) -> dict[str, Rules]:
        """The rules in each namespace with autoscalers; the same Python objects as before where they are equal."""
        new = {namespace: rules.beside(scaled_by(found)) for namespace, found in autoscalers.items()}
        self._rules = {
            namespace: self._rules[namespace] if self._rules.get(namespace) == one else one
            for namespace, one in new.items()
        }
        return self._rules
