"""Tests, intervals and class metrics against scipy and scikit-learn, and what they promise against simulation."""

from __future__ import annotations

import csv
import itertools
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from luthier import statistics
from luthier.metrics import METRICS
from luthier.outputs import read_outputs
from luthier.records import Prediction
from luthier.score import scores, verdicts

MEAN = METRICS["rouge1"]().value


def as_sums(*trials: np.ndarray) -> np.ndarray:
    """(groups, trials, 2) of one row per group."""
    return np.stack([np.stack([values, np.ones(len(values))], axis=1) for values in trials], axis=1)


def labelled(said: list[str], wanted: list[str], size: int = 1) -> list[Prediction]:
    return [Prediction(str(i), str(i // size), s, (w,), 0, 0.0) for i, (s, w) in enumerate(zip(said, wanted))]


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (3, 14), (40, 61), (0, 9), (700, 610)])
def test_mcnemar_is_the_binomial_test(only_a: int, only_b: int) -> None:
    oracle = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert statistics.mcnemar(only_a, only_b) == pytest.approx(oracle, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.2])
def test_permutation_p_is_near_the_exact_one(shift: float) -> None:
    a, b = np.random.default_rng(1).random((2, 12))
    exact = stats.permutation_test(
        (a + shift, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    found = statistics.swap_tests(as_sums(a + shift, b), MEAN, [(0, 1)], 20_000, 0)[0]
    assert found == pytest.approx(exact.pvalue, abs=4 * np.sqrt(0.25 / 20_000))


def test_permutation_counts_ties_of_discrete_values() -> None:
    a, b = np.array([1, 1, 0, 1, 1, 0, 1, 1.0]) * 0.1, np.array([0, 1, 1, 0, 0, 0, 0, 1.0]) * 0.1
    exact = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.round(np.mean(x - y, axis=axis), 9),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    found = statistics.swap_tests(as_sums(a, b), MEAN, [(0, 1)], 20_000, 0)[0]
    assert found == pytest.approx(exact.pvalue, abs=0.015)


@pytest.mark.parametrize("seed", range(8))
def test_permutation_is_not_fooled_by_rounding(seed: int) -> None:
    a, b = np.sort(np.random.default_rng(seed).random((2, 7)), axis=0)[::-1]
    found = statistics.swap_tests(as_sums(a, b), MEAN, [(0, 1)], 20_000, 0)[0]
    assert found == pytest.approx(2 / 2**7, abs=0.004), "a is ahead in all seven: 2 of 128 exchanges are as far apart"


def test_interval_of_independent_rows_is_scipys() -> None:
    values = np.random.default_rng(2).beta(2, 5, 300)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=8000, rng=0).confidence_interval
    drawn = statistics.bootstrap(as_sums(values), MEAN, 8000, 0)[:, 0]
    width = theirs.high - theirs.low
    assert statistics.interval(drawn, float(values.mean())) == pytest.approx(tuple(theirs), abs=0.05 * width)


def test_interval_of_clusters_of_unequal_size_is_scipys() -> None:
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 6, 120)
    sums = np.array([(rng.random() + 0.1 * rng.random(size)).sum() for size in sizes])
    theirs = stats.bootstrap(
        (sums, sizes),
        lambda s, n, axis: s.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=8000,
        rng=0,
    ).confidence_interval
    drawn = statistics.bootstrap(np.stack([sums, sizes], axis=1)[:, None, :].astype(float), MEAN, 8000, 0)[:, 0]
    found = statistics.interval(drawn, float(sums.sum() / sizes.sum()))
    assert found == pytest.approx(tuple(theirs), abs=0.05 * (theirs.high - theirs.low))


def test_holm_is_closed_testing_with_bonferroni() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        p = (rng.random(5) ** 3).tolist()
        subsets = [s for size in range(1, 6) for s in combinations(range(5), size)]
        oracle = [max(min(1.0, len(s) * min(p[j] for j in s)) for s in subsets if i in s) for i in range(5)]
        assert statistics.holm(p) == pytest.approx(oracle)


@pytest.mark.parametrize("labels", [("0", "1"), ("好", "坏", "一般"), tuple("abcdefg")])
def test_class_metrics_are_scikit_learns(labels: tuple[str, ...]) -> None:
    rng = np.random.default_rng(5)
    wanted = [*labels, *rng.choice(labels, 200).tolist()]
    said = [w if rng.random() < 0.6 else str(rng.choice(labels)) for w in wanted]
    found = {s.metric: s.mean for s in scores(labelled(said, wanted), ["accuracy", "macro_f1", "mcc"], draws=10)}
    assert found["accuracy"] == pytest.approx(accuracy_score(wanted, said))
    assert found["macro_f1"] == pytest.approx(f1_score(wanted, said, average="macro"))
    assert found["mcc"] == pytest.approx(matthews_corrcoef(wanted, said))


def test_answers_that_are_no_label() -> None:
    wanted = ["yes", "no", "yes", "no", "yes", "no"]
    said = ["yes", "maybe", "perhaps", "no", "no", "no"]
    found = {s.metric: s.mean for s in scores(labelled(said, wanted), ["macro_f1", "mcc"], draws=10)}
    assert found["macro_f1"] == pytest.approx(f1_score(wanted, said, average="macro", labels=["no", "yes"]))
    lumped = ["none" if s in ("maybe", "perhaps") else s for s in said]
    assert found["mcc"] == pytest.approx(matthews_corrcoef(wanted, lumped))


