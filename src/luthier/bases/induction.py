"""Start a small decoder with the wiring for copying already laid.

To copy, a decoder looks for an earlier place whose previous token is the one just written, and says the token that
stands there (an induction head: Olsson et al. 2022, arXiv:2209.11895, section "Induction heads"). Two layers have
to agree on it before either is of use, so a short run never finds it. These ordinary weights are set at the start:

* one feature of every embedding is the same number, which gives the queries and keys of two heads of the first layer a
  constant to make positions from: they look one and two places back;
* the last layer's first head compares the current token with what the first of those heads has written, on the slowly
  turning pairs of the rotary embedding only, as those still agree over a few hundred tokens;
* what it finds is written out unchanged, and as output and input embeddings are one matrix, it becomes the likely
  next token.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import LlamaForCausalLM

CONSTANT = 1.0
"""The feature that all embeddings share; on a tied output it adds the same to every score."""
POSITION_NATS = 60.0
"""Score of the place looked for; its neighbours get some five nats less."""
POSITION_PAIRS = 12
"""Quickly turning pairs that tell neighbouring places apart."""
SLOW_FROM = 16
MATCH_NATS = 20.0
PREVIOUS_GAIN = 0.5
READ_GAIN = 2.0
QUIET = 0.1
"""Factor on what the other parts write at first, so that it does not drown the tokens."""


@torch.no_grad()
def lay_induction(model: LlamaForCausalLM) -> None:
    """Set the heads that look back and the one that copies, in a fresh model."""
    layers, config = model.model.layers, model.config
    size = config.head_dim
    embedding = model.model.embed_tokens.weight
    embedding[:, 0] = CONSTANT
    for name, weight in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.mul_(QUIET)
    scaled = embedding / embedding.square().mean(dim=1, keepdim=True).sqrt()
    first = layers[0].self_attn
    _look_back(first, _turns(config), scaled[:, 0].mean().item())
    read, written = _basis(first.v_proj.weight[:size]), _basis(first.v_proj.weight[:size])
    first.v_proj.weight[:size] = read
    first.o_proj.weight[:, :size] = PREVIOUS_GAIN * written.T
    previous = PREVIOUS_GAIN * written.T @ read
    last = layers[-1].self_attn
    slow = torch.arange(size) % (size // 2) >= SLOW_FROM
    keys = torch.zeros(size, config.hidden_size)
    keys[slow] = written[: int(slow.sum())]
    queries = keys @ previous
    probe = scaled[torch.arange(100, len(scaled), 7)]
    matched = ((probe @ queries.T) * (probe @ previous.T @ keys.T)).sum(dim=1).mean() / size**0.5
    last.k_proj.weight[:size] = keys
    last.q_proj.weight[:size] = queries * (MATCH_NATS / matched)
    copied = _basis(last.v_proj.weight[:size])
    last.v_proj.weight[:size] = copied
    last.o_proj.weight[:, :size] = READ_GAIN * copied.T


def _turns(config) -> Tensor:
    """Angle by which each pair of a head turns from one place to the next."""
    pairs = torch.arange(config.head_dim // 2)
    return config.rope_parameters["rope_theta"] ** (-pairs / (config.head_dim // 2))


def _look_back(attention: nn.Module, turns: Tensor, constant: float) -> None:
    """The first two query heads, over one pair of keys and values, prefer the places one and two back."""
    size, used = attention.head_dim, turns[:POSITION_PAIRS]
    strength = (POSITION_NATS * size**0.5 / POSITION_PAIRS) ** 0.5 / constant
    attention.k_proj.weight[:size] = 0
    attention.k_proj.weight[:POSITION_PAIRS, 0] = strength
    for head in (0, 1):
        rows = attention.q_proj.weight[head * size : (head + 1) * size]
        rows.zero_()
        angle = -used * (head + 1)
        rows[:POSITION_PAIRS, 0] = strength * angle.cos()
        rows[size // 2 : size // 2 + POSITION_PAIRS, 0] = strength * angle.sin()


def _basis(weight: Tensor) -> Tensor:
    """Rows at right angles, blind to the shared constant."""
    rows = nn.init.orthogonal_(torch.empty_like(weight))
    rows[:, 0] = 0
    return rows
