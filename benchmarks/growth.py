"""``python -m benchmarks.growth``: how the reconciler's figures grow with the objects, as docs/growth.md and a plot."""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchmarks.bench import ground
from benchmarks.plot import Panel, drawing
from benchmarks.reconciler import Rest, resting

#: Above this, what was measured is no rest.
_BUSY_PERCENT = 10.0
DOCS = Path(__file__).parents[1] / "docs"

_HEAD = """\
# How the reconciler's figures grow

One GitSync of objects of five kinds; one process, and an API server and etcd beside it on the same {cores} cores.
Made by `python -m benchmarks.growth`, with Kubernetes {kubernetes} and Python {python}.{note}

| objects | first sync | memory after it | idle, of one core | from start to the first verdict | memory then |
|---|---|---|---|---|---|
"""
_TAIL = """
![the same as plots](growth.svg)

The memory and the processor time are the reconciler's own, git included. The first sync creates every object, and is
the API server's work for the most part. The first verdict is the first drift found by a process that was just started;
each kind is listed once for that. *Idle* is with polling every 10 s, and writes nothing but the renewals of the lease.
"""


@click.command()
@click.option("--counts", default="1000,5000,10000,20000", show_default=True, help="Numbers of objects.")
@click.option("--docs", type=click.Path(path_type=Path, file_okay=False), default=DOCS, help="Where to write to.")
def main(counts: str, docs: Path) -> None:
    """Measure with so many objects each, every time on a control plane of its own."""
    rests: list[Rest] = []
    versions: dict[str, str] = {}
    loads = [os.getloadavg()[0]]
    for count in map(int, counts.split(",")):
        click.echo(f"{count} objects ...", err=True)
        with ground() as place:
            versions = place.versions
            rests.append(resting(place, count))
        loads.append(os.getloadavg()[0])
        click.echo(_row(rests[-1]), err=True)
        (docs / "growth.md").write_text(page(rests, versions, loads))
        (docs / "growth.svg").write_text(drawing(panels(rests)))


def page(rests: list[Rest], versions: dict[str, str], loads: list[float]) -> str:
    cores = os.cpu_count() or 1
    note = ""
    if max(loads) > 1.5 * cores:
        note = (
            f"\n\nThe machine was busy with other work all the while (load {min(loads):.0f} to {max(loads):.0f} on "
            f"{cores} cores):\ntimes are longer than they would be, memory is not."
        )
    head = _HEAD.format(cores=cores, kubernetes=versions["kubernetes"], python=versions["python"], note=note)
    busy = [f"{rest.count:,}" for rest in rests if rest.idle_percent > _BUSY_PERCENT]
    restless = f"\nWith {', '.join(busy)} objects it had not come to rest a minute after the sync.\n" if busy else ""
    return head + "".join(map(_row, rests)) + restless + _TAIL


def panels(rests: list[Rest]) -> list[Panel]:
    def panel(title: str, unit: str, values: list[float]) -> Panel:
        return Panel(title, unit, [(rest.count, value) for rest, value in zip(rests, values, strict=True)])

    return [
        panel("first sync", "s", [rest.sync_seconds for rest in rests]),
        panel("memory", "MiB", [max(rest.synced_mib, rest.restarted_mib) for rest in rests]),
        panel("from start to the first verdict", "s", [rest.first_verdict_seconds for rest in rests]),
        panel("idle", "% of a core", [rest.idle_percent for rest in rests]),
    ]


def _row(rest: Rest) -> str:
    return (
        f"| {rest.count:,} | {rest.sync_seconds:.1f} s | {rest.synced_mib:.0f} MiB | {rest.idle_percent:.1f} % "
        f"| {rest.first_verdict_seconds:.1f} s | {rest.restarted_mib:.0f} MiB |\n"
    )


if __name__ == "__main__":
    main()
