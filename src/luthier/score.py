"""Predictions -> scores with intervals, and what may be said of two trials, or two methods, on the same rows.

    scores(predictions, ["rouge"])                       # per metric: mean, 95 % interval, values per group
    verdicts({"lora": …, "full": …}, ["rouge1"])         # better, worse, tie or cannot tell, with a sentence
    method_verdicts({"lora": {0: …, 1: …}, "full": {0: …, 1: …}}, ["rouge1"])             # over several seeds
    smallest_detectable(…, …, "rouge1", groups=500)      # what so many rows can show

No model and no torch: all of it works from files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from . import humane, sentences, statistics
from .data.table import listed
from .errors import SpellingError, UserError
from .grouped import Grouped
from .metrics import METRICS, Array, Metric, direction
from .records import Prediction, Score, Verdict
from .spell import closest
from .statistics import Spread

DRAWS = 2000
"""Bootstrap resamples: enough for the ends of a 95 % interval."""

SWAPS = 10_000
"""Random exchanges of a permutation test: p is known to about 0.002 near 0.05."""

MARGIN = 0.01
"""Differences within one point count as none, unless the study says otherwise."""

LEVEL = 0.05
"""Of all tests, after Holm's correction within a metric."""

POWER = 0.8
"""How surely a difference should be found that is called detectable."""

CROWD = 3
"""Methods with several seeds from which on each borrows from all how much seeds vary."""

MOST_SEEDS = 100
"""Nobody is told to run more."""

ALWAYS = None
"""The seed of what has none: `zero_shot` is the same beside every seed of another method."""

Pairs = Iterable[tuple[str, str]]
Runs = Mapping[str, Mapping[int | None, Sequence[Prediction]]]
"""Method -> seed (or `ALWAYS`) -> what it said."""


@dataclass(frozen=True)
class Comparison(Verdict):
    """A verdict, with how many seeds it speaks of and what it could have found."""

    seeds: int = 1
    """Of each of the two; with 2 or more, it speaks of methods."""
    detectable: float = 0.0
    """The true difference that these rows and seeds find with 80 % power, corrected like p, at the spread measured."""
    margin: float = 0.0
    """Up to here a difference counts as none, in the metric's unit."""


def chosen(metrics: Sequence[str]) -> list[Metric]:
    """Metric names and family words (`rouge` is all four) -> metrics, each once, in the order asked for.

    Raises:
        SpellingError: no name, or an unknown one.
    """
    if isinstance(metrics, str):
        metrics = metrics.split(",")
    families = {cls.family for cls in METRICS.values()} - {""}
    found: dict[str, Metric] = {}
    for name in (m.strip() for m in metrics):
        if name not in METRICS and name not in families:
            words = sorted({*METRICS, *families})
            raise SpellingError(f"No metric is called {name!r}.", ", ".join(words), closest(name, words))
        found |= {word: cls() for word, cls in METRICS.items() if name in (word, cls.family)}
    if not found:
        raise SpellingError("No metric is named.", ", ".join(METRICS), "name at least one, for example rouge")
    return list(found.values())


def scores(predictions: Sequence[Prediction], metrics: Sequence[str], seed: int = 0, draws: int = DRAWS) -> list[Score]:
    """Each metric over all rows, with the 95 % interval from resampling groups; the same seed gives the same interval.

    The mean is over rows; `n` counts groups; `values` are the groups' means in the order of first appearance.

    Raises:
        UserError: no predictions, an id that is there twice, a reference that is missing, an unknown metric.
    """
    rows = Grouped.of(predictions)
    found = []
    for metric in chosen(metrics):
        sums = rows.sums(metric, predictions)
        mean = float(metric.value(sums.sum(axis=0)))
        drawn = statistics.bootstrap(sums[:, None, :], metric.value, draws, seed)[:, 0]
        values = tuple(metric.value(sums).tolist()) if metric.per_row else ()
        found.append(Score(metric.word, mean, *statistics.interval(drawn, mean), len(sums), values))
    return found


