"""Infused adapter by inhibiting and amplifying inner activations."""

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
from .adapter import TASK_TYPES, target_modules, targets_of
from .method import Method, rate_in_range


class ScaleOutput(Actor):
    """y·l, l (out)."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(site.features_out))

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        return (y.float() * self.scale).to(y.dtype)

    def affine(self) -> Affine:
        return Affine(gain_o=self.scale)

    def to_peft(self) -> dict[str, Tensor]:
        return {"ia3_l": self.scale[:, None]}

    def from_peft(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"scale": tensors["ia3_l"].flatten()}


class ScaleInput(Actor):
    """W(x·l), l (in)."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(site.features_in))

    def before(self, x: Tensor) -> Tensor:
        return (x.float() * self.scale).to(x.dtype)

    def to_peft(self) -> dict[str, Tensor]:
        return {"ia3_l": self.scale[None, :]}

    from_peft = ScaleOutput.from_peft


@spelled
@dataclass(frozen=True)
class IA3(Method):
    """k' = l_k⊙k, v' = l_v⊙v, and W_down(l_ff⊙h); every l starts at 1.

    Source: Liu et al. 2022, "T-Few", arXiv:2205.05638, §3.3.
    Trained: Σ out over keys and values + Σ in over ffn.down; Llama-3.2-3B: 286,720.
    Wins when a kilobyte must do and the backbone is already strong (few-shot T0); fails to learn new formats on
    small backbones. Needs a learning rate about 3 to 10 times LoRA's.
    Defaults: k, v, down and 3e-3 as in the paper, raised to 1e-2 where rows are scaled one by one with AdamW.
    Searched at 250 M: 3e-3 (T-Few) to 3e-2 (ten times LoRA's highest).
    """

    word: ClassVar[str] = "ia3"
    aliases = {"target_modules": "targets", "feedforward_modules": "inputs", "lr": "learning_rate"}
    rates: ClassVar[tuple[float, float]] = (3e-3, 3e-2)
    published_rate: ClassVar[float] = 1e-2
    targets: str = "k,v"
    inputs: str = "down"
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        scaled: dict[Site, Actor] = {s: ScaleOutput(s) for s in backbone.sites(self.targets)}
        return Delta(scaled | {s: ScaleInput(s) for s in backbone.sites(self.inputs)})

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        outputs, inputs = backbone.sites(self.targets), backbone.sites(self.inputs)
        if any(site.part for site in outputs):
            return None
        out_names, in_names = target_modules(backbone, outputs, inputs)
        return {
            "peft_type": "IA3",
            "task_type": TASK_TYPES[backbone.kind],
            "target_modules": [*out_names, *in_names],
            "feedforward_modules": in_names,
            "fan_in_fan_out": backbone.model.config.model_type == "gpt2",
        }

    @classmethod
    def from_adapter(cls, config: Mapping[str, Any], backbone: Backbone) -> Method | None:
        if config["peft_type"] != "IA3":
            return None
        inputs = list(config["feedforward_modules"])
        outputs = [m for m in config["target_modules"] if m not in inputs]
        return cls(targets=targets_of(outputs, backbone), inputs=targets_of(inputs, backbone))
