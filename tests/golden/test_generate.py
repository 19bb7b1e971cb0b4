"""Our decoding says what the model library's `generate` says, token for token, with deltas attached."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier.batches import Layout, pad
from luthier.decode import Decoding
from luthier.delta import Delta, attach
from luthier.predict import predict, searched

GENERATING = ("t5", "bart", "gpt2", "bloom", "llama", "qwen2", "qwen3")
MORE = ("mistral", "gemma", "gemma2", "gemma3", "opt")
WORDS = ("lora(rank=4)", "prompt(tokens=5)", "prefix(tokens=5)")
DECODING = Decoding(max_new_tokens=12, min_new_tokens=2)
generating = pytest.mark.parametrize("family", GENERATING)


def inputs_of(bone, made):
    layout = Layout.of(bone, made)
    return layout, [layout.row(i) for i in tiny.plan(bone).inputs[:6]]


def ours(bone, made, decoding=DECODING):
    layout, inputs = inputs_of(bone, made)
    with torch.inference_mode(), attach(bone.model, made) as call:
        return tiny.greedy(bone, layout, inputs, decoding, call)


def theirs(bone, made, beams=1):
    """`generate` over one row at a time, so that neither padding nor eviction can hide a fault."""
    layout, inputs = inputs_of(bone, made)
    config = bone.plain_generation(DECODING.max_new_tokens, DECODING.min_new_tokens, num_beams=beams)
    said = []
    for row in inputs:
        ids, mask = pad([row], layout)
        with torch.inference_mode(), attach(bone.model, made):
            if bone.kind == "seq2seq":
                out = bone.model.generate(input_ids=ids, attention_mask=mask, generation_config=config)[0, 1:]
            elif made.prefix_tokens:
                out = by_hand(bone, made, ids)
            else:
                vectors = bone.model.get_input_embeddings()(ids)
                out = bone.model.generate(inputs_embeds=vectors, attention_mask=mask, generation_config=config)[0]
        said.append(out.tolist())
    return said


def by_hand(bone, made, ids):
    """Greedy without a cache, positions behind the prefix: what `generate` cannot be told."""
    end, start = bone.tokenizer.eos_token_id, ids.shape[1]
    while ids.shape[1] - start < DECODING.max_new_tokens and (ids.shape[1] == start or ids[0, -1] != end):
        more = {"position_ids": torch.arange(ids.shape[1])[None] + made.prefix_tokens} if bone.family.positions else {}
        logits = bone.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, **more).logits[0, -1]
        if ids.shape[1] - start < DECODING.min_new_tokens:
            logits[end] = -torch.inf
        ids = torch.cat([ids, logits.argmax().view(1, 1)], 1)
    return ids[0, start:]


@pytest.mark.parametrize(
    ("family", "word"),
    [*((f, w) for f in GENERATING for w in ("", *WORDS)), *((f, w) for f in MORE for w in ("", "prefix(tokens=5)"))],
)
def test_greedy_is_the_librarys_greedy(family, word):
    bone = tiny.ending(family)
    made = tiny.delta(bone, word, moved=0.1) if word else Delta({})
    said = ours(bone, made)
    assert said == theirs(bone, made)
    assert min(map(len, said)) >= DECODING.min_new_tokens
    bone.check_untouched()


SEARCHED = [
    *((f, "prefix(tokens=5)") for f in GENERATING),
    *((f, "prompt(tokens=5)") for f in ("t5", "gpt2", "llama")),
    ("bloom", "lora(rank=4)"),
]


@pytest.mark.parametrize(
    ("family", "word"), [SEARCHED[0], *(pytest.param(*one, marks=pytest.mark.matrix) for one in SEARCHED[1:])]
)
def test_beams_are_the_librarys_beams(family, word):
    bone = tiny.ending(family)
    made = tiny.delta(bone, word, moved=0.1)
    layout, inputs = inputs_of(bone, made)
    decoding = Decoding(DECODING.max_new_tokens, DECODING.min_new_tokens, beams=3)

    def beams(rows):
        with torch.inference_mode(), attach(bone.model, made):
            return searched(bone, layout, rows, decoding)

    together = beams(inputs)
    assert together == [beams([row])[0] for row in inputs], "padding or the prefix moved a position"
    if made.prefix_tokens and bone.kind == "causal":
        one = Decoding(DECODING.max_new_tokens, DECODING.min_new_tokens, beams=1)
        with torch.inference_mode(), attach(bone.model, made):
            assert searched(bone, layout, inputs, one) == ours(bone, made)
    else:
        assert together == theirs(bone, made, beams=3)


@generating
def test_predict_decodes_in_every_way_and_shows_no_virtual_token(family):
    bone, kind = tiny.ending(family), tiny.ending(family).kind
    task, rows, tokens = tiny.task(kind), tiny.examples(kind), tiny.plan(bone)
    made = tiny.delta(bone, "prompt(tokens=5)", moved=0.1)
    for decoding in (DECODING, Decoding(12, beams=3), Decoding(12, temperature=0.8, top_p=0.9)):
        torch.manual_seed(0)
        said = {p.id: p for p in predict(bone, made, task, rows, tokens, decoding)}
        assert sorted(said, key=int) == [e.id for e in rows]
        assert all(1 <= p.tokens <= 12 and p.milliseconds > 0 and p.probabilities is None for p in said.values())
        assert all(set(p.prediction.split()) <= {*tiny.WORDS, *tiny.SPECIAL} for p in said.values())
    bone.check_untouched()


@generating
def test_sampling_at_a_low_temperature_is_greedy(family):
    bone = tiny.ending(family)
    made = tiny.delta(bone, "prefix(tokens=5)", moved=0.1)
    layout, inputs = inputs_of(bone, made)
    with torch.inference_mode(), attach(bone.model, made):
        cold = searched(bone, layout, inputs, Decoding(12, 2, temperature=1e-4))
    assert cold == ours(bone, made)
