"""One row says the same alone, padded, beside rows of another delta, and when others have left the batch."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier.batches import Layout, collate
from luthier.decode import Decoding
from luthier.delta import attach
from luthier.train import label_logits

GENERATING = tuple(f for f in tiny.FAMILIES if f not in ("bert", "roberta"))
DECODING = Decoding(max_new_tokens=10, min_new_tokens=1)
generating = pytest.mark.parametrize("family", GENERATING)
combination = tiny.combinations()


@combination
def test_padding_changes_no_answer(family, word):
    bone = tiny.shared(family)
    made = tiny.delta(bone, word, moved=0.1)
    together = tiny.scores(bone, made)
    alone = torch.cat([tiny.scores(bone, made, [row]) for row in range(len(tiny.TEXTS))])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=2e-5)
    bone.check_untouched()


@generating
@pytest.mark.parametrize("word", ["lora(rank=4)", "ptuning(tokens=5)", "prefix(tokens=5)", "full"])
def test_greedy_of_a_batch_is_greedy_of_each_row(family, word):
    bone = tiny.ending(family)
    made = tiny.delta(bone, word, moved=0.1)
    assert said(bone, [made], [None], range(6)) == [said(bone, [made], [None], [row])[0] for row in range(6)]
    bone.check_untouched()


PAIRS = (
    ("lora(rank=4)", "ia3"),
    ("prompt(tokens=5)", "prompt(tokens=5)"),
    ("prefix(tokens=5)", "prefix(tokens=5)"),
    ("dora(rank=4)", "bitfit(everywhere=True)"),
    ("bottleneck(size=8)", "layernorm"),
)


@generating
@pytest.mark.parametrize("pair", PAIRS)
def test_two_deltas_in_one_batch_say_what_each_says_alone(family, pair):
    bone = tiny.ending(family)
    first, second = (tiny.delta(bone, word, seed, moved=0.1) for seed, word in enumerate(pair))
    rows = torch.tensor([0, 3, 4, 7, 9]), torch.tensor([1, 2, 5, 6, 8])

    batch = collate(tiny.plan(bone), range(10), Layout.of(bone, first))
    with torch.no_grad(), attach(bone.model, first, second) as call:
        call.rows = list(rows)
        mixed = label_logits(bone, batch)
    owner = torch.repeat_interleave(torch.arange(10), torch.tensor([len(a) for a in tiny.plan(bone).answers]))
    for delta, mine in zip((first, second), rows):
        of_mine = torch.isin(owner, mine)
        torch.testing.assert_close(mixed[of_mine], tiny.scores(bone, delta)[of_mine], rtol=1e-4, atol=2e-5)

    together = said(bone, [first, second], list(rows), range(10))
    for delta, mine in zip((first, second), rows):
        assert [together[r] for r in mine] == said(bone, [delta], [None], mine.tolist())
    bone.check_untouched()


def test_rows_of_a_delta_may_be_a_slice():
    bone = tiny.ending("qwen2")
    first, second = (tiny.delta(bone, "lora(rank=4)", seed, moved=0.1) for seed in (0, 1))
    together = said(bone, [first, second], [slice(0, 4), slice(4, 10)], range(10))
    assert together[:4] == said(bone, [first], [None], range(4))
    assert together[4:] == said(bone, [second], [None], range(4, 10))


def test_an_exception_inside_leaves_no_trace():
    bone = tiny.shared("gpt2")
    for word in tiny.METHODS:
        made = tiny.delta(bone, word)
        with pytest.raises(RuntimeError, match="stop"), attach(bone.model, made):
            raise RuntimeError("stop")
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in bone.model.modules()), word
    bone.check_untouched()


def said(bone, deltas, rows, which):
    """Greedy ids of some rows of the task with deltas attached."""
    layout, tokens = Layout.of(bone, deltas[0]), tiny.plan(bone)
    inputs = [layout.row(tokens.inputs[r]) for r in which]
    with torch.inference_mode(), attach(bone.model, *deltas) as call:
        call.rows = list(rows)
        return tiny.greedy(bone, layout, inputs, DECODING, call)


def test_rows_end_at_different_times_in_every_family():
    """Guards the tests above: without early ends they would not see a batch that shrinks."""
    for family in GENERATING:
        bone = tiny.ending(family)
        lengths = [len(a) for a in said(bone, [tiny.delta(bone, "lora", moved=0.1)], [None], range(10))]
        assert len(set(lengths)) > 1, (family, lengths)
