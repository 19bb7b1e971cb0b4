"""Small drawings that stand in text and table cells: a method's mark, an interval, a box of percentiles."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from luthier.charts import HUES, Scale, svg, symbol


def badge(mark: int) -> Markup:
    """A method's mark alone, to stand before its name."""
    shape = Markup('<g class="c{}">{}</g>').format(mark % HUES, symbol(mark, 7, 7, True, 4.6))
    return svg([shape], 14, 14)


def whisker(values: tuple[float, float, float], domain: tuple[float, float], margin: float | None = None) -> Markup:
    """A small interval for a table cell: `(low, middle, high)`; with `margin` a zero line and its band."""
    width, height = 132, 18
    x = Scale(*domain, 4, width - 4)
    low, middle, high = (x(v) for v in values)
    parts = [Markup('<path class="track" d="M4 9H{}"/>').format(width - 4)]
    if margin is not None:
        left, right = x(max(-margin, domain[0])), x(min(margin, domain[1]))
        band = Markup('<rect class="band" x="{}" y="0" width="{}" height="18"/>')
        parts.append(band.format(left, round(right - left, 1)))
        parts.append(Markup('<path class="zero" d="M{} 0V18"/>').format(x(0)))
    dot = Markup('<path class="bar" d="M{} 9H{}"/><circle class="dot" cx="{}" cy="9" r="3.6"/>')
    parts.append(dot.format(low, high, middle))
    return svg(parts, width, height)


def box(five: Sequence[float], top: float) -> Markup:
    """5, 25, 50, 75 and 95 % of a distribution on a scale from 0 to `top`, as wide as its cell."""
    a, b, c, d, e = (100 * v / top for v in five)
    parts = Markup(
        '<path class="bar" d="M{:.2f} 9H{:.2f}"/><rect class="box" x="{:.2f}" y="2" width="{:.2f}" height="14"/>'
        '<path class="median" d="M{:.2f} 1V17"/>'
    ).format(a, e, b, max(d - b, 0.2), c)
    return Markup('<svg viewBox="0 0 100 18" preserveAspectRatio="none" aria-hidden="true">{}</svg>').format(parts)
