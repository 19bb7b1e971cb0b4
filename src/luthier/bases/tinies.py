"""Tiny random models of every family in the table and a tokenizer for them, built in code: nothing is downloaded.

What is said of a family is tried on these (`capability`), and the tests use the same ones. Two layers of width 32 and
fifty words: small enough for hundreds of trials in a minute, with every part that a large one has.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers.models.auto.modeling_auto import MODEL_FOR_PRETRAINING_MAPPING_NAMES

from ..families import FAMILIES

WORDS = [*"abcdefghijklmnopqrstuvwxyz", "good", "bad", "yes", "no", "the", "cat", "dog", "sat", "ran", ":", ".", ","]
SPECIAL = ["<pad>", "</s>", "<s>", "<cls>", "<sep>", "<mask>", "<unk>"]
SIZE = len(SPECIAL) + len(WORDS)
POSITIONS = 96
EVERY = {"vocab_size": SIZE, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}

_T5 = {
    "d_model": 32,
    "d_kv": 8,
    "num_heads": 4,
    "d_ff": 48,
    "feed_forward_proj": "gated-gelu",
    "decoder_start_token_id": 0,
    "dropout_rate": 0.0,
}
_BERT = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": POSITIONS,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
_LLAMA = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": POSITIONS,
}

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "t5": _T5,
    "mt5": _T5,
    "bart": {
        "d_model": 32,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": POSITIONS,
        "decoder_start_token_id": 1,
        "dropout": 0.0,
        "forced_eos_token_id": None,
    },
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "modernbert": {
        "hidden_size": 32,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": POSITIONS,
        "cls_token_id": 3,
        "sep_token_id": 4,
    },
    "gpt2": {
        "n_embd": 32,
        "n_head": 4,
        "n_positions": POSITIONS,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
    },
    "bloom": {"hidden_size": 32, "n_head": 4, "hidden_dropout": 0.0, "attention_dropout": 0.0},
    "opt": {
        "hidden_size": 32,
        "ffn_dim": 48,
        "num_attention_heads": 4,
        "max_position_embeddings": POSITIONS,
        "word_embed_proj_dim": 32,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    },
    "llama": _LLAMA,
    "mistral": {**_LLAMA, "sliding_window": 8},
    "qwen2": _LLAMA,
    "qwen3": {**_LLAMA, "head_dim": 16},
    "gemma": {**_LLAMA, "head_dim": 8},
    "gemma2": {**_LLAMA, "head_dim": 8, "sliding_window": 8},
    "gemma3_text": {**_LLAMA, "head_dim": 8, "sliding_window": 8},
}
"""`model_type` -> what its config says; every family of the table has one (test)."""

LAYERS = {
    **dict.fromkeys(("t5", "mt5"), ("num_layers", "num_decoder_layers")),
    "bart": ("encoder_layers", "decoder_layers"),
    **dict.fromkeys(("gpt2", "bloom"), ("n_layer",)),
}
"""How a config calls the number of its layers, where it is not `num_hidden_layers`."""


def model(model_type: str, layers: int = 2, **settings: Any) -> nn.Module:
    """A family's tiny model, always the same one; `settings` change its config."""
    numbers = dict.fromkeys(LAYERS.get(model_type, ("num_hidden_layers",)), layers)
    config = hf.AutoConfig.for_model(model_type, **{**SHAPES[model_type], **numbers, **EVERY, **settings})
    torch.manual_seed(0)
    made = _loader(model_type).from_config(config)
    with torch.no_grad():  # zero-initialised biases would hide faults
        for parameter in made.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return made.eval()


def _loader(model_type: str) -> Any:
    """What writes text, or an encoder's pretraining class, which keeps its pooler."""
    kind = FAMILIES[model_type].kind
    if kind == "encoder":
        known = model_type in MODEL_FOR_PRETRAINING_MAPPING_NAMES
        return hf.AutoModelForPreTraining if known else hf.AutoModelForMaskedLM
    return hf.AutoModelForSeq2SeqLM if kind == "seq2seq" else hf.AutoModelForCausalLM


@cache
def tokenizer(kind: str = "seq2seq") -> hf.PreTrainedTokenizerFast:
    """Words of one letter and a few more; ends like the kind of model expects."""
    words = {w: i for i, w in enumerate([*SPECIAL, *WORDS])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if kind == "seq2seq":
        inner.post_processor = processors.TemplateProcessing(
            single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
        )
    if kind == "encoder":
        inner.post_processor = processors.TemplateProcessing(
            single="<cls> $A <sep>", pair="<cls> $A <sep> $B:1 <sep>:1", special_tokens=[("<cls>", 3), ("<sep>", 4)]
        )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="</s>",
        bos_token="<s>",
        cls_token="<cls>",
        sep_token="<sep>",
        mask_token="<mask>",
        unk_token="<unk>",
    )


def write(model_type: str, folder: Path) -> None:
    """A family's tiny model and tokenizer as a folder such as a published checkpoint is."""
    model(model_type).save_pretrained(folder)
    tokenizer(FAMILIES[model_type].kind).save_pretrained(folder)
