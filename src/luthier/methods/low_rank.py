"""The low-rank change that LoRA and DoRA learn: y + s·B(Ax)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..affine import Affine
from ..delta import Actor, Site
from ..ops.dropout import Dropout
from ..ops.low_rank import change, low_rank


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
        return change(self.dropout(x.float()), self.a, self.b, self.scale)

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        return low_rank(self.dropout(x), y, self.a, self.b, self.scale)

    def affine(self) -> Affine:
        return Affine(a_ri=self.a, b_or=self.b * self.scale)

    def to_peft(self) -> dict[str, Tensor]:
        return {"lora_A.weight": self.a, "lora_B.weight": self.b}

    def from_peft(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"a": tensors["lora_A.weight"], "b": tensors["lora_B.weight"]}
