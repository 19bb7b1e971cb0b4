"""P-tuning: a soft prompt that a small network writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..backbone import Backbone
from ..delta import Delta
from ..spell import spelled
from .method import Method, at_least, rate_in_range
from .prompt import VirtualRows, prompt_config


class WrittenRows(VirtualRows):
    """Rows = MLP(E), E (n, width); what ships is the written rows alone."""

    def __init__(self, start_nI: Tensor, hidden: int) -> None:
        super().__init__(start_nI)
        width = start_nI.shape[1]
        self.writer: nn.Module | None = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, width)
        )

    def vectors(self) -> Tensor:
        return self.rows if self.writer is None else self.writer(self.rows)

    def shipped(self) -> dict[str, Tensor]:
        return {"rows": self.vectors().detach()}

    def load_shipped(self, tensors: Mapping[str, Tensor]) -> None:
        self.writer = None
        self.rows = nn.Parameter(tensors["rows"].to(self.rows, copy=True))


@spelled
@dataclass(frozen=True)
class PTuning(Method):
    """Input [MLP(E); x]: the soft prompt is written by a three-layer network that is dropped after training.

    Source: Liu et al. 2021, "GPT Understands, Too", arXiv:2103.10385, §3.2 (network in place of the LSTM, as PEFT).
    Trained: n·d + (d·H + H) + (H² + H) + (H·d + d); shipped n·d. Llama-3.2-3B, n 20, H 3072: 28,382,208 and 61,440.
    Wins over plain prompts when the raw rows do not move; costs far more trained parameters. Fails like prompts on
    small backbones.
    Defaults: 20 tokens, H = the embedding width, 2e-3. Searched at 250 M: 1e-4 to 1e-2, the upper part of what P-tuning
    papers use (1e-5 to 1e-2); open tokens also as 8 and 100 (as prefix).
    """

    word: ClassVar[str] = "ptuning"
    aliases = {"num_virtual_tokens": "tokens", "encoder_hidden_size": "hidden", "lr": "learning_rate"}
    rates: ClassVar[tuple[float, float]] = (1e-4, 1e-2)
    published_rate: ClassVar[float] = 2e-3
    structures: ClassVar[Mapping[str, tuple[Any, ...]]] = {"tokens": (20, 8, 100)}
    tokens: int | None = field(default=None, metadata={"shown": True})
    hidden: int | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        at_least(self, 1, "tokens")
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        site = backbone.embeddings()["decoder" if backbone.kind == "causal" else "encoder"]
        width = site.features_out
        tokens = self.value("tokens")
        rows = WrittenRows(torch.randn(tokens, width), self.hidden or width)
        return Delta({site: rows}, virtual_tokens=tokens)

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        config = prompt_config("P_TUNING", self.value("tokens"), backbone)
        return config and config | {
            "encoder_hidden_size": self.hidden or config["token_dim"],
            "encoder_reparameterization_type": "MLP",
        }

    @classmethod
    def from_adapter(cls, config: Mapping[str, Any], backbone: Backbone) -> Method | None:
        return cls(tokens=config["num_virtual_tokens"]) if config["peft_type"] == "P_TUNING" else None
