"""Stopping early: how often a trial is stopped that is not behind, and how soon one is that is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.errors import UserError
from luthier.racing import ALPHA, STAKES, Race, capital, caveat, usable
from luthier.records import Budget
from luthier.study import Study
from luthier.wanted import check_equal

GROUPS, LOOKS, OTHERS = 60, 4, 5


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_capital_is_the_most_of_the_mean_of_products(differences):
    after = [
        math.fsum(math.prod(1 + stake * d for d in differences[:n]) for stake in STAKES) / len(STAKES)
        for n in range(len(differences) + 1)
    ]
    assert capital(differences) == pytest.approx(max(after))


def test_nothing_can_be_won_where_nothing_differs():
    assert capital([0.0] * 500) == 1 and capital([]) == 1 and capital([-0.1] * 500) == 1
    assert capital([0.2] * 60) > 1e3


def scores(rng, behind=0.0):
    """Values of every group at every look for all trials, ours last: alike but for `behind`, and correlated as answers
    to the same questions and answers of the same trial at other steps are."""
    hard_G, own_TG = rng.beta(2, 3, GROUPS), rng.normal(0, 0.1, (OTHERS + 1, GROUPS))
    steps_LTG = own_TG + rng.normal(0, 0.08, (LOOKS, OTHERS + 1, GROUPS))
    steps_LTG[:, -1] -= behind
    return np.clip(hard_G + steps_LTG, 0, 1)


def stopped(values_LTG):
    """The look at which the last trial stops, or None."""
    others = {f"t{t}": {look: values_LTG[look, t].tolist() for look in range(LOOKS)} for t in range(OTHERS)}
    race = Race(others, OTHERS, LOOKS, "rouge1")
    return next((look for look in range(LOOKS) if race.behind(look, values_LTG[look, -1].tolist())), None)


def test_a_trial_that_is_not_behind_is_hardly_ever_stopped():
    """The best of five equal ones is picked at each of four looks: without the division by both, far more would be."""
    rng, times = np.random.default_rng(0), 1000
    wrong = sum(stopped(scores(rng)) is not None for _ in range(times))
    assert wrong <= ALPHA * times


def test_without_the_correction_the_pick_of_the_best_would_stop_more():
    rng, times, plain, ours = np.random.default_rng(1), 400, 0, 0
    for _ in range(times):
        values_LTG = scores(rng)
        best_LG = values_LTG[np.arange(LOOKS), values_LTG[:, :-1].mean(2).argmax(1)]
        held = max(capital(best_LG[look] - values_LTG[look, -1]) for look in range(LOOKS))
        plain, ours = plain + (held >= 1 / ALPHA), ours + (held >= OTHERS * LOOKS / ALPHA)
    assert ours <= plain and ours <= ALPHA * times


def test_one_that_is_far_behind_is_stopped_early():
    rng = np.random.default_rng(2)
    found = [stopped(scores(rng, behind=0.2)) for _ in range(100)]
    assert sum(look is not None for look in found) >= 95 and sum(look == 0 for look in found) >= 80


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_is_said_of_a_stop(sign):
    good, bad = ([0.8] * 60, [0.3] * 60) if sign > 0 else ([0.3] * 60, [0.8] * 60)
    race = Race({"best": {40: good, 80: good}, "other": {40: bad}}, 2, 3, "rouge1", sign)
    found = race.behind(40, bad)
    assert found["against"] == "best" and found["difference"] == pytest.approx(-0.5 * sign)
    assert found["threshold"] == pytest.approx(2 * 3 / ALPHA) and found["e_value"] == capital([0.5] * 60)
    said = caveat(found, 120)
    assert "step 40 of 120" in said and "50.0 points" in said and "best" in said and f"{found['e_value']:.3g}" in said
    assert race.behind(41, bad) is None, "nobody was looked at at that step"
    assert race.behind(40, good) is None and Race({}, 1, 1, "rouge1").behind(40, bad) is None


def test_what_can_be_raced():
    assert usable([0.0, 1.0]) and not usable([]) and not usable([0.5, 30.0]) and not usable([-0.1])
    with pytest.raises(UserError, match="race is True"):
        check_equal(Budget(race=True, equal="seconds", seconds=3.0))
    assert "--race" in Study("b", "d", budget=Budget(race=True)).command() and "--race" not in Study("b", "d").command()
