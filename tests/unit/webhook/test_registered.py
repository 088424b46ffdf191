"""Whether the configuration says all that it should."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubectl_gitops.cluster.discovery import Resource
from webhook.configuration import webhook_configuration
from webhook.registered import _holds

CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)
WANTED = webhook_configuration([CONFIG_MAPS], {"url": "https://127.0.0.1/"}, b"ca")["webhooks"]


def test_defaults_and_what_others_add_do_no_harm() -> None:
    found = copy.deepcopy(WANTED)
    found[0]["objectSelector"]["matchLabels"] = {"more": "x"}
    assert _holds([{"name": "theirs"}, *reversed(found)], WANTED)


def changed(index: int, path: str, value: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = copy.deepcopy(WANTED)
    found[index][path] = value
    return found


@pytest.mark.parametrize(
    "found",
    [
        [],
        WANTED[1:],
        changed(0, "failurePolicy", "Fail"),
        changed(0, "matchConditions", []),
        changed(0, "rules", [*WANTED[0]["rules"], WANTED[0]["rules"][0]]),
        changed(0, "clientConfig", {"url": "https://127.0.0.1/", "caBundle": "eA=="}),
    ],
)
def test_what_was_changed_is_seen(found: list[dict[str, Any]]) -> None:
    assert not _holds(found, WANTED)
