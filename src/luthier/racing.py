"""Stopping a training early that is behind, and saying on what evidence: `--race`.

At every development evaluation but the last, a trial is compared with the best trial of its seed that is finished, on
the same development groups at the same step. Per group, D = (the other's value) − (its own) lies in [−1, 1]. The trial
stops where the null hypothesis "the other is not better here", E[D] ≤ 0, is bet against successfully: a gambler who
starts with 1 and stakes a share λ of what he has on every group holds Π (1 + λ·D). Under the null hypothesis that is
a supermartingale, so the chance that it ever reaches 1/α is at most α (Ville), however often one looks. λ is not known,
so the capital is spread over a grid of them, and the mean is watched.

Source: Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B 86(1), §4 (capital
process); Howard et al. 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Ann. Stat. 49(2), §2.

A trial is compared at several steps, and with whichever of several others is ahead, so α is divided by both numbers: a
trial that is behind at no step is stopped with a chance of at most α in all. Being behind at a step is no proof of
being behind at the end; that is why this must be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import files

ALPHA = 0.05
"""Of stopping a trial that is behind nowhere."""
STAKES = tuple(n / 10 for n in range(1, 10))
"""The grid of λ; below 1, so that no single group can ruin the gambler."""
LOOKS = "development.jsonl"
"""In a trial's folder: a line per evaluation with its step and the value of every group."""


def capital(differences: Sequence[float]) -> float:
    """The most that the gambler holds on the way through the differences, each in [−1, 1]: an e-value, valid at any
    time."""
    bets = 1 + np.outer(np.asarray(differences, float), STAKES)
    return float(np.cumprod(bets, axis=0).mean(axis=1).max(initial=1.0))


@dataclass(frozen=True)
class Race:
    """What a trial runs against.

    Attributes:
        finished: trial -> step -> value per group, of the trials of the same seed that are done.
        others: how many a trial can be compared with in the whole study.
        looks: how often it is compared.
        sign: 1 where a higher value is better, else −1.
    """

    finished: Mapping[str, Mapping[int, Sequence[float]]]
    others: int
    looks: int
    metric: str
    sign: float = 1.0

    @property
    def threshold(self) -> float:
        return self.others * self.looks / ALPHA

    def behind(self, step: int, values: Sequence[float]) -> dict[str, Any] | None:
        """What speaks for stopping at this step, or None."""
        there = {name: by_step[step] for name, by_step in self.finished.items() if step in by_step}
        if not there:
            return None
        best = max(there, key=lambda name: self.sign * float(np.mean(there[name])))
        ahead = self.sign * (np.asarray(there[best]) - np.asarray(values))
        found = capital(ahead.tolist())
        if found < self.threshold:
            return None
        return {
            "step": step,
            "against": best,
            "metric": self.metric,
            "groups": len(values),
            "difference": -self.sign * float(ahead.mean()),
            "e_value": found,
            "threshold": self.threshold,
            "alpha": ALPHA,
            "looks": self.looks,
            "others": self.others,
        }


def usable(values: Sequence[float]) -> bool:
    """Whether the test is for such values: one per group, between 0 and 1."""
    return bool(values) and min(values) >= 0 and max(values) <= 1


def looked(folder: Path) -> dict[int, list[float]]:
    """Step -> value per group of a finished trial; empty where it left none."""
    path = folder / LOOKS
    if not (folder / files.MANIFEST).exists() or not path.exists():
        return {}
    return {line["step"]: line["values"] for line in files.read_jsonl(path)}


def caveat(found: Mapping[str, Any], total: int) -> str:
    """The stop in words, with its statistic."""
    points = 100 * abs(found["difference"])
    return (
        f"stopped by --race at step {found['step']} of {total}: {points:.1f} points of {found['metric']} behind "
        f"{found['against']} at that step on {found['groups']} development groups, e-value {found['e_value']:.3g} "
        f"where {found['threshold']:.3g} is asked for ({found['looks']} looks, {found['others']} other trials: "
        f"one that is behind at none is stopped with a chance of at most {100 * found['alpha']:g} %)"
    )
