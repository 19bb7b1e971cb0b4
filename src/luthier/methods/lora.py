"""Low-rank adaptation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..backbone import Backbone
from ..delta import Delta
from ..spell import spelled
from .adapter import TASK_TYPES, target_modules, targets_of, unsupported
from .low_rank import LowRank
from .method import Method, at_least, dropout_in_range, rate_in_range


@spelled
@dataclass(frozen=True)
class LoRA(Method):
    """y = Wx + s·B(Ax), s = alpha / rank (`rslora`: alpha / √rank), A random, B zero.

    Source: Hu et al. 2021, "LoRA", arXiv:2106.09685, §4.1; rsLoRA: Kalajdzievski 2023, arXiv:2312.03732, §3.
    Trained: Σ rank·(in + out) over the targets; Flan-T5-base, rank 32 on q and v: 36·2·32·1536 = 3,538,944.
    Wins nearly everywhere at a hundredth of the parameters; fails to add knowledge that needs more than its rank.
    Defaults: rank 8 on q and v as in the paper's §4.2; alpha = rank (scale 1, as in the dialogue-summary lab);
    1e-3 at 250 M parameters as there, growing as the cube root of smallness. Searched at 250 M: 1e-4 (PEFT's method
    comparison) to 3e-3 (T-Few, rank 4); an open rank also as 2 (level with 64 in the paper's §7.2) and 32 (the lab).
    """

    word: ClassVar[str] = "lora"
    aliases = {
        "r": "rank",
        "lora_r": "rank",
        "lora_rank": "rank",
        "lora_alpha": "alpha",
        "lora_dropout": "dropout",
        "target_modules": "targets",
        "lora_target": "targets",
        "use_rslora": "rslora",
        "lr": "learning_rate",
    }
    rates: ClassVar[tuple[float, float]] = (1e-4, 3e-3)
    structures: ClassVar[Mapping[str, tuple[Any, ...]]] = {"rank": (8, 2, 32)}
    rank: int | None = field(default=None, metadata={"shown": True})
    alpha: float | None = None
    dropout: float = 0.0
    targets: str = "q,v"
    rslora: bool = False
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        at_least(self, 1, "rank")
        dropout_in_range(self)
        rate_in_range(self)

    @property
    def scale(self) -> float:
        rank = self.value("rank")
        alpha = rank if self.alpha is None else self.alpha
        return alpha / math.sqrt(rank) if self.rslora else alpha / rank

    def delta(self, backbone: Backbone) -> Delta:
        rank, scale = self.value("rank"), self.scale
        return Delta({s: LowRank(s, rank, scale, self.dropout) for s in backbone.sites(self.targets)})

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        sites = backbone.sites(self.targets)
        if any(site.part for site in sites):
            return None  # PEFT has no low-rank change of a slice
        return {
            "peft_type": "LORA",
            "task_type": TASK_TYPES[backbone.kind],
            "r": self.value("rank"),
            "lora_alpha": self.value("rank") if self.alpha is None else self.alpha,
            "lora_dropout": self.dropout,
            "target_modules": target_modules(backbone, sites)[0],
            "bias": "none",
            "use_rslora": self.rslora,
            "fan_in_fan_out": backbone.model.config.model_type == "gpt2",
            "use_dora": False,
        }

    @classmethod
    def from_adapter(cls, config: Mapping[str, Any], backbone: Backbone) -> Method | None:
        if config["peft_type"] != "LORA" or bool(config.get("use_dora")) != (cls.word == "dora"):
            return None
        unsupported(config, "alpha_pattern", "rank_pattern", "layers_pattern", "layer_replication", "use_qalora")
        settings = {
            "rank": config["r"],
            "alpha": float(config["lora_alpha"]),
            "dropout": config.get("lora_dropout", 0.0),
            "targets": targets_of(config["target_modules"], backbone),
        }
        if cls.word == "lora":
            settings["rslora"] = bool(config.get("use_rslora"))
        return cls(**settings)
