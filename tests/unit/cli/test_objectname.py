"""Objects as people name them."""

from __future__ import annotations

import pytest

from kubectl_gitops.cli.objectname import parse_object_name
from kubectl_gitops.errors import InvalidInput


def test_a_kind_and_a_name_are_parted_by_a_slash() -> None:
    assert parse_object_name("deploy/web") == ("deploy", "web")
    assert parse_object_name("deployment.apps/web") == ("deployment.apps", "web")


@pytest.mark.parametrize("text", ["web", "/web", "deploy/", "a/b/c", "/", ""])
def test_anything_else_names_no_object(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no KIND/NAME"):
        parse_object_name(text)
