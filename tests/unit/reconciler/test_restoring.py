"""What is applied to put an object back."""

from __future__ import annotations

from dataclasses import replace

from kubectl_gitops.diff.compare import Canonical
from kubectl_gitops.reconciler.ledger import Held
from kubectl_gitops.reconciler.restoring import applicable, to_apply
from tests.unit.sync.samples import applied, declared, entry_of

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