def figures(measured: Iterable[Score]) -> dict[str, dict[str, Any]]:
    """Scores as `results.json` has them: metric -> `mean, low, high, n`."""
    return {s.metric: {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n} for s in measured}


def verdicts(
    trials: Mapping[str, Sequence[Prediction]],
    metrics: Sequence[str],
    *,
    pairs: Pairs | None = None,
    margin: float = MARGIN,
    seed: int = 0,
    one_seed: bool = True,
) -> list[Comparison]:
    """Pairs of trials (default: all) on each metric, compared on the same rows; `difference` = a − b.

    `low` and `high` are the 95 % interval from resampling groups, the same for both trials. `p` is corrected (Holm)
    for the number of pairs within the metric: exact McNemar where rows are right or wrong and each is its own group,
    else from exchanging the two trials in random groups. Verdicts: `better` or `worse` where p < 0.05, `tie` where
    the 90 % interval lies within ±margin, else `cannot tell`; a metric's direction decides which side is better.

    Args:
        margin: differences up to this, as a fraction, count as none; of a metric without a bound (perplexity), up to
            this share of b's figure. Fixed before training.
        one_seed: each trial stands for one training run, and the sentence says so.

    Raises:
        UserError: trials on different rows, a pair that names no trial, or what `scores` refuses.
    """
    runs = {name: {0 if one_seed else ALWAYS: said} for name, said in trials.items()}
    return method_verdicts(runs, metrics, pairs=pairs, margin=margin, seed=seed)


def method_verdicts(
    runs: Runs, metrics: Sequence[str], *, pairs: Pairs | None = None, margin: float = MARGIN, seed: int = 0
) -> list[Comparison]:
    """Pairs of methods (default: all) on each metric, over the seeds that both ran with; `difference` = a − b.

    Runs of one seed are paired: they saw the same rows in the same order. The difference is the mean over seeds, d̄.
    Two things vary: which rows were drawn, measured by resampling groups (the same ones for every run), and what a
    seed decides, measured by the spread of the seeds' differences d_s and, of three methods or more, by that of all of
    them (`statistics.Spread`). The interval is d̄ ± √(rows² + seeds²), seeds = t · sd / √S (`statistics.over_seeds`,
    Howe 1974), and `p` the level at which it reaches zero, corrected (Holm) for the number of pairs within the metric.
    A pair with one seed in common is compared as two trained models (see `verdicts`), and its sentence says so.

    Pairs that are chosen after seeing the scores, such as those with the best method, are to be picked from the
    result instead: p must be corrected for all that might have been chosen.

    Raises:
        UserError: runs on different rows, a pair that names no method or shares no seed, or what `scores` refuses.
    """
    if not margin >= 0:
        raise UserError(f"margin={margin} is no width.", "0 or more, as a fraction", "0.01 is one point")
    wanted = list(combinations(runs, 2) if pairs is None else pairs)
    for pair in wanted:
        if unknown := [name for name in pair if name not in runs]:
            raise UserError(f"The pair {pair} names {unknown[0]!r}.", listed(list(runs)), "name two trials")
    if not wanted:
        return []
    flat = [(name, number) for name, by_seed in runs.items() for number in by_seed]
    said = [runs[name][number] for name, number in flat]
    rows = Grouped.of(said[0])
    aligned = [rows.aligned(one, name, flat[0][0]) for one, (name, _) in zip(said, flat)]
    shared = [_shared(runs, a, b) for a, b in wanted]
    trained = [[i for i, (n, s) in enumerate(flat) if n == name and s is not ALWAYS] for name in runs]
    trained = [own for own in trained if len(own) > 1]
    places = [[(flat.index((a, s)), flat.index((b, t))) for s, t in both] for (a, b), both in zip(wanted, shared)]
    found = []
    for metric in chosen(metrics):
        sums = np.stack([rows.sums(metric, predictions) for predictions in aligned], axis=1)
        measured = _measured(metric, sums, places, seed, trained)
        corrected = statistics.holm(_p_values(metric, sums, places, measured, seed))
        for (a, b), both, one, p in zip(wanted, shared, measured, corrected):
            pair = _Pair(metric.word, a, b, one, p, len(wanted))
            found.append(pair.verdict(rows, margin, _trained_once(both)))
    return found


