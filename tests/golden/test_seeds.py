"""Methods over several seeds: Student's distribution against scipy, intervals and verdicts against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from luthier import statistics
from luthier.errors import UserError
from luthier.records import Prediction
from luthier.score import ALWAYS, method_verdicts, verdicts
from luthier.statistics import Spread


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30, 499])
def test_students_distribution_is_scipys(degrees: int) -> None:
    for t in (0.0, 0.1, 1.0, 2.5, 12.0):
        assert statistics.student_tail(t, degrees) == pytest.approx(2 * stats.t.sf(t, degrees), abs=1e-12)
        assert statistics.student_tail(-t, degrees) == statistics.student_tail(t, degrees)
    for level in (0.01, 0.5, 0.9, 0.95, 0.999):
        assert statistics.student_quantile(level, degrees) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees))


def test_seeds_alone_give_the_t_interval() -> None:
    by_seed = (0.02, 0.05, 0.03)
    mean = float(np.mean(by_seed))
    theirs = stats.t.interval(0.95, 2, loc=mean, scale=stats.sem(by_seed))
    assert statistics.over_seeds((mean, mean), mean, Spread.of(by_seed)) == pytest.approx(theirs)
    assert statistics.seeds_p(mean, 0.0, Spread.of(by_seed)) == pytest.approx(
        stats.ttest_1samp(by_seed, 0).pvalue, abs=1e-9
    )


def test_rows_alone_keep_their_interval() -> None:
    assert statistics.over_seeds((0.1, 0.4), 0.2, Spread.of((0.2,))) == (0.1, 0.4)
    assert statistics.over_seeds((0.1, 0.4), 0.2, Spread.of((0.2, 0.2))) == pytest.approx((0.1, 0.4))
    z_test = 2 * stats.norm.sf(0.2 / 0.1)
    assert statistics.seeds_p(0.2, 0.1, Spread.of((0.2, 0.2))) == pytest.approx(z_test, abs=1e-9)


def test_p_says_when_the_interval_reaches_zero() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        by_seed, error = tuple(rng.normal(0.1, 0.05, 3)), float(rng.uniform(0.01, 0.1))
        mean = float(np.mean(by_seed))
        rows = tuple(stats.norm.interval(0.95, mean, error))
        low, high = statistics.over_seeds(rows, mean, Spread.of(by_seed))
        assert (low > 0 or high < 0) == (statistics.seeds_p(mean, error, Spread.of(by_seed)) < 0.05)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("share", [0.0, 3.0])
def test_the_truth_is_seldom_outside(seeds: int, share: float) -> None:
    """`share`: how much the seeds vary, against what the rows do to the mean."""
    rng, studies, groups = np.random.default_rng(4), 600, 60
    by_row = rng.normal(0, 1, (studies, groups))
    by_seed = rng.normal(0, share * np.sqrt(seeds / groups), (studies, seeds)) + by_row.mean(axis=1)[:, None]
    errors = by_row.std(axis=1, ddof=1) / np.sqrt(groups)
    missed = 0
    for mean, error, values in zip(by_seed.mean(axis=1), errors, by_seed):
        low, high = statistics.over_seeds((mean - 1.96 * error, mean + 1.96 * error), mean, Spread.of(values))
        missed += not low <= 0 <= high
    assert missed / studies <= 0.08


def runs(shares: dict[int | None, float], rows: int = 400) -> dict[int | None, list[Prediction]]:
    """Answers that are right in a share of the rows, the easier ones first, seed by seed."""
    found, ease = {}, np.random.default_rng(100).random(rows)
    for seed, share in shares.items():
        right = ease < share
        found[seed] = [Prediction(str(i), str(i), "x" if r else "y", ("x",), 0, 0.0) for i, r in enumerate(right)]
    return found


def test_steady_seeds_speak_of_methods() -> None:
    found = method_verdicts({"a": runs({0: 0.9, 1: 0.9}), "b": runs({0: 0.6, 1: 0.6})}, ["accuracy"])[0]
    assert (found.verdict, found.seeds) == ("better", 2)
    assert "over 2 seeds" in found.sentence["en"] and "not of the two methods" not in found.sentence["en"]
    assert "2 个随机种子" in found.sentence["zh"]
    one = verdicts({"a": runs({0: 0.9})[0], "b": runs({0: 0.6})[0]}, ["accuracy"])[0]
    assert one.seeds == 1 and "not of the two methods" in one.sentence["en"]


def test_wild_seeds_leave_it_open_however_many_rows() -> None:
    wild = {"a": runs({0: 0.95, 1: 0.55, 2: 0.9}, 3000), "b": runs({0: 0.6, 1: 0.7, 2: 0.6}, 3000)}
    found = method_verdicts(wild, ["accuracy"])[0]
    assert found.verdict == "cannot tell" and found.low < 0 < found.high
    assert "more seeds could" in found.sentence["en"] and "随机种子可以" in found.sentence["zh"]
    each = [verdicts({"a": wild["a"][s], "b": wild["b"][s]}, ["accuracy"])[0].verdict for s in range(3)]
    assert set(each) == {"better", "worse"}, "every pair of models differs, the methods may not"
    assert found.detectable > 0.1


def test_the_same_answers_are_no_difference_however_steady_the_seeds() -> None:
    """Two methods that say one label to every row, and a line that says it too."""
    alike = {0: 0.5, 1: 0.5, 2: 0.5}
    found = method_verdicts({"a": runs(alike), "b": runs(alike), "line": runs({None: 0.5})}, ["accuracy"])
    assert {(v.p, v.verdict, v.difference) for v in found} == {(1.0, "tie", 0.0)}
    assert all(v.detectable > 0.01 for v in found), "what was never seen to differ is not known to a point"


def test_a_few_rows_say_no_more_over_seeds_than_an_exact_test() -> None:
    all_right, all_wrong = ({seed: share for seed in range(3)} for share in (1.0, 0.0))
    found = method_verdicts({"a": runs(all_right, rows=4), "b": runs(all_wrong, rows=4)}, ["accuracy"])[0]
    assert found.p == pytest.approx(statistics.mcnemar(4, 0)) and found.verdict == "cannot tell"
    assert 0 < found.detectable < 2 and "more rows could settle it" in found.sentence["en"]


def test_what_trains_nothing_is_the_same_beside_every_seed() -> None:
    tuned = {0: 0.8, 1: 0.82, 2: 0.81}
    found = method_verdicts({"lora": runs(tuned), "zero_shot": runs({ALWAYS: 0.5})}, ["accuracy"])[0]
    assert (found.verdict, found.seeds) == ("better", 3)
    once = method_verdicts({"lora": runs({0: 0.8}), "zero_shot": runs({ALWAYS: 0.5})}, ["accuracy"])[0]
    assert "this trained model, not of the method" in once.sentence["en"]
    never = method_verdicts({"few_shot": runs({ALWAYS: 0.8}), "zero_shot": runs({ALWAYS: 0.5})}, ["accuracy"])[0]
    assert "seed" not in never.sentence["en"]


def test_only_shared_seeds_are_paired() -> None:
    found = method_verdicts({"a": runs({0: 0.9, 1: 0.9, 2: 0.9}), "b": runs({1: 0.6})}, ["accuracy"])[0]
    assert found.seeds == 1 and "not of the two methods" in found.sentence["en"]
    with pytest.raises(UserError, match="a and b ran with seeds 0 and 1"):
        method_verdicts({"a": runs({0: 0.9}), "b": runs({1: 0.6})}, ["accuracy"])


def test_mean_over_seeds_is_the_difference() -> None:
    a, b = runs({0: 0.9, 1: 0.7}), runs({0: 0.6, 1: 0.5})
    both = method_verdicts({"a": a, "b": b}, ["accuracy"])[0]
    alone = [verdicts({"a": a[s], "b": b[s]}, ["accuracy"])[0].difference for s in (0, 1)]
    assert both.difference == pytest.approx(np.mean(alone))
    turned = method_verdicts({"a": a, "b": b}, ["accuracy"], pairs=[("b", "a")])[0]
    assert (turned.difference, turned.low, turned.high) == pytest.approx((-both.difference, -both.high, -both.low))


def test_a_borrowed_variance_is_the_moderated_t() -> None:
    """With the variance of all methods as prior and as many prior degrees of freedom as own ones."""
    by_seed, others = np.array([0.02, 0.05, 0.03]), 0.0004
    spread = Spread.of(by_seed, others)
    variance = (2 * others + 2 * by_seed.var(ddof=1)) / 4
    t = by_seed.mean() / np.sqrt(variance / 3)
    assert statistics.seeds_p(by_seed.mean(), 0.0, spread) == pytest.approx(2 * stats.t.sf(t, 4), abs=1e-9)
    assert spread.longer(2).degrees == 8 and spread.longer(2).error == pytest.approx(np.sqrt(variance / 5))
    assert Spread.of((0.3,), others).reach(0.95) == 0.0


@pytest.mark.parametrize(("methods", "unlike"), [(3, 0.0), (3, 0.5), (6, 0.5), (6, 1.0)])
def test_borrowing_calls_few_equals_different(methods: int, unlike: float) -> None:
    """`unlike`: spread of the logarithms of the methods' standard deviations; 1.0 is a factor of seven between two
    neighbours on either side of the middle."""
    rng, found = np.random.default_rng(8), []
    for _ in range(400):
        runs = rng.normal(0, np.exp(rng.normal(0, unlike, (methods, 1))), (methods, 3))
        others = 2 * runs.var(axis=1, ddof=1).mean()
        apart = runs[1:] - runs[0]
        found += [statistics.seeds_p(d.mean(), 1e-9, Spread.of(d, others)) < 0.05 for d in apart]
    assert np.mean(found) <= 0.08


def test_three_methods_lend_each_other_their_spread() -> None:
    steady = {"a": {0: 0.9, 1: 0.91, 2: 0.9}, "b": {0: 0.6, 1: 0.61, 2: 0.6}}
    wild = {"c": {0: 0.7, 1: 0.3, 2: 0.5}}
    alone = method_verdicts({n: runs(s) for n, s in steady.items()}, ["accuracy"])[0]
    beside = method_verdicts({n: runs(s) for n, s in (steady | wild).items()}, ["accuracy"], pairs=[("a", "b")])[0]
    assert alone.high - alone.low < beside.high - beside.low, "a wild neighbour makes all less sure"
    own = method_verdicts({n: runs(s) for n, s in wild.items()} | {"a": runs(steady["a"])}, ["accuracy"])[0]
    lent = method_verdicts({n: runs(s) for n, s in (steady | wild).items()}, ["accuracy"], pairs=[("c", "a")])[0]
    assert lent.high - lent.low < own.high - own.low, "steady ones make the wild one surer"
