"""Which differences of a plan do not count: those that rules name, and what autoscalers scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.discovery import Discovery
from kubectl_gitops.cluster.reading import read_autoscalers
from kubectl_gitops.diff.attribution import owner_of
from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.diff.rules import Rules, is_about_replicas, scaled_by
from kubectl_gitops.sync.steps import Step


def rules_with_autoscalers(rules: Rules, steps: Iterable[Step], cluster: Cluster, discovery: Discovery) -> Rules:
    """The rules, with those for what autoscalers scale: they are asked for only where replicas differ."""
    namespaces = {step.key.namespace for step in steps if is_about_replicas(step.changes)}
    return rules.beside(scaled_by(read_autoscalers(cluster, discovery, namespaces))) if namespaces else rules


def without_ignored(step: Step, rules: Rules) -> Step:
    """The step, its changes parted into those that count and those that do not. What is dropped always counts."""
    if not step.changes or step.live is None or step.declared is None:
        return step
    of_object = rules.for_object(step.key, step.live, step.declared.object)
    counted, ignored = [], []
    for change in step.changes:
        owner = owner_of(step.live, change.path)
        why = of_object.why(change.path, owner.manager if owner else "") if change.desired is not ABSENT else ""
        if why:
            ignored.append((change, why))
        else:
            counted.append(change)
    return replace(step, changes=tuple(counted), ignored=tuple(ignored))
