"""What a snapshot says of a plan before and after it was carried out."""

from __future__ import annotations

from dataclasses import replace

from kubectl_gitops.api.commit import Commit
from kubectl_gitops.api.objects import Declared, Object, Origin, ResourceKey
from kubectl_gitops.diff.plan import ActionKind
from kubectl_gitops.errors import Rejected
from kubectl_gitops.snapshot.model import Snapshot
from kubectl_gitops.source.declared import declare
from kubectl_gitops.sync.engine import _reason_not_to_prune
from kubectl_gitops.sync.inventory import Outcome, ended_snapshot, planned_snapshot, says_the_same
from kubectl_gitops.sync.steps import Plan, Step, Target
from tests.unit.sync.samples import KEY, applied, declared, entry_of

COMMIT = Commit(sha="a" * 40, author="Jane", author_email="j@x", time="2026-01-01T00:00:00Z", subject="more")
TARGET = Target(namespace="gitops-system", name="shop", uid="u", label="gitops-system.shop", default_namespace="shop")
NEW, OLD = declared({"a": "1"}, name="new"), declared({"a": "1"}, name="old")
WEB, NEWER = declared({"a": "1"}), declared({"a": "2"})
REFUSED = Rejected("no")


def step(one: Declared, kind: ActionKind, live: Object | None = None, error: Rejected | None = None) -> Step:
    canonical = entry_of(one, applied(one)).canonical if live and not error else None
    return Step(
        kind=kind,
        key=one.key,
        api_version="v1",
        declared=None if kind in {ActionKind.PRUNE, ActionKind.ORPHAN} else one,
        declared_digest=entry_of(one).declared_digest,
        live=live,
        canonical=canonical,
        error=error,
    )


def snapshot_of(plan: Plan) -> Snapshot:
    return planned_snapshot(plan, revision=COMMIT, repo_url="https://git.example/shop", path=".")


def plan(*steps: Step, previous: Snapshot | None = None) -> Plan:
    return Plan(target=TARGET, steps=steps, previous=previous)


ENTRIES = (entry_of(WEB, applied(WEB)), entry_of(OLD, applied(OLD)))
PREVIOUS = replace(snapshot_of(plan()), complete=True, entries=ENTRIES)


def test_before_the_first_write_it_holds_all_that_is_declared_and_all_that_is_owed() -> None:
    change, create = step(NEWER, ActionKind.CHANGE, applied(WEB)), step(NEW, ActionKind.CREATE)
    unseen = ("metrics.k8s.io/v1", ResourceKey("metrics.k8s.io", "Lamp", "", "desk"))
    made = snapshot_of(
        replace(plan(change, create, step(OLD, ActionKind.PRUNE, applied(OLD)), previous=PREVIOUS), unseen=(unseen,))
    )
    assert (made.namespace, made.name, made.uid, made.complete) == ("gitops-system", "shop", "u", False)
    assert made.sequence > PREVIOUS.sequence
    assert [entry.name for entry in made.entries] == ["web", "new"]
    assert made.entries[0].canonical == entry_of(NEWER, applied(NEWER)).canonical
    assert made.entries[1].canonical is None
    assert made.owed == (("v1", OLD.key), unseen)


def test_after_it_each_form_is_known_and_what_was_pruned_is_forgotten() -> None:
    create, prune = step(NEW, ActionKind.CREATE), step(OLD, ActionKind.PRUNE, applied(OLD))
    orphan = step(declared({}, name="orphan"), ActionKind.ORPHAN)
    whole = plan(create, prune, orphan, previous=PREVIOUS)
    outcomes = [Outcome(step=create, answer=applied(NEW)), Outcome(step=prune)]
    ended = ended_snapshot(snapshot_of(whole), whole, outcomes, KEY)
    assert ended.complete
    assert ended.entries == (entry_of(NEW, applied(NEW)),)
    assert [key.name for _, key in ended.owed] == ["orphan"]


def test_what_could_not_be_pruned_is_still_owed() -> None:
    prune = step(OLD, ActionKind.PRUNE, applied(OLD))
    whole = plan(step(WEB, ActionKind.UNCHANGED, applied(WEB)), prune, previous=PREVIOUS)
    for outcomes in ([], [Outcome(step=prune, error=REFUSED)]):
        ended = ended_snapshot(snapshot_of(whole), whole, outcomes, KEY)
        assert [key.name for _, key in ended.owed] == ["old"]


