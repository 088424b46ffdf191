"""Drift detection is exact, and the API server is the oracle.

Random objects of many kinds are changed at random by random field managers. After each change our verdict, field by
field, must be what a server-side apply would do, as told by comparing the whole object before and after a dry-run.

``CASES=20000`` asks for more than the usual 2,000; ``SEED=7`` for others. A failure says what was done, step by step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.oracle.builtin import BUILTIN
from tests.oracle.custom import CRDS, CUSTOM
from tests.oracle.kinds import Kind
from tests.oracle.tally import Tally
from tests.oracle.walks import Walk, Walker, walks
from tests.testbed.controlplane import ControlPlane
from tests.testbed.waiting import wait_until

KINDS = (*BUILTIN, *CUSTOM)
CASES = int(os.environ.get("CASES") or 2000)
SEED = int(os.environ.get("SEED") or 1)
#: Walks at once: the API server has more cores than one connection can use.
PARALLEL = 4
#: What a walk comes to on the average, at the very least: many changes are refused.
_CASES_A_WALK = 4
_EXAMPLES = 1 + CASES // (len(KINDS) * PARALLEL * _CASES_A_WALK)
NAMESPACE = "oracle"


@pytest.fixture(scope="module")
def walker() -> Iterator[Walker]:
    """On a control plane without controllers: nobody else changes anything between our look and the oracle's."""
    with ControlPlane() as plane:
        plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for crd in CRDS:
            plane.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        made = Walker(plane, NAMESPACE)
        wait_until(lambda: _are_served(made), 30, "the custom resources to be served")
        yield made


def _are_served(walker: Walker) -> bool:
    walker.discovery.refresh()
    return all(walker.discovery.find(kind.api_version, kind.name) for kind in CUSTOM)


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Tally:
    made = Tally(SEED)
    request.config.pluginmanager.register(made)
    return made


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # what failed is said by the assertion
@pytest.mark.timeout(60 + CASES // 2)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_verdict_is_what_the_api_server_would_do(walker: Walker, tally: Tally, kind: Kind) -> None:
    @seed(SEED)
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(walks(kind), min_size=PARALLEL, max_size=PARALLEL))
    def go(some: list[Walk]) -> None:
        found = list(pool.map(walker.go, some))
        tally.add(kind.name, found)
        assert not [said for one in found for said in one.disagreements]

    with ThreadPoolExecutor(PARALLEL) as pool:
        go()
