"""Prefix tuning: learned keys and values that only attention sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..backbone import Backbone
from ..delta import Actor, Delta, Rows, Site, attach
from ..ops.attention import Prefix
from ..ops.prefixed_cache import PrefixedCache
from ..spell import spelled
from .adapter import TASK_TYPES
from .method import Method, at_least, rate_in_range


class KeysAndValues(Actor):
    """n keys and n values per key head, (G, n, D) each, handed to the attention call."""

    def __init__(self, heads: int, tokens: int, width: int) -> None:
        super().__init__()
        self.key = nn.Parameter(torch.randn(heads, tokens, width) * 0.02)
        self.value = nn.Parameter(torch.randn(heads, tokens, width) * 0.02)

    def arguments(self, keywords: dict[str, Any], rows: Rows) -> dict[str, Any]:
        return keywords | {"prefix": [*keywords.get("prefix", ()), Prefix(rows, self.key, self.value)]}


class KeysAndValuesThroughCache(KeysAndValues):
    """For attention that takes no extra arguments (BLOOM): the prefix comes out of the cache it asks."""

    def arguments(self, keywords: dict[str, Any], rows: Rows) -> dict[str, Any]:
        inner = keywords.get("layer_past")
        before = (
            inner
            if isinstance(inner, PrefixedCache)
            else PrefixedCache(inner, keywords["alibi"], keywords["attention_mask"])
        )
        cache = PrefixedCache(
            before.cache, before.alibi, before.mask, (*before.prefixes, Prefix(rows, self.key, self.value))
        )
        return keywords | {"layer_past": cache, **cache.wider()}


@spelled
@dataclass(frozen=True)
class PrefixTuning(Method):
    """Attention reads [K_p; K] and [V_p; V]: n trained keys and values per layer and head; inputs stay as they are.

    Source: Li & Liang 2021, "Prefix-Tuning", arXiv:2101.00190, §4 (encoder-decoders: encoder self, decoder self
    and cross attention each get their own, §4.2); without the network as Liu et al. 2022, "P-Tuning v2",
    arXiv:2110.07602, §3.3.
    Trained: Σ over attention modules of 2·n·key width; 50 tokens on Llama-3.2-3B: 2,867,200.
    Wins with few rows and shifted topics, and trains cheaply; fails from random starts and low learning rates.
    Defaults: 20 tokens that start from the keys and values of real vocabulary (`start="tokens"`, the best public
    start), 1e-2 (P-tuning v2 without network: 5e-3 to 1e-2). Searched at 250 M: 1e-3 to 6e-2 (the highest of
    P-tuning v2); open tokens also as 8 (the fewest of P-tuning v2) and 100.
    """

    word: ClassVar[str] = "prefix"
    aliases = {"num_virtual_tokens": "tokens", "prefix_length": "tokens", "lr": "learning_rate"}
    rates: ClassVar[tuple[float, float]] = (1e-3, 6e-2)
    published_rate: ClassVar[float] = 1e-2
    structures: ClassVar[Mapping[str, tuple[Any, ...]]] = {"tokens": (20, 8, 100)}
    tokens: int | None = field(default=None, metadata={"shown": True})
    start: str = "tokens"
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        at_least(self, 1, "tokens")
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        kind = KeysAndValuesThroughCache if backbone.family.prefix_through_cache else KeysAndValues
        tokens = self.value("tokens")
        actors: dict[Site, Actor] = {s: kind(heads, tokens, width) for s, heads, width in backbone.attentions()}
        delta = Delta(actors, prefix_tokens=tokens)
        if self.start == "tokens" and not backbone.sketched:
            start_from_tokens(delta, backbone, tokens)
        return delta

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        if backbone.kind != "causal":
            return None  # PEFT's prefix reaches an encoder-decoder's decoder only
        config = backbone.model.config
        _, heads, width = backbone.attentions()[0]
        return {
            "peft_type": "PREFIX_TUNING",
            "task_type": TASK_TYPES[backbone.kind],
            "num_virtual_tokens": self.value("tokens"),
            "token_dim": heads * width,
            "num_transformer_submodules": 1,
            "num_layers": config.num_hidden_layers,
            "num_attention_heads": heads,
            "encoder_hidden_size": heads * width,
            "prefix_projection": False,
        }

    @classmethod
    def from_adapter(cls, config: Mapping[str, Any], backbone: Backbone) -> Method | None:
        if config["peft_type"] != "PREFIX_TUNING" or backbone.kind != "causal":
            return None
        return cls(tokens=config["num_virtual_tokens"])


class _Tap(Actor):
    """Notes the keys and values that pass an attention call."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, Tensor]] = []

    def arguments(self, keywords: dict[str, Any], rows: Rows) -> dict[str, Any]:
        if "alibi" in keywords:
            return keywords | {"layer_past": self}
        return keywords | {"tap": self.seen}

    def update(self, key: Tensor, value: Tensor, *where: Any) -> tuple[Tensor, Tensor]:
        self.seen.append((key, value))
        return key, value


def start_from_tokens(delta: Delta, backbone: Backbone, tokens: int) -> None:
    """Fill keys and values with those of `tokens` random vocabulary entries, run once through the backbone."""
    taps = Delta({site: _Tap() for site in delta.sites})
    top = min(backbone.model.get_input_embeddings().num_embeddings, len(backbone.tokenizer))
    ids_1n = torch.randint(0, top, (1, tokens)).to(backbone.device)  # the same ones on every device
    inputs = {"input_ids": ids_1n, "attention_mask": torch.ones_like(ids_1n)}
    if backbone.kind == "seq2seq":
        inputs["decoder_input_ids"] = ids_1n
    with torch.no_grad(), attach(backbone.model, taps):
        backbone.model(**inputs, **({} if backbone.kind == "encoder" else {"use_cache": False}))
        for actor, tap in zip(delta.actors, taps.actors):
            key, value = tap.seen[0]
            actor.key.copy_(key[0])
            actor.value.copy_(value[0])
