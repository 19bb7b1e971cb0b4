"""Dropout from random bytes: one 64-bit word of the generator decides eight elements.

Torch draws a Bernoulli variable per element, which on a CPU costs more than the layer around it. A byte knows 256
levels, so the keep probability is a multiple of 1/256, and the scale is the one of the probability really used:
the expectation is exact. Masks follow from torch's generator alone, so a resumed training draws the same ones.

Source: Srivastava et al. 2014, "Dropout", JMLR 15, §4 (scaled in training, as in §10).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LEVELS = 256
CLOSE = 0.05
"""The probability used may differ from the one asked for by this share of the rarer outcome; else torch draws."""


def levels_kept(p: float) -> int | None:
    """How many of the 256 byte values keep an element; None where bytes are too coarse for `p`."""
    kept = round((1 - p) * LEVELS)
    return kept if abs(kept / LEVELS - (1 - p)) <= CLOSE * min(p, 1 - p) else None


def kept_bytes(shape: torch.Size, kept: int) -> Tensor:
    """A uint8 tensor of ones with probability `kept`/256 and zeros, from torch's CPU generator."""
    count = shape.numel()
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None)
    # Clamping to two neighbouring values and subtracting is a comparison that stays in vectorised bytes.
    return words.view(torch.uint8)[:count].view(shape).clamp_(LEVELS - 1 - kept, LEVELS - kept).sub_(LEVELS - 1 - kept)


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """`F.dropout`, equal in distribution; saves one byte an element for the gradient instead of four."""
    kept = levels_kept(p) if training and 0 < p < 1 and x.device.type == "cpu" else None
    return F.dropout(x, p, training) if kept is None else _Dropped.apply(x, kept)


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kept: int) -> Tensor:
        mask = kept_bytes(x.shape, kept)
        ctx.save_for_backward(mask)
        ctx.scale = LEVELS / kept
        return (x * mask).mul_(ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return (gradient * mask).mul_(ctx.scale), None


class Dropout(nn.Dropout):
    """`nn.Dropout` by random bytes."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)
