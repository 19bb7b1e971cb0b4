"""Equal chances: each method's learning rate is chosen on development loss, at the same cost in tokens for all.

Successive halving (Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", arXiv:1502.07943, §3) inside a method, never across methods. A probe is a small training of its own: the
start, the batches and the development rows of all others, its own warm-up and decay. Nothing of it is kept but what it
cost and reached, so that a search goes on after a kill from the file of its finished probes.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import files
from .backbone import Backbone
from .batches import steps_per_epoch, total_steps
from .delta import Delta
from .encode import Plan
from .errors import TrialFailed
from .methods import Method
from .records import Budget, Pace, Probe, from_json, to_json
from .train import Training, mean_loss

KEPT = 2
"""Candidates that are probed a second time, `LONGER` times as long."""
LONGER = 3
LEAST_STEPS = 4
"""Of a probe, where the training itself has as many: fewer are mostly warm-up and tell no rates apart."""
DEV_ROWS = 64
"""Development rows of a probe, the first ones: the comparison is paired, so few tell much."""
SEED = 0
"""Of every probe, whatever the seed of the trial."""
TIMED_STEPS = 8
DEFAULT = "the learning rate is the card's default, it was not searched"


@dataclass(frozen=True)
class Ground:
    """What all probes of a method stand on.

    Attributes:
        fresh: makes the delta, always from the same start.
        dev: plan of the development rows that decide.
        watch: hears how many steps all probes have done, of how many; may raise to stop.
    """

    backbone: Backbone
    fresh: Callable[[], Delta]
    train: Plan
    dev: Plan
    budget: Budget
    watch: Callable[[int, int], None]

    def training(self, rate: float, steps: int) -> Training:
        """A training of `steps` steps from the common start."""
        budget = dataclasses.replace(self.budget, steps=steps)
        return Training(self.backbone, self.fresh(), self.train, budget, rate, SEED)


@dataclass(frozen=True)
class Settled:
    """What was decided before the first step of a training."""

    rate: float
    budget: Budget
    """With the steps that fit, where seconds are equal."""
    search: dict[str, Any] | None
    """None: not searched, the card's default."""
    pace: Pace | None
    caveats: tuple[str, ...] = ()


def settle(ground: Ground, method: Method, folder: Path) -> Settled:
    """Steps and learning rate of a method's trainings; `folder` keeps what was found, for later seeds and a resume.

    Raises:
        TrialFailed: every candidate diverged.
    """
    budget, pace = ground.budget, None
    if budget.equal == "seconds":
        pace = kept_pace(ground, folder / "pace.json")
        budget = dataclasses.replace(budget, steps=pace.steps)
    default, rates = method.rate(ground.backbone), method.candidates(ground.backbone)
    if not budget.search:
        return Settled(default, budget, None, pace, (DEFAULT,) if len(rates) > 1 else ())
    if len(rates) == 1:
        why = "the learning rate was set by the user, it was not searched"
        facts = {"tokens": 0, "seconds": 0.0, "candidates": [], "chosen": default, "note": why}
        return Settled(default, budget, facts, pace, (why,))
    lengths = rungs(total_steps(len(ground.train), budget), len(rates), budget.search)
    probes = Probes(folder / "probes.json", ground, sum(n * s for n, s in zip((len(rates), KEPT), lengths)))
    told, chosen = halving(rates, lengths, probes.of)
    facts = {
        "tokens": sum(p.tokens for p in told),
        "seconds": round(sum(p.seconds for p in told), 3),
        "candidates": [to_json(p) for p in told],
        "chosen": chosen,
    }
    return Settled(chosen, budget, facts, pace, edges(rates, told, chosen))


def rungs(total: int, candidates: int, share: float) -> tuple[int, ...]:
    """Steps of a probe in each rung, for a training of `total` steps.

    All probes together take about `share` of the training, or `LEAST_STEPS` each where that is more; none is longer
    than the training, and where the first rung is as long no second one follows.
    """
    first = max(LEAST_STEPS, int(share * total / (candidates + KEPT * LONGER)))
    return (total,) if first >= total else (first, min(total, first * LONGER))


