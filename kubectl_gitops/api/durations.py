"""Durations as GitSyncs have them: ``30s``, ``5m``, ``1h30m``."""

from __future__ import annotations

import re

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_seconds(text: str) -> float:
    """``1h30m`` -> 5400.0. Raises ValueError on what is no duration."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r} (write 30s, 5m or 1h30m)")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
