"""What counts as drift: who is a person, and which differences do not count.

The defaults are data (human_managers.json, ignored_by_default.json); a GitSync adds to them, an object's own
annotation in Git does, and a HorizontalPodAutoscaler does for what it scales.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from kubectl_gitops.api.gitsync import AdditionsPolicy, GitSync
from kubectl_gitops.api.names import IGNORE_ANNOTATION, MANAGED_BY_LABEL
from kubectl_gitops.api.objects import Object, ResourceKey, group_of
from kubectl_gitops.diff.additions import default_human_managers
from kubectl_gitops.diff.compare import FieldChange
from kubectl_gitops.diff.drift import DriftedField, DriftKind
from kubectl_gitops.diff.ignore import IgnoreRule, Place, annotated_rule, default_rules, rules_of, why_ignored
from kubectl_gitops.diff.path import FieldPath

REPLICAS: FieldPath = ("spec", "replicas")
_OUR_LABEL: FieldPath = ("metadata", "labels", MANAGED_BY_LABEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``humans`` are globs of field managers; a rule in ``ignored`` that fits makes a difference not count.

    ``why_additions`` says why what people add does not count; "" where it does.
    """

    humans: tuple[str, ...] = field(default_factory=default_human_managers)
    ignored: tuple[IgnoreRule, ...] = field(default_factory=default_rules)
    why_additions: str = ""

    @classmethod
    def of(cls, gitsync: GitSync) -> Rules:
        """The defaults, and what a GitSync says beside them."""
        own = rules_of(gitsync.ignore_differences, why=f"by GitSync {gitsync}")
        allowed = gitsync.additions is AdditionsPolicy.ALLOW
        return cls(
            humans=(*default_human_managers(), *gitsync.human_managers),
            ignored=(*default_rules(), *own),
            why_additions=f"GitSync {gitsync} allows additions" if allowed else "",
        )

    def beside(self, more: Iterable[IgnoreRule]) -> Rules:
        """These rules and more."""
        return replace(self, ignored=(*self.ignored, *more))

    def for_object(self, key: ResourceKey, live: Object, declared: Mapping[str, Any]) -> ObjectRules:
        """Those that say something about one object; ``declared`` is what Git says of it, in whatever form."""
        found = [rule for rule in self.ignored if rule.is_for(key, live)]
        annotation = ((declared.get("metadata") or {}).get("annotations") or {}).get(IGNORE_ANNOTATION)
        if annotation:
            with suppress(ValueError):  # a plan has refused the manifest; what an older one let pass ignores nothing
                found.append(annotated_rule(str(annotation), why="by the object's annotation in Git"))
        return ObjectRules(tuple(found), self.why_additions)


@dataclass(frozen=True, slots=True)
class ObjectRules:
    """The ignore rules for one object, and why what people added to it does not count."""

    rules: tuple[IgnoreRule, ...]
    why_additions: str = ""

    def why(self, path: FieldPath, manager: str) -> str:
        """Why a difference at ``path``, made by ``manager``, does not count; "" where it does."""
        if self.is_our_label(path):
            return ""
        return why_ignored(self.rules, path, manager)

    @staticmethod
    def is_our_label(path: FieldPath) -> bool:
        """Whether this is the one field that always counts: without it nobody would watch the object any more."""
        return path == _OUR_LABEL

    def marked(self, fields: Iterable[DriftedField]) -> tuple[tuple[DriftedField, ...], tuple[DriftedField, ...]]:
        """The fields that count, and those that do not, each of these with the reason."""
        counted: list[DriftedField] = []
        ignored: list[DriftedField] = []
        for one in fields:
            reason = self.why(one.path, one.owner.manager if one.owner else "")
            if one.kind is DriftKind.ADDED:
                reason = reason or self.why_additions
            (ignored if reason else counted).append(replace(one, ignored=reason))
        return tuple(counted), tuple(ignored)


def scaled_by(autoscalers: Iterable[Object]) -> tuple[IgnoreRule, ...]:
    """For each HorizontalPodAutoscaler the rule that leaves ``spec.replicas`` of its target to it."""
    return tuple(
        IgnoreRule(
            why=f"HorizontalPodAutoscaler {autoscaler['metadata']['name']} scales it",
            group=group_of(str(target.get("apiVersion") or "")),
            kind=str(target.get("kind")),
            name=str(target.get("name")),
            namespace=autoscaler["metadata"]["namespace"],
            places=(Place(tuple(map(str, REPLICAS))),),
        )
        for autoscaler in autoscalers
        if (target := (autoscaler.get("spec") or {}).get("scaleTargetRef"))
    )


def is_about_replicas(fields: Iterable[DriftedField | FieldChange]) -> bool:
    """Whether a HorizontalPodAutoscaler, were there one, would make one of these fields not count."""
    return any(one.path == REPLICAS for one in fields)