def halving(
    rates: Sequence[float], lengths: Sequence[int], probe: Callable[[float, int], Probe]
) -> tuple[list[Probe], float]:
    """Every probe in the order made, and the rate that is chosen: of those probed longest the lowest loss.

    A tie goes to the lower rate.

    Raises:
        TrialFailed: every candidate was lost.
    """
    races: list[list[Probe]] = []
    standing: dict[float, Probe] = {}
    left = list(rates)
    for steps in lengths:
        races.append([probe(rate, steps) for rate in left])
        standing |= {p.learning_rate: p for p in races[-1]}
        left = sorted(p.learning_rate for p in sorted(filter(_alive, races[-1]), key=_rank)[:KEPT])
        if len(left) < 2:
            break
    alive = list(filter(_alive, standing.values()))
    if not alive:
        raise TrialFailed(
            f"diverged: every learning rate of the search was lost, {min(rates):.2g} to {max(rates):.2g} were tried"
        )
    chosen = min(alive, key=lambda p: (-p.steps, *_rank(p))).learning_rate
    went_on = [*([p.learning_rate for p in race] for race in races[1:]), [chosen]]
    told = [dataclasses.replace(p, kept=p.learning_rate in on) for race, on in zip(races, went_on) for p in race]
    return told, chosen


def _alive(probe: Probe) -> bool:
    return probe.dev_loss is not None


def _rank(probe: Probe) -> tuple[float, float]:
    assert probe.dev_loss is not None, "asked of probes that were not lost"
    return probe.dev_loss, probe.learning_rate


def edges(rates: Sequence[float], told: Sequence[Probe], chosen: float) -> tuple[str, ...]:
    """What a reader must know about the choice."""
    found = []
    for end, word in ((min(rates), "lowest"), (max(rates), "highest")):
        if chosen == end:
            found.append(
                f"the chosen learning rate {chosen:.2g} is the {word} that was searched, a better one may lie beyond"
            )
    lost = sorted({p.learning_rate for p in told if not _alive(p)})
    if lost:
        found.append(f"{len(lost)} of {len(rates)} searched learning rates diverged, from {lost[0]:.2g} up")
    return tuple(found)


class Probes:
    """The probes of one method in one study; one that was finished before is read and not run.

    Args:
        path: the file of the finished ones.
        steps: of all probes together, for progress.
    """

    def __init__(self, path: Path, ground: Ground, steps: int) -> None:
        self.path, self.ground, self.steps, self.done = path, ground, steps, 0
        self.finished = [from_json(Probe, v) for v in files.read_json(path)] if path.exists() else []

    def of(self, rate: float, steps: int) -> Probe:
        """The probe of a learning rate (peak) over `steps` steps."""
        before = self.done
        for probe in self.finished:
            if (probe.learning_rate, probe.steps) == (rate, steps):
                break
        else:
            probe = self._run(rate, steps)
            self.finished.append(probe)
            files.write_json(self.path, to_json(self.finished))
        self.done = before + steps
        return probe

    def _run(self, rate: float, steps: int) -> Probe:
        started, tokens, loss = time.perf_counter(), 0, math.nan
        training = self.ground.training(rate, steps)
        try:
            for step in training.steps():
                tokens += step.tokens
                self.done += 1
                self.ground.watch(self.done, self.steps)
            loss = mean_loss(self.ground.backbone, training.delta, self.ground.dev, self.ground.budget)
            tokens += int(self.ground.dev.lengths.sum())
        except TrialFailed:
            pass  # a candidate is lost, not the trial
        seconds = round(time.perf_counter() - started, 3)
        return Probe(rate, steps, loss if math.isfinite(loss) else None, tokens, seconds)


def kept_pace(ground: Ground, path: Path) -> Pace:
    """How many steps fit into the budget's seconds: decided once, from a timed stretch of the first steps."""
    if not path.exists():
        files.write_json(path, to_json(pace(ground)))
    return from_json(Pace, files.read_json(path))


def pace(ground: Ground) -> Pace:
    """Time the first steps of a training that learns nothing, the very first one left out: it also warms the machine.

    Batches differ in length, so the stretch gives seconds a token, and the plan the tokens of a mean step.
    """
    assert ground.budget.seconds is not None, "checked with the study"
    spent, tokens, timed = 0.0, 0, 0
    for step in ground.training(0.0, 1 + TIMED_STEPS).steps():
        ground.watch(step.step, 1 + TIMED_STEPS)
        if step.step == 1:
            continue
        spent, tokens, timed = spent + step.seconds, tokens + step.tokens, timed + 1
        if spent > ground.budget.seconds / 10:
            break
    mean_tokens = ground.train.lengths.sum() / steps_per_epoch(len(ground.train), ground.budget)
    each = spent / tokens * float(mean_tokens)
    return Pace(max(1, int(ground.budget.seconds / each)), each, timed)
