"""The value of a Secret never appears: not in what is printed, not in what is stored."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import pytest

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine
from tests.testbed.controlplane import ControlPlane

#: In Git, and what somebody makes of them by hand.
VALUES = ("Tr0ub4dor-and-3", "correct-horse-battery", "staple-of-my-heart", "not-what-git-says", "nor-is-this-one")
PASSWORD, TOKEN, STALE, BY_HAND, ADDED = VALUES


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


SECRET = f"""\
apiVersion: v1
kind: Secret
metadata:
  name: credentials
  annotations:
    # As in what kubectl get -o yaml prints, which people commit.
    kubectl.kubernetes.io/last-applied-configuration: '{{"data":{{"stale":"{encoded(STALE)}"}}}}'
stringData:
  password: {PASSWORD}
data:
  token: {encoded(TOKEN)}
"""


def assert_no_value_in(text: str) -> None:
    for value in VALUES:
        for form in (value, encoded(value), value[:8], encoded(value)[:8]):
            assert form not in text


class Discreet(CommandLine):
    """A command line of which all output is searched for values."""

    def says(self, code: int, *args: str) -> str:
        done = self(*args)
        assert done.returncode == code, done.stderr
        assert_no_value_in(done.stdout + done.stderr)
        return done.stdout


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> Discreet:
    return Discreet(control_plane, tmp_path)


def test_no_value_is_printed_or_stored(gitops: Discreet, kubectl: Kubectl, namespace: str) -> None:
    gitops.write({"deploy/secret.yaml": SECRET})
    here = ("-f", "deploy", "-n", namespace)
    for output in ("yaml", "json"):
        assert "***" in gitops.says(0, "render", "-f", "deploy", "-o", output)
    for command in ("diff", "drift"):
        assert "\n+  password: '***'\n" in gitops.says(1, command, *here, "-o", "diff")
    gitops.says(0, "sync", *here, "-o", "json")
    live = gitops.live("secret", "credentials", namespace)
    assert live["data"] == {"password": encoded(PASSWORD), "token": encoded(TOKEN)}
    assert gitops.says(0, "drift", *here) == "1 object is as Git says\n"

    patch = f'{{"stringData": {{"password": "{BY_HAND}", "added": "{ADDED}"}}}}'
    kubectl("patch", "secret", "credentials", "-n", namespace, "-p", patch)
    changed = "  data.password   Git *** (before)   live *** (after)   kubectl-patch (Update), "
    unified = "-data.password: '*** (after)'\n+data.password: '*** (before)'\n"
    for output, part in (("table", changed), ("json", "*** (after)"), ("yaml", "*** (after)"), ("diff", unified)):
        assert part in gitops.says(1, "drift", *here, "-o", output)
    for output, part in (("table", changed), ("diff", unified)):
        assert part in gitops.says(1, "diff", *here, "-o", output)
    removal = '[{"op": "remove", "path": "/data/token"}]'
    kubectl("patch", "secret", "credentials", "-n", namespace, "--type=json", "-p", removal)
    assert "  data.token      Git *** (before)   live (gone)" in gitops.says(1, "drift", *here)
    assert "1 changed" in gitops.says(0, "sync", *here)
    assert gitops.live("secret", "credentials", namespace)["data"]["password"] == encoded(PASSWORD)

    snapshots = stored(gitops, namespace)
    assert snapshots
    for payload in snapshots:
        assert_no_value_in(payload)
        assert '"password":"hmac-sha256:' in payload


def stored(gitops: CommandLine, namespace: str) -> list[str]:
    """What the snapshots in a namespace hold, decompressed."""
    path = f"/api/v1/namespaces/{namespace}/secrets?fieldSelector=type%3Dkubectl-gitops.dev%2Fsnapshot"
    chunks = gitops.plane.request("GET", path)["items"]
    return [zlib.decompress(base64.b64decode(chunk["data"]["payload"])).decode() for chunk in chunks]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (f"data: {{password: [{PASSWORD}]}}", "data.password must be a string"),
        (f"stringData: {{nested: {{password: {PASSWORD}}}}}", "stringData.nested must be a string"),
    ],
)
def test_a_secret_that_the_api_server_would_refuse_and_quote_is_not_sent(
    gitops: Discreet, namespace: str, fields: str, words: str
) -> None:
    gitops.write({"secret.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: credentials}}\n{fields}\n"})
    refused = gitops.refused("sync", "-f", "secret.yaml", "-n", namespace)
    assert (refused.error, refused.hint) == (f"secret.yaml:1: Secret/credentials: {words}", "")


def test_a_value_in_a_misspelt_field_is_masked_too(gitops: Discreet, namespace: str) -> None:
    gitops.write({"secret.yaml": SECRET.replace("stringData:", "stringdata:")})
    assert "stringdata:\n  password: '***'\n" in gitops.says(0, "render", "-f", "secret.yaml")
    assert "+  password: '***'\n" in gitops.says(1, "diff", "-f", "secret.yaml", "-n", namespace, "-o", "diff")