def _trained_once(both: Sequence[tuple[int | None, int | None]]) -> int:
    """Of the two, how many are one trained model and so stand for themselves only."""
    return sum(side is not ALWAYS for side in both[0]) if len(both) == 1 else 0


def smallest_detectable(
    a: Sequence[Prediction], b: Sequence[Prediction], metric: str, groups: int | None = None, comparisons: int = 1
) -> float:
    """The true difference that a paired comparison on `groups` groups (default: as many as the pilot has) finds with
    80 % power at the 5 % level, the strictest of Holm's levels for so many comparisons; as a fraction.

    `a` and `b` are the pilot, two sets of answers to the same rows: the spread of their paired differences is taken
    for that of the study (`statistics.smallest_detectable`). Where the metric has no value per row, the spread comes
    from resampling.

    Raises:
        UserError: answers to different rows, or what `scores` refuses.
    """
    rows = Grouped.of(a)
    found = chosen([metric])[0]
    sums = np.stack([rows.sums(found, one) for one in (a, rows.aligned(b, "b", "a"))], axis=1)
    sd = _measured(found, sums, [[(0, 1)]], seed=0)[0].sd(rows.count)
    return statistics.smallest_detectable(sd, groups or rows.count, LEVEL / comparisons, POWER)


def resolution(found: Sequence[Comparison], rows: Sequence[Prediction]) -> dict[str, Any] | None:
    """What these rows can show on one metric, as `results.json` has it: the middle one of the comparisons' detectable
    differences, with a sentence; None without a comparison."""
    if not found:
        return None
    held = Grouped.of(rows)
    difference, metric = float(np.median([v.detectable for v in found])), found[0].metric
    sentence = sentences.detectable(difference, metric, held.count, held.unit, None, found[0].seeds)
    return {"metric": metric, "difference": difference, "groups": held.count, "sentence": sentence}


def _shared(runs: Runs, a: str, b: str) -> list[tuple[int | None, int | None]]:
    """The seeds of the two that are compared with each other."""
    if ALWAYS in runs[a] or ALWAYS in runs[b]:
        return [(s, t) for s in runs[a] for t in runs[b]]
    both = [(s, s) for s in runs[a] if s in runs[b]]
    if not both:
        seeds = f"{listed(list(map(str, runs[a])))} and {listed(list(map(str, runs[b])))}"
        raise UserError(f"{a} and {b} ran with seeds {seeds}.", "one or more in common", "run both with the same seeds")
    return both


