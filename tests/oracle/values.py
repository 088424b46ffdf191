"""Small values that occur all over Kubernetes objects, each in the spellings that people use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

WORDS = st.sampled_from(["red", "green", "blue", "on", "0", "true", ""])
LABEL_KEYS = st.sampled_from(["app", "tier", "example.com/team", "app.kubernetes.io/name", "x"])
LABELS = st.dictionaries(LABEL_KEYS, st.sampled_from(["web", "shop", "1", ""]), max_size=3)
ANNOTATIONS = st.dictionaries(st.sampled_from(["note", "example.com/owner", "a/b"]), WORDS, max_size=2)
STRINGS = st.dictionaries(st.sampled_from(["a", "b.conf", "c_d", "key"]), WORDS, max_size=3)
BOOLS = st.booleans()
SMALL = st.integers(1, 5)
SECONDS = st.integers(1, 120)
PORTS = st.sampled_from([80, 443, 8080, 9090])
PROTOCOLS = st.sampled_from(["TCP", "UDP"])

#: The same amounts again and again, otherwise spelt.
LITTLE_CPU = st.sampled_from(["0.1", "100m", ".1", "0.10", 0.1, "1", 1, "1000m", "250m"])
MUCH_CPU = st.sampled_from(["2", 2, "2000m", "2.0", "4"])
LITTLE_MEMORY = st.sampled_from(["512Mi", "0.5Gi", "536870912", 536870912, "64Mi", "100M", "1e8"])
MUCH_MEMORY = st.sampled_from(["3Gi", "3072Mi", 3221225472, "4Gi"])
#: For PUT: other spellings of what an amount is.
RESPELT = {
    "1": "1000m",
    "100m": "0.1",
    "250m": "0.25",
    "2": "2000m",
    "4": "4000m",
    "512Mi": "0.5Gi",
    "64Mi": "65536Ki",
    "3Gi": "3072Mi",
    "4Gi": "4096Mi",
    "100M": "1e8",
}

INT_OR_PERCENT = st.sampled_from([1, 2, "25%", "50%", "100%"])
PORT_REFERENCES = st.sampled_from([80, 8080, "http", "metrics"])


def some(required: Mapping[str, Strategy] | None = None, /, **optional: Strategy) -> Strategy:
    """A map with the required fields and any of the optional ones."""
    return st.fixed_dictionaries(dict(required or {}), optional=optional)


def fixed(value: Any) -> Strategy:
    return st.just(value)


def unique(items: Strategy, *fields: str, least: int = 0, most: int = 3) -> Strategy:
    """A list of items that differ in these fields."""
    return st.lists(
        items, min_size=least, max_size=most, unique_by=lambda item: tuple(repr(item.get(name)) for name in fields)
    )


def selector(**labels: str) -> Strategy:
    expressions = st.lists(
        st.fixed_dictionaries({"key": LABEL_KEYS, "operator": fixed("In"), "values": fixed(["a", "b"])}), max_size=1
    )
    return some({"matchLabels": fixed(labels) if labels else LABELS}, matchExpressions=expressions)
