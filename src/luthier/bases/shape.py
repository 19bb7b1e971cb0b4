"""The shape of the base, and a new model of it."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from transformers import T5Config, T5ForConditionalGeneration

from . import tokenizer
from .wiring import lay_copying

EMBEDDING_SPREAD = 0.5


def configuration() -> T5Config:
    """The shape of the base: about 4.7 million parameters."""
    return T5Config(
        vocab_size=tokenizer.VOCABULARY_SIZE,
        d_model=192,
        d_kv=32,
        d_ff=512,
        num_layers=3,
        num_decoder_layers=3,
        num_heads=6,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        pad_token_id=tokenizer.SPECIALS.index("<pad>"),
        eos_token_id=tokenizer.SPECIALS.index("</s>"),
        bos_token_id=tokenizer.SPECIALS.index("<s>"),
        decoder_start_token_id=tokenizer.SPECIALS.index("<pad>"),
    )


def fresh_model(seed: int) -> T5ForConditionalGeneration:
    """A new model, with the slow Python norms and activations swapped for fused ones.

    The swaps live on this object only; what is saved is an ordinary T5.
    """
    torch.manual_seed(seed)
    model = T5ForConditionalGeneration(configuration())
    with torch.no_grad():
        model.shared.weight.mul_(EMBEDDING_SPREAD)
    lay_copying(model)
    for module in model.modules():
        if type(module).__name__ == "T5LayerNorm":
            module.forward = _fused_norm(module)
        if hasattr(module, "wi_0"):
            module.act = torch.nn.GELU(approximate="tanh")
    return model


def _fused_norm(module: torch.nn.Module):
    shape = tuple(module.weight.shape)
    return lambda hidden: functional.rms_norm(hidden, shape, module.weight, module.variance_epsilon)
