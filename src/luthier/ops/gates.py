"""Gated activations, the tanh form of GELU and their dropout in one pass.

dropout(activation(a) · b), where the activation is a · σ(z(a)): SiLU with z(a) = a, and the tanh form of GELU, since
½(1 + tanh u) = σ(2u). What the gradient needs is a and b; neither the activation nor the product is kept.

Sources: Hendrycks & Gimpel 2016, "Gaussian Error Linear Units", arXiv:1606.08415, §2; Shazeer 2020, "GLU Variants
Improve Transformer", arXiv:2002.05202, §2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from . import compiled
from .dropout import dropout

SILU, TANH_GELU = 0, 1
KINDS = {
    **dict.fromkeys(("SiLU", "SiLUActivation"), SILU),
    **dict.fromkeys(("NewGELUActivation", "GELUTanh", "BloomGelu"), TANH_GELU),
}
"""Class name of an activation -> its kind."""


def gated(a: Tensor, b: Tensor | None, kind: int, p: float = 0.0) -> Tensor:
    """dropout(activation(a) · b), with drop probability `p`; no b is a b of ones."""
    mask = compiled.coins(p) if compiled.takes(a, *([] if b is None else [b])) else None
    if mask is not None:
        return (_Gated.apply if torch.is_grad_enabled() else compiled.gated)(a, b, kind, mask)
    y = F.silu(a) if kind == SILU else F.gelu(a, approximate="tanh")
    return dropout(y if b is None else y * b, p)


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor | None, kind: int, mask: compiled.Coins) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.kind, ctx.mask = kind, mask
        return compiled.gated(a, b, kind, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        return *compiled.gated_backward(gradient, *ctx.saved_tensors, ctx.kind, ctx.mask), None, None


class FastGELU:
    """Mixed into an activation of the model library that writes the tanh form out."""

    def forward(self, input: Tensor) -> Tensor:
        return gated(input, None, TANH_GELU)


class FastGate:
    """Mixed into a gated feed-forward layer of Llama's make."""

    gate_proj: nn.Module
    up_proj: nn.Module
    down_proj: nn.Module
    act_fn: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        kind = KINDS.get(type(self.act_fn).__name__)
        if kind is None:
            return super().forward(x)  # type: ignore[misc]
        return self.down_proj(gated(self.gate_proj(x), self.up_proj(x), kind))


class FastT5Gate:
    """Mixed into T5's gated feed-forward layer, which has dropout between its products."""

    wi_0: nn.Module
    wi_1: nn.Module
    wo: Any
    act: nn.Module
    dropout: Any

    def forward(self, hidden_states: Tensor) -> Tensor:
        kind = KINDS.get(type(self.act).__name__)
        if kind is None:
            return super().forward(hidden_states)  # type: ignore[misc]
        p = self.dropout.p if self.dropout.training else 0.0
        between = gated(self.wi_0(hidden_states), self.wi_1(hidden_states), kind, p)
        # The library keeps this one projection in fp32 where the others are fp16.
        return self.wo(between.to(self.wo.weight.dtype) if self.wo.weight.is_floating_point() else between)
