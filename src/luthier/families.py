"""Where things are in each architecture: module paths by role, one small table per family.

`*` stands for a block's number. A family whose projections are fused (GPT-2, BLOOM) names the fused module under
`attention.qkv` and says how its output features are cut; the roles `attention.query` … are then slices of it.
Stdlib only: the tables are facts about published checkpoints, checked by tests against real module trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

SHORT = {
    "q": "attention.query",
    "k": "attention.key",
    "v": "attention.value",
    "o": "attention.output",
    "qkv": "attention.qkv",
    "gate": "ffn.gate",
    "up": "ffn.up",
    "down": "ffn.down",
}
"""What people type in `targets="q,v"`."""

LINEAR = tuple(SHORT.values())
FUSED = ("attention.query", "attention.key", "attention.value")


@dataclass(frozen=True)
class Family:
    """One architecture's map.

    Attributes:
        kind: `seq2seq`, `encoder` or `causal`.
        roles: role -> module path patterns.
        norms: patterns of the layer norms.
        attention: patterns of the modules that compute attention (where a prefix acts).
        embeddings: stack -> path of the embedding module that is really called.
        interleaved: a fused projection is cut per head (BLOOM) instead of in three blocks (GPT-2).
        positions: positions are given by ids (learned or rotary), so a prefix moves them.
        norm_adds_one: a norm multiplies by 1 + weight (Gemma), not by its weight.
        prefix_through_cache: attention does not go through the library's interface (BLOOM), so a prefix enters
            where the cache does.
    """

    kind: str
    roles: Mapping[str, tuple[str, ...]]
    norms: tuple[str, ...]
    attention: tuple[str, ...]
    embeddings: Mapping[str, str]
    interleaved: bool = False
    positions: bool = False
    norm_adds_one: bool = False
    prefix_through_cache: bool = False


def _t5() -> Family:
    attentions = (
        "encoder.block.*.layer.0.SelfAttention",
        "decoder.block.*.layer.0.SelfAttention",
        "decoder.block.*.layer.1.EncDecAttention",
    )
    feeds = ("encoder.block.*.layer.1.DenseReluDense", "decoder.block.*.layer.2.DenseReluDense")
    return Family(
        kind="seq2seq",
        roles={
            "attention.query": tuple(f"{a}.q" for a in attentions),
            "attention.key": tuple(f"{a}.k" for a in attentions),
            "attention.value": tuple(f"{a}.v" for a in attentions),
            "attention.output": tuple(f"{a}.o" for a in attentions),
            "ffn.gate": tuple(f"{f}.wi_0" for f in feeds),
            "ffn.up": tuple(f"{f}.{w}" for f in feeds for w in ("wi", "wi_1")),
            "ffn.down": tuple(f"{f}.wo" for f in feeds),
        },
        norms=(
            "encoder.block.*.layer.*.layer_norm",
            "decoder.block.*.layer.*.layer_norm",
            "encoder.final_layer_norm",
            "decoder.final_layer_norm",
        ),
        attention=attentions,
        embeddings={"encoder": "encoder.embed_tokens", "decoder": "decoder.embed_tokens"},
    )


def _bart() -> Family:
    attentions = (
        "model.encoder.layers.*.self_attn",
        "model.decoder.layers.*.self_attn",
        "model.decoder.layers.*.encoder_attn",
    )
    layers = ("model.encoder.layers.*", "model.decoder.layers.*")
    return Family(
        kind="seq2seq",
        roles={
            "attention.query": tuple(f"{a}.q_proj" for a in attentions),
            "attention.key": tuple(f"{a}.k_proj" for a in attentions),
            "attention.value": tuple(f"{a}.v_proj" for a in attentions),
            "attention.output": tuple(f"{a}.out_proj" for a in attentions),
            "ffn.up": tuple(f"{x}.fc1" for x in layers),
            "ffn.down": tuple(f"{x}.fc2" for x in layers),
        },
        norms=(
            *(f"{x}.{n}" for x in layers for n in ("self_attn_layer_norm", "final_layer_norm")),
            "model.decoder.layers.*.encoder_attn_layer_norm",
            "model.encoder.layernorm_embedding",
            "model.decoder.layernorm_embedding",
        ),
        attention=attentions,
        embeddings={"encoder": "model.encoder.embed_tokens", "decoder": "model.decoder.embed_tokens"},
    )


def _bert(name: str) -> Family:
    layer = f"{name}.encoder.layer.*"
    return Family(
        kind="encoder",
        roles={
            "attention.query": (f"{layer}.attention.self.query",),
            "attention.key": (f"{layer}.attention.self.key",),
            "attention.value": (f"{layer}.attention.self.value",),
            "attention.output": (f"{layer}.attention.output.dense",),
            "ffn.up": (f"{layer}.intermediate.dense",),
            "ffn.down": (f"{layer}.output.dense",),
        },
        norms=(f"{name}.embeddings.LayerNorm", f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"),
        attention=(f"{layer}.attention.self",),
        embeddings={"encoder": f"{name}.embeddings.word_embeddings"},
    )


def _gpt2() -> Family:
    layer = "transformer.h.*"
    return Family(
        kind="causal",
        roles={
            "attention.qkv": (f"{layer}.attn.c_attn",),
            "attention.output": (f"{layer}.attn.c_proj",),
            "ffn.up": (f"{layer}.mlp.c_fc",),
            "ffn.down": (f"{layer}.mlp.c_proj",),
        },
        norms=(f"{layer}.ln_1", f"{layer}.ln_2", "transformer.ln_f"),
        attention=(f"{layer}.attn",),
        embeddings={"decoder": "transformer.wte"},
        positions=True,
    )


def _bloom() -> Family:
    layer = "transformer.h.*"
    return Family(
        kind="causal",
        roles={
            "attention.qkv": (f"{layer}.self_attention.query_key_value",),
            "attention.output": (f"{layer}.self_attention.dense",),
            "ffn.up": (f"{layer}.mlp.dense_h_to_4h",),
            "ffn.down": (f"{layer}.mlp.dense_4h_to_h",),
        },
        norms=(
            "transformer.word_embeddings_layernorm",
            f"{layer}.input_layernorm",
            f"{layer}.post_attention_layernorm",
            "transformer.ln_f",
        ),
        attention=(f"{layer}.self_attention",),
        embeddings={"decoder": "transformer.word_embeddings"},
        interleaved=True,
        prefix_through_cache=True,
    )


def _opt() -> Family:
    layer = "model.decoder.layers.*"
    return Family(
        kind="causal",
        roles={
            "attention.query": (f"{layer}.self_attn.q_proj",),
            "attention.key": (f"{layer}.self_attn.k_proj",),
            "attention.value": (f"{layer}.self_attn.v_proj",),
            "attention.output": (f"{layer}.self_attn.out_proj",),
            "ffn.up": (f"{layer}.fc1",),
            "ffn.down": (f"{layer}.fc2",),
        },
        norms=(f"{layer}.self_attn_layer_norm", f"{layer}.final_layer_norm", "model.decoder.final_layer_norm"),
        attention=(f"{layer}.self_attn",),
        embeddings={"decoder": "model.decoder.embed_tokens"},
        positions=True,
    )


def _modernbert() -> Family:
    layer = "model.layers.*"
    return Family(
        kind="encoder",
        roles={
            "attention.qkv": (f"{layer}.attn.Wqkv",),
            "attention.output": (f"{layer}.attn.Wo",),
            "ffn.up": (f"{layer}.mlp.Wi",),  # holds the gate too: its halves are input and gate
            "ffn.down": (f"{layer}.mlp.Wo",),
        },
        norms=("model.embeddings.norm", f"{layer}.attn_norm", f"{layer}.mlp_norm", "model.final_norm"),
        attention=(f"{layer}.attn",),
        embeddings={"encoder": "model.embeddings.tok_embeddings"},
    )


def _gemma() -> Family:
    """Llama's places, two more norms around the feed-forward since Gemma 2, and norms that multiply by 1 + w."""
    llama, layer = _llama(), "model.layers.*"
    more = (f"{layer}.pre_feedforward_layernorm", f"{layer}.post_feedforward_layernorm")
    return replace(llama, norms=(*llama.norms, *more), norm_adds_one=True)


