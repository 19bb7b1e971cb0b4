"""Cross-entropy of labels straight from hidden states: logits exist for one chunk of rows at a time.

The gradient with respect to the hidden states is made in the same visit, while the chunk's logits are at hand, so a
vocabulary of 250,000 needs no (N, V) tensor at all, let alone three. A frozen head gets no weight gradient.

Shapes: N labels, d width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import compiled
from .linear import linear

CHUNK_BYTES = 64 << 20
"""fp32 logits at hand. Few rows at once starve the product of matrices: 64 rows took as long as the plain loss, 320
rows three quarters of it."""


def label_loss(hidden_Nd: Tensor, weight_Vd: Tensor, bias_V: Tensor | None, labels_N: Tensor) -> Tensor:
    """Summed negative log-likelihood in nats, fp32, of a frozen output head.

    Raises:
        ValueError: the head is trained; its gradient is not computed here.
    """
    if weight_Vd.requires_grad or (bias_V is not None and bias_V.requires_grad):
        raise ValueError("label_loss is for a frozen output head")
    return _LabelLoss.apply(hidden_Nd, weight_Vd, bias_V, labels_N)


def rows_at_once(vocabulary: int) -> int:
    return max(32, CHUNK_BYTES // (4 * vocabulary))


class _LabelLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden_Nd: Tensor, weight_Vd: Tensor, bias_V: Tensor | None, labels_N: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden_Nd.device)
        gradient_Nd = torch.empty_like(hidden_Nd) if ctx.needs_input_grad[0] else None
        size = rows_at_once(len(weight_Vd))
        for start in range(0, len(hidden_Nd), size):
            rows = slice(start, start + size)
            logits_NV = linear(hidden_Nd[rows], weight_Vd, bias_V)
            loss, wrong_NV = _visited(logits_NV, labels_N[rows], gradient_Nd is not None)
            total += loss
            if gradient_Nd is not None:
                torch.mm(wrong_NV, weight_Vd, out=gradient_Nd[rows])
        ctx.save_for_backward(gradient_Nd)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient_Nd,) = ctx.saved_tensors
        return gradient_Nd * upstream.to(gradient_Nd.dtype), None, None, None


def _visited(logits_NV: Tensor, labels_N: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
    """(summed loss, with `learn` its gradient in the precision of the logits, which may be overwritten)."""
    if compiled.takes(logits_NV):
        return compiled.cross_entropy(logits_NV, labels_N.contiguous(), learn).sum(), logits_NV
    labels_N1, wide_NV = labels_N[:, None], logits_NV.float()
    likely_NV = torch.ops.aten._log_softmax.out(wide_NV, 1, False, out=wide_NV)
    loss = -likely_NV.gather(1, labels_N1).sum()
    if not learn:
        return loss, logits_NV
    wrong_NV = likely_NV.exp_().scatter_add_(1, labels_N1, torch.full_like(labels_N1, -1, dtype=torch.float32))
    return loss, wrong_NV.to(logits_NV.dtype)
