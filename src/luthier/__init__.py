"""luthier: which way of fine-tuning should I use, how sure is that, what does it cost, and where is the tuned model?

It compares tuning methods fairly over one frozen pretrained backbone, on your data and your machine, says which
differences are real, and keeps every tuned delta ready to use.

    from luthier import Budget, LoRA, PromptTuning, Study, ZeroShot

    study = Study(
        backbone="seedling-t5",
        data="dialogues",
        methods=(ZeroShot(), LoRA(rank=8), PromptTuning(tokens=20)),
        budget=Budget(epochs=1, dev_rows=20),
        train_rows=64, test_rows=20, search=False, out="runs/first",
    )
    for trial in study.run()["trials"]:
        print(trial["method"], trial["metrics"]["rouge1"])
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Backbone": "backbone",
    "BitFit": "methods",
    "Bottleneck": "methods",
    "Budget": "records",
    "DoRA": "methods",
    "Example": "records",
    "FewShot": "methods",
    "Full": "methods",
    "IA3": "methods",
    "LayerNorm": "methods",
    "LoRA": "methods",
    "PTuning": "methods",
    "Peft": "methods",
    "Prediction": "records",
    "PrefixTuning": "methods",
    "PromptTuning": "methods",
    "Score": "records",
    "Step": "records",
    "Study": "study",
    "UserError": "errors",
    "Verdict": "records",
    "ZeroShot": "methods",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # Public names are looked up on first use, so that `import luthier` needs no torch.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
