"""The shelf of methods. A new one is one file and one word in this tuple; other packages add theirs through the
entry point group `luthier.methods`."""

from __future__ import annotations

from ..spell import shelf
from .bitfit import BitFit
from .bottleneck import Bottleneck
from .dora import DoRA
from .few_shot import FewShot
from .full import Full
from .ia3 import IA3
from .layernorm import LayerNorm
from .lora import LoRA
from .method import Method
from .peft import Peft
from .prefix import PrefixTuning
from .prompt import PromptTuning
from .ptuning import PTuning
from .zero_shot import ZeroShot

METHODS = shelf(
    "methods",
    (
        ZeroShot,
        FewShot,
        Full,
        LoRA,
        DoRA,
        IA3,
        BitFit,
        PromptTuning,
        PTuning,
        PrefixTuning,
        Bottleneck,
        LayerNorm,
        Peft,
    ),
)

__all__ = [
    "METHODS",
    "BitFit",
    "Bottleneck",
    "DoRA",
    "FewShot",
    "Full",
    "IA3",
    "LayerNorm",
    "LoRA",
    "Method",
    "PTuning",
    "Peft",
    "PrefixTuning",
    "PromptTuning",
    "ZeroShot",
]
