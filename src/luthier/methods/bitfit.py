"""Only the biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..affine import Affine
from ..backbone import Backbone
from ..delta import Actor, Delta, Site
from ..errors import Refused
from ..spell import spelled
from .method import Method, rate_in_range


class Offset(Actor):
    """y + b, b (out) from zero: the same as training the bias, and no weight is touched."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(site.features_out))

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.offset.to(y.dtype)

    def affine(self) -> Affine:
        return Affine(shift_o=self.offset)


@spelled
@dataclass(frozen=True)
class BitFit(Method):
    """y' = y + b wherever the model has a bias; `everywhere=True` also gives one to every projection.

    Source: Ben Zaken et al. 2022, "BitFit", arXiv:2106.10199, §2 (all bias terms).
    Trained: all biases of the body; BLOOM-1b4: 24·11·2048 + 2·2048 = 544,768; BERT-base with pooler 102,912.
    Wins on small training sets with encoders that have many biases; fails as data grow. Backbones without biases
    (T5, Llama) need `everywhere=True`, which adds offsets that the pretrained model never had.
    Defaults: 2e-3, twice the highest of the paper's range for BERT, because offsets from zero stand more. Searched at
    250 M: 1e-4 (the paper's lowest) to 1e-2 (ours: five times the default).
    """

    word: ClassVar[str] = "bitfit"
    rates: ClassVar[tuple[float, float]] = (1e-4, 1e-2)
    published_rate: ClassVar[float] = 2e-3
    everywhere: bool = False
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        sites = {site.path: site for site in biased(backbone)}
        if self.everywhere:
            sites |= {site.path: site for site in backbone.sites("all")}
        if not sites:
            raise Refused(
                f"{backbone.name} has no biases, so bitfit would train nothing.",
                "bitfit(everywhere=True)",
                "write bitfit(everywhere=True) to give every projection one",
            )
        return Delta({site: Offset(site) for site in sites.values()})


def biased(backbone: Backbone) -> list[Site]:
    """Modules of the body that have a bias vector, output heads left out."""
    body = backbone.model.base_model
    start = next(name for name, module in backbone.model.named_modules() if module is body)
    found = []
    for name, module in body.named_modules():
        bias = module._parameters.get("bias")
        if bias is not None and bias.ndim == 1:
            found.append(Site(f"{start}.{name}" if start else name, "bias", 0, len(bias)))
    heads = ("lm_head", "cls.", "final_logits_bias")
    return [site for site in found if not site.path.startswith(heads)]
