"""Fast and plain go the same way: after eight steps the weights are those of the undressed model and loop."""

from __future__ import annotations

import pytest
import tiny
import torch
from torch.nn import functional as F

from luthier import train
from luthier.dress import dress, undress
from luthier.train import Training, label_logits, loss_sum

FAMILIES = ("t5", "bert", "llama", "gpt2")
STEPS, ALIKE = 8, 1e-5


def trained(bone, word, rate=1e-2, **budget):
    """The weights after `STEPS` steps, and their losses."""
    made = tiny.delta(bone, word)
    run = Training(bone, made, tiny.plan(bone), tiny.budget(steps=STEPS, **budget), rate, seed=11)
    losses = [step.loss for step in run.steps()]
    return {n: p.detach().clone() for n, p in run.weights.items()}, losses


def alike(one, two):
    for name, weight in one[0].items():
        torch.testing.assert_close(two[0][name], weight, rtol=0, atol=ALIKE)
    assert two[1] == pytest.approx(one[1], abs=ALIKE)
    assert one[1][-1] != one[1][0]


def plain_attention(module, query, key, value, mask, scaling=None, position_bias=None, **_):
    """The computation written out, for the undressed side."""
    groups = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(groups, 1).transpose(2, 3)
    scores = scores * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    for added in (position_bias, mask):
        scores = scores if added is None else scores + added
    return (scores.softmax(-1) @ value.repeat_interleave(groups, 1)).transpose(1, 2).contiguous(), None


@pytest.fixture
def undressed(monkeypatch):
    """Turns a backbone and the loop into what they would be without any fast op."""
    from transformers import AttentionInterface

    from luthier.pretrained import INTERFACE

    def strip(bone):
        undress(bone.model)
        monkeypatch.setitem(AttentionInterface._global_mapping, INTERFACE, plain_attention)
        monkeypatch.setattr(train, "loss_sum", plain_loss)
        return bone

    return strip


def plain_loss(backbone, delta, batch):
    if delta.head is not None:
        return loss_sum(backbone, delta, batch)
    return F.cross_entropy(label_logits(backbone, batch), batch.labels_N, reduction="sum")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("word", "rate"), [("lora(rank=4)", 1e-2), ("dora(rank=4)", 1e-2), ("full", 1e-3)])
def test_dressed_training_is_the_undressed_one(family, word, rate, undressed):
    fast = trained(tiny.backbone(family), word, rate)
    bone = undressed(tiny.backbone(family))
    assert dress(bone.model) > 0, "nothing was undressed"
    undress(bone.model)
    alike(trained(bone, word, rate), fast)


@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "bert"])
def test_the_loss_in_chunks_is_the_loss_at_once(family, monkeypatch):
    at_once = trained(tiny.shared(family), "lora(rank=4)")
    monkeypatch.setattr("luthier.ops.label_loss.rows_at_once", lambda vocabulary: 3)
    alike(at_once, trained(tiny.shared(family), "lora(rank=4)"))


@pytest.mark.parametrize("family", FAMILIES)
def test_passes_by_length_are_the_whole_batch(family):
    """Rows sorted by length and cut into passes with little padding, against one padded batch."""
    alike(
        trained(tiny.shared(family), "lora(rank=4)", batch_size=10),
        trained(tiny.shared(family), "lora(rank=4)", batch_size=10, batch_tokens=16),
    )
