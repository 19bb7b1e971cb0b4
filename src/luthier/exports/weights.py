"""What a delta would be if it were written into the weights, where the mathematics allow it.

Shapes: o / i output / input features of a projection.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..backbone import Backbone
from ..delta import Actor, Delta, Site
from ..errors import Refused
from ..methods.bitfit import Offset
from ..methods.dora import Decomposed
from ..methods.full import OwnedWeights
from ..methods.ia3 import ScaleInput, ScaleOutput
from ..methods.layernorm import NormChange
from ..methods.low_rank import LowRank
from ..tokens import TaughtRows

WHY_NOT = {
    "prompt": "its learned rows stand in the input",
    "ptuning": "its learned rows stand in the input",
    "prefix": "its learned keys and values stand beside those of the input",
    "bottleneck": "a network with a kink between two matrices is no matrix",
    "peft": "what another library's module computes is not known to be a matrix",
}
"""Word of a method -> why no weight can hold it."""


class Weights:
    """Copies of the weights that change, in fp32, by their names in the state dict."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self.new: dict[str, Tensor] = {}
        self._names: dict[int, str] = {}
        for name, tensor in backbone.model.state_dict(keep_vars=True).items():
            self._names.setdefault(id(tensor), name)

    def name(self, site: Site, kind: str) -> str:
        """In the state dict; of weights that are tied, the first."""
        return self._names[id(getattr(self._module(site), kind))]

    def matrix(self, site: Site) -> Tensor:
        """(o, i) of the site, only its part of a fused one."""
        whole = self._whole(site)
        return site.part.read(whole, dim=0) if site.part else whole

    def set_matrix(self, site: Site, matrix_oi: Tensor) -> None:
        if site.part:
            matrix_oi = site.part.write(self._whole(site).T, matrix_oi.T).T
        self.new[self.name(site, "weight")] = matrix_oi.T if self._transposed(site) else matrix_oi

    def bias(self, site: Site) -> Tensor | None:
        whole = self._vector(site)
        return whole if whole is None or site.part is None else site.part.read(whole, dim=0)

    def set_bias(self, site: Site, bias_o: Tensor) -> None:
        self.new[self.name(site, "bias")] = site.part.write(self._vector(site), bias_o) if site.part else bias_o

    def _whole(self, site: Site) -> Tensor:
        known = self.new.get(self.name(site, "weight"), self._module(site).weight.detach().float())
        return known.T if self._transposed(site) else known

    def _vector(self, site: Site) -> Tensor | None:
        bias = self._module(site)._parameters.get("bias")
        return None if bias is None else self.new.get(self.name(site, "bias"), bias.detach().float())

    def _module(self, site: Site) -> nn.Module:
        return self.backbone.model.get_submodule(site.path)

    def _transposed(self, site: Site) -> bool:
        return type(self._module(site)).__name__ == "Conv1D"


def _low_rank(weights: Weights, site: Site, actor: LowRank) -> None:
    weights.set_matrix(site, weights.matrix(site) + actor.scale * (actor.b @ actor.a))


def _decomposed(weights: Weights, site: Site, actor: Decomposed) -> None:
    low = actor.low
    weights.set_matrix(site, actor.share_o()[:, None] * (weights.matrix(site) + low.scale * (low.b @ low.a)))


def _scale_output(weights: Weights, site: Site, actor: ScaleOutput) -> None:
    weights.set_matrix(site, weights.matrix(site) * actor.scale[:, None])
    if (bias_o := weights.bias(site)) is not None:
        weights.set_bias(site, bias_o * actor.scale)


def _scale_input(weights: Weights, site: Site, actor: ScaleInput) -> None:
    weights.set_matrix(site, weights.matrix(site) * actor.scale[None, :])


def _offset(weights: Weights, site: Site, actor: Offset) -> None:
    bias_o = weights.bias(site)
    if bias_o is None:
        raise Refused(
            f"bitfit(everywhere=True) gave {site.path} a bias, and {weights.backbone.name} has no place for one there.",
            "luthier export docker, which serves it as it was trained",
            "plain bitfit merges on backbones that have biases",
        )
    weights.set_bias(site, bias_o + actor.offset)


def _norm(weights: Weights, site: Site, actor: NormChange) -> None:
    was = weights.backbone.model.get_submodule(site.path).weight.detach().float()
    scale = was + 1 if weights.backbone.family.norm_adds_one else was
    # Where the scale was 0 the delta changes nothing, whatever was trained there.
    weights.new[weights.name(site, "weight")] = torch.where(scale == 0, was, actor.weight)
    if actor.bias is not None:
        weights.new[weights.name(site, "bias")] = actor.bias


def _taught(weights: Weights, site: Site, actor: TaughtRows) -> None:
    matrix_Vd = weights.matrix(site).clone()
    matrix_Vd[list(actor.ids)] = actor.taught()
    weights.set_matrix(site, matrix_Vd)


RULES: dict[type[Actor], Callable[[Weights, Site, Actor], None]] = {
    LowRank: _low_rank,
    Decomposed: _decomposed,
    ScaleOutput: _scale_output,
    ScaleInput: _scale_input,
    Offset: _offset,
    NormChange: _norm,
    TaughtRows: _taught,
}


@torch.no_grad()
def merged(backbone: Backbone, delta: Delta, word: str, *, tokens: bool = True) -> dict[str, Tensor]:
    """State-dict name -> new tensor in fp32, of every weight that the delta changes; the head is left out.

    Args:
        word: of the method, for what is said where it cannot be merged.
        tokens: with the rows of new tokens.

    Raises:
        Refused: this delta, or this backbone, has no merged form.
    """
    if backbone.quantised:
        raise Refused(
            f"The backbone was kept as {backbone.precision}, and merged weights rounded to it would answer otherwise.",
            "luthier export adapter, which is loaded beside the same quantised backbone",
            "export the adapter, or train over --precision fp32 or bf16",
        )
    if isinstance(delta, OwnedWeights):
        return {n: t.detach().float() for n, t in delta.trained().items() if not n.startswith("head.")}
    strange = next((type(a) for a in delta.actors if type(a) not in RULES), None)
    if strange is not None or not delta.sites:
        raise Refused(
            f"{word} cannot be merged: {WHY_NOT.get(word, 'it adds to no weight')}.",
            "lora, dora, ia3, bitfit, layernorm, full",
            "luthier export docker serves every method as it was trained",
        )
    weights = Weights(backbone)
    for site, actor in zip(delta.sites, delta.actors):
        if tokens or not isinstance(actor, TaughtRows):
            RULES[type(actor)](weights, site, actor)
    return weights.new
