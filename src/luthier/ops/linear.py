"""A product with frozen weights where rows are few: decoding is made of these, and reading the weights is their work.

On a CPU whose matrix unit takes bf16, torch lays all weights out anew for it at every call; the compiled loop takes
them as they lie. A row's result does not depend on the rows beside it, nor on their number up to `compiled.FEW`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import compiled


class Linear(nn.Linear):
    """`nn.Linear`, its answers of few rows by the compiled loop."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = self.weight, self.bias
        if not torch.is_grad_enabled() and compiled.multiplies(input, weight, bias):
            return compiled.product(input, weight, bias)
        return super().forward(input)
