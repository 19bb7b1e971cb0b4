"""Verdicts keep their promises on real outputs: no difference out of nothing, and a detectable one is found."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from luthier import statistics
from luthier.metrics import METRICS
from luthier.records import Prediction
from luthier.score import smallest_detectable, verdicts

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import null_study

REPETITIONS = 40


@pytest.fixture(scope="module")
def pool(shared_data: Path) -> null_study.Pool:
    return null_study.Pool.read(shared_data / "dialogsum-lab-outputs.csv")


def declared(pool: null_study.Pool, share: float) -> int:
    """As `null_study.declared`, on sums of groups, which is the part that chance decides."""
    metric = METRICS[null_study.METRIC]()
    sums = {n: statistics.group_sums(metric.tally(one), pool.groups, len(pool.apart_G)) for n, one in pool.said.items()}
    first, second, third = (sums[name] for name in (*null_study.TUNED, null_study.UNTUNED))
    count = 0
    for seed in range(REPETITIONS):
        swapped, spoiled = np.random.default_rng(seed).random((2, len(first))) < np.array([[0.5], [share]])
        a = np.where(swapped[:, None], second, first)
        b = np.where(spoiled[:, None], third, np.where(swapped[:, None], first, second))
        count += statistics.swap_tests(np.stack([a, b], axis=1), metric.value, [(0, 1)], 1000, 0)[0] < 0.05
    return count


def test_promises(pool: null_study.Pool) -> None:
    none, once, twice = (declared(pool, share) for share in (0.0, pool.share(1), pool.share(2)))
    assert none <= 6  # 2 expected
    assert 26 <= once <= 38  # 32 expected
    assert twice == REPETITIONS


def test_a_verdict_is_that_test(pool: null_study.Pool) -> None:
    """One study through the whole of `verdicts`, and its detectable difference from the pilot of the same answers."""
    small = null_study.cut(pool, 100)
    said = small.study(pool.share(2), 0)
    found = verdicts(said, [null_study.METRIC])[0]
    values = {
        name: statistics.group_sums(METRICS["rouge1"]().tally(one), small.groups, 100) for name, one in said.items()
    }
    difference = (values["a"] - values["b"])[:, 0] / 3
    assert found.difference == pytest.approx(difference.mean())
    oracle = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * difference.std() / 10
    assert found.detectable == pytest.approx(oracle, rel=0.06)
    assert smallest_detectable(said["a"], said["b"], "rouge1") == pytest.approx(found.detectable)
    assert smallest_detectable(said["a"], said["b"], "rouge1", groups=400) == pytest.approx(found.detectable / 2)
    assert smallest_detectable(said["a"], said["b"], "rouge1", comparisons=5) > 1.2 * found.detectable


def test_detectable_differences_of_classes() -> None:
    rng = np.random.default_rng(5)
    wanted = rng.choice(["x", "y"], 400)

    def model(share: float) -> list[Prediction]:
        flipped = np.where(wanted == "x", "y", "x")
        answers = np.where(rng.random(400) < share, wanted, flipped)
        return [Prediction(str(i), str(i), str(s), (str(w),), 0, 0.0) for i, (s, w) in enumerate(zip(answers, wanted))]

    a, b = model(0.8), model(0.8)
    right = [np.array([p.prediction == p.references[0] for p in one]) for one in (a, b)]
    sd = np.std(right[0].astype(float) - right[1])
    oracle = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * sd / 20
    assert smallest_detectable(a, b, "accuracy") == pytest.approx(oracle, rel=0.06)
    assert smallest_detectable(a, b, "macro_f1") == pytest.approx(oracle, rel=0.15)
