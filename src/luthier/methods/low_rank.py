"""The low-rank change that LoRA and DoRA learn: y + s·B(Ax)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..affine import Affine
from ..delta import Actor, Site
from ..ops.dropout import Dropout
from ..ops.linear import linear


class LowRank(Actor):
    """y + s·B(Ax): x (…, in), y (…, out), A (r, in), B (out, r)."""

    def __init__(self, site: Site, rank: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(rank, site.features_in))
        self.b = nn.Parameter(torch.zeros(site.features_out, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))
        self.scale, self.dropout = scale, Dropout(dropout)

    def change(self, x: Tensor) -> Tensor:
        """s·B(Ax) in fp32, (…, out)."""
        low = nn.functional.linear(self.dropout(x.float()), self.a)
        return nn.functional.linear(low, self.b * self.scale)  # B has fewer numbers than what comes out of it

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        return self.added(x, y) if quick(x, y) else y + self.change(x).to(y.dtype)

    def added(self, x: Tensor, y: Tensor) -> Tensor:
        """y + s·B(Ax) with A and B as they round to y's precision; the sum is rounded once."""
        low = linear(self.dropout(x), self.a.to(y.dtype)).flatten(0, -2)
        wide = torch.addmm(y.reshape(len(low), -1), low, self.b.to(y.dtype).t(), alpha=self.scale)
        return wide.view(y.shape)

    def affine(self) -> Affine:
        return Affine(a_ri=self.a, b_or=self.b * self.scale)

    def to_peft(self) -> dict[str, Tensor]:
        return {"lora_A.weight": self.a, "lora_B.weight": self.b}

    def from_peft(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"a": tensors["lora_A.weight"], "b": tensors["lora_B.weight"]}


def quick(x: Tensor, y: Tensor) -> bool:
    """A step of training in 16 bits: its products too take what the backbone computes with, a fifth of the time on a
    CPU. Answers are computed in fp32, so that a row's does not depend on what else is answered beside it."""
    return torch.is_grad_enabled() and x.dtype == y.dtype and y.dtype.itemsize == 2