def _llama() -> Family:
    layer = "model.layers.*"
    return Family(
        kind="causal",
        roles={
            "attention.query": (f"{layer}.self_attn.q_proj",),
            "attention.key": (f"{layer}.self_attn.k_proj",),
            "attention.value": (f"{layer}.self_attn.v_proj",),
            "attention.output": (f"{layer}.self_attn.o_proj",),
            "ffn.gate": (f"{layer}.mlp.gate_proj",),
            "ffn.up": (f"{layer}.mlp.up_proj",),
            "ffn.down": (f"{layer}.mlp.down_proj",),
        },
        norms=(
            f"{layer}.input_layernorm",
            f"{layer}.post_attention_layernorm",
            "model.norm",
            f"{layer}.self_attn.q_norm",
            f"{layer}.self_attn.k_norm",
        ),
        attention=(f"{layer}.self_attn",),
        embeddings={"decoder": "model.embed_tokens"},
        positions=True,
    )


FAMILIES: Mapping[str, Family] = {
    "t5": _t5(),
    "mt5": _t5(),
    "bart": _bart(),
    "bert": _bert("bert"),
    "roberta": _bert("roberta"),
    "xlm-roberta": _bert("roberta"),
    "modernbert": _modernbert(),
    "gpt2": _gpt2(),
    "bloom": _bloom(),
    "opt": _opt(),
    "gemma": _gemma(),
    "gemma2": _gemma(),
    "gemma3_text": _gemma(),
    "llama": _llama(),
    "mistral": _llama(),
    "qwen2": _llama(),
    "qwen3": _llama(),
}
"""`model_type` of a transformers config -> its family."""
