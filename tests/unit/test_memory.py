"""What of a training fits into memory: the change that costs least time is taken, and it is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier import files
from luthier.backbone import Backbone
from luthier.costs import Cost, Passes, Widths
from luthier.memory import BYTES, bytes_again, fitting, kept, said, words, would_fit
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


@pytest.mark.parametrize(
    ("fixed", "tokens", "again"),
    [((), 512, False), (("batch_tokens",), 4096, True), (("recompute",), 512, False)],
)
def test_what_the_user_set_is_left_alone(fixed, tokens, again):
    chosen = fitting(Budget(), peak, 140_000 if "batch_tokens" in fixed else 60_000, fixed)
    assert (chosen.batch_tokens, chosen.recompute) == (tokens, again)
    assert fitting(Budget(), peak, 60_000, ("batch_tokens", "recompute")) is None


def test_a_tenth_is_left_free_where_it_can_be():
    assert fitting(Budget(), peak, peak(Budget()) / 0.9 + 1) == Budget()
    assert fitting(Budget(), peak, peak(Budget())).batch_tokens == 2048
    least = Budget(batch_tokens=256, recompute=True)
    assert fitting(Budget(), peak, peak(least)) == least, "better than a refusal"


def test_it_is_said_as_it_is_typed():
    assert words(Budget(), Budget(batch_tokens=512, recompute=True)) == "--batch-tokens 512 --recompute"
    assert words(Budget(recompute=True), Budget(recompute=True)) == ""


@pytest.mark.parametrize("passes", [{}, {"batch_tokens": 512}])
@pytest.mark.parametrize("again", [{}, {"recompute": True}])
def test_a_choice_is_said_with_its_reason(passes, again):
    chosen = Budget(**passes, **again)
    told = said(Budget(), chosen, 3e9, 2e9)
    assert bool(told) == bool(passes or again)
    assert ("passes of 512 tokens" in told) == ("dropout" in told) == bool(passes)
    assert ("computed again" in told) == bool(again)
    assert not told or ("3.0 GB" in told and "2.0 GB were free" in told)


def test_fewer_bits_are_proposed_only_where_they_help_and_nothing_else_does():
    asked, free = Budget(), 8_000
    least = peak(Budget(batch_tokens=256, recompute=True))
    weights = (least - free) / (BYTES["bf16"] - BYTES["int8"])
    assert would_fit(asked, peak, free, "bf16", weights + 1).startswith("--precision int8")
    assert would_fit(asked, peak, free, "bf16", 0.9 * weights).startswith("--precision nf4")
    assert would_fit(asked, peak, free, "bf16", 0).startswith("nothing here")
    assert would_fit(asked, peak, free, "nf4", weights).startswith("nothing here")
    assert would_fit(asked, peak, 60_000, "bf16", weights).startswith("--batch-tokens 512: ")


def test_a_trial_takes_what_its_study_chose(tmp_path):
    asked = Budget(epochs=2.0)
    assert kept(tmp_path, "one", asked) == (asked, [])
    chosen = {"batch_tokens": 512, "recompute": True, "fitted": "trained so"}
    trials = {"one": chosen, "two": {**chosen, "fitted": ""}, "three": {"seconds": 1.0}}
    files.write_json(tmp_path / "study.json", {"forecast": {"trials": trials}})
    assert kept(tmp_path, "one", asked) == (replace(asked, batch_tokens=512, recompute=True), ["trained so"])
    assert kept(tmp_path, "two", asked) == kept(tmp_path, "three", asked) == (asked, [])
    files.write_json(tmp_path / "study.json", {"forecast": {"error": "no probe"}})
    assert kept(tmp_path, "one", asked) == (asked, [])


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
