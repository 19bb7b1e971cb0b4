"""Attention that can see a learned prefix.

The plain computation of every family (softmax(q·kᵀ·scale + bias + mask)·v), written out because a relative position
bias makes the fused kernels slower than this on a CPU, and because a prefix is three lines here.

Shapes: B rows, H query heads, G key heads, Q / K query and key positions, D head width, n prefix tokens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Prefix(NamedTuple):
    """Learned keys and values of one delta at one attention module."""

    rows: slice | Tensor | None
    key_GnD: Tensor
    value_GnD: Tensor


def attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **settings: Any
) -> tuple[Tensor, Tensor]:
    """Attend; the signature is the one of the model library's attention interface.

    Args:
        query: (B, H, Q, D); key, value: (B, G, K, D) with H a multiple of G.
        attention_mask: additive, (B, 1, Q, K); None means everything is open.
        settings: `scaling`, `softcap` (scores are squeezed into ±cap, Gemma 2), `dropout`, `position_bias` (1 or B, H, Q, K), `prefix` (list of `Prefix`),
            `tap` (list that notes the keys and values that pass).

    Returns:
        output (B, Q, H, D) and weights (B, H, Q, n+K).
    """
    scale, bias = settings.get("scaling"), settings.get("position_bias")
    if attention_mask is None and getattr(module, "is_causal", False) and query.shape[2] > 1:
        raise ValueError("causal attention over several positions needs its mask")
    if bias is not None:
        attention_mask = bias if attention_mask is None else attention_mask + bias
    if settings.get("tap") is not None:
        settings["tap"].append((key, value))
    if settings.get("prefix"):
        key, value, attention_mask = with_prefix(key, value, attention_mask, settings["prefix"], query.shape[2])
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.transpose(2, 3)
    scores = scores * (query.shape[-1] ** -0.5 if scale is None else scale)
    if (cap := settings.get("softcap")) is not None:
        scores = torch.tanh(scores / cap) * cap
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, settings.get("dropout") or 0.0, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


def with_prefix(
    key: Tensor, value: Tensor, mask: Tensor | None, prefixes: list[Prefix], queries: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Put each prefix before the keys and values of its rows; rows with a shorter or no prefix see closed columns."""
    n = max(p.key_GnD.shape[1] for p in prefixes)
    keys_BGnD = key.new_zeros(key.shape[0], key.shape[1], n, key.shape[3])
    values_BGnD = value.new_zeros(*keys_BGnD.shape)
    closed = torch.finfo(key.dtype).min
    columns_B11n = key.new_full((key.shape[0], 1, 1, n), closed)
    for rows, key_GnD, value_GnD in prefixes:
        mine, width = slice(None) if rows is None else rows, key_GnD.shape[1]
        keys_BGnD[mine, :, n - width :] = key_GnD.to(key.dtype)
        values_BGnD[mine, :, n - width :] = value_GnD.to(value.dtype)
        columns_B11n[mine, :, :, n - width :] = 0.0
    if mask is None:
        mask = key.new_zeros(key.shape[0], 1, queries, key.shape[2])
    wide = columns_B11n.expand(-1, mask.shape[1], mask.shape[2], -1)
    mask = torch.cat([wide.to(mask.dtype), mask.expand(key.shape[0], -1, -1, -1)], dim=-1)
    return torch.cat([keys_BGnD, key], 2), torch.cat([values_BGnD, value], 2), mask
