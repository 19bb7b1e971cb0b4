"""The low-rank change that is learned beside a product: y + s·B(Ax), rounded once.

What is trained in 16 bits takes the products of the backbone, a fifth of the time on a CPU: its gradients have the
noise of 16 bits anyway. Answers are computed in fp32, by the compiled loop in one pass over x and y, so that a row's
does not depend on what else is answered beside it.

Source: Hu et al. 2021, "LoRA", arXiv:2106.09685, §4.1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from . import compiled
from .linear import linear, product_of_turned

WHOLE = 32
"""Numbers in a line of the matrix unit, to which ranks are filled with zeros."""


def low_rank(x: Tensor, y: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """y + scale·B(Ax), (…, o): x (…, i), y (…, o), a (r, i) and b (o, r) in fp32."""
    if learns_in_16_bits(x, y):
        return _LowRank.apply(x, y, a, b, scale)
    if not torch.is_grad_enabled() and compiled.takes(x, y) and compiled.takes(a, b):
        return compiled.changed(x, y, a, b, scale)
    return change(x, a, b, scale).add_(y).to(y.dtype)


def change(x: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """scale·B(Ax) in fp32."""
    return F.linear(F.linear(x.float(), a), b * scale)  # B has fewer numbers than what comes out of it


def learns_in_16_bits(x: Tensor, y: Tensor) -> bool:
    return torch.is_grad_enabled() and x.dtype == y.dtype and y.dtype.itemsize == 2


class _LowRank(torch.autograd.Function):
    """Of any rank: on the matrix unit it is filled with zeros, which learn nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        ctx.rank, ctx.scale = len(a), scale
        filled = -(-ctx.rank // WHOLE) * WHOLE if compiled.ready(y) and compiled.has_matrix_unit() else ctx.rank
        a_ri, b_or = y.new_zeros(filled, a.shape[1]), y.new_zeros(len(b), filled)
        a_ri[: ctx.rank], b_or[:, : ctx.rank] = a, b * scale
        low = linear(x, a_ri)
        ctx.save_for_backward(x, low, a_ri, b_or)
        return linear(low, b_or, y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor, None]:
        x, low, a_ri, b_or = ctx.saved_tensors
        d_low = linear(gradient, b_or.t())
        d_x = linear(d_low, a_ri.t()) if ctx.needs_input_grad[0] else None
        # Of two factors, the one that is turned is the narrow one.
        d_a, d_b = product_of_turned(d_low, x)[: ctx.rank], product_of_turned(low, gradient)[: ctx.rank].t()
        return d_x, gradient, d_a.float(), d_b.float() * ctx.scale, None
