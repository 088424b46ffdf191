"""What break-glass keeps the reconciler from doing."""

from __future__ import annotations

from dataclasses import replace

from kubectl_gitops.api.breakglass import BreakGlass, Target
from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.reconciler.breakglass import SETTLE_SECONDS, Hold, status_of

WEB = ResourceKey("apps", "Deployment", "shop", "web")
DB = ResourceKey("apps", "StatefulSet", "shop", "db")
GLASS = BreakGlass(
    namespace="team", name="shop-1", gitsync="shop", by="eve", reason="INC-42", opened=1000.0, until=2000.0
)
ONLY_WEB = replace(GLASS, name="shop-2", only=(Target(group="apps", kind="Deployment", name="web"),))
REPORTS = replace(GLASS, name="shop-3", restores=False)


def hold(*found: BreakGlass, now: float) -> Hold:
    return Hold(lambda: found, lambda: now)


def test_while_open_it_holds_what_it_covers() -> None:
    assert hold(GLASS, now=1999.0).holds(WEB)
    assert hold(ONLY_WEB, now=1999.0).holds(WEB)
    assert not hold(ONLY_WEB, now=1999.0).holds(DB)
    assert not hold(now=1999.0).holds(WEB)


def test_after_its_end_it_holds_only_what_is_to_be_reported() -> None:
    assert not hold(GLASS, now=2000.0).holds(WEB)
    assert hold(GLASS, now=2000.0).latest() is None
    assert hold(REPORTS, now=2000.0).holds(WEB)
    assert hold(REPORTS, now=2000.0).latest() == REPORTS
    assert hold(REPORTS, now=2000.0).opened() == []


def test_it_is_settled_when_it_has_nothing_left_to_do() -> None:
    assert hold(GLASS, REPORTS, now=1999.0).settled([]) == []
    assert hold(GLASS, now=2000.0).settled([WEB]) == [GLASS]
    later = 2000.0 + SETTLE_SECONDS
    assert hold(REPORTS, now=2000.0).settled([]) == []  # the last change may not have been seen
    assert hold(REPORTS, now=later).settled([WEB]) == []
    assert hold(REPORTS, now=later).settled([]) == [REPORTS]
    assert hold(replace(ONLY_WEB, restores=False), now=later).settled([DB]) != []


def test_the_status_tells_of_the_last_one() -> None:
    told = status_of(ONLY_WEB, {}, is_open=True)
    assert told is not None
    assert (told["by"], told["only"], told["then"], told["open"]) == ("eve", ["Deployment.apps/web"], "Restore", True)
    assert status_of(None, told, is_open=False) == {**told, "open": False}
    assert status_of(None, {}, is_open=False) is None
