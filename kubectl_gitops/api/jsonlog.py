"""Logs as JSON, one object a line on stderr, for the processes that run in a cluster.

What a caller gives as ``extra={...}`` becomes fields of the line.
"""

from __future__ import annotations

import json
import logging
import logging.config
from datetime import UTC, datetime
from typing import Any

_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _OWN_ATTRIBUTES)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # Not orjson: a log line must come out whatever it holds (lone surrogates, huge numbers), and there are few.
        return json.dumps(line, default=str)


def logging_config(level: str) -> dict[str, Any]:
    """For logging.config.dictConfig, and for servers that want to call it themselves."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {},
    }


def configure(level: str = "info") -> None:
    """Send everything at ``level`` and above to stderr as JSON."""
    logging.config.dictConfig(logging_config(level))
