"""What is applied to put an object back."""

from __future__ import annotations

from dataclasses import replace

from kubectl_gitops.api.objects import Object
from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.diff.rules import Rules
from kubectl_gitops.errors import ClusterError, GitOpsError
from kubectl_gitops.reconciler.ledger import Held
from kubectl_gitops.reconciler.restoring import asked_to_wait_seconds, how_changed, to_apply
from kubectl_gitops.snapshot.applicable import applicable
from kubectl_gitops.sync.drift import drift_of
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

WEB = declared({"a": "1"})


def test_what_git_declares_where_it_is_known() -> None:
    assert to_apply(Held(entry_of(WEB, applied(WEB)), declared=WEB)) == WEB.object


def test_else_the_canonical_form_which_is_the_same() -> None:
    assert to_apply(Held(entry_of(WEB, applied(WEB)))) == WEB.object
    labelled = replace(
        entry_of(WEB, applied(WEB)),
        namespace="",
        canonical=Canonical({"metadata": {"labels": {"x": "y"}}}, {"f:metadata": {"f:labels": {"f:x": {}}}}),
    )
    assert applicable(labelled) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "web", "labels": {"x": "y"}},
    }


def test_nothing_where_only_git_has_the_values() -> None:
    login = declared({"password": "Z2VoZWlt"}, kind="Secret")
    assert to_apply(Held(entry_of(login, applied(login)))) is None
    assert to_apply(Held(entry_of(login, applied(login)), declared=login)) == login.object


def test_nothing_for_what_was_never_applied() -> None:
    """That is the sync's business, which tries it again and says why it fails."""
    assert to_apply(Held(entry_of(WEB), declared=WEB)) is None
    assert applicable(entry_of(WEB)) is None


def changed_how(live: Object | None) -> str:
    drift = drift_of(entry_of(WEB, applied(WEB)), live, KEY, Rules()).drift
    assert drift is not None
    return how_changed(drift)


def test_who_makes_an_object_drift_is_told_as_far_as_the_object_tells() -> None:
    assert changed_how(changed(applied(WEB), version=9, by="k9s", a="x")) == "k9s changes data.a"
    assert changed_how(changed(applied(WEB), version=9, by="k9s", a=None, b="x")) == "k9s changes data.b"
    assert changed_how(changed(applied(WEB), version=9, a=None)) == "kubectl-edit removes data.a"
    assert changed_how(None) == "somebody deletes it or takes its label off"


def test_an_api_server_with_too_much_to_do_is_left_alone_as_long_as_it_asks_for() -> None:
    assert asked_to_wait_seconds(ClusterError("too many requests", status=429, retry_after=7.0)) == 7.0
    assert asked_to_wait_seconds(ClusterError("no")) == 0.0
    assert asked_to_wait_seconds(GitOpsError("no")) == 0.0
