"""Root mean square norm of T5 and Llama: the same numbers in a third of the passes over memory.

y = w · x / √(mean(x²) + ε), statistics in fp32. Gradients are closed: with r = 1/√(mean(x²) + ε),
dx = r·(g·w) − x·r³·mean(g·w·x), and dw, where it is trained, sums g·x·r over the rows.

Source: Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", arXiv:1910.07467, §3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import compiled


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """x (…, d), weight (d) -> (…, d) in the weight's precision."""
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return _Normed.apply(x, weight, epsilon)
    return _forward(x, weight, epsilon)[0]


def _forward(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """The norm, and 1 / rms of every line (…, 1)."""
    if compiled.takes(x, weight):
        return compiled.rms_norm(x, weight, epsilon)
    wide = x.float()
    inverse = wide.square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
    return (wide * inverse).to(weight.dtype).mul_(weight), inverse


class _Normed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        y, inverse = _forward(x, weight, epsilon)
        ctx.save_for_backward(x, weight, inverse)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight, inverse = ctx.saved_tensors
        if compiled.takes(x, weight) and not ctx.needs_input_grad[1]:
            return compiled.rms_norm_backward(gradient, x, weight, inverse), None, None
        wide, d_weight = x.float(), None
        if ctx.needs_input_grad[1]:
            d_weight = (wide * inverse).mul_(gradient).sum(tuple(range(x.ndim - 1))).to(weight.dtype)
        inner = (gradient * weight).float()
        along = (inner * wide).mean(-1, keepdim=True).mul_(inverse**3)
        return inner.mul_(inverse).addcmul_(wide, along, value=-1).to(x.dtype), d_weight, None


class FastNorm:
    """Mixed into a norm of the model library that has `weight` and `variance_epsilon`."""

    weight: Tensor
    variance_epsilon: float

    def forward(self, hidden_states: Tensor) -> Tensor:
        # In fp32 a trained weight takes the plain path: small differences of its gradient grow under AdamW.
        plain = self.weight.requires_grad and self.weight.dtype.itemsize > 2
        if plain or hidden_states.dtype != self.weight.dtype:
            return super().forward(hidden_states)  # type: ignore[misc]
        return rms_norm(hidden_states, self.weight, self.variance_epsilon)