@dataclass(frozen=True)
class _Measured:
    """A difference, and what it would have been with other rows and other seeds."""

    difference: float
    drawn: Array
    """In each bootstrap draw of groups."""
    spread: Spread
    differing: int
    """Groups in which the two are not equal."""
    unit: float = 1.0
    """What margins are a share of: 1 for fractions, b's own figure for metrics without a bound."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        rows = statistics.interval(self.drawn, self.difference, level)
        return statistics.over_seeds(rows, self.difference, self.spread, level)

    def sd(self, groups: int) -> float:
        """Of the groups' differences, in the metric's unit. Where hardly any differ it shows less than there may be: up
        to 3 of the groups would at 95 % have been seen to differ by a unit (`statistics.equivalent`)."""
        seen = float(self.drawn.std()) * groups**0.5
        return seen if self.differing >= statistics.FEW_DIFFER else max(seen, self.unit * (3 / groups) ** 0.5)

    def p(self) -> float:
        """Over seeds. Few groups that differ cannot say more than the rarest of their exchanges."""
        by_spread = statistics.seeds_p(self.difference, float(self.drawn.std()), self.spread)
        return max(by_spread, statistics.rarest(self.differing))


def _measured(
    metric: Metric,
    sums: Array,
    places: Sequence[Sequence[tuple[int, int]]],
    seed: int,
    methods: Sequence[Sequence[int]] = (),
) -> list[_Measured]:
    """`methods`: where the runs of each method stand that was trained with several seeds."""
    drawn = statistics.bootstrap(sums, metric.value, DRAWS, seed)
    means = metric.value(sums.sum(axis=0))
    between = float(np.mean([means[own].var(ddof=1) for own in methods])) if len(methods) >= CROWD else None
    found = []
    for both in places:
        left, right = ([pair[side] for pair in both] for side in (0, 1))
        by_seed = means[left] - means[right]
        differing = int(np.any(sums[:, left] != sums[:, right], axis=(1, 2)).sum())
        apart = (drawn[:, left] - drawn[:, right]).mean(axis=1)
        unit = float(means[right].mean()) if metric.word in humane.UNBOUNDED else 1.0
        sides = sum(len(set(side)) > 1 for side in (left, right))
        spread = Spread.of(by_seed.tolist(), None if between is None else sides * between)
        found.append(_Measured(float(by_seed.mean()), apart, spread, differing, unit))
    return found


@dataclass(frozen=True)
class _Pair:
    """One comparison, measured."""

    metric: str
    a: str
    b: str
    measured: _Measured
    p: float
    comparisons: int
    """For which p was corrected."""

    def verdict(self, rows: Grouped, margin: float, trained_once: int) -> Comparison:
        m, level, groups = self.measured, LEVEL / self.comparisons, rows.count
        word = "cannot tell"
        if self.p < LEVEL:
            word = "better" if direction(self.metric) * m.difference > 0 else "worse"
        elif statistics.equivalent(*(end / m.unit for end in m.interval(0.90)), margin, m.differing, groups):
            word = "tie"
        floor = m.spread.floor(level, POWER)
        by_rows = statistics.smallest_detectable(m.sd(groups), groups, level, POWER)
        sd = m.sd(groups) if m.differing else 0.0
        told = (m.difference / m.unit, sd / m.unit, margin, level, floor / m.unit)
        more_rows = statistics.groups_needed(*told) - groups
        finding = sentences.Finding(
            self.metric,
            self.a,
            self.b,
            m.difference,
            m.interval(),
            self.p,
            self.comparisons,
            margin,
            groups,
            rows.unit,
            m.spread.seeds,
            more_rows,
            _more_seeds(m, by_rows, level),
            m.unit,
        )
        said = finding.told(word)
        said = sentences.joined(said, *(sentences.ONE_MODEL, sentences.ONE_SEED)[trained_once - 1 : trained_once])
        found = (self.metric, self.a, self.b, m.difference, *m.interval(), self.p, word, said)
        return Comparison(*found, m.spread.seeds, float(np.hypot(by_rows, floor)), margin * m.unit)


def _more_seeds(m: _Measured, by_rows: float, level: float) -> float:
    """Seeds that would settle it as a difference, if the spread between seeds stays; infinite where none would."""
    for more in range(1, MOST_SEEDS) if m.spread.seeds > 1 and by_rows < abs(m.difference) else ():
        if np.hypot(by_rows, m.spread.longer(more).floor(level, POWER)) <= abs(m.difference):
            return float(more)
    return float("inf")


def _p_values(
    metric: Metric, sums: Array, places: Sequence[Sequence[tuple[int, int]]], measured: Sequence[_Measured], seed: int
) -> list[float]:
    single = [both[0] for both in places if len(both) == 1]
    of_single = iter(_p_of_models(metric, sums, single, seed))
    return [next(of_single) if len(both) == 1 else one.p() for both, one in zip(places, measured)]


def _p_of_models(metric: Metric, sums: Array, places: Sequence[tuple[int, int]], seed: int) -> list[float]:
    # of right and wrong rows all exchanges can be counted, which is McNemar's test
    if metric.per_row and np.isin(sums[..., 0], (0, 1)).all() and (sums[..., 1] == 1).all():
        right = sums[..., 0] == 1
        return [
            statistics.mcnemar(int((right[:, i] & ~right[:, j]).sum()), int((right[:, j] & ~right[:, i]).sum()))
            for i, j in places
        ]
    return statistics.swap_tests(sums, metric.value, places, SWAPS, seed)
