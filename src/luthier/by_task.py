"""A study of many tasks, task by task: what was trained on, what was never seen, and what holds there.

The mean over tasks gives every task the same weight, however many rows it has (Wang et al. 2022,
"Super-NaturalInstructions", arXiv:2204.07705, §5); its interval resamples the groups of every task apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import statistics
from .metrics import Array, Metric
from .records import Example, Prediction, to_json
from .score import DRAWS, Runs, chosen, figures, method_verdicts, scores

UNTUNED = "zero_shot"
"""Against it stands what was gained on tasks never seen."""


def by_task(
    said: Mapping[str, Sequence[Prediction]],
    runs: Runs,
    splits: Mapping[str, Sequence[Example]],
    study: Mapping[str, Any],
) -> dict[str, Any] | None:
    """What `results.json` holds under `by_task`; None where the rows name no tasks.

    Args:
        said: trial -> its answers; runs: the same by method and seed, as verdicts compare them.
        study: `by` (the column that names tasks), `metrics`, `primary`, `margin`.

    Returns:
        column; tasks [{name, seen, rows, trials {id: metrics}}], those never seen first; means {seen, never_seen:
        {tasks, trials {id: metrics}}}, where there are such; verdicts of every method against zero_shot on the rows of
        tasks never seen, pooled, on the primary metric.
    """
    column = study.get("by")
    if not column or not said or not splits["train"]:
        return None
    trained, named = ({e.fields[column] for e in splits["train"]}, {e.id: e.fields[column] for e in splits["test"]})
    names = sorted(set(named.values()), key=lambda name: (name in trained, name))
    parts = {name: {t: [p for p in one if named[p.id] == name] for t, one in said.items()} for name in names}
    tasks = [
        {
            "name": name,
            "seen": name in trained,
            "rows": len(next(iter(own.values()))),
            "trials": {t: figures(scores(one, study["metrics"])) for t, one in own.items()},
        }
        for name, own in parts.items()
    ]
    means = {}
    for word, seen in (("never_seen", False), ("seen", True)):
        mine = [own for name, own in parts.items() if (name in trained) == seen]
        if mine:
            means[word] = {
                "tasks": len(mine),
                "trials": {t: _means([o[t] for o in mine], study["metrics"]) for t in said},
            }
    unseen = {name for name in names if name not in trained}
    return {"column": column, "tasks": tasks, "means": means, "verdicts": _verdicts(runs, named, unseen, study)}


def _means(parts: Sequence[Sequence[Prediction]], metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Metric -> the plain mean over tasks, its interval, and how many tasks."""
    found = {}
    for metric in chosen(metrics):
        sums = [_sums(metric, one) for one in parts]
        mean = float(np.mean([metric.value(s.sum(axis=0)) for s in sums]))
        drawn = [statistics.bootstrap(s[:, None, :], metric.value, DRAWS, seed)[:, 0] for seed, s in enumerate(sums)]
        low, high = statistics.interval(np.mean(drawn, axis=0), mean)
        found[metric.word] = {"mean": mean, "low": low, "high": high, "n": len(parts)}
    return found


def _sums(metric: Metric, rows: Sequence[Prediction]) -> Array:
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(p.group, len(numbers)) for p in rows]
    return statistics.group_sums(metric.tally(rows), groups, len(numbers))


def _verdicts(runs: Runs, named: Mapping[str, str], unseen: set[str], study: Mapping[str, Any]) -> list[dict[str, Any]]:
    rivals = [(method, UNTUNED) for method in runs if method != UNTUNED]
    if not unseen or UNTUNED not in runs:
        return []
    there = {
        method: {seed: [p for p in said if named[p.id] in unseen] for seed, said in by_seed.items()}
        for method, by_seed in runs.items()
    }
    return to_json(method_verdicts(there, [study["primary"]], pairs=rivals, margin=study["margin"]))
