"""Run the benchmarks, print a table, and write build/bench.json."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from benchmarks import drift, handover, reconciler, render, restore, startup, sync, webhook
from benchmarks.bench import Figure, ground
from benchmarks.measure import CommandFailed

BENCHES = [
    *startup.BENCHES,
    *drift.BENCHES,
    *render.BENCHES,
    *sync.BENCHES,
    *restore.BENCHES,
    *reconciler.BENCHES,
    *handover.BENCHES,
    *webhook.BENCHES,
]
_HEAD = ("benchmark", "objects", "ours", "peer", "peer's", "ours / peer", "peak RSS", "API calls")


@click.command()
@click.option("--only", default="", help="Run those with this in their name.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("build/bench.json"), show_default=True)
def main(only: str, output: Path) -> None:
    """Measure side by side with kubectl, on one control plane with nothing else on it."""
    chosen = [bench for bench in BENCHES if only in bench.name]
    if not chosen:
        click.echo(f"no benchmark has {only!r} in its name: {', '.join(bench.name for bench in BENCHES)}", err=True)
        sys.exit(2)
    figures: list[Figure] = []
    try:
        with ground() as place:
            for bench in chosen:
                click.echo(f"running {bench.name} ...", err=True)
                figures.extend(bench.run(place))
    except CommandFailed as exc:
        click.echo(f"error: {exc}", err=True)
        sys.exit(1)
    click.echo(_table(figures))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(orjson.dumps([figure.as_json() for figure in figures], option=orjson.OPT_INDENT_2) + b"\n")
    click.echo(f"\n{', '.join(f'{name} {version}' for name, version in figures[0].versions.items())}; {output}")


def _table(figures: list[Figure]) -> str:
    rows = [_HEAD, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        str(figure.objects),
        f"{figure.ours:.3f} {figure.unit}",
        figure.peer,
        f"{figure.peer_value:.3f} {figure.unit}",
        f"{figure.ratio:.3f} (1/{1 / figure.ratio:.1f})",
        f"{figure.peak_rss_mib:.0f} MiB",
        "" if figure.api_calls is None else str(figure.api_calls),
    )


if __name__ == "__main__":
    main()
