"""What of a training fits into memory: the change that costs least time is taken, and it is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.backbone import Backbone
from luthier.costs import Cost, Passes, Widths
from luthier.memory import bytes_again, fitting, words
from luthier.probe import _alive
from luthier.records import Budget
from luthier.train import Training


def peak(budget):
    return budget.batch_tokens * (30 if budget.recompute else 100) + 1000


@pytest.mark.parametrize(
    ("free", "tokens", "again"),
    [(500_000, 4096, False), (300_000, 2048, False), (60_000, 512, False), (50_000, 1024, True), (9_000, 256, True)],
)
def test_smaller_passes_come_before_layers_computed_again(free, tokens, again):
    chosen = fitting(Budget(), peak, free)
    assert (chosen.batch_tokens, chosen.recompute) == (tokens, again)


def test_where_nothing_fits_nothing_is_chosen():
    assert fitting(Budget(), peak, 8_000) is None


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(64, 8192), st.booleans(), st.integers(2_000, 10**6))
def test_what_is_chosen_fits_and_changes_nothing_else(tokens, again, free):
    asked = Budget(batch_tokens=tokens, recompute=again)
    chosen = fitting(asked, peak, free)
    if chosen is None:
        return
    assert peak(chosen) <= free and chosen.batch_tokens <= tokens and (chosen.recompute or not again)
    assert replace(chosen, batch_tokens=tokens, recompute=again) == asked
    assert (words(asked, chosen) == "") == (chosen == asked)


def test_it_is_said_as_it_is_typed():
    assert words(Budget(), Budget(batch_tokens=512, recompute=True)) == "--batch-tokens 512 --recompute"
    assert words(Budget(recompute=True), Budget(recompute=True)) == ""


@pytest.mark.parametrize("family", ["llama", pytest.param("t5", marks=pytest.mark.matrix)])
def test_the_count_of_what_stays_alive_is_near_what_does(family):
    """Rates are fitted to what was measured without; what is left with layers computed again is counted from them."""
    bone = Backbone.of(tiny.model(family, layers=8), tiny.tokenizer("seq2seq" if family == "t5" else "causal"), family)
    tokens = tiny.plan(bone)

    def measured(recompute):
        run = Training(
            bone, tiny.delta(bone, "lora"), tokens, tiny.budget(steps=2, batch_size=10, recompute=recompute), 1e-3, 0
        )
        steps = run.steps()
        next(steps)
        return _alive(lambda: next(steps))

    inputs, answers = tokens.lengths.max(0)
    passes = Passes.of([(10, int(inputs), int(answers), int(tokens.lengths[:, 1].sum()))])
    whole, again = measured(False), measured(True)
    seen = passes.features_PF(Widths.of(bone))[0]
    rate = whole / (seen[1] + seen[2])
    cost = Cost(Widths.of(bone), seen * 0, seen * 0 + rate)
    assert again < whole
    assert bytes_again(cost, passes, bone)[0] == pytest.approx(again, rel=0.6)
