"""Equal chances: each method's learning rate and structure are chosen on development loss, at the same cost for all.

Successive halving (Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", arXiv:1502.07943, §3) inside a method, never across methods. First the rates race, with the structure of
the card; then two more probes look beside the winner: at other structures where the user left one open, else at rates
between the winner and its neighbours, so that every method gets as many probes of the same lengths. A probe is a small
training of its own: the start, the batches and the development rows of all others, its own warm-up and decay. Nothing
of it is kept but what it cost and reached, so that a search goes on after a kill from the file of its finished probes.
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
from .errors import Damaged, Refused, TrialFailed
from .methods import Method
from .records import Budget, Pace, Probe, from_json, to_json
from .train import Training, mean_loss

KEPT = 2
"""Rates that are probed a second time, `LONGER` times as long."""
BESIDE = 2
"""Probes of that length beside the winner."""
LONGER = 2
RATES = 5
"""That a card gives."""
LEAST_STEPS = 4
"""Of a probe, where the training itself has as many: fewer are mostly warm-up and tell no rates apart."""
DEV_ROWS = 64
"""Development rows of a probe, the first ones: the comparison is paired, so few tell much."""
SEED = 0
"""Of every probe, whatever the seed of the trial."""
TIMED_STEPS = 8

Candidate = tuple[Method, float]
"""A form of the method, and its peak learning rate."""


@dataclass(frozen=True)
class Ground:
    """What all probes of a method stand on.

    Attributes:
        fresh: makes the delta of a form of the method, always from the same start.
        dev: plan of the development rows that decide.
        watch: hears how many steps all probes have done, of how many; may raise to stop.
    """

    backbone: Backbone
    fresh: Callable[[Method], Delta]
    train: Plan
    dev: Plan
    budget: Budget
    watch: Callable[[int, int], None]

    def training(self, method: Method, rate: float, steps: int) -> Training:
        """A training of `steps` steps from the common start."""
        budget = dataclasses.replace(self.budget, steps=steps)
        return Training(self.backbone, self.fresh(method), self.train, budget, rate, SEED)


@dataclass(frozen=True)
class Settled:
    """What was decided before the first step of a training."""

    method: Method
    """With its structure."""
    rate: float
    budget: Budget
    """With the steps that fit, where seconds are equal."""
    search: dict[str, Any] | None
    """None: not searched, the card's defaults."""
    pace: Pace | None
    caveats: tuple[str, ...] = ()


def settle(ground: Ground, method: Method, folder: Path) -> Settled:
    """Steps, learning rate and structure of a method's trainings; `folder` keeps what was found, for later seeds and a
    resume.

    Raises:
        TrialFailed: every candidate diverged.
    """
    budget, pace = ground.budget, None
    forms, rates = method.forms(), method.candidates(ground.backbone)
    if budget.equal == "seconds":
        pace = kept_pace(ground, forms[0], folder / "pace.json")
        budget = dataclasses.replace(budget, steps=pace.steps)
    default = method.rate(ground.backbone)
    if not budget.search:
        return Settled(forms[0], default, budget, None, pace, unsearched(forms, rates))
    why = "the learning rate was set by the user, it was not searched"
    fixed = (why,) if len(rates) == 1 else ()
    if len(forms) == len(rates) == 1:
        facts = {"tokens": 0, "seconds": 0.0, "candidates": [], "chosen": default, "method": repr(method), "note": why}
        return Settled(method, default, budget, facts, pace, fixed)
    rounds = schedule(total_steps(len(ground.train), budget), len(rates), len(forms), budget.search)
    whole = sum(count * steps for count, steps in rounds)
    probes = Probes(folder / "probes.json", ground, whole, forms[0])
    told, (form, rate) = race(forms, rates, rounds, probes.of)
    said = (*fixed, *edges(rates, told, rate), *structure_edge(forms, form))
    if unlearnt(told, mean_loss(ground.backbone, ground.fresh(forms[0]), ground.dev, budget)):
        form, rate = forms[0], default
        said = (*fixed, "no probe of the search learned anything, so the card's defaults were taken")
    facts = {
        "tokens": sum(p.tokens for p in told),
        "seconds": round(sum(p.seconds for p in told), 3),
        "candidates": [to_json(p) for p in told],
        "chosen": rate,
        "method": repr(form),
    }
    return Settled(form, rate, budget, facts, pace, said)


