"""What every method promises on every family: it learns, it is saved whole, and it leaves no trace."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier import store
from luthier.batches import Layout, collate
from luthier.delta import Delta, attach
from luthier.errors import Refused
from luthier.methods import METHODS
from luthier.methods.dora import Decomposed
from luthier.spell import parse
from luthier.train import Training, loss_sum, mean_loss

STARTS_AS_IDENTITY = ("lora", "dora", "ia3", "bitfit", "bottleneck", "layernorm", "full", "peft")

RATE = {"full": 1e-3, "lora": 3e-3, "dora": 3e-3, "ptuning": 3e-3}
"""Learning rates at this size, 1e-2 for the others."""

combination = tiny.combinations()


def bare(bone, made):
    """The backbone alone, with the same head and no actor."""
    return Delta({}, head=made.head)


@combination
def test_thirty_steps_lower_the_loss_and_leave_no_trace(family, word, tmp_path):
    bone, how = tiny.shared(family, layers=1), parse(word, METHODS)  # one layer: thirty steps of everything in seconds
    tokens, made = tiny.plan(bone), tiny.delta(bone, word)
    nothing = bare(bone, made)
    before = tiny.scores(bone, nothing)
    body_before = body(bone, made, tokens)
    loss = mean_loss(bone, made, tokens, tiny.budget())
    list(Training(bone, made, tokens, tiny.budget(), RATE.get(how.word, 1e-2), seed=0).steps())
    assert mean_loss(bone, made, tokens, tiny.budget()) < loss
    assert not torch.equal(body(bone, made, tokens), body_before), "only the head learned"
    bone.check_untouched()
    assert all(p.grad is None and not p.requires_grad for p in bone.model.parameters())
    if made.head is None:
        assert torch.equal(tiny.scores(bone, nothing), before), "detaching is not exact"

    said = tiny.scores(bone, made)
    written = store.save(tmp_path, bone, how, made)
    assert written == sum(p.stat().st_size for p in tmp_path.iterdir())
    again = store.load(tmp_path, bone, how, labels=2 if made.head is not None else 0)
    assert torch.equal(tiny.scores(bone, again), said), "a reloaded delta says something else"
    bone.check_untouched()


def body(bone, made, tokens):
    """What the body computes with the delta attached, whatever the head does with it."""
    batch = collate(tokens, range(len(tokens)), Layout.of(bone, made))
    if made.head is None:
        return tiny.scores(bone, made)
    with torch.no_grad(), attach(bone.model, made):
        return bone.pooled(batch.ids_BS, batch.mask_BS)


@combination
def test_fresh_delta_starts_where_the_method_says_and_has_no_dead_parameter(family, word):
    bone = tiny.shared(family)
    made = tiny.delta(bone, word)
    if parse(word, METHODS).word in STARTS_AS_IDENTITY:
        torch.testing.assert_close(tiny.scores(bone, made), tiny.scores(bone, bare(bone, made)), rtol=0, atol=2e-6)

    moved = tiny.delta(bone, word, moved=0.05).train()
    batch = collate(tiny.plan(bone), range(10), Layout.of(bone, moved))
    with attach(bone.model, moved):
        loss_sum(bone, moved, batch).backward()
    dead = [n for n, p in moved.trained().items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not dead
    assert moved.trained() and all(p.grad is None for p in bone.model.parameters())
    bone.check_untouched()


@combination
def test_same_seed_same_bytes(family, word):
    bone = tiny.shared(family)
    one, two, other = (tiny.delta(bone, word, seed).shipped() for seed in (3, 3, 4))
    assert list(one) == list(two) and all(torch.equal(one[n], two[n]) for n in one)
    if parse(word, METHODS).word in ("lora", "dora", "bottleneck", "prompt", "ptuning", "prefix"):
        assert any(not torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("family", ["t5", "llama", "qwen3"])
def test_bitfit_without_biases_is_refused_with_the_way_out(family):
    with pytest.raises(Refused, match=r"bitfit\(everywhere=True\)"):
        tiny.delta(tiny.shared(family), "bitfit")


@pytest.mark.parametrize("family", ["bart", "bert", "roberta", "gpt2", "bloom", "qwen2"])
def test_bitfit_is_training_the_biases(family):
    """An offset has the gradient of the bias it stands for."""
    bone, model = tiny.backbone(family), None
    made = tiny.delta(bone, "bitfit")
    batch = collate(tiny.plan(bone), range(10), Layout.of(bone, made))
    with attach(bone.model, made):
        loss_sum(bone, made, batch).backward()
    model = bone.model
    biases = {s.path: model.get_submodule(s.path).bias.requires_grad_(True) for s in made.sites}
    loss_sum(bone, Delta({}, head=made.head), batch).backward()
    for site, actor in zip(made.sites, made.actors):
        torch.testing.assert_close(actor.offset.grad, biases[site.path].grad, rtol=1e-4, atol=1e-5)


def test_head_of_a_causal_model_learns_and_is_saved(tmp_path):
    """`classify` with a trained head on a decoder reads the last real token."""
    bone = tiny.shared("llama")
    made = tiny.delta(bone, "lora(rank=4)")
    made.head = bone.new_head(2, seed=0)
    tokens = classes(bone)
    loss = mean_loss(bone, made, tokens, tiny.budget())
    list(Training(bone, made, tokens, tiny.budget(), 1e-2, seed=0).steps())
    assert mean_loss(bone, made, tokens, tiny.budget()) < loss
    alone = torch.cat([tiny.scores(bone, made, [r], tokens) for r in range(10)])
    torch.testing.assert_close(tiny.scores(bone, made, None, tokens), alone, rtol=1e-5, atol=1e-6)
    store.save(tmp_path, bone, parse("lora(rank=4)", METHODS), made)
    again = store.load(tmp_path, bone, parse("lora(rank=4)", METHODS), labels=2)
    assert torch.equal(tiny.scores(bone, again, None, tokens), tiny.scores(bone, made, None, tokens))
    bone.check_untouched()


def classes(bone):
    from luthier import encode
    from luthier.tasks.classify import Classify

    chosen = Classify(prompt="{text}", answer="label", labels=("good", "bad"), head=True)
    return encode.plan(bone, chosen, tiny.examples("encoder"), tiny.budget())


def test_head_starts_the_same_for_all_methods():
    bone = tiny.shared("bert")
    one, two = tiny.delta(bone, "lora", seed=5).head, tiny.delta(bone, "prompt", seed=5).head
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))


def test_norms_of_dora_are_made_once_for_answers_and_anew_for_other_weights(monkeypatch):
    bone, asked = tiny.backbone("t5"), []
    made, plain = tiny.delta(bone, "dora(rank=4)", moved=0.1), Decomposed.norm_o
    monkeypatch.setattr(Decomposed, "norm_o", lambda self: asked.append(self) or plain(self))
    batch = collate(tiny.plan(bone), range(4), Layout.of(bone, made))
    with torch.no_grad(), attach(bone.model, made):
        first, again = loss_sum(bone, made, batch), loss_sum(bone, made, batch)
    assert torch.equal(first, again) and sorted(map(id, asked)) == sorted(map(id, made.actors))
    with torch.no_grad():
        for actor in made.actors:
            actor.magnitude.mul_(1.1)
        with attach(bone.model, made):
            after = loss_sum(bone, made, batch)
    assert not torch.equal(after, first)
    with attach(bone.model, made):
        torch.testing.assert_close(loss_sum(bone, made, batch).detach(), after, rtol=1e-5, atol=0)
