"""Weight-decomposed low-rank adaptation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..affine import Affine
from ..backbone import Backbone
from ..delta import Actor, Delta, Site
from ..ops.low_rank import learns_in_16_bits
from ..spell import spelled
from .lora import LoRA
from .low_rank import LowRank
from .method import Method, at_least, dropout_in_range, rate_in_range


class Decomposed(Actor):
    """Rescales a low-rank change: y' = b + (m/‖W+sBA‖)·((W + sBA)x), norms per output row, norm held constant in
    the gradient (§4.3 of the paper)."""

    def __init__(self, site: Site, backbone: Backbone, low: LowRank) -> None:
        super().__init__()
        self.low = low
        self._frozen = (backbone, site, backbone.bias(site))  # a tuple, so that it is no part of the state
        self._square_o = self._weight().square().sum(1)
        self.magnitude = nn.Parameter(self._square_o.sqrt())
        self._kept: Tensor | None = None

    def _weight(self) -> Tensor:
        """The frozen matrix (o, i) in fp32: made when needed, because all of them would be another backbone."""
        backbone, site, _ = self._frozen
        return backbone.weight(site)

    def norm_o(self) -> Tensor:
        """‖W + sBA‖ per output row without forming the sum: ‖W‖² + 2s·(WAᵀ)⊙B + s²·(B·AAᵀ)⊙B, summed over r."""
        a, b, s = self.low.a, self.low.b, self.low.scale
        cross_o = ((self._weight() @ a.T) * b).sum(1)
        square_o = ((b @ (a @ a.T)) * b).sum(1)
        return (self._square_o + 2 * s * cross_o + s * s * square_o).clamp_min(0).sqrt()

    def share_o(self) -> Tensor:
        """What the frozen rows are multiplied by, m/‖W+sBA‖; a row of zeros, which has no direction, stays as it is."""
        with torch.no_grad():
            norm_o = self.norm_o()
        return self.magnitude / norm_o.masked_fill(norm_o == 0, 1.0)

    def forget(self) -> None:
        self._kept = None

    def _share_now(self) -> Tensor:
        """The same, of which answers need a new one for no token."""
        if torch.is_grad_enabled():
            return self.share_o()
        if self._kept is None:
            self._kept = self.share_o()
        return self._kept

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        share_o, bias_o = self._share_now(), self._frozen[2]
        if learns_in_16_bits(x, y):  # the gain apart from 1, since 16 bits cannot tell small gains from none
            moved = self.low.after(x, y)
            free = moved if bias_o is None else moved - bias_o.to(y.dtype)
            return torch.addcmul(moved, free, (share_o - 1).to(y.dtype))
        plain = y.float() if bias_o is None else y.float() - bias_o
        return y + ((share_o - 1) * plain + share_o * self.low.change(x)).to(y.dtype)

    def affine(self) -> Affine:
        share_o, bias_o, low = self.share_o(), self._frozen[2], self.low.affine()
        shift_o = None if bias_o is None else (1 - share_o) * bias_o
        return Affine(share_o, shift_o, low.a_ri, share_o[:, None] * low.b_or)

    def to_peft(self) -> dict[str, Tensor]:
        return self.low.to_peft() | {"lora_magnitude_vector": self.magnitude}

    def from_peft(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        low = {f"low.{n}": t for n, t in self.low.from_peft(tensors).items()}
        return low | {"magnitude": tensors["lora_magnitude_vector"]}


@spelled
@dataclass(frozen=True)
class DoRA(Method):
    """W' = m · (W + s·BA) / ‖W + s·BA‖, per output row, m starts at ‖W‖.

    Source: Liu et al. 2024, "DoRA", arXiv:2402.09353, §4 (norm detached: §4.3).
    Trained: LoRA's plus Σ out. Flan-T5-base, rank 32 on q and v: 3,538,944 + 72·768.
    Wins over LoRA by little, mostly at small ranks; costs one extra product with the frozen matrix per step.
    Defaults: as LoRA; its open rank is searched as LoRA's is (the paper's §5.5 shows ranks of 4 to 64).
    """

    word: ClassVar[str] = "dora"
    aliases = LoRA.aliases
    rates: ClassVar[tuple[float, float]] = LoRA.rates
    structures: ClassVar[Mapping[str, tuple[Any, ...]]] = LoRA.structures
    rank: int | None = field(default=None, metadata={"shown": True})
    alpha: float | None = None
    dropout: float = 0.0
    targets: str = "q,v"
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        at_least(self, 1, "rank")
        dropout_in_range(self)
        rate_in_range(self)

    def _lora(self) -> LoRA:
        return LoRA(rank=self.rank, alpha=self.alpha, dropout=self.dropout, targets=self.targets)

    def delta(self, backbone: Backbone) -> Delta:
        plain = self._lora().delta(backbone)
        return Delta({s: Decomposed(s, backbone, low) for s, low in zip(plain.sites, plain.actors)})

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        config = self._lora().adapter_config(backbone)
        return config and config | {"use_dora": True}

    from_adapter = LoRA.__dict__["from_adapter"]
