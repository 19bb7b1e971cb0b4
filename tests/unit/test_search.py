"""The race inside a method: who is probed, for how long, and who is chosen; no model is needed for that."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.errors import TrialFailed, UserError
from luthier.methods import METHODS, Bottleneck, DoRA, LoRA, PrefixTuning, PromptTuning, PTuning
from luthier.records import Budget, Probe
from luthier.search import BESIDE, KEPT, LEAST_STEPS, RATES, beside, edges, race, schedule, structure_edge, unsearched
from luthier.spell import parse
from luthier.study import Study
from luthier.wanted import check_equal

CARD = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
ROUNDS = ((5, 4), (KEPT, 8), (BESIDE, 8))
ONE, OPEN = LoRA(rank=8).forms(), LoRA().forms()
SEARCHED = [m for m in METHODS.values() if m.trains and m.word != "peft"]


def raced(loss, forms=ONE, rates=CARD, rounds=ROUNDS):
    """A race over made-up losses: `loss(form, rate, steps)`, None where the candidate is lost."""

    def probe(form, rate, steps):
        return Probe(rate, steps, loss(form, rate, steps), 10 * steps, 0.0, method=repr(form))

    return race(forms, rates, rounds, probe)


@given(total=st.integers(1, 5_000), share=st.floats(0.05, 2), forms=st.integers(1, 3))
def test_probes_cost_the_share_and_as_much_for_every_method(total, share, forms):
    rounds = schedule(total, RATES, forms, share)
    assert rounds == schedule(total, RATES, 1, share), "an open structure must cost no more"
    lengths, spent = [steps for _, steps in rounds], sum(count * steps for count, steps in rounds)
    assert lengths[0] >= 1 and lengths[-1] <= total and lengths == sorted(lengths)
    assert spent <= share * total or lengths[0] <= LEAST_STEPS


def test_a_rate_that_was_set_leaves_the_forms():
    ((count, steps),) = schedule(1000, 1, 3, 0.5)
    assert count == 3 and steps == schedule(1000, RATES, 3, 0.5)[-1][1]
    told, chosen = raced(lambda form, rate, steps: form.rank, OPEN, (0.5,), ((3, 8),))
    assert chosen == (LoRA(rank=2), 0.5) and [p.steps for p in told] == [8] * 3


LOSS = st.one_of(st.none(), st.floats(0, 100))


@given(st.lists(LOSS, min_size=5, max_size=5), st.booleans(), st.data())
def test_the_chosen_one_was_probed_longest_and_was_best_there(first, several, data):
    known = {(ONE[0], rate, 4): value for rate, value in zip(CARD, first)}

    def loss(*asked):
        return known[asked] if asked in known else known.setdefault(asked, data.draw(LOSS))

    try:
        told, (form, rate) = raced(loss, OPEN if several else ONE)
    except TrialFailed:
        assert sum(v is not None for v in first) in (0, KEPT), "only what went on can be lost later"
        return
    last = {(p.method, p.learning_rate): p for p in told}
    alive = [p for p in last.values() if p.dev_loss is not None]
    longest = [p for p in alive if p.steps == max(p.steps for p in alive)]
    assert last[repr(form), rate].dev_loss == min(p.dev_loss for p in longest)
    assert last[repr(form), rate].kept and 5 <= len(told) <= 5 + KEPT + BESIDE


def test_every_method_makes_as_many_probes_of_the_same_lengths():
    for forms in (ONE, OPEN, PromptTuning(tokens=5).forms(), PromptTuning().forms()):
        told, _ = raced(lambda form, rate, steps: abs(rate - 1e-3), forms)
        assert [p.steps for p in told] == [4] * 5 + [8] * (KEPT + BESIDE)


def test_structure_is_compared_at_the_rate_that_won():
    told, chosen = raced(lambda form, rate, steps: abs(rate - 1e-3) + 1 / form.rank, OPEN)
    assert chosen == (LoRA(rank=32), 1e-3)
    assert {p.method for p in told[:-BESIDE]} == {"lora(rank=8)"}
    assert [(p.method, p.learning_rate) for p in told[-BESIDE:]] == [("lora(rank=2)", 1e-3), ("lora(rank=32)", 1e-3)]
    assert raced(lambda form, rate, steps: abs(rate - 1e-3), OPEN)[1] == (LoRA(rank=8), 1e-3), (
        "a tie stays with the card"
    )


def test_a_form_that_is_refused_leaves_its_turn_to_a_nearer_rate():
    def probe(form, rate, steps):
        refused = form.rank == 32
        return Probe(rate, steps, None if refused else 1.0, 0 if refused else 10 * steps, 0.0, method=repr(form))

    told, _ = race(OPEN, CARD, ROUNDS, probe)
    assert sum(p.tokens for p in told) == sum(p.tokens for p in raced(lambda *asked: 1.0, OPEN)[0])


def test_without_a_structure_nearer_rates_are_tried():
    told, chosen = raced(lambda form, rate, steps: abs(rate - 7e-4))
    nearer = [p.learning_rate for p in told[-BESIDE:]]
    assert nearer == pytest.approx([(3e-4 * 1e-3) ** 0.5, (1e-3 * 3e-3) ** 0.5])
    assert chosen[1] == min([*CARD, *nearer], key=lambda r: abs(r - 7e-4))
    for winner, neighbour in ((CARD[0], CARD[1]), (CARD[-1], CARD[-2])):
        inside = [rate for _, rate in beside(ONE, CARD, winner)][:BESIDE]
        assert all(min(winner, neighbour) < r < max(winner, neighbour) for r in inside) and len(set(inside)) == BESIDE
    mixed = beside(PromptTuning(tokens=5).forms(), CARD, 1e-3)
    assert mixed[0] == (PromptTuning(tokens=5, start="random"), 1e-3) and mixed[1][0] == PromptTuning(tokens=5)


def test_kept_says_who_went_on_and_who_won():
    told, chosen = raced(lambda form, rate, steps: {1e-3: 1.0, 3e-3: 2.0}.get(rate, 3.0))
    assert chosen[1] == 1e-3
    assert [p.learning_rate for p in told if p.kept] == [1e-3, 3e-3, 1e-3]


def test_a_tie_goes_to_the_lower_rate():
    assert raced(lambda form, rate, steps: 1.0)[1][1] == CARD[0]


def test_an_edge_and_losses_are_said():
    told, (_, chosen) = raced(lambda form, rate, steps: rate if rate < 3e-3 else None)
    said = edges(CARD, told, chosen)
    assert "lowest" in said[0] and "0.0001" in said[0] and "2 of" in said[1] and "0.003" in said[1]
    told, (_, chosen) = raced(lambda form, rate, steps: 1 / rate)
    assert "highest" in edges(CARD, told, chosen)[0] and len(edges(CARD, told, chosen)) == 1
    told, (_, chosen) = raced(lambda form, rate, steps: abs(rate - 1e-3))
    assert edges(CARD, told, chosen) == ()
    told, (form, rate) = raced(lambda form, rate, steps: None if form.rank == 2 else 1 / form.rank, OPEN)
    assert "lora(rank=2) was lost in the search" in edges(CARD, told, rate)
    assert structure_edge(OPEN, form) == (
        "the chosen rank=32 is the highest that was searched, a better one may lie beyond",
    )
    assert structure_edge(OPEN, OPEN[0]) == () == structure_edge(ONE, ONE[0])


# -- what is open -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [LoRA, DoRA, PromptTuning, PTuning, PrefixTuning, Bottleneck], ids=lambda m: m.word)
def test_what_is_left_out_is_open_and_what_is_typed_is_fixed(method):
    assert parse(method.word, METHODS) == method() and repr(method()) == method.word
    forms = method().forms()
    assert 2 <= len(forms) <= 1 + BESIDE and len(set(forms)) == len(forms)
    setting = next(iter(method.structures))
    for form in forms:
        assert parse(repr(form), METHODS) == form and getattr(form, setting) is not None
    typed = parse(repr(forms[0]), METHODS)
    assert setting in repr(typed) and all(
        getattr(form, setting) == method.structures[setting][0] for form in typed.forms()
    )


def test_what_is_not_searched_is_said():
    assert unsearched(OPEN, CARD) == ("the learning rate and rank are the card's defaults, they were not searched",)
    assert unsearched(ONE, CARD) == ("the learning rate is the card's default, it was not searched",)
    assert unsearched(ONE, CARD[:1]) == ()


@pytest.mark.parametrize("method", SEARCHED, ids=lambda m: m.word)
def test_candidates_surround_the_default_and_move_with_it(method):
    large, small = SimpleNamespace(parameters=250_000_000), SimpleNamespace(parameters=8_000_000)
    (low, high), rates = method.rates, method().candidates(large)
    assert len(rates) == RATES, "the same number for every method: an equal search"
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
