"""Prompt tuning: learned rows in front of the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..backbone import Backbone
from ..delta import Actor, Delta
from ..errors import SpellingError
from ..spell import spelled
from .adapter import TASK_TYPES
from .method import Method, at_least, rate_in_range

STARTS = ("vocabulary", "random")


class VirtualRows(Actor):
    """Acts on an embedding: id −(v+1) is row v of the prompt, (n, width); other ids pass."""

    def __init__(self, start_nI: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(start_nI.clone())

    def vectors(self) -> Tensor:
        """The prompt, (n, width)."""
        return self.rows

    def before(self, x: Tensor) -> Tensor:
        return x.clamp_min(0)  # any legal id: `after` overwrites what it looks up

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        rows_nI = self.vectors()
        virtual_BS1 = (x < 0)[..., None]
        index_BS = (-x - 1).clamp(0, len(rows_nI) - 1)
        # As an embedding: the gradient of an index adds up, one by one, the many tokens that are not virtual.
        return torch.where(virtual_BS1, F.embedding(index_BS, rows_nI).to(y.dtype), y)


@spelled
@dataclass(frozen=True)
class PromptTuning(Method):
    """Input [P; x]: n trained embedding rows P stand before the tokens; nothing else changes.

    Source: Lester et al. 2021, "The Power of Scale", arXiv:2104.08691, §2 (start from sampled vocabulary: §3.2).
    Trained: n · width. Encoder-decoders get the rows in the encoder. BERT-like encoders get them behind [CLS],
    because the pooled position is 0.
    Wins at 10 B and more, where it equals full fine-tuning, and when tasks must share a batch; fails on small
    backbones and at low learning rates, and makes every input n tokens longer.
    Defaults: 20 tokens (the paper: 20 to 100) from vocabulary rows. The paper's 0.3 is Adafactor's; with AdamW
    published rates are 1e-3 to 3e-2. Searched at 250 M: 3e-3 (a 3 B backbone's 1e-3) to the paper's 0.3; where they
    are open also 100 tokens and a random start (§3.2).
    """

    word: ClassVar[str] = "prompt"
    aliases = {"num_virtual_tokens": "tokens", "prompt_length": "tokens", "lr": "learning_rate"}
    rates: ClassVar[tuple[float, float]] = (3e-3, 3e-1)
    published_rate: ClassVar[float] = 3e-2
    structures: ClassVar[Mapping[str, tuple[Any, ...]]] = {"tokens": (20, 100), "start": STARTS}
    tokens: int | None = field(default=None, metadata={"shown": True})
    start: str | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        at_least(self, 1, "tokens")
        rate_in_range(self)
        if self.start not in (None, *STARTS):
            raise SpellingError(f"prompt: start={self.start!r} is unknown.", ", ".join(STARTS), "choose one of them")

    def delta(self, backbone: Backbone) -> Delta:
        site = backbone.embeddings()["decoder" if backbone.kind == "causal" else "encoder"]
        tokens = self.value("tokens")
        rows = first_rows(backbone, tokens, self.value("start"))
        return Delta({site: VirtualRows(rows)}, virtual_tokens=tokens)

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        return prompt_config("PROMPT_TUNING", self.value("tokens"), backbone)

    @classmethod
    def from_adapter(cls, config: Mapping[str, Any], backbone: Backbone) -> Method | None:
        return cls(tokens=config["num_virtual_tokens"]) if config["peft_type"] == "PROMPT_TUNING" else None


def first_rows(backbone: Backbone, tokens: int, start: str) -> Tensor:
    """Rows to start from, (n, width) fp32: n random ones of the vocabulary, or noise of the same spread."""
    site = backbone.embeddings()["decoder" if backbone.kind == "causal" else "encoder"]
    module = backbone.model.get_submodule(site.path)
    count, width = module.weight.shape
    if start == "random":
        return torch.randn(tokens, width) * module.weight.float().std().cpu()
    with torch.no_grad():
        ids_n = torch.randint(0, min(count, len(backbone.tokenizer)), (tokens,))  # the same ones on every device
        return module(ids_n.to(module.weight.device)).float()


def prompt_config(kind: str, tokens: int, backbone: Backbone) -> dict[str, Any] | None:
    """PEFT's words for a soft prompt. PEFT puts an encoder's rows before [CLS], so ours has no PEFT form there."""
    if backbone.kind == "encoder":
        return None
    config, stacks = backbone.model.config, 2 if backbone.kind == "seq2seq" else 1
    return {
        "peft_type": kind,
        "task_type": TASK_TYPES[backbone.kind],
        "num_virtual_tokens": tokens,
        "token_dim": config.hidden_size,
        "num_transformer_submodules": stacks,
        "num_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
    }
