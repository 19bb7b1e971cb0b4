"""Only the layer norms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..affine import Affine
from ..backbone import Backbone
from ..delta import Actor, Delta, Site
from ..spell import spelled
from .adapter import TASK_TYPES
from .method import Method, rate_in_range


class NormChange(Actor):
    """y + ((y − b)/w)·(w' − w) + (b' − b) for a norm y = w·unit(x) + b: exactly the norm with weight w' and bias b'.

    Where w is 0 the unit vector cannot be read back from y; those features keep w. A norm that multiplies by 1 + its
    weight (`adds_one`) has w = 1 + weight; what is trained and shipped is the weight.
    """

    def __init__(self, module: nn.Module, adds_one: bool = False) -> None:
        super().__init__()
        weight = module.weight.detach().float()
        scale = weight + 1 if adds_one else weight
        bias = module._parameters.get("bias")
        self._frozen = (weight, None if bias is None else bias.detach().float())
        self._inverse = torch.where(scale == 0, 0.0, 1 / torch.where(scale == 0, 1.0, scale))
        # The new weight itself and not its difference: what is shipped is then what was trained, bit for bit.
        self.weight = nn.Parameter(weight.clone())
        self.bias = None if bias is None else nn.Parameter(self._frozen[1].clone())

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        plain = y.float() if self.bias is None else y.float() - self._frozen[1]
        change = plain * (self._inverse * (self.weight - self._frozen[0]))
        return y + (change if self.bias is None else change + (self.bias - self._frozen[1])).to(y.dtype)

    def affine(self) -> Affine:
        gain_o = self._inverse * (self.weight - self._frozen[0])
        shift_o = None if self.bias is None else self.bias - self._frozen[1] * (gain_o + 1)
        return Affine(gain_o + 1, shift_o)

    def to_peft(self) -> dict[str, Tensor]:
        return {f"ln_tuning_layers.{name}": now for name, now in self.named_parameters()}

    def from_peft(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        # PEFT may tune some of the norms only.
        return {name: tensors.get(f"ln_tuning_layers.{name}", now) for name, now in self.state_dict().items()}


@spelled
@dataclass(frozen=True)
class LayerNorm(Method):
    """w' = w + Δw and b' = b + Δb in every layer norm.

    Source: Zhao et al. 2024, "Tuning LayerNorm in Attention", arXiv:2312.11420, §3; Qi et al. 2022,
    arXiv:2211.08682, §3.
    Trained: Σ over norms of width (· 2 with bias); Llama-3.2-3B: (2·28+1)·3072 = 175,104.
    Wins on memory and speed; fails at small learning rates (a public comparison shows 0.0 accuracy at 1e-4).
    Defaults: 3e-3; published 3e-4 (T-Few) is for a 3 B backbone. Searched at 250 M: 3e-4 (T-Few) to 1e-2 (ours: three
    times the default).
    """

    word: ClassVar[str] = "layernorm"
    rates: ClassVar[tuple[float, float]] = (3e-4, 1e-2)
    published_rate: ClassVar[float] = 3e-3
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        actors: dict[Site, Actor] = {}
        for path in norms(backbone):
            module = backbone.model.get_submodule(path)
            actors[Site(path, "norm", len(module.weight), len(module.weight))] = NormChange(
                module, backbone.family.norm_adds_one
            )
        return Delta(actors)

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        return {"peft_type": "LN_TUNING", "task_type": TASK_TYPES[backbone.kind], "target_modules": norms(backbone)}

    @classmethod
    def from_adapter(cls, config: Mapping[str, Any], backbone: Backbone) -> Method | None:
        return cls() if config["peft_type"] == "LN_TUNING" else None


def norms(backbone: Backbone) -> list[str]:
    """Paths of all layer norms of the body (ModernBERT's first block has none where the others have one)."""
    paths = [path for pattern in backbone.family.norms for path in backbone.paths(pattern)]
    return [path for path in paths if hasattr(backbone.model.get_submodule(path), "weight")]
