"""The race inside a method: who is probed, for how long, and who is chosen; no model is needed for that."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.errors import TrialFailed, UserError
from luthier.methods import METHODS
from luthier.records import Budget, Probe
from luthier.search import KEPT, LEAST_STEPS, edges, halving, rungs
from luthier.study import Study, check_equal

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SEARCHED = [m for m in METHODS.values() if m.trains and m.word != "peft"]


def race(loss, lengths=(4, 12), rates=RATES):
    """Halving over made-up losses: `loss(rate, steps)`, None where the candidate is lost."""
    return halving(rates, lengths, lambda rate, steps: Probe(rate, steps, loss(rate, steps), 10 * steps, 0.0))


@given(total=st.integers(1, 5_000), share=st.floats(0.05, 2), candidates=st.integers(2, 9))
def test_probes_cost_the_share_and_none_is_longer_than_the_training(total, share, candidates):
    lengths = rungs(total, candidates, share)
    spent = sum(n * s for n, s in zip((candidates, KEPT), lengths))
    assert lengths[0] >= 1 and lengths[-1] <= total and list(lengths) == sorted(set(lengths))
    assert spent <= share * total or lengths[0] <= LEAST_STEPS


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=5, max_size=5), st.data())
def test_the_chosen_one_was_probed_longest_and_was_best_there(first, data):
    second = {r: data.draw(st.one_of(st.none(), st.floats(0, 100))) for r in RATES}
    by_rate = dict(zip(RATES, first))

    def loss(rate, steps):
        return by_rate[rate] if steps == 4 else second[rate]

    longer = sorted((v, r) for r, v in by_rate.items() if v is not None)[:KEPT]
    if not longer:
        with pytest.raises(TrialFailed, match="every learning rate"):
            race(loss)
        return
    finals = [(second[r], r) for _, r in longer if second[r] is not None] if len(longer) > 1 else longer
    rest = sorted((v, r) for r, v in by_rate.items() if v is not None and r not in [r for _, r in longer])
    if not finals and not rest:
        with pytest.raises(TrialFailed, match="every learning rate"):
            race(loss)
        return
    told, chosen = race(loss)
    assert chosen == (min(finals) if finals else rest[0])[1]
    assert len(told) == 5 + (KEPT if len(longer) > 1 else 0)


def test_kept_says_who_went_on_and_who_won():
    told, chosen = race(lambda rate, steps: {1e-3: 1.0, 3e-3: 2.0}.get(rate, 3.0))
    assert chosen == 1e-3
    assert [p.learning_rate for p in told if p.kept] == [1e-3, 3e-3, 1e-3]
    assert [p.steps for p in told] == [4] * 5 + [12] * 2


def test_a_tie_goes_to_the_lower_rate():
    assert race(lambda rate, steps: 1.0)[1] == RATES[0]


def test_an_edge_and_losses_are_said():
    told, chosen = race(lambda rate, steps: rate if rate < 3e-3 else None)
    said = edges(RATES, told, chosen)
    assert "lowest" in said[0] and "0.0001" in said[0] and "2 of 5" in said[1] and "0.003" in said[1]
    told, chosen = race(lambda rate, steps: 1 / rate)
    assert "highest" in edges(RATES, told, chosen)[0] and len(edges(RATES, told, chosen)) == 1
    assert edges(RATES, *race(lambda rate, steps: abs(rate - 1e-3))) == ()


@pytest.mark.parametrize("method", SEARCHED, ids=lambda m: m.word)
def test_candidates_surround_the_default_and_move_with_it(method):
    large, small = SimpleNamespace(parameters=250_000_000), SimpleNamespace(parameters=8_000_000)
    (low, high), rates = method.rates, method().candidates(large)
    assert len(rates) == len(RATES), "the same number for every method: an equal search"
    assert rates[0] == pytest.approx(low) and rates[-1] == pytest.approx(high) and list(rates) == sorted(set(rates))
    for size in (large, small):
        assert method().candidates(size)[2] == method().rate(size)
    assert method().candidates(small)[0] / rates[0] == pytest.approx(method().rate(small) / method().rate(large))
    assert dataclasses.replace(method(), learning_rate=0.5).candidates(large) == (0.5,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"equal": "tokens"},
        {"equal": "seconds"},
        {"seconds": 5.0},
        {"equal": "seconds", "seconds": 0.0},
        {"equal": "seconds", "seconds": float("nan")},
        {"equal": "seconds", "seconds": 5.0, "steps": 3},
        {"search": -0.1},
        {"search": float("nan")},
    ],
    ids=str,
)
def test_what_leaves_the_cost_open_is_refused(wrong):
    with pytest.raises(UserError) as told:
        check_equal(Budget(**wrong))
    assert str(next(iter(wrong.values()))) in str(told.value) and told.value.do


def test_the_command_says_what_differs_from_the_default():
    assert "search" not in Study("b", "d").command()
    assert "--no-search" in Study("b", "d", search=False).command()
    assert "--equal seconds --seconds 30" in Study("b", "d", budget=Budget(equal="seconds", seconds=30)).command()
