"""``kubectl gitops check --cluster``: what is wrong with the installation in a cluster."""

from __future__ import annotations

import sys

from kubectl_gitops.cli.failures import exit_with_differences
from kubectl_gitops.cli.layers import active_layer
from kubectl_gitops.cli.options import ClusterOptions
from kubectl_gitops.cli.output import style_of, write
from kubectl_gitops.errors import InvalidInput
from kubectl_gitops.installation.diagnosis import Diagnosis, Result
from kubectl_gitops.installation.installed import installed_overlay
from kubectl_gitops.installation.manifests import read_manifests
from kubectl_gitops.report.style import Color, Style
from kubectl_gitops.report.text import count_of, printable, without_credentials


def check_cluster(options: ClusterOptions, output: str) -> None:
    """Print what was found; exit code 1 where anything is wrong. Raises InvalidInput for other formats than these."""
    if output not in {"table", "json"}:
        raise InvalidInput(f"--cluster has no -o {output}", hint="there is table and json")
    cluster = options.connect()
    found = list(Diagnosis(cluster, read_manifests(installed_overlay(cluster))).run())
    layer = active_layer(cluster)
    text = _json(found, layer) if output == "json" else _table(found, layer, style_of(sys.stdout))
    write(text, style=style_of(sys.stdout))
    if not all(result.is_well for result in found):
        exit_with_differences()


def _json(found: list[Result], layer: str) -> str:
    import json

    items = [{"what": one.what, "fault": without_credentials(one.fault), "hint": one.hint} for one in found]
    wrong = sum(not one.is_well for one in found)
    return json.dumps({"wrong": wrong, "enforcement": layer, "checks": items}, indent=2) + "\n"


def _table(found: list[Result], layer: str, style: Style) -> str:
    wrong = [one for one in found if not one.is_well]
    lines: list[str] = []
    for one in wrong:
        fault = printable(without_credentials(one.fault))
        lines.append(f"{style.paint('wrong', Color.RED)}  {printable(one.what)}: {fault}")
        lines += [f"       {printable(one.hint)}"] if one.hint else []
    lines.append(f"Enforcement: {layer}")
    checked = count_of(len(found), "thing")
    lines.append(f"{checked} checked, {len(wrong)} wrong" if wrong else f"{checked} checked, nothing is wrong")
    return "\n".join(lines) + "\n"
