"""The loop: the same steps whatever the padding, the passes, or an interruption; only labels cost an output head."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
import torch

from luthier.backbone import Backbone
from luthier.batches import Layout, batch_rows, collate
from luthier.delta import Delta, attach
from luthier.encode import Plan
from luthier.errors import Refused, TrialFailed
from luthier.train import HEAD_RATE, Training, label_logits, loss_sum, mean_loss, schedule

WITH_DROPOUT = (
    "lora(rank=4, dropout=0.2)",
    "dora(rank=4, dropout=0.2)",
    "prefix(tokens=5)",
    "ptuning(tokens=5)",
    "full(learning_rate=0.001)",
)


def training(bone, word, **budget):
    made = tiny.delta(bone, word)
    return Training(bone, made, tiny.plan(bone), tiny.budget(**budget), 1e-2, seed=11)


def weights(run):
    return {n: p.detach().clone() for n, p in run.weights.items()}


def same(one, two):
    return list(one) == list(two) and all(torch.equal(one[n], two[n]) for n in one)


@pytest.mark.parametrize("family", ["t5", "bert", "gpt2", "llama"])
@pytest.mark.parametrize("word", WITH_DROPOUT)
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(family, word):
    bone = tiny.shared(family)
    straight = training(bone, word, steps=8)
    half = {}
    for step in straight.steps():
        if step.step == 3:
            half = {n: t.clone() for n, t in straight.tensors().items()}
    torch.manual_seed(12345)  # nothing may depend on where the global generator stands
    resumed = training(bone, word, steps=8)
    resumed.restore(3, half)
    assert [s.step for s in resumed.steps()] == [4, 5, 6, 7, 8]
    assert same(weights(straight), weights(resumed))
    assert same(straight.tensors(), resumed.tensors())


def test_adafactor_resumes_bit_for_bit_too():
    bone = tiny.shared("gpt2")
    straight, half = training(bone, "lora", steps=6, optimizer="adafactor"), {}
    for step in straight.steps():
        if step.step == 2:
            half = {n: t.clone() for n, t in straight.tensors().items()}
    resumed = training(bone, "lora", steps=6, optimizer="adafactor")
    resumed.restore(2, half)
    list(resumed.steps())
    assert same(weights(straight), weights(resumed))


def test_evaluating_between_steps_changes_no_step():
    bone = tiny.shared("t5")
    plain, watched = (training(bone, "lora(rank=4, dropout=0.2)", steps=5) for _ in range(2))
    list(plain.steps())
    for _ in watched.steps():
        assert not bone.model.training
        mean_loss(bone, watched.delta, tiny.plan(bone), tiny.budget())
    assert same(weights(plain), weights(watched))


def test_same_seed_same_weights_and_another_seed_others():
    bone = tiny.shared("qwen2")
    one, two = (training(bone, "lora", steps=4) for _ in range(2))
    other = Training(bone, tiny.delta(bone, "lora"), tiny.plan(bone), tiny.budget(steps=4), 1e-2, seed=12)
    for run in (one, two, other):
        list(run.steps())
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


@pytest.mark.parametrize("family", ["t5", "bert", "bloom", "llama"])
def test_cutting_a_batch_into_passes_changes_no_weight(family):
    bone = tiny.shared(family)
    whole, cut = (training(bone, "lora", steps=6, batch_tokens=tokens) for tokens in (8192, 12))
    list(whole.steps())
    list(cut.steps())
    for name, weight in weights(whole).items():
        torch.testing.assert_close(weights(cut)[name], weight, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_label_padding_never_enters_the_loss(family):
    """Rows beside longer ones lose what they lose alone; a filler with another id changes nothing."""
    bone = tiny.shared(family)
    made, tokens = tiny.delta(bone, "lora", moved=0.1), tiny.plan(bone)
    layout = Layout.of(bone, made)
    other = Layout(**(vars(layout) | {"pad": 9})) if family != "roberta" else layout  # RoBERTa numbers positions by pad

    def loss(rows, laid=layout):
        with torch.no_grad(), attach(bone.model, made):
            return loss_sum(bone, made, collate(tokens, rows, laid)).item()

    together = loss(range(10))
    assert together == pytest.approx(sum(loss([r]) for r in range(10)), rel=1e-5)
    assert together == pytest.approx(loss(range(10), other), rel=1e-6)


@pytest.mark.parametrize("family", ["t5", "bart", "gpt2", "bloom", "llama", "qwen2", "qwen3"])
def test_only_label_positions_reach_the_output_head(family):
    bone = tiny.shared(family)
    made, tokens, seen = tiny.delta(bone, "prompt(tokens=5)"), tiny.plan(bone), []
    batch = collate(tokens, range(10), Layout.of(bone, made))
    with torch.no_grad(), attach(bone.model, made), bone.only_at(batch.wanted):
        hook = bone.model.get_output_embeddings().register_forward_hook(
            lambda _, x, y: seen.append(x[0].shape[:-1].numel())
        )
        more = {"decoder_input_ids": batch.decoder_BT} if batch.decoder_BT is not None else {}
        bone.model(input_ids=batch.ids_BS, attention_mask=batch.mask_BS, **more)
        hook.remove()
    assert seen == [sum(len(a) for a in tokens.answers)]
    assert len(label_logits_with(bone, made, batch)) == len(batch.labels_N) == seen[0]


def label_logits_with(bone, made, batch):
    with torch.no_grad(), attach(bone.model, made):
        return label_logits(bone, batch)


def test_loss_is_the_mean_over_label_tokens_that_the_model_library_computes():
    bone = tiny.shared("t5")
    made, tokens = tiny.delta(bone, "lora", moved=0.1), tiny.plan(bone)
    ids, mask, labels = plain_batch(tokens)
    with torch.no_grad(), attach(bone.model, made):
        theirs = bone.model(input_ids=ids, attention_mask=mask, labels=labels).loss.item()
    assert mean_loss(bone, made, tokens, tiny.budget()) == pytest.approx(theirs, rel=1e-5)


def plain_batch(tokens: Plan):
    """(ids, mask, labels with −100) written out by hand."""
    width, height = max(map(len, tokens.inputs)), max(map(len, tokens.answers))
    ids = np.array([[*i, *[0] * (width - len(i))] for i in tokens.inputs])
    labels = np.array([[*a, *[-100] * (height - len(a))] for a in tokens.answers])
    return torch.from_numpy(ids).long(), torch.from_numpy(ids != 0).long(), torch.from_numpy(labels).long()


def test_diverging_updates_no_weight():
    bone = tiny.shared("gpt2")
    run = training(bone, "lora", steps=5)
    before = weights(run)
    next(iter(run.weights.values())).data.fill_(float("nan"))
    broken = weights(run)
    with pytest.raises(TrialFailed, match="diverged at step 1"):
        next(run.steps())
    assert all(torch.equal(w.nan_to_num(), broken[n].nan_to_num()) for n, w in weights(run).items()) and before
    assert not bone.model.training
    bone.check_untouched()


def test_a_head_never_learns_faster_than_a_head_can():
    bone = tiny.shared("bert")
    for rate in (HEAD_RATE / 4, 0.1):
        run = Training(bone, tiny.delta(bone, "ia3"), tiny.plan(bone), tiny.budget(steps=1, warmup=0.0), rate, seed=1)
        before = weights(run)
        (done,) = run.steps()
        assert done.learning_rate == rate
        for name, after in weights(run).items():  # the first step of Adam is as long as its rate
            own = min(rate, HEAD_RATE) if name.startswith("head.") else rate
            assert (after - before[name]).abs().max().item() == pytest.approx(own, rel=0.1), name
        assert any(name.startswith("head.") for name in before)


@pytest.mark.parametrize("family", ["t5", "bert", "llama"])
def test_full_over_bf16_computes_in_bf16_and_adds_up_what_bf16_would_lose(family):
    bone = Backbone.of(tiny.backbone(family).model.bfloat16(), tiny.shared(family).tokenizer)
    run = Training(bone, tiny.delta(bone, "full"), tiny.plan(bone), tiny.budget(steps=4, batch_tokens=64), 1e-5, seed=1)
    before, seen = weights(run), set()
    watched = bone.model.base_model.register_forward_hook(lambda _, __, out: seen.add(out[0].dtype))
    steps = list(run.steps())
    watched.remove()
    assert seen == {torch.bfloat16} and len(steps) == 4
    assert {p.dtype for p in run.weights.values()} == {torch.float32}
    moved = {n: (p.detach() - before[n]).abs().max() for n, p in run.weights.items()}
    # Four steps of AdamW at 1e-5: a thousandth of what bf16 tells apart near 1, and none of it is lost.
    assert all(0 < far <= 5e-5 for far in moved.values()), moved


@pytest.mark.parametrize("word", ["lora(rank=4)", "dora(rank=4)"])
@pytest.mark.parametrize("family", ["t5", "bert"])  # without and with a bias below the change
def test_quick_products_are_the_exact_ones_to_16_bits(family, word):
    actor = tiny.delta(tiny.shared(family), word, moved=0.3).actors[0]
    features = next(p for p in actor.parameters() if p.ndim == 2 and len(p) == 4).shape[1]
    torch.manual_seed(2)
    x, y = torch.randn(3, 5, features).bfloat16(), torch.randn(3, 5, features).bfloat16()
    up = torch.randn(3, 5, features)

    def changed(dtype):
        actor.zero_grad()
        given = [t.detach().to(dtype).requires_grad_() for t in (x, y)]
        out = actor.after(*given)
        out.backward(up.to(dtype))
        return out.detach(), *[t.grad for t in (*given, *actor.parameters())]

    quick, exact = changed(torch.bfloat16), changed(torch.float32)
    assert quick[0].dtype == torch.bfloat16 and not torch.equal(quick[0], y)
    for one, other in zip(quick, exact):
        assert (one.float() - other).norm() < 0.02 * other.norm()


def test_nothing_to_train_is_refused():
    bone = tiny.shared("gpt2")
    with pytest.raises(Refused, match="nothing to train"):
        Training(bone, Delta({}), tiny.plan(bone), tiny.budget(), 1e-3, seed=0)


def test_schedule_warms_up_and_ends():
    budget = tiny.budget(warmup=0.1)
    shares = [schedule(s, 20, budget) for s in range(20)]
    assert shares[0] == 0.5 and shares[1] == 1.0 and max(shares) == 1.0
    assert shares[2:] == sorted(shares[2:], reverse=True) and 0 < shares[-1] < 0.1
    assert {schedule(s, 20, tiny.budget(warmup=0.0, schedule="constant")) for s in range(20)} == {1.0}


def test_rows_of_a_step_follow_from_seed_and_step_alone():
    bone = tiny.shared("gpt2")
    tokens = tiny.plan(bone)
    forward = [batch_rows(tokens, tiny.budget(batch_size=3), 5, s).tolist() for s in range(12)]
    backward = [batch_rows(tokens, tiny.budget(batch_size=3), 5, s).tolist() for s in reversed(range(12))]
    assert forward == backward[::-1]
    assert forward != [batch_rows(tokens, tiny.budget(batch_size=3), 6, s).tolist() for s in range(12)]