def schedule(total: int, rates: int, forms: int, share: float) -> tuple[tuple[int, int], ...]:
    """The rounds of a search for a training of `total` steps: how many probes, and the steps of each.

    All probes together take about `share` of the training, or `LEAST_STEPS` each where that is more; none is longer
    than the training, and where the first round is as long there is no second one of the rates. With one rate there
    are only the forms to compare.
    """
    first = max(LEAST_STEPS, int(share * total / ((rates if rates > 1 else RATES) + (KEPT + BESIDE) * LONGER)))
    longer = min(total, first * LONGER)
    if rates == 1:
        return ((forms, longer),)
    if first >= total:
        return (rates, total), (BESIDE, total)
    return (rates, first), (KEPT, longer), (BESIDE, longer)


def race(
    forms: Sequence[Method],
    rates: Sequence[float],
    rounds: Sequence[tuple[int, int]],
    probe: Callable[[Method, float, int], Probe],
) -> tuple[list[Probe], Candidate]:
    """Every probe in the order made, and the candidate that is chosen: of those probed longest the lowest loss.

    A tie goes to the card's structure, then to the lower rate.

    Raises:
        TrialFailed: every candidate was lost.
    """
    told: list[tuple[Candidate, Probe]] = []

    def run(candidates: Sequence[Candidate], steps: int) -> None:
        told.extend((c, probe(*c, steps)) for c in candidates)

    def standing() -> list[Candidate]:
        """The candidates whose last probe was not lost: those probed longest first, of these the lowest loss."""
        last = dict(told)
        alive = [c for c, p in last.items() if p.dev_loss is not None]
        return sorted(alive, key=lambda c: (-last[c].steps, last[c].dev_loss, forms.index(c[0]), c[1]))

    if len(rates) == 1:
        run([(form, rates[0]) for form in forms], rounds[0][1])
    else:
        run([(forms[0], rate) for rate in rates], rounds[0][1])
        if len(rounds) > 2 and len(standing()) > 1:
            run(sorted(standing()[:KEPT], key=lambda c: c[1]), rounds[1][1])
        if standing():
            winner = standing()[0]
            steps, until = dict(told)[winner].steps, len(told) + BESIDE
            for candidate in beside(forms, rates, winner[1]):
                if sum(p.tokens > 0 for _, p in told) < until:  # a form that is refused leaves its turn to the next
                    run([candidate], steps)
    if not standing():
        raise TrialFailed(
            f"diverged: every learning rate of the search was lost, {min(rates):.2g} to {max(rates):.2g} were tried"
        )
    return _marked(told, standing()[0]), standing()[0]


def beside(forms: Sequence[Method], rates: Sequence[float], winner: float) -> list[Candidate]:
    """Candidates beside the winning rate: other forms first, then rates nearer to it than its neighbours."""
    found: list[Candidate] = [(form, winner) for form in forms[1 : 1 + BESIDE]]
    order = sorted(rates)
    place = order.index(winner)
    inner = [n for n in (place - 1, place + 1) if 0 <= n < len(order)]
    shares = (1 / 2,) * len(inner) if len(inner) == 2 else (1 / 3, 2 / 3)
    nearer = [winner * (order[n] / winner) ** s for n, s in zip(inner * 2, shares)]
    return [*found, *((forms[0], rate) for rate in nearer)]


def unlearnt(told: Sequence[Probe], untrained: float) -> bool:
    """Whether no probe came below the loss before any training: the lowest is then that of the rate which did least."""
    return min(p.dev_loss for p in told if p.dev_loss is not None) >= untrained


def _marked(told: Sequence[tuple[Candidate, Probe]], chosen: Candidate) -> list[Probe]:
    """The probes, with who went on: to a longer probe, or to the training."""
    found = []
    for place, (candidate, probe) in enumerate(told):
        later = candidate in [c for c, _ in told[place + 1 :]]
        found.append(dataclasses.replace(probe, kept=later or candidate == chosen))
    return found


def unsearched(forms: Sequence[Method], rates: Sequence[float]) -> tuple[str, ...]:
    """What a reader must know of a choice that was not made."""
    names = [*(["learning rate"] if len(rates) > 1 else []), *open_settings(forms)]
    if not names:
        return ()
    said = "is the card's default, it was" if len(names) == 1 else "are the card's defaults, they were"
    return (f"the {' and '.join(names)} {said} not searched",)


def open_settings(forms: Sequence[Method]) -> list[str]:
    """The structural settings in which the forms differ."""
    return [name for name in forms[0].structures if len({form.value(name) for form in forms}) > 1]


