"""The transport, discovery, LIST, WATCH and server-side apply on the real API server, and what it says no to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import yaml

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.cluster.connection import Cluster, Impersonation
from kubectl_gitops.cluster.discovery import Discovery, Resource
from kubectl_gitops.cluster.reading import get_object, list_objects, read_objects
from kubectl_gitops.cluster.watching import Watch
from kubectl_gitops.cluster.writing import apply_object, create_object, delete_object, merge_patch
from kubectl_gitops.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Rejected,
    Unauthorized,
)
from tests.integration.gitsyncs import SECONDS, Api, Object, config_map, holding_up
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

CONFIG_MAPS = Resource(group="", version="v1", kind="ConfigMap", plural="configmaps", namespaced=True)


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    return Cluster.from_kubeconfig(control_plane.kubeconfig)


@pytest.fixture
def live(control_plane: ControlPlane, namespace: str) -> Api:
    return Api(control_plane, namespace)


def labelled(name: str, label: str, /, **data: str) -> Object:
    obj = config_map(name, **data)
    obj["metadata"]["labels"] = {"watched": label}
    return obj


# Discovery


def test_discovery_knows_every_kind_by_two_requests(cluster: Cluster) -> None:
    discovery = Discovery(cluster)
    before = cluster.calls.count
    deployment = discovery.need("apps/v1", "Deployment")
    assert deployment.path("shop", "web") == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert discovery.need("v1", "ConfigMap").path("shop") == "/api/v1/namespaces/shop/configmaps"
    assert not discovery.need("rbac.authorization.k8s.io/v1", "ClusterRole").namespaced
    assert {"patch", "watch"} <= deployment.verbs
    for word in ("deploy", "deployments", "Deployment", "deployments.apps"):
        assert discovery.resolve(word) == deployment
    assert discovery.find("apps/v1beta1", "Deployment") is None
    with pytest.raises(InvalidInput, match="no kind 'nonsense'"):
        discovery.resolve("nonsense")
    assert cluster.calls.count - before == 2


def test_a_kind_that_is_new_is_found_and_one_that_is_not_there_named(cluster: Cluster, live: Api) -> None:
    group = f"{live.namespace}.example.com"
    times = iter([0.0, 5.0, 10.0, 15.0, 20.0])
    discovery = Discovery(cluster, clock=lambda: next(times))
    discovery.refresh()
    with pytest.raises(InvalidInput, match=f"the cluster has no kind Lamp in {group}/v1"):
        discovery.need(f"{group}/v1", "Lamp")
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": group, "scope": "Cluster", "names": {"plural": "lamps", "kind": "Lamp"}, "versions": [version]}
    live.plane.request("POST", crds, {"metadata": {"name": f"lamps.{group}"}, "spec": spec})
    try:
        wait_until(lambda: Discovery(cluster).find(f"{group}/v1", "Lamp"), SECONDS, "the kind to be served")
        assert not discovery.need(f"{group}/v1", "Lamp").namespaced
    finally:
        live.plane.request("DELETE", f"{crds}/lamps.{group}")


def test_a_group_whose_server_is_down_is_left_out_and_all_else_goes_on(cluster: Cluster, live: Api) -> None:
    group, services = f"{live.namespace}.example.com", "/apis/apiregistration.k8s.io/v1/apiservices"
    spec = {
        "group": group,
        "version": "v1",
        "service": {"name": "nobody", "namespace": live.namespace},
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
    }
    live.plane.request("POST", services, {"metadata": {"name": f"v1.{group}"}, "spec": spec})
    try:
        discovery = Discovery(cluster)

        def is_stale() -> bool:
            discovery.refresh()
            return group in discovery.stale_groups

        wait_until(is_stale, SECONDS, "the group to be stale")
        with pytest.raises(InvalidInput) as caught:
            discovery.need(f"{group}/v1", "Lamp")
        assert caught.value.hint == f"the server of API group {group} is down"
        assert discovery.find("apps/v1", "Deployment")
    finally:
        live.plane.request("DELETE", f"{services}/v1.{group}")


# LIST


def test_a_list_of_many_pages_is_one_state(cluster: Cluster, live: Api) -> None:
    for n in range(23):
        live.create("configmaps", labelled(f"c{n:02}", "yes"))
    live.create("configmaps", config_map("other"))
    before = cluster.calls.count
    listing = list_objects(cluster, CONFIG_MAPS, namespace=live.namespace, label_selector="watched", page_size=10)
    assert cluster.calls.count - before == 3
    assert [item["metadata"]["name"] for item in listing.items] == [f"c{n:02}" for n in range(23)]
    assert all(item["kind"] == "ConfigMap" and item["apiVersion"] == "v1" for item in listing.items)
    newest = max(int(item["metadata"]["resourceVersion"]) for item in listing.items)
    assert int(listing.resource_version) >= newest


def test_a_list_may_leave_out_all_but_metadata(cluster: Cluster, live: Api) -> None:
    live.create("configmaps", labelled("settings", "yes"))
    (item,) = list_objects(
        cluster, CONFIG_MAPS, namespace=live.namespace, label_selector="watched", metadata_only=True
    ).items
    assert item["metadata"]["name"] == "settings"
    assert "data" not in item


def test_objects_are_read_by_few_requests_and_those_that_are_not_there_left_out(cluster: Cluster, live: Api) -> None:
    for name in ("a", "b"):
        live.create("configmaps", config_map(name))
    lamps = Resource(group="nowhere.example.com", version="v1", kind="Lamp", plural="lamps", namespaced=True)
    config_maps = [(CONFIG_MAPS, ResourceKey("", "ConfigMap", live.namespace, name)) for name in ("a", "b", "gone")]
    others = [(lamps, ResourceKey("nowhere.example.com", "Lamp", live.namespace, name)) for name in ("c", "d")]
    before = cluster.calls.count
    found = read_objects(cluster, [*config_maps, *others])
    assert cluster.calls.count - before == 2
    assert {key.name: obj["data"] for key, obj in found.items()} == {"a": {"key": "git"}, "b": {"key": "git"}}


# WATCH


class Recorder:
    """What a watch told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.threads: set[str] = set()
        self.fail_once = False

    def replaced(self, items: list[Object], resource_version: str) -> None:
        assert int(resource_version) > 0
        names = sorted(item["metadata"]["name"] for item in items)
        self._tell("all", " ".join(names))

    def changed(self, obj: Object) -> None:
        if self.fail_once:
            self.fail_once = False
            raise RuntimeError("a handler that fails")
        self._tell("changed", obj["metadata"]["name"])

    def deleted(self, obj: Object) -> None:
        self._tell("deleted", obj["metadata"]["name"])

    def _tell(self, what: str, name: str) -> None:
        self.threads.add(threading.current_thread().name)
        self.told.append((what, name))

    def wait_for(self, what: str, name: str) -> None:
        wait_until(lambda: (what, name) in self.told, SECONDS, f"{what} {name}")


