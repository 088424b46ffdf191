from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from kubectl_gitops.api.jsonlog import JsonFormatter, logging_config


def formatted(message: str, *args: Any, exc_info: Any = None, **extra: Any) -> dict[str, Any]:
    record = logging.getLogger("webhook.app").makeRecord(
        "webhook.app", logging.WARNING, __file__, 1, message, args, exc_info, extra=extra
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    loaded: dict[str, Any] = json.loads(line)
    return loaded


def test_a_record_is_one_line_with_its_extras() -> None:
    line = formatted("%s of %d", "one", 2, gitsync="a/b", fields=("x", "y"))
    time = line.pop("time")
    assert line == {
        "level": "warning",
        "logger": "webhook.app",
        "message": "one of 2",
        "gitsync": "a/b",
        "fields": ["x", "y"],
    }
    assert time.endswith("Z")


def test_exceptions_are_in_the_same_line() -> None:
    error = ValueError("a\nb")
    line = formatted("failed", exc_info=(type(error), error, None))
    assert line["exception"].endswith("ValueError: a\nb")


@pytest.mark.parametrize("value", ["\ud800", "\x1b\n\u2028", 2**200, {1, 2}, object(), {"a": b"b"}])
def test_whatever_it_holds_a_line_comes_out(value: Any) -> None:
    assert formatted("odd", value=value)["value"]


def test_the_configuration_is_for_the_level_asked_for() -> None:
    assert logging_config("debug")["root"]["level"] == "DEBUG"
