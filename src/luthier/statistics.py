"""How sure a figure is: resampling and exchanging groups, exact tests, corrections, and what a sample can show.

A metric is a `value` of sums over rows, so all of this works on sums per group. Shapes: G groups, T trials on the
same groups, C columns of the metric's tally. A group (the three references of one dialogue, the questions on one
text) is drawn as a whole, because its rows are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .errors import UserError

Array = npt.NDArray[np.float64]
Value = Callable[[Array], Array]
"""(..., C) -> (...)"""
Ends = tuple[float, float]

CELLS = 1 << 22
"""Most numbers of one portion of draws (32 MB)."""

ROUNDING = 1e-10
"""Two figures nearer than this are the same one, added up in another order."""

FEW_DIFFER = 10
"""With fewer groups than this that differ, resampling cannot know how rarely the others might."""


def group_sums(rows_RC: Array, groups: Sequence[int], count: int) -> Array:
    """Tallied rows and the group number of each -> (G, C)."""
    sums = np.zeros((count, rows_RC.shape[1]))
    np.add.at(sums, np.asarray(groups), rows_RC)
    return sums


def bootstrap(sums_GTC: Array, value: Value, draws: int, seed: int) -> Array:
    """(draws, T): the metric on groups drawn with replacement, the same groups for all trials of a draw.

    Source: Field and Welsh 2007, "Bootstrapping clustered data", section 3 (whole clusters are drawn).
    """
    groups, trials, columns = sums_GTC.shape
    rng, flat, found = np.random.default_rng(seed), sums_GTC.reshape(groups, -1), []
    for size in _portions(draws, max(groups, trials * columns)):
        drawn = rng.integers(groups, size=(size, groups)) + groups * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * groups).reshape(size, groups)
        found.append(value((times.astype(np.float64) @ flat).reshape(size, trials, columns)))
    return np.concatenate(found)


def interval(drawn: Array, measured: float, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the draws (percentile interval), widened to hold what was measured.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.
    """
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return min(float(low), measured), max(float(high), measured)


