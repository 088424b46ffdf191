"""A BreakGlass as the API server has it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_gitops.api.breakglass import read_break_glass
from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.errors import InvalidInput

OPENED = 1_795_000_000.0  # 2026-11-18T11:06:40Z


def glass(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "team", "name": "shop-x7", "creationTimestamp": "2026-11-18T11:06:40Z"},
        "spec": {"gitSync": "shop", "duration": "30m", "reason": "INC-42", "by": "eve", **spec},
    }


def test_it_is_open_from_its_creation_for_as_long_as_it_says() -> None:
    found = read_break_glass(glass())
    assert (found.opened, found.until - found.opened, found.label) == (OPENED, 1800.0, "team.shop")
    assert found.is_open(found.until - 0.1)
    assert not found.is_open(found.until)
    assert found.until_text == "2026-11-18T11:36:40Z"
    assert found.restores
    assert not read_break_glass(glass(then="Report")).restores


def test_it_is_for_all_objects_or_for_those_it_names() -> None:
    web = ResourceKey("apps", "Deployment", "shop", "web")
    assert read_break_glass(glass()).covers(web)
    only = read_break_glass(glass(only=[{"group": "apps", "kind": "Deployment", "name": "web"}]))
    assert only.covers(web)
    assert only.covers(web._replace(namespace="other"))
    assert not only.covers(web._replace(name="db"))
    assert not only.covers(web._replace(group=""))
    assert str(only.only[0]) == "Deployment.apps/web"


@pytest.mark.parametrize("broken", [{"duration": "soon"}, {"duration": None}, {"only": [{}]}, {"only": 3}])
def test_what_is_none_is_said(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="BreakGlass shop-x7 is not valid"):
        read_break_glass(glass(**broken))
