"""How well a base says text it has never seen: loss a token and bits a byte."""

from __future__ import annotations

import math

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from .recipes import Recipe
from .text import Text
from .tokenizer import SPECIALS

LENGTH, TOKENS, PARTS = 128, 4096, 2


def bits(recipe: Recipe, model: nn.Module, words: Tokenizer, text: Text, lang: str) -> dict[str, float]:
    """Mean loss a token, and bits a byte of what had to be said, on windows that are always the same.

    A decoder says the whole text; the others say what is hidden from them, which they see both sides of.
    """
    total, tokens, size = 0.0, 0, 0
    with torch.no_grad():
        for part in range(PARTS):
            batch = recipe.text_batch(text.only(lang), LENGTH, TOKENS, np.random.default_rng((1, part)))
            losses, said = recipe.token_losses(model, batch)
            total, tokens = total + losses.sum().item(), tokens + len(losses)
            size += sum(_bytes(words, token) for token in said.tolist())
    return {"loss": round(total / tokens, 4), "bits_per_byte": round(total / math.log(2) / size, 4)}


def _bytes(words: Tokenizer, token: int) -> int:
    """Bytes of text in a token: a byte-level piece is spelled with one sign a byte, a special token holds no text."""
    return 0 if token < len(SPECIALS) else len(words.id_to_token(token))
