"""The page in a real browser, where there is one: nothing that comes from outside runs, and the filter works."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_gitops.api.objects import Origin, ResourceKey
from kubectl_gitops.report.formats import render
from kubectl_gitops.report.model import Report
from tests.unit.report.samples import COMMIT, DEBUG, REPLICAS, SET, drift_report, missing, modified, orphaned

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH")

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=3000", "--dump-dom"),
]
#: Each would write this into the page, if it ran.
MARK = "document.documentElement.setAttribute('data-ran', '1')"
ATTACKS = [
    f"<script>{MARK}</script>",
    f"</script><script>{MARK}</script>",
    f'<img src=x: onerror="{MARK}">',
    f'"><svg onload="{MARK}">',
    f"' autofocus onfocus=\"{MARK}\" x='",
    f'</style><style>*{{color:red}}</style><iframe srcdoc="<script>parent.{MARK}</script>">',
    f'</title></details></article></main><details open ontoggle="{MARK}">',
]

Load = Callable[..., str]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """The page's elements after its script has run, as HTML again."""

    def load(report: Report, fragment: str = "", html: str = "") -> str:
        page = tmp_path / "page.html"
        page.write_text(html or render(report, "html"), encoding="utf-8")
        argv = [BROWSER or "", *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"{page.as_uri()}{fragment}"]
        done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)
        assert "</html>" in done.stdout
        return done.stdout

    return load


def hostile(text: str) -> Report:
    field = replace(
        REPLICAS,
        path=("data", text),
        desired=text,
        live=[text],
        owner=replace(SET, manager=text[:40], operation=text, time=text),
        commit=replace(COMMIT, author=text, subject=text, time=text),
    )
    key = ResourceKey(text, text, text, text)
    drift = modified(
        field, replace(field, desired=f"{text}\n", live=f"\n{text}"), key=key, origin=Origin(text, 1), note=text
    )
    return replace(drift_report(drift, missing()), subject=text, repo_url=text, path=text, ref=text)


def test_nothing_that_comes_from_outside_runs(load: Load) -> None:
    dom = load(hostile("".join(ATTACKS)))
    assert "data-ran" not in re.sub(r"data-ran&#39;|data-ran'", "", dom)
    assert not re.search(r"<(iframe|svg|img)", dom)
    assert dom.count("<script>") == 1
    # The page's own script did run, so the policy lets it.
    assert '<form id="filter" role="search">' in dom


def test_the_policy_stops_even_what_would_be_markup(load: Load) -> None:
    html = render(drift_report(missing(), orphaned()), "html")
    attacked = html.replace("</main>", "".join(ATTACKS[:4]) + "</main>")
    dom = load(drift_report(), html=attacked)
    assert "<img" in dom
    assert '<html lang="en">' in dom
    without_policy = re.sub(r"<meta http-equiv=[^>]*>", "", attacked)
    assert '<html lang="en" data-ran="1">' in load(drift_report(), html=without_policy)


@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("#kind=Missing&kind=Orphaned", {"Namespace/shop", "ConfigMap/settings in namespace shop"}),
        ("#namespace=%3D", {"Namespace/shop"}),
        ("#manager=%3Dkubectl-scale", {"Deployment/web in namespace shop"}),
        ("#q=SETTINGS+deploy&kind=Missing", {"ConfigMap/settings in namespace shop"}),
        ("#q=nowhere", set()),
    ],
)
def test_a_link_can_hold_the_filter(load: Load, fragment: str, shown: set[str]) -> None:
    dom = load(drift_report(modified(REPLICAS, DEBUG), missing(), orphaned()), fragment)
    articles = re.findall(r"<article[^>]*?(hidden=\"\")?><details.*?<h3>(.*?)</h3>", dom, flags=re.DOTALL)
    visible = {re.sub(r"<[^>]+>", "", head).split(" ", 1)[1] for hidden, head in articles if not hidden}
    assert visible == shown
    assert f"{len(shown)} of 3 shown" in dom
    assert ('<p id="none" class="note" hidden="">' in dom) == bool(shown)
