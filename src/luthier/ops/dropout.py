"""Dropout from random words: one 64-bit word decides four elements of a 16-bit tensor, or eight of a wider one.

Torch draws a Bernoulli variable per element, which on a CPU costs more than the layer around it. Where the compiled
loops are at hand (`compiled.py`), a mask is a seed, and both ways draw it while they pass. Else a mask is cut from
random words by whole-number arithmetic in place:

* 16 bits wide (bf16, fp16), an element's own 16 random bits become zero or the scale, as the tensor's number format
  writes it, so that dropping and scaling is one product. The scale is a number that the format has, and the keep
  probability its inverse, to 1/65536.
* Wider, a random byte becomes zero or one, so that a mask costs a byte an element; the keep probability is a multiple
  of 1/256.

Either way the scale is the one of the probability really used: the expectation is exact. Masks follow from torch's
generator alone, so a resumed training draws the same ones.

Source: Srivastava et al. 2014, "Dropout", JMLR 15, §4 (scaled in training, as in §10).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from . import compiled

MANY = 4096
"""From so many words on, a quicker generator is worth its start, which torch's generator seeds."""


@cache
def scale_of(p: float, dtype: torch.dtype) -> float | None:
    """What kept elements are multiplied by, the inverse of the keep probability; None where that would be too coarse
    for `p`."""
    if dtype.itemsize == 2:
        scale = torch.tensor(1 / (1 - p), dtype=dtype).item()
    else:
        scale = 256 / max(1, round((1 - p) * 256))
    return scale if abs(1 / scale - (1 - p)) <= compiled.CLOSE * min(p, 1 - p) else None


def drawn(shape: torch.Size, p: float, dtype: torch.dtype) -> tuple[Tensor, float]:
    """(a mask to multiply with, the factor that is still to be multiplied by); on the CPU, 0 < p < 1."""
    scale = scale_of(p, dtype)
    if scale is None:
        return F.dropout(torch.ones(shape, dtype=dtype), p), 1.0
    if dtype.itemsize == 2:
        pattern = int(torch.tensor(scale, dtype=dtype).view(torch.int16))
        return _kept(shape, torch.int16, round(65536 / scale)).mul_(pattern).view(dtype), 1.0
    return _kept(shape, torch.uint8, round(256 / scale)), scale


def _kept(shape: torch.Size, kind: torch.dtype, kept: int) -> Tensor:
    """Ones with probability `kept` in all the values of the whole-number `kind`, and zeros."""
    count = shape.numel()
    bits = _words(-(-count * kind.itemsize // 8)).view(kind)[:count].view(shape)
    # Clamping to two neighbouring values and subtracting is a comparison that stays vectorised and in place.
    top = torch.iinfo(kind).max
    return bits.clamp_(top - kept, top - kept + 1).sub_(top - kept)


def _words(count: int) -> Tensor:
    """64-bit random words."""
    if count < MANY:
        return torch.empty(count, dtype=torch.int64).random_(-(2**63), None)
    seed = int(torch.empty((), dtype=torch.int64).random_())
    return torch.from_numpy(np.random.SFC64(seed).random_raw(count).view(np.int64))


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """`F.dropout`, equal in distribution."""
    if not training or p == 0:
        return x
    if not 0 < p < 1:
        return F.dropout(x, p)
    if compiled.takes(x) and (mask := compiled.coins(p)) is not None:
        return _Tossed.apply(x, mask)
    if x.device.type == "cpu" and scale_of(p, x.dtype) is not None:
        return _Dropped.apply(x, p)
    return F.dropout(x, p)


class _Tossed(torch.autograd.Function):
    """Compiled, the mask is drawn again on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: compiled.Coins) -> Tensor:
        ctx.mask = mask
        return compiled.dropped(x, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return compiled.dropped(gradient.contiguous(), ctx.mask), None


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        mask, ctx.scale = drawn(x.shape, p, x.dtype)
        ctx.save_for_backward(mask)
        return _times(x, mask, ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _times(gradient, *ctx.saved_tensors, ctx.scale), None


def _times(x: Tensor, mask: Tensor, scale: float) -> Tensor:
    return x * mask if scale == 1.0 else (x * mask).mul_(scale)


class Dropout(nn.Dropout):
    """`nn.Dropout` by random words."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)
