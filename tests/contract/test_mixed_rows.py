"""Ten rows of ten different deltas in one batch say what each says alone; rows may come and go between steps."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier.batches import Layout, collate
from luthier.decode import Decoding
from luthier.delta import Delta, attach
from luthier.flow import start
from luthier.train import label_logits

GENERATING = ("t5", "bart", "gpt2", "llama", "qwen3", "bloom")
WORDS = (
    "lora(rank=4)",
    "prefix(tokens=3)",
    "dora(rank=4)",
    "prompt(tokens=5)",
    "ia3",
    "bitfit(everywhere=True)",
    "prefix(tokens=7)",
    "ptuning(tokens=2)",
    "bottleneck(size=8)",
    "layernorm",
)
DECODING = Decoding(max_new_tokens=10, min_new_tokens=1)
generating = pytest.mark.parametrize("family", GENERATING)


def deltas(bone) -> list[Delta]:
    """A moved delta per row of the small task."""
    return [tiny.delta(bone, word, seed, moved=0.1) for seed, word in enumerate(WORDS)]


def one_each(bone, made) -> tuple[list[Layout], list[torch.Tensor]]:
    return [Layout.of(bone, d) for d in made], [torch.tensor([row]) for row in range(len(made))]


@generating
def test_logits_of_ten_deltas_in_one_batch(family):
    bone = tiny.ending(family)
    made, plan = deltas(bone), tiny.plan(bone)
    layouts, rows = one_each(bone, made)
    with torch.no_grad(), attach(bone.model, *made) as call:
        call.rows = rows
        mixed = label_logits(bone, collate(plan, range(10), layouts)).split([len(a) for a in plan.answers])
    for row, delta in enumerate(made):
        torch.testing.assert_close(mixed[row], tiny.scores(bone, delta, [row]), rtol=1e-5, atol=1e-5)
    bone.check_untouched()


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_class_heads_of_ten_deltas_in_one_batch(family):
    bone = tiny.shared(family)
    made = deltas(bone)
    layouts, rows = one_each(bone, made)
    batch = collate(tiny.plan(bone), range(10), layouts)
    with torch.no_grad(), attach(bone.model, *made) as call:
        call.rows = rows
        pooled = bone.pooled(batch.ids_BS, batch.mask_BS)
        mixed = [delta.head(pooled[[row]]) for row, delta in enumerate(made)]
    for row, delta in enumerate(made):
        torch.testing.assert_close(mixed[row], tiny.scores(bone, delta, [row]), rtol=1e-5, atol=1e-5)
    bone.check_untouched()


@generating
def test_greedy_of_ten_deltas_in_one_batch(family):
    bone = tiny.ending(family)
    made = deltas(bone)
    layouts, rows = one_each(bone, made)
    inputs = [own.row(ids) for own, ids in zip(layouts, tiny.plan(bone).inputs)]
    with torch.inference_mode(), attach(bone.model, *made) as call:
        call.rows = rows
        together = tiny.greedy(bone, layouts, inputs, DECODING, call)
    assert together == [alone(bone, delta, row) for row, delta in enumerate(made)]
    assert len({tuple(ids) for ids in together}) > 3, "rows that all say the same would prove nothing"


def alone(bone, delta, row):
    layout = Layout.of(bone, delta)
    with torch.inference_mode(), attach(bone.model, delta) as call:
        return tiny.greedy(bone, layout, [layout.row(tiny.plan(bone).inputs[row])], DECODING, call)[0]


@generating
def test_rows_that_join_late_and_leave_early_have_the_logits_of_a_row_alone(family):
    """Forced tokens, so that a tie could hide nothing: logits of every step of every row are compared."""
    bone = tiny.ending(family)
    made = deltas(bone)
    layouts = [Layout.of(bone, d) for d in made]
    inputs = [own.row(ids) for own, ids in zip(layouts, tiny.plan(bone).inputs)]
    forced = torch.randint(7, tiny.SIZE, (10, 6), generator=torch.Generator().manual_seed(1))
    joins = {0: [0, 1, 2], 1: [3], 2: [4, 5, 6, 7], 4: [8, 9]}

    said: dict[int, list[torch.Tensor]] = {row: [] for row in range(10)}
    with torch.inference_mode(), attach(bone.model, *made) as call:

        def rows_are(here):
            call.belong(torch.tensor(here))

        flow, here = None, []
        for step in range(12):
            if new := joins.get(step, []):
                rows_are(new)
                joining = start(bone, [layouts[r] for r in new], [inputs[r] for r in new])
                for row, logits_V in zip(new, joining.next(), strict=True):
                    said[row].append(logits_V)
                joining.append(forced[new, 0])
                flow, here = (joining, new) if flow is None else (flow.join(joining) or flow, here + new)
            rows_are(here)
            for row, logits_V in zip(here, flow.next(), strict=True):
                said[row].append(logits_V)
            stay = [i for i, row in enumerate(here) if len(said[row]) < 6]
            flow.append(torch.stack([forced[row, len(said[row]) - 1] for row in here]))
            if not stay:
                break
            if len(stay) < len(here):
                stay = stay[::-1]  # any order will do
                flow.select(torch.tensor(stay))
                here = [here[i] for i in stay]

    for row, delta in enumerate(made):
        with torch.inference_mode(), attach(bone.model, delta):
            single = start(bone, layouts[row], [inputs[row]])
            for step in range(6):
                torch.testing.assert_close(said[row][step], single.next()[0], rtol=1e-5, atol=1e-5)
                single.append(forced[[row], step])
    bone.check_untouched()


def test_gradients_reach_each_delta_from_its_own_rows_alone():
    bone = tiny.shared("gpt2")
    made, plan = [tiny.delta(bone, w, seed, moved=0.1) for seed, w in enumerate(WORDS)], tiny.plan(bone)
    layouts, rows = one_each(bone, made)

    def gradients(which, together):
        for delta in made:
            delta.zero_grad()
        with attach(bone.model, *(made if together else [made[which]])) as call:
            call.rows = rows if together else [None]
            rows_asked = range(10) if together else [which]
            label_logits(
                bone, collate(plan, rows_asked, layouts if together else layouts[which])
            ).square().sum().backward()
        return {name: p.grad.clone() for name, p in made[which].trained().items()}

    for which in (0, 1, 3, 4):
        torch.testing.assert_close(gradients(which, True), gradients(which, False), rtol=1e-4, atol=1e-3)
