"""The report's plots as inline SVG: no library, no network, every text escaped.

Colours come from the page's style sheet (`c0` … `c7`), so that one drawing serves light, dark and paper. A
method is told by colour *and* shape. Text keeps its size because a plot is drawn for a width, not scaled to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

HUES = 8
SHAPES = 5
LETTER = 6.6
"""Average width of a letter at the plots' font size, in pixels: good enough to keep labels apart."""
Format = Callable[[float], str]


@dataclass(frozen=True)
class Scale:
    """Data to pixels; `bottom` and `top` are the pixels of `low` and `high`."""

    low: float
    high: float
    bottom: float
    top: float
    log: bool = False
    whole: bool = False
    """Ticks at whole numbers only, for steps and epochs."""
    marks: tuple[float, ...] = ()
    """Ticks at these values and nowhere else."""

    def __call__(self, value: float) -> float:
        ends = (self.low, self.high, value)
        low, high, value = (math.log10(v) for v in ends) if self.log else ends
        return round(self.bottom + (value - low) / (high - low) * (self.top - self.bottom), 1)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round numbers inside the scale: steps of 1, 2 or 5, or powers of ten."""
        if self.marks:
            return list(self.marks)
        if self.log and self.high / self.low >= 100:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            every = max(1, math.ceil((last - first) / wanted))
            return [10.0**power for power in range(first, last + 1, every)]
        rough = (self.high - self.low) / wanted
        unit = 10.0 ** math.floor(math.log10(rough))
        step = min((f * unit for f in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
        step = max(step, 1.0) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def padded(values: Iterable[float], share: float = 0.08) -> tuple[float, float]:
    """The range of `values` with some air; never empty."""
    values = list(values)
    low, high = min(values), max(values)
    largest = max(abs(low), abs(high))
    spread = high - low if high - low > 1e-6 * largest else largest or 1.0
    spread = spread if spread > 1e-300 else 1.0  # a share of less is no number any more
    return low - share * spread, high + share * spread


@dataclass(frozen=True)
class Point:
    """One trial in a plot of quality `y` (with its interval) against cost `x`."""

    name: str
    mark: int
    x: float
    y: float
    low: float
    high: float
    note: str = ""


def front(points: Sequence[Point], lower_is_better: bool = False) -> list[Point]:
    """The Pareto front, cheapest first: points that no other one beats on one side without losing on the other."""
    sign = -1 if lower_is_better else 1

    def beaten(p: Point, q: Point) -> bool:
        return q.x <= p.x and sign * q.y >= sign * p.y and (q.x < p.x or sign * q.y > sign * p.y)

    return sorted((p for p in points if not any(beaten(p, q) for q in points)), key=lambda p: (p.x, p.y))


@dataclass(frozen=True)
class Frame:
    """Size of a plot and how its numbers are written."""

    width: int
    height: int
    x: Format
    y: Format
    left: int = 46
    right: int = 14
    top: int = 12
    bottom: int = 28
    log: bool = False
    """A logarithmic axis below curves."""


def scatter(points: Sequence[Point], frame: Frame, lower_is_better: bool = False) -> Markup:
    """Quality (up is better) against cost; zero cost gets a place of its own left of a logarithmic axis."""
    x, zero = _cost_scale([p.x for p in points], frame)
    low, high = padded([v for p in points for v in (p.low, p.high, p.y)])
    ends = (frame.top, frame.height - frame.bottom) if lower_is_better else (frame.height - frame.bottom, frame.top)
    y = Scale(low, high, *ends)

    def place(p: Point) -> tuple[float, float]:
        return (zero if zero is not None and p.x <= 0 else x(p.x)), y(p.y)

    best = front(points, lower_is_better)
    parts = [_grid(x, y, frame)]
    if zero is not None:
        parts.append(_text(zero, frame.height - 10, frame.x(0), "tick mid"))
    steps = [place(p) for p in best]
    path = "".join(f"H{px}V{py}" if n else f"M{px} {py}" for n, (px, py) in enumerate(steps))
    parts.append(Markup('<path class="front" d="{}"/>').format(path))
    for p in points:
        px, py = place(p)
        bar = Markup('<path class="bar" d="M{0} {1}V{2}"/>').format(px, y(p.low), y(p.high))
        title = Markup("<title>{}</title>").format(f"{p.name}: {p.note}")
        drawn = title + bar + symbol(p.mark, px, py, p in best)
        parts.append(Markup('<g class="c{}">{}</g>').format(p.mark % HUES, drawn))
    parts.extend(_labels([(p.name, *place(p)) for p in points], frame))
    return svg(parts, frame.width, frame.height)


@dataclass(frozen=True)
class Line:
    """One trial's curve; `ring` is the index of the point that is marked, `dots` draws every point."""

    name: str
    mark: int
    xs: Sequence[float]
    ys: Sequence[float]
    ring: int | None = None
    dots: bool = False
    bars: Sequence[tuple[float, float]] = ()
    """Low and high around each point."""