@contextmanager
def watching(cluster: Cluster, namespace: str, recorder: Recorder) -> Iterator[Watch]:
    watch = Watch(cluster, CONFIG_MAPS, recorder, namespace=namespace, label_selector="watched")
    watch.start()
    try:
        assert watch.wait_synced(SECONDS)
        yield watch
    finally:
        watch.ask_to_stop()
        assert watch.join(timeout_seconds=SECONDS)


def test_a_watch_tells_all_there_is_and_then_each_change(cluster: Cluster, live: Api) -> None:
    live.create("configmaps", labelled("a", "yes"))
    recorder = Recorder()
    with watching(cluster, live.namespace, recorder):
        live.create("configmaps", labelled("b", "yes"))
        live.create("configmaps", config_map("unwatched"))
        live.patch("configmaps", "a", {"data": {"key": "new"}})
        live.patch("configmaps", "b", {"metadata": {"labels": {"watched": None}}})
        live.delete("configmaps", "a")
        recorder.wait_for("deleted", "a")
    told = [("all", "a"), ("changed", "b"), ("changed", "a"), ("deleted", "b"), ("deleted", "a")]
    assert recorder.told == told
    assert recorder.threads == {"watch-configmaps"}


def test_a_handler_that_fails_is_given_the_whole_set_anew(
    cluster: Cluster, live: Api, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    with watching(cluster, live.namespace, recorder):
        recorder.fail_once = True
        live.create("configmaps", labelled("a", "yes"))
        recorder.wait_for("all", "a")
        live.create("configmaps", labelled("b", "yes"))
        recorder.wait_for("changed", "b")
    assert "a handler that fails" in caplog.text


def test_a_watch_that_may_not_list_goes_on_trying_and_says_why(control_plane: ControlPlane, live: Api) -> None:
    cluster = Cluster.from_kubeconfig(control_plane.user_kubeconfig(f"watcher-{live.namespace}"))
    recorder = Recorder()
    watch = Watch(cluster, CONFIG_MAPS, recorder, namespace=live.namespace)
    watch.start()
    try:
        wait_until(lambda: isinstance(watch.last_error, Forbidden), SECONDS, "the refusal")
        assert not watch.synced
        kubectl, user = control_plane.kubectl, f"--user=watcher-{live.namespace}"
        kubectl("create", "role", "watcher", "-n", live.namespace, "--verb=list,watch", "--resource=configmaps")
        kubectl("create", "rolebinding", "watcher", "-n", live.namespace, "--role=watcher", user)
        assert watch.wait_synced(SECONDS)
        live.create("configmaps", config_map("a"))
        recorder.wait_for("changed", "a")
        assert watch.last_error is None
    finally:
        watch.stop()


# Writes


def test_server_side_apply(cluster: Cluster, live: Api) -> None:
    obj = config_map("settings", colour="red")
    obj["metadata"]["namespace"] = live.namespace
    dry = apply_object(cluster, CONFIG_MAPS, obj, dry_run=True)
    assert dry["data"] == {"colour": "red"}
    assert live.find("configmaps", "settings") is None
    first = apply_object(cluster, CONFIG_MAPS, obj)
    assert (
        apply_object(cluster, CONFIG_MAPS, obj)["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    )
    live.patch("configmaps", "settings", {"data": {"colour": "blue"}}, manager="somebody")
    with pytest.raises(Conflict, match='conflict with "somebody"'):
        apply_object(cluster, CONFIG_MAPS, obj, force=False)
    assert apply_object(cluster, CONFIG_MAPS, obj)["data"] == {"colour": "red"}
    with pytest.raises(Rejected, match=r"\.dota: field not declared in schema"):
        apply_object(cluster, CONFIG_MAPS, {**obj, "dota": {}})


def test_other_writes(cluster: Cluster, live: Api) -> None:
    obj = config_map("settings")
    obj["metadata"]["namespace"] = live.namespace
    made = create_object(cluster, CONFIG_MAPS, obj, manager="test")
    with pytest.raises(Conflict, match="already exists"):
        create_object(cluster, CONFIG_MAPS, obj, manager="test")
    patched = merge_patch(cluster, CONFIG_MAPS, live.namespace, "settings", {"data": {"key": None}}, manager="test")
    assert "data" not in patched
    with pytest.raises(Conflict, match="UID in the precondition"):
        delete_object(cluster, CONFIG_MAPS, live.namespace, "settings", uid="another")
    delete_object(cluster, CONFIG_MAPS, live.namespace, "settings", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound, match='configmaps "settings" not found'):
        delete_object(cluster, CONFIG_MAPS, live.namespace, "settings")
    assert get_object(cluster, CONFIG_MAPS, live.namespace, "settings") is None


def test_who_acts_as_somebody_else_has_their_rights_and_leaves_a_mark(cluster: Cluster, live: Api) -> None:
    mark = live.plane.audit_mark()
    jane = Impersonation(user="jane", groups=["devs"], extra={"example.com/reason": "a test"})
    with pytest.raises(Forbidden) as caught:
        get_object(cluster.acting_as(jane), CONFIG_MAPS, live.namespace, "settings")
    assert caught.value.status == 403
    assert 'User "jane" cannot get resource "configmaps"' in str(caught.value)

    def event() -> Object | None:
        events = [e for e in live.plane.audit_events(since=mark) if "impersonatedUser" in e]
        return events[0] if events else None

    found = wait_until(event, SECONDS, "the audit event")
    assert found is not None
    assert found["impersonatedUser"]["username"] == "jane"
    assert "devs" in found["impersonatedUser"]["groups"]
    assert found["impersonatedUser"]["extra"] == {"example.com/reason": ["a test"]}


# What is refused


def test_wrong_credentials_are_said_to_be_wrong(control_plane: ControlPlane, live: Api) -> None:
    document = yaml.safe_load(control_plane.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": "nonsense"}
    kubeconfig = control_plane.directory / f"{live.namespace}.kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(document))
    kubeconfig.chmod(0o600)
    with pytest.raises(Unauthorized, match="does not accept these credentials") as caught:
        get_object(Cluster.from_kubeconfig(kubeconfig), CONFIG_MAPS, live.namespace, "settings")
    assert caught.value.status == 401


def test_too_many_requests_say_when_to_come_again(control_plane: ControlPlane, live: Api) -> None:
    """API Priority and Fairness gives this user one request at a time, and a webhook holds that one up."""
    user = f"limited-{live.namespace}"
    kubectl = control_plane.kubectl
    kubectl("create", "role", "limited", "-n", live.namespace, "--verb=create", "--resource=configmaps")
    kubectl("create", "rolebinding", "limited", "-n", live.namespace, "--role=limited", f"--user={user}")
    cluster = Cluster.from_kubeconfig(control_plane.user_kubeconfig(user))
    done = threading.Event()

    def occupy() -> None:
        while not done.is_set():
            with suppress(ClusterError):
                cluster.request("POST", CONFIG_MAPS.path(live.namespace), body=config_map("held"))

    def limited() -> ClusterError | None:
        try:
            get_object(cluster, CONFIG_MAPS, live.namespace, "settings")
        except ClusterError as exc:
            return exc if exc.status == 429 else None
        return None

    occupying = threading.Thread(target=occupy)
    with one_at_a_time(control_plane, user), holding_up(control_plane, live.namespace, names="held"):
        occupying.start()
        try:
            error = wait_until(limited, SECONDS, "the limit to be in force")
        finally:
            done.set()
            occupying.join()
    assert error is not None
    assert "Too many requests" in str(error)
    assert error.retry_after
    assert error.retry_after >= 1


@contextmanager
def one_at_a_time(plane: ControlPlane, user: str) -> Iterator[None]:
    flow = "/apis/flowcontrol.apiserver.k8s.io/v1"
    none = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0}
    level = {"type": "Limited", "limited": {**none, "limitResponse": {"type": "Reject"}}}
    rule = {
        "subjects": [{"kind": "User", "user": {"name": user}}],
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}],
    }
    schema = {"priorityLevelConfiguration": {"name": user}, "matchingPrecedence": 2, "rules": [rule]}
    plane.request("POST", f"{flow}/prioritylevelconfigurations", {"metadata": {"name": user}, "spec": level})
    plane.request("POST", f"{flow}/flowschemas", {"metadata": {"name": user}, "spec": schema})
    try:
        yield
    finally:
        plane.request("DELETE", f"{flow}/flowschemas/{user}")
        plane.request("DELETE", f"{flow}/prioritylevelconfigurations/{user}")
