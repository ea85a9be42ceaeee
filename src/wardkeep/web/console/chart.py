"""Charts as SVG from the server: plain shapes with classes, coloured by the style sheet, so that the policy holds.

Each chart stands beside the table of its numbers; it is a picture of that table and nothing more, and is hidden from
readers of screens, who have the table.
"""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

_WIDTH: Final = 640
_HEIGHT: Final = 150
_FLOOR: Final = 128
_SPARK: Final = (112, 22)


def columns(days: Sequence[str], first: Sequence[int], second: Sequence[int]) -> Markup:
    """Return two series side by side for each day: solid columns, and hatched ones in front of another colour."""
    top = max(1, *first, *second) if days else 1
    step = _WIDTH / max(1, len(days))
    bar = max(2.0, min(18.0, step * 0.36))
    parts = [_grid(top)]
    for number, day in enumerate(days):
        middle = number * step + step / 2
        for series, left, name in ((first, middle - bar, "bar-a"), (second, middle, "bar-b")):
            value = series[number]
            if value:
                height = max(1.5, value / top * (_FLOOR - 14))
                parts.append(
                    f'<rect class="{name}" x="{left:.1f}" y="{_FLOOR - height:.1f}" width="{bar - 1:.1f}" '
                    f'height="{height:.1f}"/>'
                )
        if len(days) <= 14 or number % 7 == len(days) % 7:
            parts.append(f'<text class="tick" x="{middle:.1f}" y="{_FLOOR + 15}" text-anchor="middle">{day[5:]}</text>')
    return _svg(_WIDTH, _HEIGHT, "chart", parts)


def spark(values: Sequence[int]) -> Markup:
    """Return one row of small columns."""
    width, height = _SPARK
    top, step = max(1, *values) if values else 1, width / max(1, len(values))
    parts = [
        f'<rect class="bar-a" x="{number * step:.1f}" y="{height - max(1.0, value / top * height):.1f}" '
        f'width="{max(1.0, step - 1):.1f}" height="{max(1.0, value / top * height):.1f}"/>'
        for number, value in enumerate(values)
        if value
    ]
    parts.append(f'<line class="floor" x1="0" y1="{height - 0.5}" x2="{width}" y2="{height - 0.5}"/>')
    return _svg(width, height, "spark", parts)


def share(parts_of: Sequence[tuple[str, int]]) -> Markup:
    """Return one bar cut into shares; each class has its own colour and pattern."""
    total, at = max(1, sum(count for _, count in parts_of)), 0.0
    parts = []
    for name, count in parts_of:
        width = count / total * 200
        if count:
            parts.append(f'<rect class="{name}" x="{at:.1f}" y="0" width="{width:.1f}" height="14"/>')
        at += width
    return _svg(200, 14, "share", parts)


def _grid(top: int) -> str:
    lines = []
    for share_of in (0.0, 0.5, 1.0):
        y = _FLOOR - share_of * (_FLOOR - 14)
        lines.append(f'<line class="{"floor" if not share_of else "grid"}" x1="0" y1="{y:.1f}" x2="640" y2="{y:.1f}"/>')
        if share_of == 1.0:
            lines.append(f'<text class="tick" x="0" y="{y - 3:.1f}">{top}</text>')
    return "".join(lines)


def _svg(width: int, height: int, name: str, parts: Sequence[str]) -> Markup:
    # Every value above is a number of ours or an ISO date: nothing that anybody typed is put in unescaped.
    body = "".join(parts)
    return Markup(  # noqa: S704 - see above
        f'<svg class="{name}" viewBox="0 0 {width} {height}" aria-hidden="true" focusable="false">{body}</svg>'
    )
