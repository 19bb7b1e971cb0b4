"""No row is lost, doubled or cut short on its way from a plan to a batch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier import batches, encode
from luthier.batches import Layout
from luthier.encode import Plan
from luthier.records import Budget

ROWS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=60)
quick = settings(max_examples=80, deadline=None)


def plan_of(lengths):
    """Every token is a number of its own, so that a lost or moved one shows."""
    fresh = iter(range(5, 10_000))
    rows = [
        (np.array([next(fresh) for _ in range(i)], np.int32), np.array([next(fresh) for _ in range(a)], np.int32))
        for i, a in lengths
    ]
    inputs, answers = zip(*rows)
    return Plan(inputs, answers, np.full(len(rows), -1, np.int32))


@given(ROWS, st.integers(1, 20), st.integers(0, 9), st.integers(0, 3))
@quick
def test_an_epoch_has_every_row_exactly_once(lengths, size, seed, epoch):
    made, budget = plan_of(lengths), Budget(batch_size=size)
    per_epoch = batches.steps_per_epoch(len(made), budget)
    epoch_rows = [batches.batch_rows(made, budget, seed, epoch * per_epoch + s) for s in range(per_epoch)]
    assert sorted(np.concatenate(epoch_rows).tolist()) == list(range(len(made)))
    assert all(0 < len(b) <= size for b in epoch_rows)


@given(ROWS, st.integers(1, 400))
@quick
def test_passes_conserve_the_rows_of_a_batch_and_keep_to_the_limit(lengths, most):
    made = plan_of(lengths)
    rows = np.random.default_rng(0).permutation(len(made))
    passes = batches.micro_batches(made, rows, most)
    assert sorted(np.concatenate(passes).tolist()) == sorted(rows.tolist())
    for part in passes:
        assert len(part) == 1 or made.lengths[part].max(0).sum() * len(part) <= most


@given(ROWS, st.integers(1, 9), st.integers(1, 400))
@quick
def test_groups_conserve_rows_and_order(lengths, size, most):
    made = plan_of(lengths)
    order = np.random.default_rng(1).permutation(len(made)).tolist()
    groups = list(batches.Queue(made.lengths[:, 0].tolist(), order, size, most).groups())
    assert [r for g in groups for r in g] == order
    assert all(len(g) == 1 or (len(g) <= size and max(len(made.inputs[r]) for r in g) * len(g) <= most) for g in groups)


@given(st.lists(st.integers(1, 150), min_size=1, max_size=9), st.booleans(), st.integers(0, 40), st.integers(0, 20))
@quick
def test_rows_that_only_answer_stand_in_whole_sixteens(lengths, left, spare, offset):
    rows, widest = plan_of([(n, 1) for n in lengths]).inputs, max(lengths)
    layout = Layout("encoder", 0, offset=offset, limit=widest + offset + spare)
    exact = [t.numpy() for t in batches.pad(rows, layout, left)]
    with torch.no_grad():
        even = [t.numpy() for t in batches.pad(rows, layout, left)]
    width = even[0].shape[1]
    assert exact[0].shape[1] == widest <= width <= widest + min(spare, batches.WHOLE - 1)
    assert width == widest or width % batches.WHOLE == 0
    assert widest <= 4 * batches.WHOLE or spare < batches.WHOLE or width % batches.WHOLE == 0
    room = slice(width - widest, None) if left else slice(widest)
    for one, two in zip(exact, even):
        assert (two[:, room] == one).all() and two.sum() == one.sum()


@given(ROWS, st.sampled_from(["causal", "seq2seq"]), st.integers(0, 7))
@quick
def test_a_batch_holds_every_token_and_every_label(lengths, kind, virtual):
    made = plan_of(lengths)
    batch = batches.collate(made, range(len(made)), Layout(kind, 0, start=2, virtual=virtual))
    assert batch.labels_N.tolist() == np.concatenate(made.answers).tolist()
    assert batch.wanted.sum() == len(batch.labels_N)
    assert batch.tokens == made.lengths.sum()
    read = batch.ids_BS if kind == "causal" else batch.decoder_BT
    # Where a label is wanted, the model has read the token before it.
    before = [t for i, a in zip(made.inputs, made.answers) for t in [i[-1] if kind == "causal" else 2, *a[:-1]]]
    assert read[batch.wanted].tolist() == [int(t) for t in before]
    real = batch.ids_BS[batch.mask_BS.bool()]
    assert (real < 0).sum() == virtual * len(made)
    behind = sum(len(a) - 1 for a in made.answers) if kind == "causal" else 0
    assert (real > 0).sum() == sum(map(len, made.inputs)) + behind
    assert (batch.ids_BS[~batch.mask_BS.bool()] == 0).all()


@given(ROWS)
@quick
def test_a_plan_survives_the_disk(lengths):
    made = plan_of(lengths)
    with tempfile.TemporaryDirectory() as folder:
        encode.keep(Path(folder) / "plan", made)
        kept = encode.kept(Path(folder) / "plan")
    assert [r.tolist() for r in kept.inputs] == [r.tolist() for r in made.inputs]
    assert [r.tolist() for r in kept.answers] == [r.tolist() for r in made.answers]
    assert (kept.cut_inputs, kept.cut_answers) == (0, 0) and np.array_equal(kept.classes, made.classes)
