"""Which optimiser moves which weight, how fast, and when; and when tasks are learnt beside running text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from .muon import Muon

WARM_UP = 0.03
TASKS_LATE = ((0.1, 0.0), (0.5, 0.3), (0.75, 0.5), (1.0, 0.7))
"""Up to this share of the budget, this share of steps on supervised tasks."""
OUTSIDE = ("embed", "shared", "relative_attention_bias", "order", "topics")
"""Matrices that are no map from features to features: tables and small heads stay with AdamW."""


@dataclass(frozen=True)
class Rates:
    """Peak learning rates of one base.

    Attributes:
        matrices: Muon's, for the matrices of the blocks.
        rest: AdamW's, for tables, norms and biases.
        special: part of a parameter's name -> its own rate (AdamW) or its share of the rate (Muon).
        decay_from: share of the budget from which all of them fall to nothing.
        shrink: decoupled weight decay of the matrices, as a share of their rate. Without it they grow until what the
            blocks add drowns the words they read, and nothing can be tuned any more.
    """

    matrices: float
    rest: float
    special: Mapping[str, float] = field(default_factory=dict)
    decay_from: float = 0.55
    shrink: float = 2.0


def optimizers_for(model: nn.Module, rates: Rates, half: bool = False) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks (`half`: its products in bf16), AdamW for all the rest."""
    matrices, rest = defaultdict(list), defaultdict(list)
    for name, weight in model.named_parameters():
        own = next((rate for part, rate in rates.special.items() if part in name), None)
        if weight.ndim == 2 and not any(part in name for part in OUTSIDE):
            matrices[1.0 if own is None else own].append(weight)
        else:
            rest[rates.rest if own is None else own].append(weight)
    groups = [{"params": group, "share": share, "weight_decay": rates.shrink} for share, group in matrices.items()]
    muon = Muon(groups, lr=rates.matrices, half=half)
    groups = [{"params": group, "lr": rate} for rate, group in rest.items()]
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def rate_factor(used: float, decay_from: float) -> float:
    """Warm up, hold, then fall to nothing as the budget is used up (0 to 1)."""
    if used < WARM_UP:
        return max(0.05, used / WARM_UP)
    return 1.0 if used < decay_from else max(0.0, (1 - used) / (1 - decay_from))
