"""``drift -f`` with nothing installed: what it asks and remembers, what people added, and how far rights go."""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Kubectl
from tests.integration.commandline import CommandLine, Done
from tests.integration.manifests import WEB, widget_crd
from tests.testbed.apiclient import RequestFailed
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  greeting: hello\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
PASSWORD = "correct-horse-battery-staple"
LOGIN = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{password: {PASSWORD}}}\n"


@pytest.fixture
def gitops(control_plane: ControlPlane, tmp_path: Path) -> CommandLine:
    return CommandLine(control_plane, tmp_path)


def asked(gitops: CommandLine, *args: str, user: str | None = None) -> tuple[Done, Counter[str]]:
    """What a command printed, and how often it asked what: ``list configmaps``, ``dry-run patch deployments``."""
    mark = gitops.plane.audit_mark()
    done = gitops(*args, user=user)
    last = f"/version?mark={secrets.token_hex(8)}"
    gitops.plane.request("GET", last)

    def events() -> list[dict[str, Any]]:
        found = gitops.plane.audit_events(since=mark)
        return found if any(event["requestURI"] == last for event in found) else []

    requests = Counter(
        ("dry-run " if "dryRun=All" in event["requestURI"] else "")
        + " ".join([event["verb"], event.get("objectRef", {}).get("resource", "")])
        for event in wait_until(events, 10, "the audit log")
        if event.get("userAgent") == "kubectl-gitops"
    )
    return done, requests


def dry_runs(requests: Counter[str]) -> dict[str, int]:
    return {request: number for request, number in requests.items() if request.startswith("dry-run")}


def reader(kubectl: Kubectl, namespace: str, *, role: str = "view") -> str:
    """A user who may do in the namespace what a ClusterRole allows."""
    user = f"reader-{secrets.token_hex(4)}"
    kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", "-n", namespace)
    can_read = ("auth", "can-i", "list", "configmaps", "-n", namespace)
    wait_until(lambda: kubectl(*can_read, user=user, check=False).returncode == 0, 10, "the right to count")
    return user


def objects_of(done: Done) -> dict[str, Any]:
    report = json.loads(done.stdout)
    return {f"{one['kind']}/{one['name']}": one for one in report["objects"]}


def fields_of(entry: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {field["path"]: (field["drift"], field["confirmed"]) for field in entry["fields"]}


# What is remembered


def test_objects_that_only_look_different_are_asked_about_once(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    claims = "---\n".join(
        f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: claim-{number:03}}}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 0.5Gi}}}\n"
        for number in range(100)
    )
    gitops.write({"all/claims.yaml": claims, "all/web.yaml": f"{WEB}---\n{SETTINGS}---\n{LOGIN}"})
    kubectl("apply", "--server-side", "-f", str(gitops.directory / "all"), "-n", namespace)
    here = ("drift", "-f", "all", "-n", namespace)
    done, first = asked(gitops, *here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "103 objects are as Git says\n", "")
    assert dry_runs(first) == {"dry-run patch persistentvolumeclaims": 100, "dry-run patch deployments": 1}
    done, second = asked(gitops, *here)
    assert (done.returncode, done.stdout) == (0, "103 objects are as Git says\n")
    assert dry_runs(second) == {}
    # Discovery, which cluster it is, and each kind: however many objects there are.
    assert sum(second.values()) == 8

    kubectl("annotate", "pvc/claim-007", "a=b", "-n", namespace)
    kubectl("scale", "deployment/web", "--replicas=5", "-n", namespace)
    done, third = asked(gitops, *here)
    assert done.stdout.startswith("2 of 103 objects drifted: 1 modified, 1 added\n")
    # What does differ is asked about each time, before it is said.
    assert dry_runs(third) == {"dry-run patch deployments": 1, "dry-run create persistentvolumeclaims": 1}
    done, fourth = asked(gitops, *here)
    assert done.stdout.startswith("2 of 103 objects drifted: 1 modified, 1 added\n")
    assert dry_runs(fourth) == {"dry-run patch deployments": 1}