def test_what_is_refused_stays_what_it_was() -> None:
    """By the dry-run, or only when it was applied in earnest."""
    refused = step(NEWER, ActionKind.CHANGE, applied(WEB), REFUSED)
    whole = plan(refused, previous=PREVIOUS)
    assert snapshot_of(whole).entries == (entry_of(WEB, applied(WEB)),)
    promising = step(NEWER, ActionKind.CHANGE, applied(WEB))
    for one in (refused, promising):
        whole = plan(one, previous=PREVIOUS)
        ended = ended_snapshot(snapshot_of(whole), whole, [Outcome(step=one, error=REFUSED)], KEY)
        assert ended.entries == (entry_of(WEB, applied(WEB)),)
        ended = ended_snapshot(snapshot_of(whole), whole, [Outcome(step=one, answer=applied(NEWER))], KEY)
        assert ended.entries == (entry_of(NEWER, applied(NEWER)),)


def test_what_was_never_applied_and_is_refused_has_no_form() -> None:
    create = step(NEW, ActionKind.CREATE, error=REFUSED)
    for previous in (None, PREVIOUS, replace(PREVIOUS, entries=(entry_of(NEW),))):
        whole = plan(create, previous=previous)
        ended = ended_snapshot(snapshot_of(whole), whole, [Outcome(step=create, error=REFUSED)], KEY)
        assert ended.entries == (entry_of(NEW),)


def test_two_tries_that_fail_alike_say_the_same() -> None:
    refused = step(NEWER, ActionKind.CHANGE, applied(WEB), REFUSED)
    first = plan(refused, previous=PREVIOUS)
    ended = ended_snapshot(snapshot_of(first), first, [Outcome(step=refused, error=REFUSED)], KEY)
    second = plan(refused, previous=ended)
    assert says_the_same(
        ended_snapshot(snapshot_of(second), second, [Outcome(step=refused, error=REFUSED)], KEY), ended
    )
    assert not says_the_same(snapshot_of(second), ended)  # it is not complete
    assert not says_the_same(replace(ended, path="other"), ended)
    assert not says_the_same(ended, None)


def test_reasons_not_to_prune() -> None:
    web, prune = step(WEB, ActionKind.UNCHANGED, applied(WEB)), step(OLD, ActionKind.PRUNE, applied(OLD))
    assert _reason_not_to_prune(plan(web, prune), is_whole=True) == ""
    assert "not everything" in _reason_not_to_prune(plan(web, prune), is_whole=False)
    assert "nothing at all" in _reason_not_to_prune(plan(prune), is_whole=True)


def test_of_what_a_sync_did_not_come_to_that_stays_in_force_which_was_before() -> None:
    web, new = step(WEB, ActionKind.CHANGE, applied(WEB)), step(OLD, ActionKind.CREATE)
    whole = plan(web, new, previous=PREVIOUS)
    ended = ended_snapshot(snapshot_of(whole), whole, [], KEY, unreached=[web, new])
    assert not ended.complete
    assert [entry for entry in ended.entries if entry.name == WEB.name] == [PREVIOUS.by_key[WEB.key]]


CONFIG_MAP = b"# settings\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata:\n  a: '1'\n"


def test_it_tells_the_line_of_each_field_before_and_after() -> None:
    (read,) = declare(CONFIG_MAP, file="web.yaml")
    create, same = step(read, ActionKind.CREATE), step(read, ActionKind.UNCHANGED, applied(read))
    field = ("data", "a")
    first = plan(create)
    ended = ended_snapshot(snapshot_of(first), first, [Outcome(step=create, answer=applied(read))], KEY)
    assert (
        ended.entries[0].origin_of(field)
        == snapshot_of(plan(same)).entries[0].origin_of(field)
        == Origin("web.yaml", 6)
    )


def test_lines_move_with_the_file_though_nothing_else_changes() -> None:
    (read,) = declare(CONFIG_MAP, file="web.yaml")
    (moved,) = declare(CONFIG_MAP.replace(b"\ndata:", b"\n# some\ndata:"), file="web.yaml")
    before = snapshot_of(plan(replace(step(read, ActionKind.UNCHANGED, applied(read)), commit=COMMIT)))
    canonical = before.entries[0].canonical

    def line_after(one: Declared, commit: Commit) -> Origin | None:
        now = replace(step(one, ActionKind.UNCHANGED, applied(one)), commit=commit, canonical=canonical)
        return snapshot_of(plan(now, previous=before)).entries[0].origin_of(("data", "a"))

    assert line_after(read, COMMIT) == Origin("web.yaml", 6)
    assert line_after(moved, replace(COMMIT, sha="b" * 40)) == Origin("web.yaml", 7)
