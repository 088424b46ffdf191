"""Objects as people name them to kubectl."""

from __future__ import annotations

import pytest

from kubectl_gitops.cli.objectname import take_object_name
from kubectl_gitops.errors import InvalidInput


@pytest.mark.parametrize(
    ("words", "found", "left"),
    [
        (["deploy/web"], ("deploy", "web"), []),
        (["deployment.apps/web", "spec"], ("deployment.apps", "web"), ["spec"]),
        (["deploy", "web", "spec.replicas"], ("deploy", "web"), ["spec.replicas"]),
    ],
)
def test_objects_are_named_as_for_kubectl(words: list[str], found: tuple[str, str], left: list[str]) -> None:
    assert take_object_name(words) == (found, left)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say which object: KIND/NAME"),
        (["deploy"], "'deploy' says no name: KIND/NAME"),
        (["deploy/"], "'deploy/' is no KIND/NAME"),
        (["/web"], "'/web' is no KIND/NAME"),
        (["deploy/web/x"], "'deploy/web/x' is no KIND/NAME"),
        (["deploy", "a/b"], "'deploy/a/b' is no KIND/NAME"),
    ],
)
def test_what_names_no_object_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        take_object_name(words)
    assert str(caught.value) == said
    assert caught.value.hint
