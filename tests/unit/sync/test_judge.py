"""What can be told without asking the API server, and what its answer to a dry-run says."""

from __future__ import annotations

from kubectl_gitops.diff.path import ABSENT
from kubectl_gitops.sync.judge import Standing, differences, judge
from tests.unit.sync.samples import KEY, applied, changed, declared, entry_of

WEB = declared({"a": "1", "b": "2"})
LIVE = applied(WEB)


def test_what_is_not_there_is_missing() -> None:
    assert judge(WEB, None, None, KEY).standing is Standing.MISSING
    known = judge(WEB, None, entry_of(WEB, LIVE), KEY)
    assert known.standing is Standing.MISSING
    assert known.canonical == entry_of(WEB, LIVE).canonical


def test_with_a_canonical_form_equality_is_exact() -> None:
    entry = entry_of(WEB, LIVE)
    assert judge(WEB, LIVE, entry, KEY).standing is Standing.SAME
    assert judge(WEB, changed(LIVE, version=6, a="x"), entry, KEY).standing is Standing.SUSPECT
    assert judge(WEB, changed(LIVE, version=6, a=None), entry, KEY).standing is Standing.SUSPECT
    assert judge(WEB, changed(LIVE, version=6, c="3"), entry, KEY).standing is Standing.SAME


def test_equal_values_that_somebody_else_holds_are_ours_no_longer() -> None:
    taken = changed(LIVE, version=6, a="1")
    entry = entry_of(WEB, LIVE)
    assert judge(WEB, taken, entry, KEY).standing is Standing.SUSPECT


def test_what_was_learned_of_another_declaration_does_not_count() -> None:
    newer = declared({"a": "1", "b": "3"})
    assert judge(newer, LIVE, entry_of(WEB, LIVE), KEY).standing is Standing.SUSPECT
    assert judge(WEB, LIVE, entry_of(newer, applied(newer)), KEY).standing is Standing.SAME


def test_without_one_a_superset_that_we_own_is_the_same_and_teaches_it() -> None:
    judgement = judge(WEB, LIVE, None, KEY)
    assert judgement.standing is Standing.SAME
    assert judgement.canonical == entry_of(WEB, LIVE).canonical


def test_without_one_all_else_is_suspect() -> None:
    assert judge(WEB, applied(WEB, by="kubectl"), None, KEY).standing is Standing.SUSPECT
    more = applied(declared({"a": "1", "b": "2", "stale": "3"}))
    assert judge(WEB, more, None, KEY).standing is Standing.SUSPECT
    assert judge(WEB, {**LIVE, "data": {"a": "1"}}, None, KEY).standing is Standing.SUSPECT


def test_values_of_secrets_are_compared_sealed() -> None:
    login = declared({"password": "Z2VoZWlt"}, kind="Secret")
    live = applied(login)
    entry = entry_of(login, live)
    assert entry.canonical
    assert "Z2VoZWlt" not in str(entry.canonical.tree)
    assert judge(login, live, entry, KEY).standing is Standing.SAME
    # What was sealed with another key says nothing: the object is judged, and sealed, anew.
    anew = judge(login, live, entry, b"another key")
    assert anew.standing is Standing.SAME
    assert anew.canonical != entry.canonical
    judgement = judge(login, live, None, KEY)
    assert judgement.canonical == entry.canonical


def test_differences_are_the_fields_that_an_apply_sets_and_those_it_drops() -> None:
    wanted = declared({"a": "1", "c": "3"})
    live = changed(LIVE, version=6, a="x")
    answer = applied(wanted, version=7)
    assert [(change.path, change.desired, change.live) for change in differences(answer, live)] == [
        (("data", "a"), "1", "x"),
        (("data", "c"), "3", ABSENT),
        (("data", "b"), ABSENT, "2"),
    ]
    assert differences(LIVE, LIVE) == []


def test_a_field_that_goes_as_a_whole_is_one_difference() -> None:
    answer = {**applied(WEB), "metadata": {**applied(WEB)["metadata"]}}
    answer.pop("data")
    answer["metadata"]["managedFields"] = [{**LIVE["metadata"]["managedFields"][0], "fieldsV1": {}}]
    assert [change.path for change in differences(answer, LIVE)] == [("data",)]


def test_what_somebody_else_holds_as_well_is_not_dropped() -> None:
    shared = changed(LIVE, version=6, b="2")
    shared["metadata"]["managedFields"][0] = LIVE["metadata"]["managedFields"][0]
    answer = applied(declared({"a": "1"}), version=7)
    answer["data"] = shared["data"]
    assert differences(answer, shared) == []
