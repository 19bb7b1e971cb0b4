"""Adapters: a small network behind each sub-layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..backbone import Backbone
from ..delta import Actor, Delta, Site
from ..spell import spelled
from .method import Method, at_least, rate_in_range


class Residual(Actor):
    """y + Up(relu(Down(y))), Down (size, out), Up (out, size) from zero."""

    def __init__(self, site: Site, size: int) -> None:
        super().__init__()
        self.down = nn.Linear(site.features_out, size)
        self.up = nn.Linear(size, site.features_out)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.up(torch.relu(self.down(y.float()))).to(y.dtype)


@spelled
@dataclass(frozen=True)
class Bottleneck(Method):
    """h' = h + Up(relu(Down(h))) behind every attention output and feed-forward, before the residual addition.

    Source: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP", arXiv:1902.00751, §2.1.
    Trained: Σ over sites of 2·size·out + size + out (a little less than the paper's, whose norms train too).
    Wins where depth helps: tasks far from pretraining; costs two more products per sub-layer that cannot be merged.
    Fails as LoRA does at tiny sizes.
    Defaults: size 16 (the paper: 8 to 256), 1e-3. Searched at 250 M: 1e-4 to 3e-3 (T-Few and PEFT
    comparisons); an open size also as 8 and 64 (two of the three that the paper's §3.2 searches).
    """

    word: ClassVar[str] = "bottleneck"
    rates: ClassVar[tuple[float, float]] = (1e-4, 3e-3)
    structures: ClassVar[Mapping[str, tuple[Any, ...]]] = {"size": (16, 8, 64)}
    size: int | None = field(default=None, metadata={"shown": True})
    targets: str = "o,down"
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        at_least(self, 1, "size")
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        size = self.value("size")
        return Delta({site: Residual(site, size) for site in backbone.sites(self.targets)})
