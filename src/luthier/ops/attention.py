"""Attention that can see a learned prefix.

softmax(q·kᵀ·scale + bias + mask)·v, by the compiled loops where they take it: a head's scores stay in the cache, with
gradients or without, and of one query a row only what is open is read. Else, without gradients: torch's fused kernel.
With gradients on a CPU: written out and in place, because the fused kernel's own gradient is no faster there and it has
no dropout, which is cut from random words (`dropout.py`).

Shapes: B rows, H query heads, G key heads, Q / K query and key positions, D head width, n prefix tokens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from . import compiled
from .compiled import Scoring
from .dropout import drawn, dropout


class Prefix(NamedTuple):
    """Learned keys and values of one delta at one attention module."""

    rows: slice | Tensor | None
    key_GnD: Tensor
    value_GnD: Tensor


class EvenBias:
    """Mixed into T5's attention, whose position bias comes with the heads last: laid out once as the scores are, it is
    added ten times as fast in every layer."""

    def compute_bias(self, *given: Any, **more: Any) -> Tensor:
        return super().compute_bias(*given, **more).contiguous()  # type: ignore[misc]


def attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **settings: Any
) -> tuple[Tensor, None]:
    """Attend; the signature is the one of the model library's attention interface.

    Args:
        query: (B, H, Q, D); key, value: (B, G, K, D) with H a multiple of G.
        attention_mask: additive, (B, 1, Q, K); None means everything is open.
        settings: `scaling`, `softcap`, `dropout`, `position_bias` (1 or B, H, Q, K), `prefix` (list of `Prefix`),
            `tap` (list that notes the keys and values that pass).

    Returns:
        output (B, Q, H, D), and None in the place of the weights, which nobody reads.
    """
    scale, bias = settings.get("scaling"), settings.get("position_bias")
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    if attention_mask is None and getattr(module, "is_causal", False) and query.shape[2] > 1:
        raise ValueError("causal attention over several positions needs its mask")
    if settings.get("tap") is not None:
        settings["tap"].append((key, value))
    prefixes = settings.get("prefix") or []
    if prefixes and not torch.is_grad_enabled() and all(p.rows is not None for p in prefixes):
        return _row_by_row(module, query, key, value, attention_mask, settings), None
    if prefixes:
        mask, bias = _sum(attention_mask, bias), None
        key, value, attention_mask = with_prefix(key, value, mask, prefixes, query.shape[2])
    p = (settings.get("dropout") or 0.0) if module.training else 0.0
    cap = settings.get("softcap")
    if not (p or cap or torch.is_grad_enabled()) and compiled.attends(query, key, value):
        return compiled.attended(query, key, value, Scoring(scale, bias, attention_mask)), None
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    if cap is not None:
        return _capped(query * (scale / cap), key, value, _sum(attention_mask, bias), cap, p), None
    tensors = [t for t in (query, key, value, attention_mask, bias) if t is not None]
    learning = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    if query.device.type == "cpu" and (learning or p):
        still = attention_mask is None or not attention_mask.requires_grad
        drop = compiled.coins(p) if still and compiled.ready(query) else None
        learnt = bias is not None and bias.requires_grad
        scoring = Scoring(scale, None if bias is None else bias.detach(), attention_mask, drop or compiled.EVERYTHING)
        if (
            drop is not None
            and compiled.learns_to_attend(query, key, value)
            and (not learnt or bias.shape == (1, *query.shape[1:3], key.shape[2]))
        ):
            return _AttendedInCache.apply(query, key, value, bias if learnt else None, scoring), None
        if drop is not None and not learnt:
            return _AttendedAtOnce.apply(query, key, value, scoring), None
        return _Attended.apply(query, key, value, bias, attention_mask, scale, p), None
    added = _added(attention_mask, bias, query.dtype)
    output = F.scaled_dot_product_attention(query, key, value, added, dropout_p=p, scale=scale)
    return output.transpose(1, 2).contiguous(), None


def _row_by_row(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, settings: dict[str, Any]
) -> Tensor:
    """Rows of a prefix attend once more by themselves: the keys and values of all other rows are not copied."""
    bias = settings.get("position_bias")
    plain = {name: given for name, given in settings.items() if name not in ("prefix", "tap", "position_bias")}
    output, _ = attention(module, query, key, value, mask, position_bias=bias, **plain)
    for prefix in settings["prefix"]:
        mine = prefix.rows
        own_mask, own_bias = (t if t is None or len(t) == 1 else t[mine] for t in (mask, bias))
        alone = [prefix._replace(rows=None)]
        own = attention(
            module, query[mine], key[mine], value[mine], own_mask, position_bias=own_bias, prefix=alone, **plain
        )
        output[mine] = own[0]
    return output


def _capped(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, cap: float, p: float) -> Tensor:
    """Scores are squeezed into ±cap before the mask (Gemma 2): no kernel does it, so it is written out."""
    scores = torch.tanh(query @ key.transpose(2, 3)) * cap
    scores = scores if mask is None else scores + mask
    weights = dropout(torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype), p, True)
    return (weights @ value).transpose(1, 2).contiguous()


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    return other if one is None else one if other is None else one + other


def _added(mask: Tensor | None, bias: Tensor | None, kind: torch.dtype) -> Tensor | None:
    """All that is added to the scores. Layers that share a bias share the sum, which is as large as their scores: it is
    kept at the bias, and goes with it."""
    if mask is None or bias is None:
        one = _sum(mask, bias)
        return None if one is None else one.to(kind)
    if mask.requires_grad or bias.requires_grad:
        return (mask + bias).to(kind)
    kept = getattr(bias, "with_mask", None)
    if kept is None or kept[0] is not mask:
        kept = bias.with_mask = mask, (mask + bias).to(kind)  # type: ignore[attr-defined]
    return kept[1]


class _Attended(torch.autograd.Function):
    """Scores, bias, mask and softmax share one (B, H, Q, K) tensor; dropout adds its mask."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        query, key, value, bias, mask, scale, p = inputs
        scores = query @ key.transpose(2, 3)
        if scale != 1.0:
            scores.mul_(scale)
        for added in (bias, mask):
            if added is not None:
                scores.add_(added)
        weights = torch.ops.aten._softmax.out(scores, -1, False, out=scores)
        kept, ctx.scale, ctx.rescale = None, scale, 1.0
        if p:
            kept, ctx.rescale = drawn(weights.shape, p, weights.dtype)
        ctx.shapes = tuple(None if t is None else t.shape for t in (bias, mask))
        ctx.save_for_backward(query, key, value, weights, kept)
        output = (weights if kept is None else weights * kept) @ value
        return (output if ctx.rescale == 1.0 else output.mul_(ctx.rescale)).transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        query, key, value, weights, kept = ctx.saved_tensors
        gradient = gradient.transpose(1, 2)
        if ctx.rescale != 1.0:
            gradient = gradient * ctx.rescale
        seen = weights if kept is None else weights * kept
        d_value = seen.transpose(2, 3) @ gradient
        d_scores = gradient @ value.transpose(2, 3)
        if kept is not None:
            d_scores.mul_(kept)
        d_scores = torch.ops.aten._softmax_backward_data.out(d_scores, weights, -1, weights.dtype, grad_input=d_scores)
        needs = ctx.needs_input_grad[3:5]
        d_added = [d_scores.sum_to_size(s) if need else None for need, s in zip(needs, ctx.shapes)]
        if ctx.scale != 1.0:
            d_scores.mul_(ctx.scale)
        return d_scores @ key, d_scores.transpose(2, 3) @ query, d_value, *d_added, None, None