def test_interval_of_a_corpus_metric_is_scipys() -> None:
    rng = np.random.default_rng(6)
    wanted = rng.integers(0, 3, 150)
    said = np.where(rng.random(150) < 0.7, wanted, rng.integers(0, 3, 150))
    theirs = stats.bootstrap(
        (wanted, said),
        lambda w, s: f1_score(w, s, average="macro"),
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=600,
        rng=0,
    ).confidence_interval
    score = scores(labelled([str(s) for s in said], [str(w) for w in wanted]), ["macro_f1"])[0]
    width = theirs.high - theirs.low
    assert (score.low, score.high) == pytest.approx((theirs.low, theirs.high), abs=0.12 * width)


def test_smallest_detectable_difference_has_its_power() -> None:
    rng, sd, groups = np.random.default_rng(7), 0.1, 200
    effect = statistics.smallest_detectable(sd, groups)
    differences = rng.normal(effect, sd, (4000, groups))
    found = np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(0.8, abs=0.03)


def test_the_best_is_chosen_by_the_same_scores() -> None:
    """Of nine equal methods the best is tested against the others. Corrected for eight tests, one study in ten finds a
    difference; corrected for all 36 that might have been told, not one in twenty."""
    rng, wrong, naive = np.random.default_rng(0), 0, 0
    for _ in range(300):
        right = rng.random((9, 200)) < rng.beta(2, 2, size=200)
        best, pairs = right.sum(axis=1).argmax(), list(itertools.combinations(range(9), 2))
        p = [statistics.mcnemar(int((right[a] & ~right[b]).sum()), int((right[b] & ~right[a]).sum())) for a, b in pairs]
        told = [i for i, pair in enumerate(pairs) if best in pair]
        naive += min(statistics.holm([p[i] for i in told])) < 0.05
        wrong += min(statistics.holm(p)[i] for i in told) < 0.05
    assert wrong / 300 <= 0.05 < naive / 300


def test_groups_needed_are_enough() -> None:
    rng, sd, difference = np.random.default_rng(8), 0.1, 0.02
    groups = round(statistics.groups_needed(difference, sd, margin=0.01))
    differences = rng.normal(difference, sd, (3000, groups))
    assert np.mean(stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("clustered", [False, True])
def test_no_difference_where_there_is_none(clustered: bool) -> None:
    rng, called = np.random.default_rng(9), 0
    for _ in range(200):
        a, b = rng.random((2, 60)) ** 2
        sums = as_sums(a, b) * (rng.integers(1, 5, 60)[:, None, None] if clustered else 1)
        called += statistics.swap_tests(sums, MEAN, [(0, 1)], 999, 0)[0] < 0.05
    assert 2 <= called <= 20  # 10 expected


def test_a_tie_is_seldom_called_at_the_margin() -> None:
    rng, called, margin = np.random.default_rng(10), 0, 0.01
    for _ in range(200):
        b = rng.random(400)
        sums = as_sums(b + rng.normal(margin, 0.05, 400), b)
        drawn = statistics.bootstrap(sums, MEAN, 400, 0)
        ends = statistics.interval(drawn[:, 0] - drawn[:, 1], float(np.mean(sums[:, 0, 0] - b)), 0.90)
        called += statistics.equivalent(*ends, margin, 400, 400)
    assert called <= 20  # 10 expected


def test_the_lab_clustered_difference(shared_data: Path) -> None:
    path = shared_data / "dialogsum-lab-outputs.csv"
    said = read_outputs(
        path, "human_baseline_summaries", ["peft_model_summaries", "instruct_model_summaries"], group_rows=3
    )
    found = verdicts(said, ["rouge1"])[0]
    assert (found.verdict, found.difference) == ("worse", pytest.approx(-0.0133, abs=1e-4))
    lora, full = (np.array(scores(rows, ["rouge1"], draws=1)[0].values) for rows in said.values())
    assert len(lora) == 500
    theirs = stats.bootstrap((lora - full,), np.mean, method="percentile", n_resamples=5000, rng=1).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(theirs), abs=0.0005)


def test_studies_of_the_lab_with_shuffled_columns(shared_data: Path) -> None:
    with (shared_data / "dialogsum-lab-outputs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ["instruct_model_summaries", "peft_model_summaries", "original_model_summaries"]
    metric = METRICS["rouge1"]()
    wanted, groups = [r["human_baseline_summaries"] for r in rows], [i // 3 for i in range(len(rows))]
    full, lora, untuned = (
        statistics.group_sums(metric.tally(labelled([r[c] for r in rows], wanted)), groups, 500) for c in columns
    )
    null = planted = 0
    for seed in range(40):
        coin = np.random.default_rng(seed).random(500)[:, None]
        half, fifth = coin < 0.5, coin < 0.2
        swapped = np.stack([np.where(half, full, lora), np.where(half, lora, full)], axis=1)
        spoiled = np.stack([full, np.where(fifth, untuned, full)], axis=1)
        null += statistics.swap_tests(swapped, MEAN, [(0, 1)], 2000, 0)[0] < 0.05
        planted += statistics.swap_tests(spoiled, MEAN, [(0, 1)], 2000, 0)[0] < 0.05
    assert null <= 6  # 2 expected
    assert planted == 40
