"""How much data is enough: quality against the number of training rows, from several studies that differ in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier import charts, humane

from .figures import Figure
from .summary import Entry, Results, entries, primary, verdict_key


@dataclass(frozen=True)
class ByRows:
    """A chart and the table it is drawn from: a header, then a line for each method."""

    figure: Figure
    table: list[list[str]]
    methods: Sequence[tuple[str, int]]
    """Name and mark of each line."""


def learning_curves_by_rows(studies: Sequence[Results]) -> ByRows | None:
    """None with fewer than two sizes. Each study is a `results.json`; they differ in `study.data.rows.train`.

    A method's value is the mean over its seeds, its bar the lowest and the highest end of their intervals. What reads
    no training rows is run at one size only, and drawn as a level line. A method whose structure was searched can be
    another one at each size: it is named by what was asked for.
    """
    known = sorted((s for s in studies if _rows(s)), key=_rows)
    if len({_rows(s) for s in known}) < 2:
        return None
    metric = primary(known[-1])
    cells: dict[str, dict[int, tuple[float, float, float]]] = {}
    done = [e for s in known for e in entries(s) if e.status == "done"]
    still = {_asked(e) for e in done if not e.facts.get("trainable_parameters")}
    for study in known:
        for method, runs in _by_method(study, metric).items():
            cells.setdefault(method, {})[_rows(study)] = _over_seeds(runs)
    sizes = sorted({size for row in cells.values() for size in row})
    cells = {
        m: dict.fromkeys(sizes, *row.values()) if len(row) == 1 and m in still else row for m, row in cells.items()
    }
    lines = [
        charts.Line(method, mark, list(row), [v[0] for v in row.values()], None, True, [v[1:] for v in row.values()])
        for mark, (method, row) in enumerate(cells.items())
    ]
    frames = (charts.Frame(w, 320, humane.count, lambda v: humane.points(metric, v), log=True) for w in (760, 350))
    wide, narrow = (charts.curves(lines, frame) for frame in frames)
    table = [["method", *(humane.exact(size) for size in sizes)]]
    for method, row in cells.items():
        shown = (dict(zip(("mean", "low", "high"), row[s])) if s in row else None for s in sizes)
        table.append([method, *(humane.scored(metric, score) for score in shown)])
    return ByRows(Figure("by_rows", wide, narrow), table, [(method, mark) for mark, method in enumerate(cells)])


SO = {"better": "gain_better", "worse": "gain_worse", "tie": "gain_tie", "cannot_tell": "gain_cannot_tell"}
"""What a verdict on more training rows against fewer means, as a key of `words.yaml`."""


def gains(verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the last step up brought each method: the verdict's key and words, and what follows."""
    return [{"key": key, "words": v["sentence"], "so": SO[key]} for v in verdicts for key in (verdict_key(v),)]


def _rows(study: Results) -> int:
    return int(((study["study"].get("data") or {}).get("rows") or {}).get("train") or 0)


def _by_method(study: Results, metric: str) -> dict[str, list[tuple[float, float, float]]]:
    found: dict[str, list[tuple[float, float, float]]] = {}
    for e in sorted(entries(study), key=lambda e: e.mark):
        if e.status == "done" and (mean := e.mean(metric)) is not None:
            score = e.metrics[metric]
            low, high = (score[k] if humane.known(score.get(k)) else mean for k in ("low", "high"))
            found.setdefault(_asked(e), []).append((mean, low, high))
    return found


def _asked(e: Entry) -> str:
    return str(e.facts.get("asked") or e.method)


def _over_seeds(runs: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    means, lows, highs = zip(*runs)
    return float(np.mean(means)), min(lows), max(highs)
