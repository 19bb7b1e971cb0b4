"""The backbones: real shapes with random weights made by seed, and what their products cost.

Torch is imported inside functions: how its threads wait has to be settled before it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUILT_IN = "seedling-t5"
T5_SCALE = 0.05
"""Brings the logits of a random T5, whose head is its embedding, to a spread of about 1."""


@dataclass(frozen=True)
class Shape:
    """An architecture: the model library's config class, the class a checkpoint of it is saved from, its settings."""

    config: str
    model: str
    settings: dict[str, Any]


SHAPES = {
    "flan-t5-base": Shape(
        "T5Config",
        "T5ForConditionalGeneration",
        {
            "d_model": 768,
            "d_kv": 64,
            "d_ff": 2048,
            "num_layers": 12,
            "num_heads": 12,
            "vocab_size": 32128,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
    ),
    "bert-base": Shape("BertConfig", "BertForPreTraining", {"vocab_size": 21128}),
    "bloom-560m": Shape(
        "BloomConfig",
        "BloomForCausalLM",
        {"vocab_size": 250880, "hidden_size": 1024, "n_layer": 24, "n_head": 16},
    ),
    "qwen3-0.6b": Shape(
        "Qwen3Config",
        "Qwen3ForCausalLM",
        {
            "vocab_size": 151936,
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "tie_word_embeddings": True,
        },
    ),
}


def make(shape: str, folder: Path) -> str:
    """Folder of the backbone: the built-in one, or random weights of the shape written to `folder`."""
    import torch
    import transformers as hf

    from luthier import bases

    built_in = bases.folder(BUILT_IN)
    if shape == BUILT_IN:
        return str(built_in)
    # Token ids are random too, so the small vocabulary is there only for its special tokens.
    tokenizer = hf.AutoTokenizer.from_pretrained(built_in)
    if tokenizer.pad_token_id is None or tokenizer.eos_token_id is None:
        raise ValueError("the built-in tokenizer has lost its special tokens")
    tokenizer.add_special_tokens({"unk_token": "<unk>"})  # CTranslate2 wants one
    chosen, special = SHAPES[shape], {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    if chosen.config == "T5Config":
        special["decoder_start_token_id"] = tokenizer.pad_token_id
    torch.manual_seed(0)
    model = getattr(hf, chosen.model)(getattr(hf, chosen.config)(**chosen.settings, **special))
    if chosen.config == "T5Config":
        model.get_input_embeddings().weight.data.mul_(T5_SCALE)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@dataclass(frozen=True)
class Weights:
    """Matrix weights that a token passes: an input, an answer, and the output head (at answers alone)."""

    inputs: int
    answers: int
    head: int

    def flops(self, per_weight: int, inputs: float, answers: float, heads: float | None = None) -> float:
        """FLOPs for these numbers of tokens; the head sees `heads` of them (default: the answers)."""
        seen = answers if heads is None else heads
        return per_weight * (self.inputs * inputs + self.answers * answers + self.head * seen)


def weights_of(model: Any, kind: str, classes: int) -> Weights:
    """What each kind of token passes; attention scores and the adapters themselves (a few per cent) are left out.

    In an encoder-decoder, inputs also pass the cross-attention's keys and values; elsewhere inputs and answers pass
    the same body. A class head is too small to count.
    """
    head = model.get_output_embeddings()
    skipped = ("embed", "shared", "attention_bias", "lm_head", "cls.", "pooler")
    sides = {"inputs": 0, "answers": 0}
    for name, weight in model.named_parameters():
        if weight.ndim != 2 or any(part in name for part in skipped):
            continue
        read = name.startswith("encoder.") or "EncDecAttention.k" in name or "EncDecAttention.v" in name
        sides["inputs" if read else "answers"] += weight.numel()
    if kind != "seq2seq":
        body = sides["answers"] + sides["inputs"]
        sides = {"inputs": body, "answers": body}
    return Weights(**sides, head=0 if classes else head.weight.numel())


def passes(method: str) -> int:
    """FLOPs per weight and token of a training step: forward 2, data gradient 2, weight gradient 2."""
    return 6 if method == "full" else 4
