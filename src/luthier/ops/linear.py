"""Products with weights in bf16 on a CPU whose matrix unit takes it.

torch lays all weights out anew for that unit at every call, compiles a product for every number of rows it meets, and
leaves one of two threads idle where the weights are narrow. The compiled loop takes weights as they lie for few rows,
and for many lays out a block of them that stays in the cache. A row's result does not depend on the rows beside it,
nor on their number.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from . import compiled


class Linear(nn.Linear):
    """`nn.Linear`, its products by the compiled loop."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (…, i) · weight (o, i) + bias (o) or (…, o), rounded once."""
    if not compiled.multiplies(x, weight, bias):
        if bias is None or bias.ndim == 1:
            return F.linear(x, weight, bias)
        return torch.addmm(bias.flatten(0, -2), x.flatten(0, -2), weight.t()).view(bias.shape)
    learns = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias))
    return _Product.apply(x, weight, bias) if learns else compiled.product(x, weight, bias)


class _Product(torch.autograd.Function):
    """`linear`; x is kept only for weights that learn."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight)
        ctx.added = None if bias is None else bias.shape
        return compiled.product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        d_x = d_weight = d_bias = None
        if ctx.needs_input_grad[0]:
            d_x = linear(gradient, weight.t())
        if ctx.needs_input_grad[1]:
            d_weight = product_of_turned(gradient, x)
        if ctx.needs_input_grad[2]:
            d_bias = gradient.sum_to_size(ctx.added)
        return d_x, d_weight, d_bias


def product_of_turned(x: Tensor, y: Tensor) -> Tensor:
    """Of x (…, o) and y (…, i), the products of a row summed over all rows, (o, i): how weights learn."""
    x, y = x.flatten(0, -2), y.flatten(0, -2)
    return compiled.product_of_turned(x, y) if compiled.turns(x, y) else x.t() @ y
