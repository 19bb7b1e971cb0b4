"""Classifiers on top of hidden states: trained with a delta, counted with it, saved with it.

Their shapes are those of the model library's sequence classifiers, so that a PEFT adapter with a saved head loads
there with equal logits.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """One linear layer on a pooled vector: (B, width) -> (B, labels).

    BERT's pooled vector is the backbone's own (frozen) pooler output; a decoder's is its last real token, and there
    the layer has no bias.
    """

    def __init__(self, width: int, labels: int, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width, labels, bias=bias)

    def forward(self, pooled_BI: Tensor) -> Tensor:
        return self.out(self.dropout(pooled_BI.float()))


class DenseHead(nn.Module):
    """Dropout, dense, tanh, dropout, linear on the first token, as in RoBERTa's classifier."""

    def __init__(self, width: int, labels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, labels)

    def forward(self, first_BI: Tensor) -> Tensor:
        hidden = torch.tanh(self.dense(self.dropout(first_BI.float())))
        return self.out_proj(self.dropout(hidden))