def swap_tests(sums_GTC: Array, value: Value, pairs: Sequence[tuple[int, int]], draws: int, seed: int) -> list[float]:
    """Two-sided p of each pair of trials: how often exchanging the two in random groups separates them as far.

    For a mean over rows this is the sign-flip permutation test of the groups' differences. The draw that was
    observed counts as one, so that p is never 0.

    Source: Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses", section 2.1; Phipson and Smyth 2010,
        "Permutation P-values Should Never Be Zero", section 3.
    """
    groups, trials, columns = sums_GTC.shape
    rng, flat, whole_TC = np.random.default_rng(seed), sums_GTC.reshape(groups, -1), sums_GTC.sum(axis=0)
    measured = value(whole_TC)
    as_far = [1] * len(pairs)
    for size in _portions(draws, max(groups, trials * columns)):
        swapped = rng.integers(2, size=(size, groups), dtype=np.int8).astype(np.float64)
        moved = (swapped @ flat).reshape(size, trials, columns)
        for i, (a, b) in enumerate(pairs):
            exchanged = moved[:, b] - moved[:, a]
            apart = np.abs(value(whole_TC[a] + exchanged) - value(whole_TC[b] - exchanged))
            as_far[i] += int(np.sum(apart >= abs(measured[a] - measured[b]) - ROUNDING))
    return [n / (draws + 1) for n in as_far]


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p where a alone was right `only_a` times and b alone `only_b` times.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions", in its
        exact binomial form.
    """
    differ = only_a + only_b
    term = tail = 1
    for i in range(min(only_a, only_b)):
        term = term * (differ - i) // (i + 1)
        tail += term
    return min(1.0, 2 * tail / 2**differ)


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for how many there are, in their order.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure", section 3.
    """
    corrected, floor = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        floor = max(floor, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = floor
    return corrected


def rarest(differing: int) -> float:
    """The smallest two-sided p that exchanging two trials in so many differing groups can have; of none, 1."""
    return min(1.0, 2.0 ** (1 - differing))


def equivalent(low: float, high: float, margin: float, differing: int, groups: int) -> bool:
    """Whether the 90 % interval [low, high] of a difference shows that it is below the margin, at the 5 % level.

    Where hardly any of the groups differ, resampling sees no spread at all: then up to 3 / groups of the cases may
    behave in a way that was not seen (at 95 %), and the interval is widened by that.

    Source: Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power approach", section 2;
        Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?", the rule of three.
    """
    unseen = 3 / groups if differing < FEW_DIFFER else 0.0
    return -margin <= low - unseen and high + unseen <= margin


def paired_sd(values_a: Sequence[float], values_b: Sequence[float]) -> float:
    """Standard deviation of the groups' differences.

    Raises:
        UserError: not the same number of groups, or fewer than two.
    """
    if len(values_a) != len(values_b) or len(values_a) < 2:
        raise UserError(
            f"{len(values_a)} and {len(values_b)} values make no pairs with a spread.",
            "the same groups, at least two",
            "score both trials on the same rows",
        )
    return float(np.std(np.subtract(values_a, values_b), ddof=1))


def smallest_detectable(sd: float, groups: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true difference that a paired test on so many groups finds with probability `power`.

    (z of 1 − alpha/2 + z of power) · sd / √groups, with `sd` of the groups' differences (`paired_sd`), in its unit.

    Raises:
        UserError: no groups, or an sd that is negative or no number.
    """
    if groups < 1 or not sd >= 0 or not math.isfinite(sd):
        raise UserError(f"groups={groups}, sd={sd} say nothing.", "groups >= 1, sd >= 0", "take them from a pilot run")
    return (_z(1 - alpha / 2) + _z(power)) * sd / math.sqrt(groups)


def groups_needed(difference: float, sd: float, margin: float, alpha: float = 0.05, floor: float = 0.0) -> float:
    """Roughly the groups that settle the matter at 80 % power, if difference and spread stay: as a difference, or as
    a tie within the margin, whichever is sooner. Infinite where neither can be, and where `floor`, the part of the
    uncertainty that more groups do not lower (`Spread.floor`), is too large already."""
    apart, room = (math.sqrt(max(0.0, d * abs(d) - floor**2)) for d in (abs(difference), margin - abs(difference)))
    to_differ = _square((_z(1 - alpha / 2) + _z(0.8)) * sd, apart)
    to_tie = max(_square((_z(0.95) + _z(0.9)) * sd, room), _divided(3, margin))
    return min(to_differ, to_tie)


@dataclass(frozen=True)
class Spread:
    """How much a figure varies between seeds.

    Attributes:
        sd: standard deviation of what one seed gives.
        seeds: how many were run; of one, nothing is known, and nothing is added.
        degrees: of freedom of `sd`, for each seed beyond the first.
    """

    sd: float
    seeds: int
    degrees_each: int = 1

    @classmethod
    def of(cls, by_seed: Sequence[float], others: float | None = None) -> Spread:
        """From the figures of the seeds themselves, and from the variance that other methods suggest, where known.

        Three seeds tell a variance badly. What all methods of a study show together stands for as many seeds again:
        the variance is the mean of the two, with twice the degrees of freedom. In simulations of three to eight
        methods with two, three and five seeds, of equal variances and of such as differ tenfold and more, a pair was
        called different in 0.6 to 6.3 % of cases where the truth was none (nominal 5 %), those of the larger variances
        in up to 9.3 %; the full weight that a pooled variance would have gave up to 14 %. Of two methods the other one
        is no crowd to borrow from.

        Source: Smyth 2004, "Linear Models and Empirical Bayes Methods for Assessing Differential Expression in
            Microarray Experiments", section 3 (a moderated t statistic); its prior degrees of freedom are set to those
            of the seeds here, because so few methods do not tell them.
        """
        if len(by_seed) < 2:
            return cls(0.0, len(by_seed))
        own = float(np.var(by_seed, ddof=1))
        if others is None:
            return cls(math.sqrt(own), len(by_seed))
        return cls(math.sqrt((own + others) / 2), len(by_seed), 2)

    @property
    def error(self) -> float:
        """Standard error of the mean over the seeds."""
        return self.sd / math.sqrt(self.seeds)

    @property
    def degrees(self) -> int:
        return self.degrees_each * (self.seeds - 1)

    def reach(self, level: float) -> float:
        """Half the width of the interval that the seeds alone give to their mean."""
        return student_quantile(level, self.degrees) * self.error if self.seeds > 1 else 0.0

    def floor(self, alpha: float = 0.05, power: float = 0.8) -> float:
        """The true difference that so many seeds find with probability `power` however many rows there are."""
        return self.reach(1 - alpha) + self.reach(2 * power - 1)

    def longer(self, more: int) -> Spread:
        """What so many more seeds would show if the spread stays."""
        return replace(self, seeds=self.seeds + more)


def over_seeds(ends: Ends, measured: float, spread: Spread, level: float = 0.95) -> Ends:
    """The interval `ends` that rows alone give to a mean over seeds, widened by how much the seeds differ.

    Rows and seeds vary independently, so distances from what was measured add up as squares: on either side
    √((distance by rows)² + (t · se)²), with the standard error and the degrees of freedom of `spread`.
    What rows and seeds do together enters both terms, so this errs to the wide side: in simulations with two, three
    and five seeds (own variances) it excluded the truth in 0.4 to 5.7 % of cases. Taking that part out of one term
    again excluded it in up to 13 %, Satterthwaite's interval in up to 12.7 %. One seed has no spread to show: the
    interval stays.

    Source: Howe 1974, "Approximate confidence limits on the mean of X + Y where X and Y are two tabled independent
        random variables", section 2.
    """
    more = spread.reach(level)
    low, high = ends
    return measured - math.hypot(measured - low, more), measured + math.hypot(high - measured, more)


def seeds_p(measured: float, row_error: float, spread: Spread) -> float:
    """Two-sided p of a mean over two seeds or more: the level at which the interval of `over_seeds` reaches zero, with
    a normal distribution for the part of the rows (`row_error`, its standard error)."""
    p, step = 0.5, 0.25
    for _ in range(50):
        reach = math.hypot(_z(1 - p / 2) * row_error, spread.reach(1 - p))
        p += step if reach > abs(measured) else -step
        step /= 2
    return p


def student_tail(t: float, degrees: int) -> float:
    """P(|T| > t) of Student's distribution with a whole number of degrees of freedom.

    Source: Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    angle = math.atan(abs(t) / math.sqrt(degrees))
    odd = degrees % 2
    term = total = math.cos(angle) if odd else 1.0
    if degrees == 1:
        total = 0.0
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= math.cos(angle) ** 2 * (k - 1) / k
        total += term
    inside = math.sin(angle) * total
    return max(0.0, 1 - (2 / math.pi * (angle + inside) if odd else inside))


def student_quantile(level: float, degrees: int) -> float:
    """t with P(|T| ≤ t) = level."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        if 1 - student_tail(math.sqrt(degrees) * math.tan(angle), degrees) < level:
            low = angle
        else:
            high = angle
    return math.sqrt(degrees) * math.tan(low)


def _square(spread: float, distance: float) -> float:
    return _divided(spread, distance) ** 2


def _divided(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.inf


def _portions(draws: int, width: int) -> Iterator[int]:
    most = max(1, CELLS // width)
    for done in range(0, draws, most):
        yield min(most, draws - done)


def _z(probability: float) -> float:
    return NormalDist().inv_cdf(probability)
