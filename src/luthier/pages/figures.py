"""The report's figures: which facts go into which plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from luthier import charts, humane
from luthier.metrics import lower_is_better

from . import glyphs
from .lengths import Lengths
from .summary import Entry

COSTS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("trainable_parameters", "trainable", humane.count),
    ("shipped_bytes", "shipped", humane.size),
    ("train_seconds", "train_time", humane.duration),
    ("peak_bytes", "memory", humane.size),
)
CURVE_POINTS = 160


@dataclass(frozen=True)
class Figure:
    """A plot for wide and for narrow pages; `key` lists what it shows, in words."""

    word: str
    wide: Markup
    narrow: Markup
    key: Sequence[tuple[Entry, str]] = ()
    front: Sequence[str] = ()


def costs(entries: Sequence[Entry], metric: str) -> list[Figure]:
    """Quality against each cost that at least one finished trial has; a method's seeds are one point."""
    figures = []
    scored = _by_method([e for e in entries if e.status == "done" and e.mean(metric) is not None], metric)
    for field, word, written in COSTS:
        shown = [e for e in scored if humane.known(e.facts.get(field))]
        if not shown:
            continue
        notes = {e.id: f"{humane.scored(metric, e.metrics[metric])}, {written(e.facts[field])}" for e in shown}
        points = [charts.Point(e.name, e.mark, e.facts[field], *_around(e.metrics[metric]), notes[e.id]) for e in shown]
        wide, narrow = (
            charts.scatter(points, charts.Frame(width, height, written, _ticks(metric)), lower_is_better(metric))
            for width, height in ((760, 420), (350, 330))
        )
        front = [p.name for p in charts.front(points, lower_is_better(metric))]
        figures.append(Figure(word, wide, narrow, [(e, notes[e.id]) for e in shown], front))
    return figures


def off_front(figures: Sequence[Figure]) -> list[str]:
    """Methods that are on no front, in the order of the key: whatever counts, something else is the better buy."""
    named = dict.fromkeys(e.name for figure in figures for e, _ in figure.key)
    return [name for name in named if not any(name in figure.front for figure in figures)]


def _by_method(entries: Sequence[Entry], metric: str) -> list[Entry]:
    """One entry a method: the mean over seeds, between the lowest and the highest end of their intervals."""
    runs: dict[str, list[Entry]] = {}
    for e in entries:
        runs.setdefault(e.method, []).append(e)
    found = []
    for method, own in runs.items():
        around = np.array([_around(e.metrics[metric]) for e in own])
        score = {"mean": float(around[:, 0].mean()), "low": float(around.min()), "high": float(around.max())}
        known = {f: [e.facts[f] for e in own if humane.known(e.facts.get(f))] for f, _, _ in COSTS}
        facts = {f: float(np.mean(values)) for f, values in known.items() if values}
        found.append(replace(own[0], name=method, metrics={metric: score}, facts=facts) if len(own) > 1 else own[0])
    return found


def losses(entries: Sequence[Entry], steps: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure | None:
    """Smoothed training loss by step, every trial that took one; a diverged one does not squash the others."""
    lines, calm = [], []
    for e in entries:
        known = [s for s in steps.get(e.id, ()) if humane.known(s.get("loss")) and humane.known(s.get("step"))]
        if not known:
            continue
        smooth = _smoothed([s["loss"] for s in known])
        kept = np.unique(np.linspace(0, len(known) - 1, min(len(known), CURVE_POINTS)).round().astype(int))
        ys = [float(smooth[i]) for i in kept]
        lines.append(charts.Line(e.name, e.mark, [known[i]["step"] for i in kept], ys))
        calm += ys if e.status == "done" else []
    return _curves("loss", lines, lambda v: f"{v:.3g}", max(calm) * 1.05 if calm else None)


def development(entries: Sequence[Entry], metric: str) -> Figure | None:
    """The primary metric on the development rows by epoch; the ring is the epoch that was kept."""
    lines = []
    for e in entries:
        dev = [d for d in e.facts.get("dev") or () if d.get("metric") == metric and humane.known(d.get("mean"))]
        if dev:
            epochs = [d["epoch"] for d in dev]
            ring = epochs.index(e.facts["best_epoch"]) if e.facts.get("best_epoch") in epochs else None
            lines.append(charts.Line(e.name, e.mark, epochs, [d["mean"] for d in dev], ring, dots=True))
    return _curves("development", lines, _ticks(metric), None)


def intervals(entries: Sequence[Entry], metric: str) -> dict[str, Markup]:
    """Trial id -> its interval on the primary metric, all on one scale."""
    around = {e.id: _around(e.metrics[metric]) for e in entries if e.mean(metric) is not None}
    if not around:
        return {}
    domain = charts.padded([v for values in around.values() for v in values], 0.02)
    return {id: glyphs.whisker((low, mean, high), domain) for id, (mean, low, high) in around.items()}


def difference(verdict: Mapping[str, Any], reach: float, margin: float) -> Markup:
    """A difference and its interval around zero, on a scale of ± `reach`."""
    values = tuple(verdict.get(k) for k in ("low", "difference", "high"))
    if not all(humane.known(v) for v in values):
        return Markup("")
    return glyphs.whisker(values, (-reach, reach), margin)


def boxes(rows: Sequence[Lengths]) -> tuple[list[tuple[Lengths, Markup]], float]:
    """Every row of lengths with its drawing, and the length at the right edge."""
    top = max([row.five[-1] for row in rows] + [1.0]) * 1.02
    return [(row, glyphs.box(row.five, top)) for row in rows], top


def _around(score: Mapping[str, Any]) -> tuple[float, float, float]:
    """Mean, low, high; without an interval the mean three times."""
    mean = score["mean"]
    return mean, *(score[k] if humane.known(score.get(k)) else mean for k in ("low", "high"))


def _ticks(metric: str) -> Callable[[float], str]:
    return lambda value: humane.points(metric, value).removesuffix(".0")


def _smoothed(losses: Sequence[float]) -> np.ndarray:
    """Centred running mean over a twentieth of the run."""
    window = np.ones(max(1, len(losses) // 20))
    return np.convolve(losses, window, "same") / np.convolve(np.ones(len(losses)), window, "same")


def _curves(word: str, lines: list[charts.Line], written: Callable[[float], str], top: float | None) -> Figure | None:
    if not lines:
        return None
    wide, narrow = (
        charts.curves(lines, charts.Frame(width, 280, lambda v: f"{v:g}", written), top) for width in (440, 350)
    )
    return Figure(word, wide, narrow)
