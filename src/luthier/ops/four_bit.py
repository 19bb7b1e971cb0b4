"""A linear layer over 4-bit weights that is right on every CPU.

bitsandbytes 0.50 decodes 4-bit weights wrongly on a CPU with AVX-512 where a row's width is no multiple of 64 (a
quarter of the weight's norm is off at width 96), and where such a CPU multiplies bf16 it writes the frozen weights anew
while it answers, in another order and with coarser scales. So rows of odd widths are decoded here, by the format's
own words: a code of 4 bits, times the scale of its block, which is itself decoded from 8 bits.

Source: Dettmers et al. 2023, "QLoRA", arXiv:2305.14314, §3 (4-bit NormalFloat, double quantisation).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

EVEN = 64


def by_hand(weight: Tensor, width: int) -> bool:
    """Whether the library's own decoding cannot be trusted with these weights."""
    return weight.device.type == "cpu" and width % EVEN != 0


def decoded(weight: Tensor, state: Any) -> Tensor:
    """The matrix (out, in), in the precision it was given in; `state` is the library's record of how it was packed."""
    packed = weight.view(torch.uint8).flatten()
    codes = torch.stack([packed >> 4, packed & 15], 1).flatten()[: state.shape.numel()]
    scales = state.absmax
    if state.nested:
        rough = state.state2.code[scales.long()]
        scales = _times_blocks(rough, state.state2.absmax, state.state2.blocksize) + state.offset
    values = _times_blocks(state.code[codes.long()], scales, state.blocksize)
    return values.view(state.shape).to(state.dtype)


def _times_blocks(values: Tensor, scales: Tensor, size: int) -> Tensor:
    return values.float() * scales.float().repeat_interleave(size)[: len(values)]


class _Product(torch.autograd.Function):
    """x·Wᵀ that keeps only the packed weights for the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, state: Any) -> Tensor:
        ctx.weight, ctx.state = weight, state
        return F.linear(x, decoded(weight, state).to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient @ decoded(ctx.weight, ctx.state).to(gradient.dtype), None, None


class FourBit:
    """Mixed into the library's `Linear4bit`."""

    weight: Any
    in_features: int

    @property
    def support_avx512bf16_for_cpu(self) -> bool:
        """Frozen weights are never packed anew: a property, so that it hides what the layer noted of the machine."""
        return False

    def forward(self, x: Tensor) -> Tensor:
        if not by_hand(self.weight, self.in_features):
            return super().forward(x)  # type: ignore[misc]
        wide = x.to(self.compute_dtype or x.dtype)
        y = _Product.apply(wide, self.weight, self.weight.quant_state)
        return (y if self.bias is None else y + self.bias.to(y.dtype)).to(x.dtype)
