"""As whom a GitSync's objects are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_gitops.api.gitsync import GitSync
from kubectl_gitops.cluster.connection import Cluster, Impersonation
from kubectl_gitops.reconciler.identity import AccountMissing, whoami, writer_for
from tests.unit.cluster.fakeserver import Answer, Request, serving
from tests.unit.reconciler.test_work import GITSYNC

MARK = {"Impersonate-Extra-kubectl-gitops.dev%2Factor": "reconciler"}


def impersonation(gitsync: GitSync, identity: Impersonation) -> dict[str, str]:
    with serving(lambda _: Answer({})) as server:
        writer = writer_for(gitsync, server.cluster(), system_namespace="gitops-system", self_identity=identity)
        writer.get("/api")
    return {name: value for name, value in server.requests[0].headers.items() if name.startswith("Impersonate")}


ME = Impersonation(user="me", groups=("mine",))


def test_in_the_system_namespace_as_the_reconciler_itself() -> None:
    assert impersonation(GITSYNC, ME) == {"Impersonate-User": "me", "Impersonate-Group": "mine", **MARK}


@pytest.mark.parametrize("namespace", ["gitops-system", "shop"])
def test_as_the_account_that_it_names_in_its_own_namespace(namespace: str) -> None:
    gitsync = replace(GITSYNC, namespace=namespace, service_account="deployer")
    user = f"system:serviceaccount:{namespace}:deployer"
    assert impersonation(gitsync, ME) == {"Impersonate-User": user, **MARK}


def test_elsewhere_an_account_must_be_named() -> None:
    with pytest.raises(AccountMissing, match=r"GitSync shop/shop must name a spec\.serviceAccountName"):
        impersonation(replace(GITSYNC, namespace="shop"), ME)


@pytest.mark.parametrize(
    ("user", "groups"), [("system:serviceaccount:gitops-system:gitops-reconciler", ()), ("jane", ("devs",))]
)
def test_the_groups_of_a_service_account_are_left_to_the_api_server(user: str, groups: tuple[str, ...]) -> None:
    def answer(_: Request) -> Answer:
        return Answer({"status": {"userInfo": {"username": user, "groups": ["devs"]}}})

    with serving(answer) as server:
        cluster: Cluster = server.cluster()
        assert whoami(cluster) == Impersonation(user=user, groups=groups)
