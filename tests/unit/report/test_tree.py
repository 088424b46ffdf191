"""The tree as text and as JSON."""

from __future__ import annotations

from kubectl_gitops.api.objects import ResourceKey
from kubectl_gitops.health.model import Health, HealthStatus
from kubectl_gitops.report.style import PLAIN, Style
from kubectl_gitops.report.tree import ASCII, UNICODE, Node, to_json, to_text

POD = Node(
    key=ResourceKey("", "Pod", "shop", "web-1"),
    api_version="v1",
    health=Health(HealthStatus.DEGRADED, "container web: CrashLoopBackOff"),
)
REPLICA_SET = Node(
    key=ResourceKey("apps", "ReplicaSet", "shop", "web"),
    api_version="apps/v1",
    health=Health(HealthStatus.PROGRESSING),
    children=(POD,),
)
WEB = Node(
    key=ResourceKey("apps", "Deployment", "shop", "web"),
    api_version="apps/v1",
    sync="Modified",
    health=Health(HealthStatus.PROGRESSING),
    note="spec.replicas",
    children=(REPLICA_SET,),
)
SETTINGS = Node(
    key=ResourceKey("", "ConfigMap", "shop", "settings"),
    api_version="v1",
    sync="Synced",
    health=Health(HealthStatus.HEALTHY, "not to be shown"),
)
ROOT = Node(
    key=ResourceKey("kubectl-gitops.dev", "GitSync", "gitops-system", "shop"),
    api_version="kubectl-gitops.dev/v1alpha1",
    sync="Drifted",
    health=Health(HealthStatus.PROGRESSING),
    children=(WEB, SETTINGS),
)


def test_the_lines_of_a_tree() -> None:
    assert to_text([ROOT], lines=UNICODE, style=PLAIN) == (
        "OBJECT                            NAMESPACE       SYNC       HEALTH        NOTE\n"
        "GitSync.kubectl-gitops.dev/shop   gitops-system   Drifted    Progressing\n"
        "├─ Deployment/web                 shop            Modified   Progressing   spec.replicas\n"
        "│  └─ ReplicaSet/web              shop                       Progressing\n"
        "│     └─ Pod/web-1                shop                       Degraded      container web: CrashLoopBackOff\n"
        "└─ ConfigMap/settings             shop            Synced     Healthy\n"
    )
    plain = to_text([ROOT], lines=ASCII, style=PLAIN)
    assert plain.isascii()
    assert "\n|  `- ReplicaSet/web " in plain


def test_names_cannot_steer_a_terminal() -> None:
    bad = Node(key=ResourceKey("", "X\033[2J", "n\n", "a\033]0;b"), api_version="v1", note="\033[31m")
    text = to_text([bad], lines=UNICODE, style=Style(color=True))
    assert "\033[2J" not in text
    assert "\033]" not in text
    assert text.count("\n") == 2


def test_the_document_for_programs() -> None:
    document = to_json([ROOT], [("pods in namespace shop", "forbidden")])
    assert document["unseen"] == [{"what": "pods in namespace shop", "why": "forbidden"}]
    web, settings = document["items"][0]["children"]
    assert (web["sync"], web["note"], settings["health"]["status"]) == ("Modified", "spec.replicas", "Healthy")
    pod = web["children"][0]["children"][0]
    assert (pod["sync"], pod["children"], pod["health"]["message"]) == (None, [], "container web: CrashLoopBackOff")
