"""One fused operation in place of a model library's norm written in five. The swap lives on the object only."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import nn


def fuse_norms(model: nn.Module, class_name: str) -> nn.Module:
    """Swap every root-mean-square norm of that class; what is saved is the ordinary model."""
    for module in model.modules():
        if type(module).__name__ == class_name:
            module.forward = _fused(module)
    return model


def _fused(module: nn.Module):
    shape = tuple(module.weight.shape)
    return lambda hidden: functional.rms_norm(hidden, shape, module.weight, module.variance_epsilon)