class _AttendedAtOnce(torch.autograd.Function):
    """The same, compiled: scores are visited once each way, and a dropout mask is drawn again on the way back.

    Tensors are laid out row after row and head after head once (N = B·H), not anew for every product.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        *attended, scoring = inputs
        ctx.scale, ctx.drop = scoring.scale, scoring.drop
        rows_heads = attended[0].shape[:2]
        query_NQD, key_NKD, value_NKD = (t.contiguous().flatten(0, 1) for t in attended)
        weights_NQK = query_NQD @ key_NKD.transpose(1, 2)
        seen = compiled.attention_weights(weights_NQK.unflatten(0, rows_heads), scoring)
        ctx.save_for_backward(query_NQD, key_NKD, value_NKD, weights_NQK)
        return (seen.flatten(0, 1) @ value_NKD).unflatten(0, rows_heads).transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        query_NQD, key_NKD, value_NKD, weights_NQK = ctx.saved_tensors
        gradient = gradient.transpose(1, 2)
        rows_heads, gradient_NQD = gradient.shape[:2], gradient.contiguous().flatten(0, 1)
        d_scores_NQK = gradient_NQD @ value_NKD.transpose(1, 2)
        seen_NQK = compiled.attention_weights_backward(d_scores_NQK, weights_NQK, ctx.scale, ctx.drop)
        learnt = (
            d_scores_NQK @ key_NKD,
            d_scores_NQK.transpose(1, 2) @ query_NQD,
            seen_NQK.transpose(1, 2) @ gradient_NQD,
        )
        return *(t.unflatten(0, rows_heads) for t in learnt), None


class _AttendedInCache(torch.autograd.Function):
    """The same on the matrix unit: a head's scores never leave the cache, and are made again on the way back."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        *attended, _, ctx.scoring = inputs
        norms = attended[0].new_empty(*attended[0].shape[:3], 2, dtype=torch.float32)
        ctx.save_for_backward(*attended, norms)
        return compiled.attended(*attended, ctx.scoring, norms)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        *attended, norms = ctx.saved_tensors
        gradient, d_bias = gradient.contiguous().transpose(1, 2), None
        if ctx.needs_input_grad[3]:
            d_bias = torch.zeros_like(ctx.scoring.bias, dtype=torch.float32, memory_format=torch.contiguous_format)
        learnt = compiled.attended_backward(gradient, attended, ctx.scoring, norms, d_bias)
        return *learnt, None if d_bias is None else d_bias.to(ctx.scoring.bias.dtype), None


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
