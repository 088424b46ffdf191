"""``kubectl gitops render -f``: how files become objects, said by options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kubectl_gitops.cli.render import command
from kubectl_gitops.errors import GitOpsError, InvalidInput
from kubectl_gitops.source.limits import LimitExceeded

CONFIG_MAP = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: '${colour}', other: '$${n}'}\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(CONFIG_MAP)
    return tmp_path


def rendered(place: Path, *arguments: str) -> list[dict[str, Any]]:
    """The objects; raises what the command raises."""
    result = CliRunner().invoke(command, ["-f", str(place), "-o", "json", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    items: list[dict[str, Any]] = json.loads(result.stdout)["items"]
    return items


def test_variables_are_replaced_when_one_is_set(place: Path) -> None:
    assert rendered(place)[0]["data"] == {"colour": "${colour}", "other": "$${n}"}
    assert rendered(place, "--set-var", "colour=a=b", "--set-var", "x=")[0]["data"] == {
        "colour": "a=b",
        "other": "${n}",
    }


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--set-var", "x=1"), GitOpsError, "the variable colour is not defined"),
        (("--set-var", "colour"), InvalidInput, "--set-var takes NAME=VALUE"),
        (("--set-var", "a-b=1"), InvalidInput, "--set-var: 'a-b' is no name of a variable"),
        (("--limit", "max-file-bytes=10"), LimitExceeded, "the limit max-file-bytes is 10 bytes"),
        (("--limit", "max-file=10"), InvalidInput, "there is no limit 'max-file'"),
        (("--values", "x.yaml"), InvalidInput, "the options for helm go with a chart"),
        (("--release-name", "x"), InvalidInput, "the options for helm go with a chart"),
    ],
)
def test_what_is_wrong_is_told(place: Path, arguments: tuple[str, ...], error: type[GitOpsError], message: str) -> None:
    with pytest.raises(error, match=message):
        rendered(place, *arguments)
