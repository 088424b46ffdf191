"""Small line plots as one SVG: linear axes from zero, so that what grows faster than its cause is seen to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _MARGIN = 340, 220, 48
_COLUMNS = 2


class Panel(NamedTuple):
    """``points`` are (objects, value), by the number of objects."""

    title: str
    unit: str
    points: Sequence[tuple[int, float]]


def drawing(panels: Sequence[Panel]) -> str:
    """The panels beside and below each other."""
    rows = -(-len(panels) // _COLUMNS)
    body = "".join(
        f'<g transform="translate({n % _COLUMNS * _WIDTH} {n // _COLUMNS * _HEIGHT})">{_panel(panel)}</g>\n'
        for n, panel in enumerate(panels)
    )
    size = f'width="{_WIDTH * _COLUMNS}" height="{_HEIGHT * rows}"'
    style = 'font-family="sans-serif" font-size="11" fill="#333"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}</svg>\n'
    )


def _panel(panel: Panel) -> str:
    most_x = max(x for x, _ in panel.points)
    most_y = max(y for _, y in panel.points) * 1.1 or 1.0
    wide, high = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN

    def place(x: float, y: float) -> tuple[float, float]:
        return _MARGIN + wide * x / most_x, _MARGIN + high * (1 - y / most_y)

    places = [place(*point) for point in panel.points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    title = escape(f"{panel.title} ({panel.unit})")
    parts = [
        f'<text x="{_MARGIN}" y="{_MARGIN - 22}" font-weight="bold">{title}</text>',
        f'<path d="M{_MARGIN} {_MARGIN}v{high}h{wide}" fill="none" stroke="#999"/>',
        f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="2"/>',
    ]
    for (x, y), (count, value) in zip(places, panel.points, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#2563eb"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 7:.1f}" text-anchor="middle">{value:.3g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{_MARGIN + high + 15}" text-anchor="middle">{_short(count)}</text>')
    return "".join(parts)


def _short(count: int) -> str:
    return f"{count // 1000}k" if count >= 1000 and count % 1000 == 0 else str(count)
