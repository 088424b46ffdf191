"""Who set a field last, as far as managedFields can tell."""

from __future__ import annotations

from typing import Any

from kubectl_gitops.diff.attribution import FieldOwners, owner_of

PATH = ("data", "a")
T1, T2 = "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"


def owned(*entries: tuple[str, str, list[str]]) -> dict[str, Any]:
    """An object, with who owns which keys of its data since when."""
    managed = [
        {
            "manager": manager,
            "operation": "Update",
            "time": time,
            "fieldsV1": {"f:data": {f"f:{key}": {} for key in keys}},
        }
        for manager, time, keys in entries
    ]
    return {"metadata": {"managedFields": managed}, "data": {"a": "1", "b": "2"}}


def managers(live: dict[str, Any]) -> list[str]:
    return [owner.manager for owner in FieldOwners(live).of(PATH)]


def test_of_several_owners_who_wrote_last_is_named() -> None:
    live = owned(("kubectl-create", T1, ["a", "b"]), ("kubectl-patch", T2, ["a"]), ("other", T2, ["b"]))
    assert managers(live) == ["kubectl-patch", "kubectl-create"]
    owner = owner_of(live, PATH)
    assert owner
    assert owner.manager == "kubectl-patch"
    assert owner_of(live, ("data", "c")) is None


def test_within_one_second_whoever_owns_less_came_after_who_created_it_all() -> None:
    create, patch = ("kubectl-create", T1, ["a", "b"]), ("kubectl-patch", T1, ["a"])
    assert managers(owned(create, patch)) == managers(owned(patch, create)) == ["kubectl-patch", "kubectl-create"]


def test_whoever_has_lost_all_keys_of_a_map_to_others_owns_none_of_them() -> None:
    patch = ("kubectl-patch", T1, ["a"])
    assert managers(owned(("kubectl-create", T1, []), patch)) == ["kubectl-patch"]
    assert managers(owned(patch, ("kubectl-create", T1, []))) == ["kubectl-patch"]


def test_who_owns_an_atomic_field_owns_what_lies_below_it() -> None:
    assert managers(owned(("kubectl-create", T1, []))) == ["kubectl-create"]