def test_values_of_secrets_are_not_in_what_is_remembered(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    gitops.write({"login.yaml": LOGIN})
    here = ("-f", "login.yaml", "-n", namespace)
    kubectl("apply", "-f", str(gitops.directory / "login.yaml"), "-n", namespace)
    kubectl("patch", "secret/login", "-n", namespace, "-p", json.dumps({"stringData": {"password": "another-one"}}))
    kubectl("label", "secret/login", "a=b", "-n", namespace)
    for _ in range(2):
        out = gitops.differs("drift", *here)
        assert "  data.password " in out
        assert PASSWORD not in out
    cache = gitops.directory / ".cache" / "kubectl-gitops" / "forms"
    assert (cache / "forms-1.sqlite3").stat().st_size > 0
    for value in (PASSWORD, "another-one"):
        for form in (value.encode(), base64.b64encode(value.encode())):
            assert not any(form in path.read_bytes() for path in cache.iterdir())


def test_a_cache_that_cannot_be_used_is_done_without(gitops: CommandLine, kubectl: Kubectl, namespace: str) -> None:
    gitops.write({"web.yaml": WEB})
    here = ("-f", "web.yaml", "-n", namespace)
    kubectl("apply", "--server-side", "-f", str(gitops.directory / "web.yaml"), "-n", namespace)
    (gitops.directory / ".cache").write_text("in the way\n")
    assert gitops.ok("drift", *here) == "1 object is as Git says\n"
    (gitops.directory / ".cache").unlink()
    forms = gitops.directory / ".cache" / "kubectl-gitops" / "forms"
    forms.mkdir(parents=True)
    (forms / "forms-1.sqlite3").write_text("nonsense\n")
    (forms / "sealing-key").write_text("nonsense\n")
    for _ in range(2):
        assert gitops.ok("drift", *here) == "1 object is as Git says\n"


def test_who_may_not_know_which_cluster_it_is_remembers_nothing(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    gitops.write({"web.yaml": WEB})
    kubectl("apply", "--server-side", "-f", str(gitops.directory / "web.yaml"), "-n", namespace)
    user = reader(kubectl, namespace, role="edit")
    for _ in range(2):
        done, requests = asked(gitops, "drift", "-f", "web.yaml", "-n", namespace, user=user)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1 object is as Git says\n", "")
        assert dry_runs(requests) == {"dry-run patch deployments": 1}
    assert not (gitops.directory / ".cache" / "kubectl-gitops" / "forms").exists()


# What people added


def test_what_a_person_adds_is_drift_and_what_is_filled_in_is_not(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    gitops.write({"all/web.yaml": f"{WEB}---\n{SERVICE}", "all/settings.yaml": SETTINGS})
    here = ("drift", "-f", "all", "-n", namespace)
    # As its client creates an object, all defaults are noted down as that client's.
    kubectl("create", "-f", str(gitops.directory / "all"), "-n", namespace)
    done, requests = asked(gitops, *here)
    assert (done.returncode, done.stdout) == (0, "3 objects are as Git says\n")
    assert requests["dry-run create deployments"] == requests["dry-run create services"] == 1
    kubectl("set", "env", "deployment/web", "DEBUG=1", "-n", namespace)
    kubectl("label", "configmap/settings", "owner=me", "-n", namespace)
    kubectl("patch", "service/web", "-n", namespace, "-p", '{"spec": {"sessionAffinity": "ClientIP"}}')
    kubectl("rollout", "restart", "deployment/web", "-n", namespace)
    kubectl("patch", "deployment/web", "-n", namespace, "-p", '{"spec": {"revisionHistoryLimit": 3}}')
    done, requests = asked(gitops, *here, "-o", "json")
    found = objects_of(done)
    assert {name: entry["drift"] for name, entry in found.items()} == {
        "ConfigMap/settings": "Added",
        "Deployment/web": "Added",
        "Service/web": "Added",
    }
    added = ("Added", True)
    assert fields_of(found["ConfigMap/settings"]) == {"metadata.labels.owner": added}
    assert fields_of(found["Deployment/web"]) == {
        "spec.revisionHistoryLimit": added,
        "spec.template.spec.containers[name=web].env[name=DEBUG]": added,
    }
    assert fields_of(found["Service/web"])["spec.sessionAffinity"] == added
    env = next(field for field in found["Deployment/web"]["fields"] if field["path"].endswith("[name=DEBUG]"))
    assert (env["live"], env["owner"]["manager"]) == ({"name": "DEBUG", "value": "1"}, "kubectl-set")
    assert "desired" not in env
    # References are remembered too: only what had not been asked about is.
    assert dry_runs(requests) == {"dry-run create configmaps": 1}
    kubectl("delete", "-f", str(gitops.directory / "all"), "-n", namespace)


POLICY = """\
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}
    resourceRules:
    - {{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {{expression: 'Object{{data: {{"injected": object.metadata.name + "-x"}}}}'}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec: {{policyName: {name}}}
"""


def test_what_admission_puts_into_each_new_object_is_nobodys_addition(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    served = gitops.plane.request("GET", "/apis/admissionregistration.k8s.io/v1")["resources"]
    if "mutatingadmissionpolicies" not in {resource["name"] for resource in served}:
        pytest.skip("needs Kubernetes 1.36 or later")
    policy = POLICY.format(name=namespace)
    kubectl("create", "-f", "-", input=policy)
    probe = ("create", "configmap", "probe", "-n", namespace, "--dry-run=server", "-o", "yaml")
    wait_until(lambda: "injected: probe-x" in kubectl(*probe).stdout, 30, "the policy to count")
    gitops.write({"settings.yaml": SETTINGS})
    here = ("-f", "settings.yaml", "-n", namespace)
    kubectl("create", "-f", str(gitops.directory / "settings.yaml"), "-n", namespace)
    assert gitops.live("configmap", "settings", namespace)["data"]["injected"] == "settings-x"
    assert gitops.ok("drift", *here) == "1 object is as Git says\n"
    kubectl("patch", "configmap/settings", "-n", namespace, "-p", '{"data": {"injected": "by hand"}}')
    assert "+ data.injected   Git (nothing)   live by hand   kubectl-patch (Update), " in gitops.differs("drift", *here)
    kubectl("delete", "-f", "-", input=policy)


@pytest.fixture
def group(control_plane: ControlPlane) -> Iterator[str]:
    name = f"{secrets.token_hex(4)}.example.com"
    yield name
    with suppress(RequestFailed):
        control_plane.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{name}")


def test_kinds_whose_name_or_address_is_bound_are_as_declared_too(
    gitops: CommandLine, kubectl: Kubectl, namespace: str, group: str
) -> None:
    address = gitops.plane.request("GET", "/api/v1/namespaces/default/services/kubernetes")["spec"]["clusterIP"]
    fixed = f"{address.rpartition('.')[0]}.{200 + secrets.randbelow(50)}"
    port = f"{{port: 80, nodePort: {30000 + secrets.randbelow(2700)}}}"
    service = SERVICE.replace("[{port: 80}]", f"[{port}], type: NodePort, clusterIP: {fixed}")
    more = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}-more}}\n"
    long = SETTINGS.replace("name: settings", f"name: {'s' * 253}")
    gitops.write({"all.yaml": "---\n".join([service, more, long, yaml.safe_dump(widget_crd(group))])})
    here = ("-f", "all.yaml", "-n", namespace)
    kubectl("create", "-f", str(gitops.directory / "all.yaml"), "-n", namespace)
    assert gitops.ok("drift", *here) == "4 objects are as Git says\n"
    kubectl("label", f"crd/widgets.{group}", f"namespace/{namespace}-more", "a=b")
    found = objects_of(gitops("drift", *here, "-o", "json"))
    assert [name.partition("/")[0] for name in sorted(found)] == ["CustomResourceDefinition", "Namespace"]
    assert all(fields_of(entry) == {"metadata.labels.a": ("Added", True)} for entry in found.values())
    kubectl("delete", "namespace", f"{namespace}-more", "--wait=false")


def test_where_no_reference_is_to_be_had_additions_are_marked(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    gitops.write({"web.yaml": SERVICE})
    here = ("-f", "web.yaml", "-n", namespace)
    kubectl("create", "-f", str(gitops.directory / "web.yaml"), "-n", namespace)
    kubectl("create", "quota", "full", "--hard=services=0", "-n", namespace)
    wait_until(lambda: gitops.live("quota", "full", namespace)["status"].get("hard"), 30, "the quota to count")
    done = gitops("drift", *here)
    assert (done.returncode, done.stdout) == (0, "1 object is as Git says\n")
    because = "the API server refused the dry-run"
    assert done.stderr == (
        f"warning: in 1 object that people created, additions cannot be told from defaults: {because}\n"
    )
    kubectl("label", "service/web", "a=b", "-n", namespace)
    table = gitops("drift", *here).stdout.splitlines()
    assert table[0] == f"1 of 1 object drifted: 1 added; 1 not confirmed: {because}"
    assert table[2].startswith("+ metadata.labels.a   Git (nothing)   live b   kubectl-label (Update), ")
    assert table[2].endswith("[not confirmed]")


# How far rights go


def test_who_may_only_read_is_told_all_the_same_and_what_is_not_sure(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    many = "---\n".join(WEB.replace("name: web\nspec", f"name: web-{number}\nspec") for number in range(20))
    gitops.write({"all/many.yaml": many, "all/settings.yaml": SETTINGS, "all/gone.yaml": SERVICE})
    kubectl("apply", "--server-side", "-f", str(gitops.directory / "all"), "-n", namespace)
    user = reader(kubectl, namespace)
    kubectl("delete", "service", "web", "-n", namespace)
    kubectl("patch", "configmap/settings", "-n", namespace, "-p", '{"data": {"greeting": "bye", "more": "x"}}')
    kubectl("scale", "deployment/web-3", "--replicas=5", "-n", namespace)
    done, requests = asked(gitops, "drift", "-f", "all", "-n", namespace, "-o", "json", user=user)
    assert (done.returncode, done.stderr) == (1, "")
    report, found = json.loads(done.stdout), objects_of(done)
    assert report["summary"].items() >= {"checked": 22, "drifted": 22, "missing": 1, "unconfirmed": 21}.items()
    resources = "spec.template.spec.containers[name=web].resources.requests"
    looks = {f"{resources}.cpu": ("Modified", False), f"{resources}.memory": ("Modified", False)}
    assert fields_of(found["Deployment/web-1"]) == looks
    assert fields_of(found["Deployment/web-3"]) == {"spec.replicas": ("Modified", False), **looks}
    assert fields_of(found["ConfigMap/settings"]) == {
        "data.greeting": ("Modified", False),
        "data.more": ("Added", False),
    }
    # One refusal is enough for a kind.
    assert dry_runs(requests) == {
        "dry-run patch deployments": 1,
        "dry-run patch configmaps": 1,
        "dry-run create configmaps": 1,
    }
    summary = gitops("drift", "-f", "all", "-n", namespace, user=user).stdout.splitlines()[0]
    assert summary == "22 of 22 objects drifted: 21 modified, 1 missing; 21 not confirmed: no right to dry-run"
    # What somebody else's run has learned here is sure.
    assert gitops("drift", "-f", "all", "-n", namespace).stdout.startswith("3 of 22 objects drifted")


def test_what_may_not_be_read_is_named_and_everything_else_is_reported(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    gitops.write({"all.yaml": "---\n".join([SETTINGS, LOGIN, WEB, LOGIN.replace("name: login", "name: other")])})
    user = reader(kubectl, namespace)  # "view" leaves Secrets out
    done = gitops("drift", "-f", "all.yaml", "-n", namespace, user=user)
    assert done.returncode == 2
    assert done.stdout.startswith("2 of 2 objects drifted: 2 missing\n")
    who, where = f'User "{user}" cannot list resource "secrets"', f'in the namespace "{namespace}"'
    forbidden = f'secrets is forbidden: {who} in API group "" {where}'
    assert done.stderr.splitlines() == [
        f"warning: 2 objects not compared: {forbidden}",
        "error: 2 objects could not be read, and so not be compared",
        "hint: ask for this right, or use a context that has it",
    ]


# What the API server refuses


def test_objects_that_the_api_server_refuses_to_judge_do_not_hide_the_others(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    gitops.write({"all/web.yaml": WEB, "all/settings.yaml": SETTINGS, "all/service.yaml": SERVICE})
    kubectl("apply", "--server-side", "-f", str(gitops.directory / "all"), "-n", namespace)
    kubectl("patch", "configmap/settings", "-n", namespace, "-p", '{"data": {"greeting": "bye"}}')
    lamp = "apiVersion: example.com/v1\nkind: Lamp\nmetadata: {name: desk}\n"
    gitops.write({"all/web.yaml": WEB.replace("app: web", "app: other"), "all/lamp.yaml": lamp})
    done = gitops("drift", "-f", "all", "-n", namespace, "-o", "json")
    assert (done.returncode, done.stderr) == (1, "")
    found = objects_of(done)
    assert {name: entry["drift"] for name, entry in found.items()} == {
        "ConfigMap/settings": "Modified",
        "Deployment/web": "Modified",
        "Lamp/desk": "Missing",
    }
    assert found["Lamp/desk"]["note"] == "the cluster has no kind Lamp in example.com/v1: is its CRD installed?"
    assert fields_of(found["ConfigMap/settings"]) == {"data.greeting": ("Modified", True)}
    web = found["Deployment/web"]
    assert "field is immutable" in web["note"]
    assert fields_of(web)["spec.selector"] == ("Modified", False)
    assert fields_of(web)["spec.template.metadata.labels.app"] == ("Modified", False)
    table = gitops.differs("drift", "-f", "all", "-n", namespace)
    because = "the API server refused the dry-run"
    assert table.startswith(f"3 of 4 objects drifted: 2 modified, 1 missing; 1 not confirmed: {because}\n")
    assert '  note: Deployment.apps "web" is invalid: ' in table


def test_an_object_that_no_kind_can_hold_is_judged_by_the_fields_that_it_does_not_have(
    gitops: CommandLine, kubectl: Kubectl, namespace: str
) -> None:
    gitops.write({"web.yaml": WEB})
    kubectl("apply", "--server-side", "-f", str(gitops.directory / "web.yaml"), "-n", namespace)
    gitops.write({"web.yaml": WEB.replace("replicas: 2", "replica: 2")})
    done = gitops("drift", "-f", "web.yaml", "-n", namespace, "-o", "json")
    web = objects_of(done)["Deployment/web"]
    assert "replica" in web["note"]
    assert fields_of(web)["spec.replica"] == ("Modified", False)
