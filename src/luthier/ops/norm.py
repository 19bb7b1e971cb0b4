"""Root mean square norm of T5 and Llama: the same numbers in a third of the passes over memory.

y = w · x / √(mean(x²) + ε), statistics in fp32. The weight is frozen in all methods but two, and then the gradient is
closed: dx = r·(g·w) − x·r³·mean(g·w·x), r = 1/√(mean(x²) + ε). A trained weight takes the plain path.

Source: Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", arXiv:1910.07467, §3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """x (…, d), frozen weight (d) -> (…, d) in the weight's precision."""
    if torch.is_grad_enabled() and x.requires_grad:
        return _Normed.apply(x, weight, epsilon)
    return _forward(x, weight, epsilon)[0]


def _forward(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
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
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        x, weight, inverse = ctx.saved_tensors
        inner = (gradient * weight).float()
        along = (inner * x).mean(-1, keepdim=True).mul_(inverse**3)
        return inner.mul_(inverse).addcmul_(x.float(), along, value=-1).to(x.dtype), None, None


class FastNorm:
    """Mixed into a norm of the model library that has `weight` and `variance_epsilon`."""

    weight: Tensor
    variance_epsilon: float

    def forward(self, hidden_states: Tensor) -> Tensor:
        if self.weight.requires_grad or hidden_states.dtype != self.weight.dtype:
            return super().forward(hidden_states)  # type: ignore[misc]
        return rms_norm(hidden_states, self.weight, self.variance_epsilon)
