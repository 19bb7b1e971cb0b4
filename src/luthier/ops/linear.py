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
    """x (…, i) · weight (o, i) + bias (o), (…, o)."""
    if not compiled.multiplies(x, weight, bias):
        return F.linear(x, weight, bias)
    learns = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias))
    return _Product.apply(x, weight, bias) if learns else compiled.product(x, weight, bias)


class _Product(torch.autograd.Function):
    """x (…, i) · weight (o, i) + bias (o); x is kept only for weights that learn."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight)
        return compiled.product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        d_x = d_weight = d_bias = None
        if ctx.needs_input_grad[0]:
            turned = weight.t()
            d_x = compiled.product(gradient, turned) if compiled.multiplies(gradient, turned) else gradient @ weight
        if ctx.needs_input_grad[1]:
            flat, x = gradient.flatten(0, -2), x.flatten(0, -2)
            d_weight = compiled.product_of_turned(flat, x) if compiled.turns(flat, x) else flat.t() @ x
        if ctx.needs_input_grad[2]:
            d_bias = gradient.flatten(0, -2).sum(0)
        return d_x, d_weight, d_bias
