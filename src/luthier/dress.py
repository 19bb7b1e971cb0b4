"""Dressing: a frozen model's own modules get fast equivalents; weights, names and hooks stay what they are.

A dressed module is of a subclass of its class with another `forward`; nothing is stored in it and no class of the
model library is touched, so copies, forks and `state_dict` know nothing of it, and undressing is exact.
"""

from __future__ import annotations

from functools import cache

from torch import nn

from .ops.attention import EvenBias
from .ops.dropout import Dropout
from .ops.four_bit import FourBit
from .ops.gates import FastGate, FastGELU, FastT5Gate
from .ops.linear import Linear
from .ops.norm import FastNorm

CLOTHES: dict[str, type] = {
    **dict.fromkeys(
        ("T5LayerNorm", "MT5LayerNorm", "LlamaRMSNorm", "MistralRMSNorm", "Qwen2RMSNorm", "Qwen3RMSNorm"), FastNorm
    ),
    **dict.fromkeys(("NewGELUActivation", "BloomGelu", "GELUTanh"), FastGELU),
    **dict.fromkeys(("T5DenseGatedActDense", "MT5DenseGatedActDense"), FastT5Gate),
    **dict.fromkeys(("LlamaMLP", "MistralMLP", "Qwen2MLP", "Qwen3MLP", "GemmaMLP", "Gemma2MLP", "Gemma3MLP"), FastGate),
    **dict.fromkeys(("T5Attention", "MT5Attention"), EvenBias),
    "Linear4bit": FourBit,
}
"""Class of the model library -> what is mixed in before it. By name: this file does not import the library."""


def dress(model: nn.Module) -> int:
    """Give every module that has a fast equivalent its own; returns how many. Twice is once."""
    changed = 0
    for module in model.modules():
        worn = _dressed(type(module))
        if worn is not type(module):
            module.__class__ = worn
            changed += 1
    return changed


def undress(model: nn.Module) -> None:
    """Every module is of its own class again."""
    for module in model.modules():
        if type(module) in _WORN:
            module.__class__ = _WORN[type(module)]


_OWN: dict[type, type] = {nn.Dropout: Dropout, nn.Linear: Linear}
_WORN: dict[type, type] = {own: plain for plain, own in _OWN.items()}


@cache
def _dressed(kind: type) -> type:
    if kind in _OWN:
        return _OWN[kind]
    if kind in _WORN or kind.__name__ not in CLOTHES:
        return kind
    # The same name: tables and error messages that go by a module's class name keep working.
    worn = type(kind.__name__, (CLOTHES[kind.__name__], kind), {"__module__": __name__})
    _WORN[worn] = kind
    return worn
