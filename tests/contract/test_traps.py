"""Places where a method goes wrong without a word; each was met by running it."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
import torch
from transformers import AttentionInterface, AttentionMaskInterface

from luthier.batches import Layout, collate
from luthier.decode import Decoding
from luthier.delta import Delta, attach
from luthier.encode import Plan
from luthier.errors import Refused
from luthier.methods import METHODS
from luthier.pretrained import INTERFACE
from luthier.spell import parse

BY_INTERFACE = (*(f for f in tiny.FAMILIES if f != "bloom"), *tiny.MORE)
CAUSAL = ("gpt2", "bloom", "llama", "qwen2", "qwen3")


def logits(model, batch, **more):
    if batch.decoder_BT is not None:
        more["decoder_input_ids"] = batch.decoder_BT
    with torch.no_grad():
        out = model(input_ids=batch.ids_BS, attention_mask=batch.mask_BS, **more)
    return out.logits if "logits" in out else out.prediction_logits


def ragged(bone, made=None):
    return collate(tiny.plan(bone), range(10), Layout.of(bone, made or Delta({})))


# -- 1: a custom attention without a registered mask function silently gets no mask -----------------------------------


@pytest.mark.parametrize("family", BY_INTERFACE)
def test_trap_1_our_attention_has_its_mask_and_equals_the_librarys(family):
    assert INTERFACE in AttentionInterface().valid_keys() and INTERFACE in AttentionMaskInterface().valid_keys()
    bone, plain = tiny.shared(family), (tiny.FAMILIES | tiny.MORE)[family]()
    plain.set_attn_implementation("eager")
    batch = ragged(bone)
    real = batch.mask_BS.bool() if batch.decoder_BT is None else slice(None)
    torch.testing.assert_close(logits(bone.model, batch)[real], logits(plain, batch)[real], rtol=0, atol=2e-6)


@pytest.mark.parametrize("family", BY_INTERFACE)
@pytest.mark.parametrize("word", ["lora", "prefix(tokens=5)"])
def test_trap_1_padded_keys_are_closed(family, word):
    """Other ids under the padding change nothing, with and without a prefix."""
    bone = tiny.shared(family)
    made = tiny.delta(bone, word, moved=0.1)
    batch = ragged(bone, made)
    real = batch.mask_BS.bool() if batch.decoder_BT is None else slice(None)
    more = {} if batch.positions_BS is None else {"position_ids": batch.positions_BS}
    if family == "roberta":  # it would number positions by the filler
        more = {"position_ids": (batch.mask_BS.cumsum(1) * batch.mask_BS)}
    with attach(bone.model, made):
        before = logits(bone.model, batch, **more)[real]
        batch.ids_BS[batch.mask_BS == 0] = 11
        after = logits(bone.model, batch, **more)[real]
    torch.testing.assert_close(before, after, rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", CAUSAL)
def test_trap_1_a_prefix_does_not_open_the_future(family):
    bone = tiny.shared(family)
    made = tiny.delta(bone, "prefix(tokens=5)", moved=0.1)
    ids = torch.tensor([[7, 8, 9, 10, 11, 12]])
    with torch.no_grad(), attach(bone.model, made):
        short = bone.model(input_ids=ids[:, :4]).logits
        whole = bone.model(input_ids=ids).logits
    torch.testing.assert_close(whole[:, :4], short, rtol=0, atol=1e-6)


def test_trap_1_position_bias_is_passed_on():
    """T5 knows order only by its bias: without it a swapped input would say the same."""
    bone = tiny.shared("t5")
    made = tiny.delta(bone, "prefix(tokens=5)", moved=0.1)
    with torch.no_grad(), attach(bone.model, made):
        one = bone.model(input_ids=torch.tensor([[7, 8, 9, 10]]), decoder_input_ids=torch.tensor([[0]])).logits
        two = bone.model(input_ids=torch.tensor([[10, 9, 8, 7]]), decoder_input_ids=torch.tensor([[0]])).logits
    assert not torch.allclose(one, two, atol=1e-5)


# -- 2: with a prefix, real positions start behind it, counted against the limit --------------------------------------


@pytest.mark.parametrize("family", [f for f in CAUSAL if f != "bloom"])
def test_trap_2_positions_start_behind_a_prefix(family):
    bone = tiny.shared(family)
    batch = ragged(bone, tiny.delta(bone, "prefix(tokens=5)"))
    assert batch.positions_BS is not None
    assert batch.positions_BS[:, 0].tolist() == [5] * 10
    longest = batch.mask_BS.sum(1).argmax()
    assert batch.positions_BS[longest].tolist() == list(range(5, 5 + batch.mask_BS.shape[1]))


@pytest.mark.parametrize("family", ["gpt2", "bert", "roberta", "bart", "llama"])
@pytest.mark.parametrize("word", ["prompt(tokens=20)", "prefix(tokens=20)"])
def test_trap_2_learned_tokens_count_against_the_limit(family, word):
    """All positions used by the row: learned tokens beside it are refused with the number to lower."""
    bone = tiny.shared(family)
    full = bone.position_limit()
    made = tiny.delta(bone, word)
    row = np.full(full, 9, np.int32)
    answers = np.zeros(0, np.int32) if bone.kind == "encoder" else np.array([9], np.int32)
    counted = not (made.prefix_tokens and bone.kind != "causal")  # there a prefix moves no position

    def batch(length):
        return collate(Plan((row[:length],), (answers,), np.zeros(1, np.int32)), [0], Layout.of(bone, made))

    if counted:
        with pytest.raises(Refused, match="lower --max-input-tokens by"):
            batch(full)
    room = full - (20 if counted else 0) - (len(answers) if bone.kind == "causal" else 0)
    tokens = Plan((row[:room],), (answers,), np.zeros(1, np.int32))
    assert tiny.scores(bone, made, [0], tokens).isfinite().all()


# -- 3: where virtual tokens stand, and that nobody else ever sees them -----------------------------------------------


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_trap_3_an_encoders_virtual_tokens_stand_behind_cls(family):
    bone = tiny.shared(family)
    made = tiny.delta(bone, "prompt(tokens=3)")
    assert ragged(bone, made).ids_BS[0, :5].tolist() == [3, -1, -2, -3, 7]
    made.virtual_first = True
    assert ragged(bone, made).ids_BS[0, :5].tolist() == [-1, -2, -3, 3, 7]


@pytest.mark.parametrize("family", CAUSAL)
def test_trap_3_left_padding_changes_no_answer(family):
    """Decoding pads on the left, in front of the virtual tokens; training pads on the right."""
    bone = tiny.ending(family)
    made = tiny.delta(bone, "prompt(tokens=5)", moved=0.1)
    layout = Layout.of(bone, made)
    rows = [layout.row(i) for i in tiny.plan(bone).inputs]
    with torch.inference_mode(), attach(bone.model, made) as call:
        first = [a[0] for a in tiny.greedy(bone, layout, rows, Decoding(1, 0), call)]
        on_the_right = [
            bone.model(input_ids=torch.tensor(np.array([row], np.int64))).logits[0, -1].argmax().item() for row in rows
        ]
    assert first == on_the_right


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_trap_3_labels_are_no_function_of_ids(family):
    """−100 is a virtual id too: with more than 99 virtual tokens the labels stay what they were."""
    bone = tiny.shared(family)
    layout = Layout(bone.kind, 0, virtual=120, behind_first=bone.kind == "encoder")
    few = collate(tiny.plan(bone), range(10), Layout(bone.kind, 0))
    many = collate(tiny.plan(bone), range(10), layout)
    assert (many.ids_BS == -100).sum() == 10
    assert torch.equal(many.labels_N, few.labels_N) and many.tokens == few.tokens
    assert (many.labels_N >= 0).all()


# -- 4: act on modules that are called --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_trap_4_every_site_is_a_module_that_is_called(family):
    bone, called = tiny.shared(family), set()
    names = {module: name for name, module in bone.model.named_modules()}
    hooks = [m.register_forward_hook(lambda m, *_: called.add(names[m])) for m in names]
    logits(bone.model, ragged(bone))
    for hook in hooks:
        hook.remove()
    sites = {s.path for role in bone.roles() for s in bone.role_sites(role)}
    sites |= {s.path for s in bone.embeddings().values()} | {s.path for s, _, _ in bone.attentions()}
    sites |= {p for pattern in bone.family.norms for p in bone.paths(pattern)}
    assert sites <= called
    assert len(sites) > 10


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_trap_4_tied_weights_are_one(family):
    bone = tiny.shared(family)
    assert parse("full", METHODS).delta(bone).trainable_parameters == bone.parameters
    assert bone.parameters == sum(p.numel() for p in bone.model.parameters())


# -- 5: the library's soft prompts on encoder-decoders count twice, its prefix reaches half of them -------------------


def test_trap_5_an_encoder_decoders_prompt_is_counted_once():
    bone = tiny.shared("t5")
    assert tiny.delta(bone, "prompt(tokens=5)").trainable_parameters == 5 * 32


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_trap_5_a_prefix_reaches_encoder_decoder_and_cross_attention(family):
    bone = tiny.shared(family)
    made = tiny.delta(bone, "prefix(tokens=5)")
    assert len(made.sites) == 2 + 2 + 2
    with torch.no_grad(), attach(bone.model, made):
        quiet = [a.value.clone() for a in made.actors]
        base = tiny.scores(bone, Delta({}))
    for actor, value in zip(made.actors, quiet):
        with torch.no_grad():
            actor.value.add_(1.0)
        moved = tiny.scores(bone, made)
        with torch.no_grad():
            actor.value.copy_(value)
        assert not torch.equal(moved, tiny.scores(bone, made)), "an attention does not see its prefix"
    assert base.shape == moved.shape


# -- parts of fused projections ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gpt2", "bloom"])
def test_parts_of_a_fused_projection_are_what_attention_reads(family):
    """A change of the value part alone must leave queries and keys, so the attention weights, as they were."""
    bone = tiny.shared(family)
    for role in ("q", "k", "v"):
        made = parse(f"lora(targets='{role}')", METHODS).delta(bone)
        with torch.no_grad():
            for actor in made.actors[:1]:
                actor.b.normal_()
            for actor in made.actors[1:]:
                actor.b.zero_()
        before, after = first_query_key_value(bone, Delta({})), first_query_key_value(bone, made)
        changed = ["qkv"[i] for i in range(3) if not torch.equal(before[i], after[i])]
        assert changed == [role]


def first_query_key_value(bone, made):
    """What the first block's attention makes of its fused projection, read with the library's own cut."""
    path = bone.role_sites("attention.qkv")[0].path
    seen = []
    with torch.no_grad(), attach(bone.model, made):
        hook = bone.model.get_submodule(path).register_forward_hook(lambda m, x, y: seen.append(y))
        bone.model(input_ids=torch.tensor([[7, 8, 9]]))
        hook.remove()
    if path.endswith("c_attn"):
        return seen[0].split(32, dim=2)
    return bone.model.get_submodule(path.rsplit(".", 1)[0])._reshape(seen[0])


def test_dora_leaves_rows_of_zeros_as_they_are():
    """A row without a direction has m/‖W‖ = 0/0: one of them made every loss NaN (seedling-lm has such rows)."""
    bone = tiny.backbone("llama")
    weight = bone.model.get_submodule("model.layers.0.self_attn.q_proj").weight
    with torch.no_grad():
        weight[:3] = 0
    made = tiny.delta(bone, "dora(rank=4)", moved=0.05)
    said = tiny.scores(bone, made)
    assert torch.isfinite(said).all() and not torch.equal(said, tiny.scores(bone, Delta({})))
