"""Rows that begin while others are being said say what each says alone, whichever family speaks."""

from __future__ import annotations

from collections import Counter

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier import batches, decode
from luthier.batches import Layout, Queue
from luthier.costs import Cost, Decode, Widths
from luthier.decode import Decoding, answers
from luthier.delta import attach
from luthier.errors import SpellingError
from luthier.plan import Answering
from luthier.records import Budget

DECODING = Decoding(max_new_tokens=12)


@pytest.fixture
def narrow(monkeypatch):
    """Four rows at once: the ten of the task come in three times or more."""
    monkeypatch.setattr(Queue.__init__, "__defaults__", (4, batches.TOKENS, batches.READ))


def spoken(bone, made, rows, decoding=DECODING):
    layout, tokens = Layout.of(bone, made), tiny.plan(bone)
    inputs = [layout.row(tokens.inputs[row]) for row in rows]
    with torch.inference_mode(), attach(bone.model, made) as call:
        return list(answers(bone, layout, inputs, range(len(inputs)), decoding, call))


@pytest.mark.parametrize("family", ["t5", "bart", "gpt2", "bloom", "llama", "qwen3", "gemma3", "opt"])
@pytest.mark.parametrize("word", ["lora(rank=4)", "prefix(tokens=5)", "prompt(tokens=5)"])
def test_a_row_that_begins_late_says_what_it_says_alone(narrow, monkeypatch, family, word):
    bone = tiny.ending(family)
    made = tiny.delta(bone, word, moved=0.1)
    begun, kept = [], decode.start
    monkeypatch.setattr(
        decode, "start", lambda bone, layouts, rows: begun.append(len(rows)) or kept(bone, layouts, rows)
    )
    said = spoken(bone, made, range(10))
    assert len(begun) >= 3 and sum(begun) == 10 and max(begun) == 4
    begun.clear()
    assert {one.row: one.ids for one in said} == {r: spoken(bone, made, [r])[0].ids for r in range(10)}
    assert all(one.seconds > 0 for one in said)
    bone.check_untouched()


@pytest.mark.parametrize("odd", [{"beams": 0}, {"temperature": -1.0}, {"temperature": float("nan")}])
def test_numbers_that_choose_no_answer_are_refused(odd):
    with pytest.raises(SpellingError, match=f"{next(iter(odd))} is"):
        Decoding(**odd)


def test_rows_of_several_deltas_keep_theirs_while_others_join(narrow):
    bone = tiny.ending("t5")
    made = [tiny.delta(bone, word, moved=0.1) for word in ("lora(rank=4)", "ia3", "dora(rank=4)")]
    tokens, layout = tiny.plan(bone), Layout.of(bone, made[0])
    rows = [torch.tensor([0, 4, 9]), slice(1, 4), torch.tensor([5, 6, 7, 8])]
    with torch.inference_mode(), attach(bone.model, *made) as call:
        call.rows = list(rows)
        together = tiny.greedy(bone, layout, list(tokens.inputs), DECODING, call)
        assert call.owner is None and all(a is b for a, b in zip(call.rows, rows)), "the call is as it was"
    for delta, mine in zip(made, ([0, 4, 9], [1, 2, 3], [5, 6, 7, 8])):
        assert [together[r] for r in mine] == [one.ids for r in mine for one in spoken(bone, delta, [r])]


def test_no_row_goes_beyond_its_room(narrow, monkeypatch):
    """BART numbers its decoder's positions: a row that has ended and stays for the others' sake must not run out."""
    bone = tiny.ending("bart")
    most = 6
    monkeypatch.setattr(decode, "LEAVE", 0)  # nobody leaves for having ended
    passes = Counter()

    class Watched(decode.Batch):
        def say(self, awaited):
            passes.update(one.row for one in self.rows)
            return super().say(awaited)

    monkeypatch.setattr(decode, "Batch", Watched)
    said = spoken(bone, tiny.delta(bone, "lora(rank=4)", moved=0.1), range(10), Decoding(max_new_tokens=most))
    assert min(len(one.ids) for one in said) < most, "no row ended early"
    assert max(passes.values()) == most - 1


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=60),
    st.integers(1, 8),
    st.integers(1, 120),
    st.integers(1, 120),
)
def test_all_rows_begin_in_order_where_there_is_room(rows, most, tokens, read):
    rows = sorted(rows, reverse=True)
    widths, left = [width for width, _ in rows], [length for _, length in rows]
    queue, going, begun = Queue(widths, range(len(rows)), most, tokens, read), [], []
    while queue or going:
        new = queue.begin(going)
        assert new or going, "nothing would ever begin"
        assert len(new) <= 1 or max(widths[r] for r in new) * len(new) <= read
        begun, going = begun + new, going + new
        assert len(going) == 1 or (len(going) <= most and max(widths[r] for r in going) * len(going) <= tokens)
        for row in going:
            left[row] -= 1
        going = [row for row in going if left[row]]
    assert begun == list(range(len(rows)))


def test_the_forecast_lets_rows_begin_as_the_decoder_does(narrow, monkeypatch):
    bone = tiny.ending("bart")
    begun, passes = [], []

    class Watched(decode.Batch):
        def begin(self, rows):
            begun.append(rows)
            return super().begin(rows)

        def _say(self, *given):
            passes.append(1)
            return super()._say(*given)

    monkeypatch.setattr(decode, "Batch", Watched)
    lengths = {one.row: len(one.ids) for one in spoken(bone, tiny.delta(bone, "lora(rank=4)", moved=0.1), range(10))}
    assert len(set(lengths.values())) > 1, "all rows end together"
    groups, seconds, _ = foretold(bone, lengths)
    assert (groups, seconds) == (begun, len(passes))


def foretold(bone, lengths):
    """What the forecast makes of ten rows: groups, passes, bytes of keys and values."""
    infer = Cost(Widths.of(bone), None, None)
    answering = Answering(infer, Decode(call=1.0, row=0.0, look=0.0), None, Budget())
    widths = [len(tiny.plan(bone).inputs[row]) for row in range(10)]
    return answering._decoded(Queue(widths, range(10)), [lengths[row] for row in range(10)])


@pytest.mark.parametrize("family", ["bart", "t5", "llama", "gpt2", "bloom"])
def test_the_forecast_knows_what_keys_and_values_take(family, narrow, monkeypatch):
    bone, held = tiny.ending(family), []

    class Watched(decode.Batch):
        def _say(self, flow, rows):
            said = super()._say(flow, rows)
            sides = [getattr(flow.past, f"{side}_attention_cache", None) for side in ("self", "cross")]
            layers = [layer for side in sides if side for layer in side.layers] or flow.past.layers
            held.append(sum(t.numel() * t.itemsize for layer in layers for t in (layer.keys, layer.values)))
            return said

    monkeypatch.setattr(decode, "Batch", Watched)
    lengths = {one.row: len(one.ids) for one in spoken(bone, tiny.delta(bone, "lora(rank=4)", moved=0.1), range(10))}
    assert foretold(bone, lengths)[2] == pytest.approx(max(held), rel=0.2)