def curves(lines: Sequence[Line], frame: Frame, top: float | None = None) -> Markup:
    """Curves over a common axis. Values above `top` run along the upper edge, so that one that blew up hides none."""
    ys = [v for line in lines for v in (*line.ys, *(end for bar in line.bars for end in bar))]
    low, high = padded(v if top is None else min(v, top) for v in ys)
    xs = [v for line in lines for v in line.xs]
    x = _curve_axis(xs, frame)
    y = Scale(low, high, frame.height - frame.bottom, frame.top)
    parts = [_grid(x, y, frame)]
    for line in lines:
        placed = [(x(a), y(min(b, high))) for a, b in zip(line.xs, line.ys)]
        path = "M" + "L".join(f"{a} {b}" for a, b in placed)
        drawn = Markup('<path class="line" d="{}"/>').format(path)
        for (a, _), (bottom, upper) in zip(placed, line.bars):
            drawn += Markup('<path class="bar" d="M{} {}V{}"/>').format(a, y(bottom), y(upper))
        if line.dots:
            drawn += Markup("").join(symbol(line.mark, a, b, True, 3.5) for a, b in placed)
        if line.ring is not None:
            a, b = placed[line.ring]
            drawn += Markup('<circle class="ring" cx="{}" cy="{}" r="7.5"/>').format(a, b)
        parts.append(Markup('<g class="c{}"><title>{}</title>{}</g>').format(line.mark % HUES, line.name, drawn))
    return svg(parts, frame.width, frame.height)


def _curve_axis(xs: Sequence[float], frame: Frame) -> Scale:
    left, right = frame.left, frame.width - frame.right
    if frame.log:
        return Scale(min(xs) / 1.2, max(xs) * 1.2, left, right, log=True, marks=tuple(sorted(set(xs))))
    return Scale(min(0.0, *xs), max(xs) or 1.0, left, right, whole=True)


def symbol(mark: int, x: float, y: float, filled: bool, r: float = 5.5) -> Markup:
    """A method's shape around a point: circle, square, triangle, diamond, triangle on its head."""
    style = "full" if filled else "hollow"
    if mark % SHAPES == 0:
        return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(style, x, y, r)
    corners = {
        1: ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
        2: ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
        3: ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
        4: ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    }[mark % SHAPES]
    path = "M" + "L".join(f"{x + r * dx:.1f} {y + r * dy:.1f}" for dx, dy in corners) + "Z"
    return Markup('<path class="{}" d="{}"/>').format(style, path)


def _cost_scale(costs: Sequence[float], frame: Frame) -> tuple[Scale, float | None]:
    """The cost axis, and where zero goes when the axis is logarithmic (None: no zero, or a linear axis)."""
    above = [c for c in costs if c > 0]
    left, right = frame.left + 10, frame.width - frame.right - 10
    if not above or max(above) < 20 * min(above):
        return Scale(0.0, (max(above) if above else 1.0) * 1.06, left, right), None
    zero = left + 6 if len(above) < len(costs) else None
    scale = Scale(min(above) / 1.6, max(above) * 1.6, left + (44 if zero else 0), right, log=True)
    return scale, zero


def _grid(x: Scale, y: Scale, frame: Frame) -> Markup:
    left, right, base = frame.left, frame.width - frame.right, frame.height - frame.bottom
    rules = "".join(f"M{left} {y(v)}H{right}" for v in y.ticks(4))
    parts = [Markup('<path class="grid" d="{}"/><path class="axis" d="M{} {}H{}"/>').format(rules, left, base, right)]
    parts += [_text(left - 8, y(v) + 4, frame.y(v), "tick end") for v in y.ticks(4)]
    wanted = max(2, frame.width // 110)
    parts += [Markup('<path class="axis" d="M{} {}v4"/>').format(x(v), base) for v in x.ticks(wanted)]
    parts += [_text(x(v), frame.height - 10, frame.x(v), "tick mid") for v in x.ticks(wanted)]
    return Markup("").join(parts)


def _labels(named: Sequence[tuple[str, float, float]], frame: Frame) -> list[Markup]:
    """Names beside their points where they fit without touching each other; the key below has them all anyway."""
    taken = [(px - 7, py - 7, px + 7, py + 7) for _, px, py in named]
    drawn = []
    for name, px, py in named:
        long = LETTER * sum(2 if ord(c) > 0x2E7F else 1 for c in name)
        sides = (
            ("start", px + 11, py + 4, px + 11),
            ("end", px - 11, py + 4, px - 11 - long),
            ("mid", px, py - 13, px - long / 2),
            ("mid", px, py + 22, px - long / 2),
        )
        for anchor, tx, ty, start in sides:
            area = (start, ty - 10, start + long, ty + 3)
            across = area[0] >= frame.left and area[2] <= frame.width
            inside = across and area[1] >= 0 and area[3] <= frame.height - frame.bottom
            if inside and not any(_overlap(area, other) for other in taken):
                taken.append(area)
                drawn.append(_text(tx, ty, name, f"name {anchor}"))
                break
    return drawn


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _text(x: float, y: float, text: str, style: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(style, round(x, 1), round(y, 1), text)


def svg(parts: Iterable[Markup], width: int, height: int) -> Markup:
    inner = Markup("").join(parts)
    frame = Markup('<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">{2}</svg>')
    return frame.format(width, height, inner)
