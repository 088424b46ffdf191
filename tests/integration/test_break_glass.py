"""Break-glass: who may open it, what passes while it is open, and what becomes of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.enforcement import WEBHOOK, Guarded, Object, greet, running_both, wait_floor
from tests.integration.gitsyncs import SECONDS, App, config_map, deployment, new_repository, secret
from tests.testbed.controlplane import ControlPlane
from tests.testbed.installation import BIN, Installation
from tests.testbed.waiting import wait_until
from tests.unit.reconciler.test_outgoing import Got, listening

REASON = "INC-42 checkout is down"


@pytest.fixture(scope="module")
def both(control_plane: ControlPlane) -> Iterator[Installation]:
    with running_both(control_plane, "--allow-insecure-notifications") as installation:
        yield installation


@pytest.fixture
def shop(control_plane: ControlPlane, both: Installation, namespace: str, tmp_path: Path) -> Iterator[Guarded]:
    app = App(control_plane, namespace, new_repository(tmp_path))
    made = Guarded(app, both)
    made.create()
    yield made
    made.gitops("break-glass", app.name, "--end", check=False)
    app.delete()


def glass(shop: Guarded) -> list[str]:
    """The names of the break-glasses of the GitSync that are there."""
    items = shop.plane.request("GET", "/apis/kubectl-gitops.dev/v1alpha1/breakglasses")["items"]
    return [one["metadata"]["name"] for one in items if one["spec"]["gitSync"] == shop.app.name]


def test_changes_pass_with_a_warning_are_left_alone_and_restored_at_the_end(shop: Guarded) -> None:
    shop.refused(*greet("bye"), by=WEBHOOK)
    said = shop.gitops("break-glass", shop.app.name, "--for", "30m", "--reason", REASON).stdout
    assert f"break-glass of GitSync gitops-system/{shop.app.name} is open until " in said
    warned = shop.wait_allowed(*greet("bye"))
    assert "Warning: break-glass of admin is open until " in warned
    assert warned.rstrip().endswith(f"Z; then Git's state is restored. {REASON}")
    shop.wait_allowed("delete", "deployment", "web")
    shop.app.wait_drift(("Modified ConfigMap/settings", "data.greeting"), ("Missing Deployment/web", ""))
    status = shop.app.status["breakGlass"]
    assert (status["by"], status["reason"], status["open"], status["then"]) == ("admin", REASON, True, "Restore")
    # A new commit waits: a sync would put everything back.
    sha = shop.app.commit(config_map("settings", greeting="good morning"), deployment("web"))
    wait_until(lambda: sha[:8] in shop.app.condition("Synced")["message"], SECONDS, "the commit to be seen")
    assert shop.app.condition("Synced")["reason"] == "BreakGlass"
    assert shop.greeting() == "bye"
    assert f"break-glass of admin is open until {status['until']}: {REASON}" in shop.gitops("status").stdout

    ended = shop.gitops("break-glass", shop.app.name, "--end").stdout
    assert ended == f"break-glass of GitSync gitops-system/{shop.app.name} has ended\n"
    shop.wait_greeting("good morning")
    wait_until(lambda: shop.app.live.find("apps/v1/deployments", "web"), SECONDS, "web to be there again")
    wait_until(lambda: shop.app.status["breakGlass"]["open"] is False, SECONDS, "the status to say that it ended")
    shop.refused(*greet("bye"), by=WEBHOOK)


def test_it_ends_by_itself(shop: Guarded) -> None:
    shop.gitops("break-glass", shop.app.name, "--for", "3s", "--reason", REASON)
    shop.wait_allowed(*greet("bye"))
    shop.wait_greeting("hello")
    shop.refused(*greet("bye"), by=WEBHOOK)
    wait_until(lambda: not glass(shop), SECONDS, "what has ended to be cleared away")


def test_its_opening_and_its_end_are_told(shop: Guarded) -> None:
    """As Events, and to whom the GitSync names; Events are what notifications go by."""
    with listening() as (port, got):
        name = f"{shop.app.name}-chat"
        address = secret(name, address=f"http://127.0.0.1:{port}/")
        shop.plane.request("POST", f"/api/v1/namespaces/{shop.app.namespace}/secrets", address)
        told = {"type": "Generic", "secretRef": {"name": name}, "on": ["BreakGlassOpened", "BreakGlassEnded"]}
        shop.app.change({"notifications": [told]})
        shop.app.wait_observed()
        shop.gitops("break-glass", shop.app.name, "--for", "30m", "--reason", REASON, "--only", "cm/settings")
        opened = wait_letter(got, "BreakGlassOpened")
        assert opened["severity"] == "warning"
        assert opened["message"].startswith("admin may change ConfigMap/settings until ")
        assert opened["message"].endswith(f"Z: {REASON}")
        shop.gitops("break-glass", shop.app.name, "--end")
        ended = wait_letter(got, "BreakGlassEnded")
        assert ended["message"] == f"the break-glass of admin has ended, drift is restored: {REASON}"
        assert len(got) == 2

    def events() -> set[str]:
        query = f"fieldSelector=involvedObject.kind=GitSync,involvedObject.name={shop.app.name}"
        found = shop.plane.request("GET", f"/api/v1/namespaces/{shop.app.namespace}/events?{query}")["items"]
        return {one["message"] for one in found}

    wait_until(lambda: {opened["message"], ended["message"]} <= events(), SECONDS, "Events of both")


def wait_letter(got: Got, reason: str) -> Object:
    def found() -> Object | None:
        letters = [json.loads(body) for _, _, body in got]
        return next((letter for letter in letters if letter["reason"] == reason), None)

    letter = wait_until(found, SECONDS, f"a notification of {reason}")
    assert letter is not None
    return letter


def test_it_is_only_for_what_it_names(shop: Guarded) -> None:
    shop.gitops("break-glass", shop.app.name, "--for", "30m", "--reason", REASON, "--only", "cm/settings")
    assert shop.app.status is not None
    shop.wait_allowed(*greet("bye"))
    shop.refused("delete", "deployment", "web", by=WEBHOOK)
    shop.refused("scale", "deployment", "web", "--replicas=5", by='"scale.kubectl-gitops.dev" denied the request')
    shop.refused("delete", "namespace", shop.namespace, by='"namespaces.kubectl-gitops.dev" denied the request')
    wait_until(lambda: shop.app.status["breakGlass"]["only"] == ["ConfigMap/settings"], SECONDS, "the status")
    # The others are restored as ever: somebody with the reconciler's mark gets past the webhook.
    marked = ["--as=system:admin", "--as-group=system:masters", "--as-user-extra=kubectl-gitops.dev/actor=reconciler"]
    shop.wait_allowed("scale", "deployment", "web", "--replicas=5", *marked)
    wait_until(
        lambda: shop.app.live.get("apps/v1/deployments", "web")["spec"]["replicas"] == 2, SECONDS, "web to be restored"
    )
    assert shop.greeting() == "bye"


def test_then_report_leaves_the_drift_for_git_to_take_up(shop: Guarded) -> None:
    shop.gitops("break-glass", shop.app.name, "--for", "3s", "--reason", REASON, "--then", "report")
    shop.wait_allowed(*greet("bye"))
    shop.refused(*greet("ciao"), by=WEBHOOK)  # it has ended
    wait_until(lambda: shop.app.status["breakGlass"]["open"] is False, SECONDS, "the status to say that it ended")
    shop.app.wait_drift(("Modified ConfigMap/settings", "data.greeting"))
    assert shop.greeting() == "bye"
    # Git takes it up: a commit that says the same, and a sync that is asked for.
    sha = shop.app.commit(config_map("settings", greeting="bye"), deployment("web"))
    shop.gitops("sync", shop.app.name)
    shop.app.wait_synced(sha)
    wait_until(lambda: not glass(shop), SECONDS, "what is settled to be cleared away")
    shop.app.wait_ready()
    assert shop.greeting() == "bye"


def test_with_the_webhook_dead_it_opens_the_floor(shop: Guarded, both: Installation) -> None:
    floor = "ValidatingAdmissionPolicy 'managed.floor.kubectl-gitops.dev'"
    both.stop_webhook(grace_seconds=0)
    try:
        wait_floor(shop.plane, "Deny")
        shop.refused(*greet("bye"), by=floor)
        shop.gitops("break-glass", shop.app.name, "--for", "30m", "--reason", REASON, "--only", "cm/settings")
        shop.wait_allowed(*greet("bye"))
        shop.refused("delete", "deployment", "web", by=floor)
        shop.gitops("break-glass", shop.app.name, "--for", "30m", "--reason", REASON)
        shop.wait_allowed("delete", "deployment", "web")
        shop.gitops("break-glass", shop.app.name, "--end")
        shop.refused(*greet("ciao"), by=floor)
        shop.wait_greeting("hello")
    finally:
        both.start_webhook()
    wait_floor(shop.plane, "Audit")


def test_it_takes_a_right_of_its_own(shop: Guarded) -> None:
    plane, name = shop.plane, shop.app.name
    plane.kubectl("create", "clusterrole", f"view-{name}", "--verb=get,list", "--resource=gitsyncs.kubectl-gitops.dev")
    plane.kubectl("create", "clusterrolebinding", f"view-{name}", f"--clusterrole=view-{name}", "--user=eve")
    maker = ["--verb=create,get,list,delete", "--resource=breakglasses.kubectl-gitops.dev", "-n", "gitops-system"]
    plane.kubectl("create", "role", name, *maker)
    plane.kubectl("create", "rolebinding", name, f"--role={name}", "--user=eve", "-n", "gitops-system")
    try:
        asked = [name, "--for", "30m", "--reason", REASON]
        done = gitops_as("eve", shop, "break-glass", *asked)
        assert done == (
            f"error: user eve may not break the glass of GitSync gitops-system/{name}\n"
            "hint: it takes the verb break-glass on gitsyncs: have the ClusterRole gitops-break-glass bound\n"
        )
        # Whoever writes the object by themselves is refused by the API server.
        spec = {"gitSync": name, "duration": "30m", "reason": REASON, "by": "eve"}
        refused = create_glass(shop, spec, user="eve")
        assert f"user eve may not break the glass of GitSync gitops-system/{name}" in refused
        plane.kubectl(
            *("create", "rolebinding", f"oncall-{name}", "-n", "gitops-system"),
            *("--clusterrole=gitops-break-glass", "--user=eve"),
        )
        wait_until(lambda: create_glass(shop, spec, user="eve") == "", SECONDS, "the right to count")
        assert "spec.by must be the user that asks: eve" in create_glass(shop, {**spec, "by": "bob"}, user="eve")
        shop.wait_allowed(*greet("bye"))
        made = glass(shop)[0]
        longer = '{"spec":{"duration":"20h"}}'
        done2 = plane.kubectl(
            *("patch", "breakglass", made, "-n", "gitops-system", "--type=merge", "-p", longer), check=False
        )
        assert "a break-glass cannot be changed; end it and open another" in done2.stderr
        assert "at most 24h" in create_glass(shop, {**spec, "duration": "25h", "by": "admin"})
    finally:
        plane.kubectl("delete", f"clusterrole/view-{name}", f"clusterrolebinding/view-{name}")
        plane.kubectl("delete", "-n", "gitops-system", f"role/{name}", f"rolebinding/{name}")
        plane.kubectl("delete", "-n", "gitops-system", f"rolebinding/oncall-{name}", "--ignore-not-found")


def gitops_as(user: str, shop: Guarded, *args: str) -> str:
    """What ``kubectl gitops`` of a user writes to stderr."""
    environment = shop.plane.environment(user=user)
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    done = shop.plane.kubectl("gitops", *args, "-n", "gitops-system", env=environment, user=user, check=False)
    return done.stderr


def create_glass(shop: Guarded, spec: dict[str, str], *, user: str | None = None) -> str:
    """What the API server says against a BreakGlass; "" where it takes it."""
    obj = {
        "apiVersion": "kubectl-gitops.dev/v1alpha1",
        "kind": "BreakGlass",
        "metadata": {"generateName": f"{shop.app.name}-", "namespace": "gitops-system"},
        "spec": spec,
    }
    done = shop.plane.kubectl("create", "-f", "-", input=json.dumps(obj), user=user, check=False)
    return done.stderr


@pytest.mark.parametrize(
    ("args", "stderr"),
    [
        (["--for", "30m"], "error: --for and --reason are needed\n"),
        (["--for", "soon", "--reason", "x"], "error: --for: not a duration: 'soon' (write 30s, 5m or 1h30m)\n"),
        (["--for", "25h", "--reason", "x"], "error: --for 25h: give more than nothing and at most 24h\n"),
        (["--end", "--for", "30m"], "error: --end goes without other options of break-glass\n"),
        (["--end"], "error: no break-glass of GitSync gitops-system/{name} is open\n"),
    ],
)
def test_what_cannot_be_is_said(shop: Guarded, args: list[str], stderr: str) -> None:
    done = shop.gitops("break-glass", shop.app.name, *args, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(stderr.format(name=shop.app.name))


# What is told of it


def denials(shop: Guarded, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shop.gitops("denials", shop.app.name, "-o", "json", *args).stdout)
    return found


def test_denials_tell_who_did_what_and_when(shop: Guarded) -> None:
    nothing = f"nothing was denied lately for GitSync gitops-system/{shop.app.name}\n"
    assert shop.gitops("denials", shop.app.name).stdout == nothing
    value = "a-value-that-is-nobodys-business"
    shop.refused(*greet(value), by=WEBHOOK)

    def told() -> dict[str, Any]:
        found = denials(shop)
        assert len(found) == 1
        return found[0]

    one = wait_until(told, SECONDS, "the denial to be told")
    assert (one["verdict"], one["reason"], one["user"]) == ("Deny", "Diverges", "admin")
    assert (one["operation"], one["object"]) == ("UPDATE", f"ConfigMap/settings in namespace {shop.namespace}")
    assert (one["fields"], one["gitsync"], one["count"]) == (["data.greeting"], shop.app.name, 1)  # no dry-run of it
    assert shop.kubectl(*greet(value)).returncode != 0
    wait_until(lambda: told()["count"] == 2, SECONDS, "the same again to be counted")
    table = shop.gitops("denials", shop.app.name).stdout
    assert "VERDICT" in table.splitlines()[0]
    assert "data.greeting" in table.splitlines()[1]
    described = shop.plane.kubectl("describe", "gitsync", shop.app.name, "-n", "gitops-system").stdout
    assert "Denied" in described
    events = shop.plane.kubectl("get", "events", "-A", "-o", "json").stdout
    assert value not in table + events


def test_uses_of_break_glass_are_told_everywhere(shop: Guarded, both: Installation) -> None:
    shop.gitops("break-glass", shop.app.name, "--for", "30m", "--reason", REASON)
    since = shop.plane.audit_mark()
    shop.wait_allowed(*greet("bye"))

    def used() -> dict[str, Any]:
        return next(one for one in [*denials(shop), {}] if one.get("reason") == "BreakGlass" or not one)

    one = wait_until(used, SECONDS, "the use to be told")
    assert (one["verdict"], one["user"], one["glass"]) == ("Allow", "admin", f"admin: {REASON}")
    assert one["fields"] == ["data.greeting"]
    noted = [
        event["annotations"]
        for event in shop.plane.audit_events(since=since)
        if event.get("annotations", {}).get("managed.kubectl-gitops.dev/reason") == "BreakGlass"
    ]
    assert noted[0]["managed.kubectl-gitops.dev/break-glass"] == f"admin: {REASON}"
    assert noted[0]["managed.kubectl-gitops.dev/fields"] == "data.greeting"
    assert f'"break_glass":"admin: {REASON}"' in both.log("webhook", lines=1000).replace('": "', '":"')


def test_denials_can_be_followed(shop: Guarded) -> None:
    environment = shop.plane.environment()
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    argv = [str(shop.plane.kubectl_path), "gitops", "denials", shop.app.name, "-n", "gitops-system", "-w", "-o", "json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            shop.refused("delete", "configmap", "settings", by=WEBHOOK)
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["reason"] == "DeletesDeclared"
        finally:
            process.terminate()
