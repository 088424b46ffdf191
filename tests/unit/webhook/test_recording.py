"""Events of denials: counted, limited, and never in the way of an answer."""

from __future__ import annotations

import threading
from dataclasses import replace

from prometheus_client import CollectorRegistry

from kubectl_gitops.cluster.connection import Cluster
from tests.testbed.waiting import wait_until
from tests.unit.cluster.fakeserver import Answer, cluster_at, serving
from tests.unit.cluster.fakeserver import Request as Sent
from tests.unit.webhook.cases import declared, deployment, live, set_at, update, view
from webhook.policy import decide
from webhook.recording import Recorder, denial_of
from webhook.review import Request
from webhook.verdict import Verdict

WEB = deployment()
NOWHERE = "http://127.0.0.1:9"


def asked(replicas: int = 9, user: str = "bob", *, dry_run: bool = False) -> tuple[Request, Verdict]:
    request = update(live(WEB), set_at(live(WEB), "spec.replicas", replicas), user=user, dryRun=dry_run)
    return request, decide(request, view(WEB))


def lost(registry: CollectorRegistry) -> float:
    return registry.get_sample_value("gitops_webhook_events_lost_total") or 0.0


def recorder(cluster: Cluster) -> tuple[Recorder, CollectorRegistry]:
    registry = CollectorRegistry()
    return Recorder(cluster, registry, replica="here"), registry


def test_the_same_again_is_counted_in_the_event_that_is_there() -> None:
    with serving(lambda _: Answer({})) as server:
        recording, registry = recorder(server.cluster())
        recording.record(*asked(8))
        recording.record(*asked(9))  # another value of the same field is the same denial
        recording.start()
        wait_until(lambda: server.requests, 10, "the Event")
        recording.record(*asked(7))
        wait_until(lambda: len(server.requests) == 2, 10, "the count")
        made, counted = server.requests
    assert (made.method, made.path) == ("POST", "/api/v1/namespaces/gitops-system/events")
    assert (made.body["count"], made.body["reason"], made.body["source"]["host"]) == (2, "Denied", "here")
    assert (counted.method, counted.body["count"]) == ("PATCH", 3)
    assert counted.path.endswith(made.body["metadata"]["name"])
    assert lost(registry) == 0


def test_an_event_that_the_api_server_keeps_no_longer_is_made_anew() -> None:
    def answer(sent: Sent) -> Answer:
        gone = {"kind": "Status", "code": 404, "reason": "NotFound", "message": "gone"}
        return Answer(gone, status=404) if sent.method == "PATCH" else Answer({})

    with serving(answer) as server:
        recording, _ = recorder(server.cluster())
        recording.start()
        recording.record(*asked())
        wait_until(lambda: server.requests, 10, "the Event")
        recording.record(*asked())
        wait_until(lambda: len(server.requests) == 3, 10, "the next one")
        assert [sent.method for sent in server.requests] == ["POST", "PATCH", "POST"]
        assert server.requests[2].body["count"] == 1


def test_a_flood_is_limited_and_holds_up_nobody() -> None:
    hold = threading.Event()

    def answer(_: Sent) -> Answer:
        hold.wait(30)
        return Answer({})

    with serving(answer) as server:
        recording, registry = recorder(server.cluster())
        recording.start()
        recording.record(*asked(user="first"))
        wait_until(lambda: server.requests, 10, "a write that does not end")
        request, verdict = asked()
        for number in range(1500):
            recording.record(replace(request, user=f"user-{number}"), verdict)
        assert lost(registry) == 500  # what the queue does not hold
        hold.set()


def test_what_cannot_be_written_is_counted() -> None:
    recording, registry = recorder(cluster_at(NOWHERE))
    recording.start()
    recording.record(*asked())
    wait_until(lambda: lost(registry) == 1, 10, "the loss to be counted")


def test_a_dry_run_and_what_is_right_leave_no_trace() -> None:
    with serving(lambda _: Answer({})) as server:
        recording, _ = recorder(server.cluster())
        recording.record(*asked(dry_run=True))
        recording.record(*asked(3))
        recording.record(*asked(user="told"))
        recording.start()
        wait_until(lambda: server.requests, 10, "the one that is told")
        notes = server.requests[0].body["metadata"]["annotations"]
        assert (len(server.requests), notes["kubectl-gitops.dev/user"]) == (1, "told")


def test_no_value_is_told_and_nothing_that_a_terminal_obeys() -> None:
    settings = declared(data={"mode": "prod"})
    request = update(live(settings), set_at(live(settings), "data.mode", "hidden-value"), user="eve\x1b[2J")
    told = denial_of(request, decide(request, view(settings)))
    assert told.fields == ("data.mode",)
    assert "hidden-value" not in repr(told)
    assert "\x1b" not in told.user + told.message