def edges(rates: Sequence[float], told: Sequence[Probe], chosen: float) -> tuple[str, ...]:
    """What a reader must know about the rate that was chosen."""
    found = []
    for end, word in ((min(rates), "lowest"), (max(rates), "highest")):
        if chosen == end and len(rates) > 1:
            found.append(
                f"the chosen learning rate {chosen:.2g} is the {word} that was searched, a better one may lie beyond"
            )
    own = [p for p in told if p.method == told[0].method]
    lost = sorted({p.learning_rate for p in own if p.dev_loss is None})
    if lost:
        tried = len({p.learning_rate for p in own})
        found.append(f"{len(lost)} of {tried} searched learning rates diverged, from {lost[0]:.2g} up")
    other = sorted({p.method for p in told if p.dev_loss is None} - {told[0].method})
    return (*found, *(f"{name} was lost in the search" for name in other))


def structure_edge(forms: Sequence[Method], chosen: Method) -> tuple[str, ...]:
    """What a reader must know about the structure: a number that was chosen though it is the last one tried."""
    found = []
    for name in open_settings(forms):
        tried, value = {form.value(name) for form in forms}, chosen.value(name)
        if isinstance(value, int) and value != forms[0].value(name) and value in (min(tried), max(tried)):
            word = "highest" if value == max(tried) else "lowest"
            found.append(f"the chosen {name}={value} is the {word} that was searched, a better one may lie beyond")
    return tuple(found)


def _finished(path: Path) -> list[Probe]:
    """Those of an interrupted search; none where the file is torn, because they can be run again."""
    try:
        return [from_json(Probe, value) for value in files.read_json(path)]
    except (FileNotFoundError, Damaged):
        return []


class Probes:
    """The probes of one method in one study; one that was finished before is read and not run.

    Args:
        path: the file of the finished ones.
        steps: of all probes together, for progress.
        plain: the card's form; others may be refused by this backbone, and are lost then.
    """

    def __init__(self, path: Path, ground: Ground, steps: int, plain: Method) -> None:
        self.path, self.ground, self.steps, self.plain, self.done = path, ground, steps, plain, 0
        self.finished = _finished(path)

    def of(self, method: Method, rate: float, steps: int) -> Probe:
        """The probe of a form of the method and a learning rate (peak) over `steps` steps."""
        before = self.done
        for probe in self.finished:
            if (probe.method, probe.learning_rate, probe.steps) == (repr(method), rate, steps):
                break
        else:
            probe = self._run(method, rate, steps)
            self.finished.append(probe)
            files.write_json(self.path, to_json(self.finished))
        self.done = before + (steps if probe.tokens else 0)
        return probe

    def _run(self, method: Method, rate: float, steps: int) -> Probe:
        started, tokens, loss = time.perf_counter(), 0, math.nan
        try:
            training = self.ground.training(method, rate, steps)
            for step in training.steps():
                tokens += step.tokens
                self.done += 1
                self.ground.watch(self.done, self.steps)
            loss = mean_loss(self.ground.backbone, training.delta, self.ground.dev, self.ground.budget)
            tokens += int(self.ground.dev.lengths.sum())
        except TrialFailed:
            pass  # a candidate is lost, not the trial
        except Refused:
            if method == self.plain:
                raise
        seconds = round(time.perf_counter() - started, 3)
        found = loss if math.isfinite(loss) else None
        return Probe(rate, steps, found, tokens, seconds, method=repr(method))


def kept_pace(ground: Ground, method: Method, path: Path) -> Pace:
    """How many steps fit into the budget's seconds: decided once, from a timed stretch of the first steps."""
    if not path.exists():
        files.write_json(path, to_json(pace(ground, method)))
    return from_json(Pace, files.read_json(path))


def pace(ground: Ground, method: Method) -> Pace:
    """Time the first steps of a training that learns nothing, the very first one left out: it also warms the machine.

    Batches differ in length, so the stretch gives seconds a token, and the plan the tokens of a mean step.
    """
    assert ground.budget.seconds is not None, "checked with the study"
    spent, tokens, timed = 0.0, 0, 0
    for step in ground.training(method, 0.0, 1 + TIMED_STEPS).steps():
        ground.watch(step.step, 1 + TIMED_STEPS)
        if step.step == 1:
            continue
        spent, tokens, timed = spent + step.seconds, tokens + step.tokens, timed + 1
        if spent > ground.budget.seconds / 10:
            break
    mean_tokens = ground.train.lengths.sum() / steps_per_epoch(len(ground.train), ground.budget)
    each = spent / tokens * float(mean_tokens)
    return Pace(max(1, int(ground.budget.seconds / each)), each, timed)
