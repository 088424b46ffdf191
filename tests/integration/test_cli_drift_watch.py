"""``drift --watch``: what changes is shown when it changes, wherever it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine
from tests.integration.gitsyncs import App, config_map, deployment, new_repository
from tests.integration.livecommand import LiveCommand, live
from tests.integration.test_reconciler_ignored import DEPLOYMENTS, autoscaler
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import SYSTEM_NAMESPACE, Installation

SYSTEM = ("-n", SYSTEM_NAMESPACE)
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  greeting: hello\n"
FLAGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: flags\ndata:\n  beta: 'off'\n"
NO_HEALING = {"selfHeal": False}


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    found = CommandLine(control_plane, tmp_path)
    found.write({"deploy/settings.yaml": SETTINGS, "deploy/flags.yaml": FLAGS})
    return found


@pytest.fixture
def shop(app: App) -> App:
    """A GitSync that has synced two ConfigMaps and a Deployment, and restores nothing."""
    app.commit(config_map("settings", greeting="hello"), config_map("flags", beta="off"), deployment("web"))
    app.create(sync=NO_HEALING)
    app.wait_ready()
    return app


def summaries(command: LiveCommand) -> list[str]:
    return [report.split("\n", 1)[0] for report in command.reports()]


# GitSyncs


def test_a_gitsync_is_shown_again_whenever_its_drift_changes_and_ctrl_c_ends_that_quietly(
    gitops: CommandLine, shop: App
) -> None:
    short = shop.status["synced"]["revision"][:8]
    well = f"3 objects are as Git says ({short} main)"
    with live(gitops, "drift", shop.name, *SYSTEM, "--watch") as command:
        command.wait_for(well)
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "bye"}})
        command.wait_for("data.greeting   Git hello   live bye   kubectl-edit (Update), ")
        shop.live.patch("configmaps", "settings", {"data": {"extra": "?"}})
        command.wait_for("+ data.extra")
        # What is no drift is not shown: a status, and what a controller adds.
        shop.live.patch(DEPLOYMENTS, "web", {"metadata": {"annotations": {"seen": "yes"}}}, manager="some-controller")
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "hello", "extra": None}})
        command.wait(lambda: summaries(command)[-1] == well, "all to be well again")
        assert command.interrupt() == 130
    assert command.stderr == ""
    assert summaries(command) == [well, *["1 of 3 objects drifted: 1 modified"] * 2, well]
    between = [line for line in command.lines if line.startswith("---")]
    assert all(re.fullmatch(r"--- \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ---", line) for line in between)


def test_json_is_a_document_on_a_line_for_each_change(gitops: CommandLine, shop: App) -> None:
    with live(gitops, "drift", shop.name, *SYSTEM, "-w", "-o", "json") as command:
        command.wait(lambda: command.documents, "the first document")
        shop.live.delete("configmaps", "flags")
        command.wait(lambda: len(command.documents) > 1, "the second document")
        assert command.interrupt() == 130
    first, second = command.documents
    assert (first["kind"], first["summary"]["drifted"]) == ("DriftReport", 0)
    assert [(one["name"], one["drift"]) for one in second["objects"]] == [("flags", "Missing")]


def test_a_new_sync_is_judged_anew(gitops: CommandLine, shop: App) -> None:
    with live(gitops, "drift", shop.name, *SYSTEM, "--watch") as command:
        command.wait_for("3 objects are as Git says")
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "bye"}})
        command.wait_for("live bye")
        sha = shop.commit(config_map("settings", greeting="bye"), config_map("new"))
        command.wait_for(f"2 objects are as Git says ({sha[:8]} main)")
        shop.live.patch("configmaps", "new", {"data": {"key": "by hand"}})
        command.wait_for("live by hand")


def test_an_object_that_loses_its_label_is_not_taken_for_gone(gitops: CommandLine, shop: App) -> None:
    with live(gitops, "drift", shop.name, *SYSTEM, "--watch") as command:
        command.wait_for("3 objects are as Git says")
        label = {"kubectl-gitops.dev/managed-by": None}
        shop.live.patch("configmaps", "settings", {"metadata": {"labels": label}})
        command.wait_for("metadata.labels")
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "bye"}})
        command.wait_for("live bye")
        shop.live.delete("configmaps", "settings")
        command.wait_for("1 missing")
        shop.live.delete("configmaps", "flags")
        command.wait_for("2 missing")
        shop.live.create("configmaps", config_map("flags", beta="off"))
        command.wait_for("1 modified, 1 missing")
    assert [report.count("Missing") for report in command.reports()] == [0, 0, 0, 1, 2, 1]


def test_an_autoscaler_takes_its_replicas_out_of_the_drift_as_long_as_it_is_there(
    gitops: CommandLine, shop: App
) -> None:
    with live(gitops, "drift", shop.name, *SYSTEM, "--watch", "--show-ignored") as command:
        command.wait_for("3 objects are as Git says")
        shop.live.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 6}})
        command.wait_for("1 of 3 objects drifted: 1 modified")
        shop.live.create("autoscaling/v2/horizontalpodautoscalers", autoscaler("web"))
        command.wait_for("[ignored: HorizontalPodAutoscaler web scales it]")
        shop.live.delete("autoscaling/v2/horizontalpodautoscalers", "web")
        command.wait(lambda: "ignored" not in command.reports()[-1], "the drift to count again")
    assert len(command.reports()) == 4


def test_what_a_gitsync_says_counts_as_soon_as_it_says_it(gitops: CommandLine, shop: App) -> None:
    with live(gitops, "drift", shop.name, *SYSTEM, "--watch") as command:
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "bye"}})
        command.wait_for("live bye")
        shop.change({"ignoreDifferences": [{"kind": "ConfigMap", "jsonPointers": ["/data/greeting"]}]})
        command.wait_for("3 objects are as Git says")
        assert "; 1 ignored\n" in command.reports()[-1]
        shop.delete()
        assert command.ended() == 2
    assert command.stderr == f"error: GitSync {SYSTEM_NAMESPACE}/{shop.name} was deleted\n"


def test_all_gitsyncs_are_watched_those_to_come_too(
    gitops: CommandLine, shop: App, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    later = App(control_plane, namespace, new_repository(tmp_path))
    later.commit(config_map("later"))
    mine, theirs = f"GitSync {SYSTEM_NAMESPACE}/{shop.name}: ", f"GitSync {SYSTEM_NAMESPACE}/{later.name}: "
    with live(gitops, "drift", "-A", "--watch") as command:
        command.wait_for(f"{mine}3 objects are as Git says")
        later.create(sync=NO_HEALING)
        command.wait_for(f"{theirs}1 object is as Git says")
        later.live.patch("configmaps", "later", {"data": {"key": "by hand"}})
        command.wait_for(f"{theirs}1 of 1 object drifted")
        shop.live.delete("configmaps", "settings")
        command.wait_for(f"{mine}1 of 3 objects drifted")
        later.delete()
        command.wait(lambda: theirs not in command.reports()[-1], "the GitSync to be gone")


def test_a_gitsync_that_has_not_synced_yet_is_waited_for(gitops: CommandLine, app: App) -> None:
    app.commit(config_map("settings"))
    app.create(sync=NO_HEALING, suspend=True)
    with live(gitops, "drift", app.name, *SYSTEM, "--watch") as command:
        command.wait(lambda: "has not synced yet" in command.stderr, "the note")
        app.change({"suspend": False})
        command.wait_for("1 object is as Git says")
    assert command.stderr == (
        f"warning: GitSync {SYSTEM_NAMESPACE}/{app.name} has not synced yet\nthe report is complete and up to date\n"
    )


def test_one_object_is_watched_alone(gitops: CommandLine, shop: App) -> None:
    with live(gitops, "drift", "cm/settings", "-n", shop.live.namespace, "--watch") as command:
        command.wait_for("1 object is as Git says")
        shop.live.delete("configmaps", "flags")
        shop.live.patch("configmaps", "settings", {"data": {"greeting": "bye"}})
        command.wait_for("1 of 1 object drifted: 1 modified")
        shop.live.delete("configmaps", "settings")
        command.wait_for("1 of 1 object drifted: 1 missing")
    assert len(command.reports()) == 3


# Files


def test_files_are_compared_again_with_what_changes(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(gitops.directory / "deploy" / "settings.yaml"))
    with live(gitops, "drift", "-f", "deploy", "-n", namespace, "--watch") as command:
        command.wait_for("1 of 2 objects drifted: 1 missing")
        kubectl("create", "-n", namespace, "-f", str(gitops.directory / "deploy" / "flags.yaml"))
        command.wait_for("2 objects are as Git says")
        kubectl("patch", "cm", "settings", "-n", namespace, "--type=merge", "-p", '{"data": {"greeting": "bye"}}')
        command.wait_for("data.greeting   Git hello   live bye   kubectl-patch (Update), ")
        kubectl("delete", "cm", "flags", "-n", namespace)
        command.wait_for("2 of 2 objects drifted: 1 modified, 1 missing")
        kubectl("patch", "cm", "settings", "-n", namespace, "--type=merge", "-p", '{"data": {"greeting": "hello"}}')
        command.wait_for("1 of 2 objects drifted: 1 missing")
        assert command.interrupt() == 130
    assert command.stderr == ""
    assert len(command.reports()) == 5


def test_one_object_of_the_files_is_watched_alone(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    with live(gitops, "drift", "-f", "deploy", "cm/flags", "-n", namespace, "-w", "-o", "name") as command:
        command.wait_for("configmap/flags\n")
        kubectl("create", "-n", namespace, "-f", str(gitops.directory / "deploy"))
        command.wait(lambda: command.reports()[1:] == [""], "an empty report")


# On a terminal


def test_a_terminal_is_redrawn_in_place(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(gitops.directory / "deploy"))
    arguments = ("drift", "-f", "deploy", "-n", namespace, "--watch")
    with live(gitops, *arguments, terminal=True, NO_COLOR="") as command:
        command.wait(lambda: command.frame.startswith("2 objects are as Git says\n"), "the first frame")
        kubectl("delete", "cm", "flags", "-n", namespace)
        command.wait(lambda: command.frame.startswith("1 of 2 objects drifted: 1 missing\n"), "the second frame")
        assert re.search(r"as of \S+Z; Ctrl-C ends", command.frame)
        assert "\033[31mMissing\033[0m" in command.frame
        assert command.interrupt() == 130
    assert command.stderr == ""
    assert command.text.count("\033[H\033[J") == 2
    assert command.text.endswith("\r\n")
    with live(gitops, *arguments, terminal=True, NO_COLOR="1") as command:
        command.wait(lambda: "Ctrl-C ends" in command.frame, "a frame")
        assert "\033" not in command.frame
    with live(gitops, *arguments, terminal=True, TERM="dumb") as command:
        command.wait(lambda: "1 of 2 objects drifted" in command.text, "the report")
        kubectl("create", "-n", namespace, "-f", str(gitops.directory / "deploy" / "flags.yaml"))
        command.wait(lambda: "2 objects are as Git says" in command.text, "the second report")
        assert "\033" not in command.text


# What cannot be watched


def test_who_may_not_watch_is_told_which_right_is_missing(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    user = f"reader-{namespace}"
    kubectl("create", "role", "reader", "-n", namespace, "--verb=get,list,patch", "--resource=configmaps")
    kubectl("create", "rolebinding", "reader", "-n", namespace, "--role=reader", f"--user={user}")
    refused = gitops.refused("drift", "-f", "deploy", "-n", namespace, "--watch", user=user)
    assert refused.error.startswith(f'configmaps is forbidden: User "{user}" cannot watch resource "configmaps"')


def test_a_format_that_makes_a_file_is_not_watched(gitops: CommandLine, namespace: str) -> None:
    refused = gitops.refused("drift", "-f", "deploy", "-n", namespace, "--watch", "-o", "html")
    assert refused.error == (
        "-o html makes one file; --watch goes with table, wide, name, diff, json, yaml or jsonpath=TEMPLATE"
    )


def test_what_is_not_there_is_an_error_at_once(gitops: CommandLine, reconciler: Installation, namespace: str) -> None:
    refused = gitops.refused("drift", "nope", "-n", namespace, "--watch")
    assert refused.error == f"no GitSync nope in namespace {namespace} (there is none at all)"


# An API server that goes and comes back


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as found:
        yield found


def test_an_api_server_that_was_away_is_watched_again(plane: ControlPlane, tmp_path: Path) -> None:
    gitops = CommandLine(plane, tmp_path)
    gitops.write({"deploy/settings.yaml": SETTINGS})
    with live(gitops, "drift", "-f", "deploy", "--watch") as command:
        command.wait_for("1 missing")
        plane.stop_apiserver()
        command.wait(lambda: "warning: out of date: " in command.stderr, "the warning")
        plane.start_apiserver()
        plane.kubectl("create", "-f", str(tmp_path / "deploy"))
        command.wait_for("1 object is as Git says")
        command.wait(
            lambda: command.stderr.endswith("the report is complete and up to date\n"), "the end of the warning"
        )
        assert command.interrupt() == 130
    assert len(command.reports()) == 2
    assert "Traceback" not in command.stderr
