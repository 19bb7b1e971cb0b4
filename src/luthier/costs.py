"""What a pass costs on this machine: rates fitted to measured passes, and applied to counted ones.

`seconds = call + products · rate + scores · rate`, bytes likewise with logits; a method adds a constant and a slope
over tokens. Nothing here runs a model.

Shapes: P passes, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .backbone import Backbone


@dataclass(frozen=True)
class Widths:
    """How much arithmetic a token meets.

    Attributes:
        inputs, answers: weights of the matrices that an input token, an answer token passes.
        labels: weights of the output head.
        within, beside, across: attention heads over inputs, over answers, from answers to inputs.
        kept: bytes of the keys and values that an input token, an answer token leaves behind while answers are said.
        joined: answers stand behind inputs in one row (causal backbones).
    """

    inputs: float
    answers: float
    labels: float
    within: float
    beside: float
    across: float
    kept: tuple[int, int]
    joined: bool

    @classmethod
    def of(cls, backbone: Backbone) -> Widths:
        """Counted from the module shapes; a sketch is enough."""
        sizes, heads = {"inputs": 0, "answers": 0}, {"within": 0, "beside": 0, "across": 0}
        keys = dict(heads)
        for site in {s.path: s for s in backbone.sites("all")}.values():
            # Keys and values of cross attention are computed from the encoder's tokens.
            across = _crosses(site.path) and site.role in ("attention.key", "attention.value")
            stack = "answers" if "decoder" in site.path.split(".") and not across else "inputs"
            sizes[stack] += site.features_in * site.features_out
        count = backbone.model.config.num_attention_heads
        for site, key_heads, width in backbone.attentions():
            decoder = "decoder" in site.path.split(".") and backbone.kind == "seq2seq"
            place = "across" if _crosses(site.path) else "beside" if decoder else "within"
            heads[place] += count
            keys[place] += key_heads * width
        both = 2 * (2 if backbone.computed == "bf16" else 4)
        joined = backbone.kind == "causal"  # else the encoder's own keys are gone once it has read
        kept = (both * keys["within" if joined else "across"], both * keys["within" if joined else "beside"])
        head = backbone.model.get_output_embeddings()
        return cls(**sizes, labels=head.weight.numel() if head else 0, **heads, kept=kept, joined=joined)


def _crosses(path: str) -> bool:
    return "EncDecAttention" in path or "encoder_attn" in path


@dataclass(frozen=True)
class Passes:
    """Forward passes as arrays, one entry each: rows, padded input and answer tokens of a row, labels."""

    rows_P: np.ndarray
    inputs_P: np.ndarray
    answers_P: np.ndarray
    labels_P: np.ndarray

    @classmethod
    def of(cls, shapes: Sequence[tuple[int, int, int, int]]) -> Passes:
        return cls(*np.array(shapes, dtype=float).reshape(-1, 4).T)

    @property
    def tokens_P(self) -> np.ndarray:
        return self.rows_P * (self.inputs_P + self.answers_P)

    def features_PF(self, widths: Widths, virtual: int = 0, prefix: int = 0) -> np.ndarray:
        """(P, 4): one call, products, attention scores, logits."""
        s_P, t_P = self.inputs_P + virtual, self.answers_P
        if widths.joined:
            s_P, t_P = s_P + np.maximum(t_P - 1, 0), np.zeros_like(t_P)
        products_P = widths.inputs * s_P * self.rows_P + widths.answers * t_P * self.rows_P
        scores_P = widths.within * s_P * (s_P + prefix) + widths.beside * t_P * (t_P + prefix)
        scores_P = (scores_P + widths.across * t_P * (s_P + prefix)) * self.rows_P
        logits_P = widths.labels * self.labels_P
        return np.stack([np.ones_like(s_P), products_P, scores_P, logits_P], 1)


# -- what a pass costs ----------------------------------------------------------------------------------------------


def fitted(features_PF: np.ndarray, values_P: np.ndarray) -> np.ndarray:
    """Coefficients (F), none negative, with the smallest sum of squared relative errors."""
    kept = list(np.flatnonzero(features_PF.any(0)))
    while kept:
        weighted = features_PF[:, kept] / values_P[:, None]
        scale = np.linalg.norm(weighted, axis=0)
        found = np.linalg.lstsq(weighted / scale, np.ones(len(values_P)), rcond=None)[0] / scale
        if (found >= 0).all():
            break
        kept.pop(int(np.argmin(found * scale)))
    whole = np.zeros(features_PF.shape[1])
    whole[kept] = found if kept else 0.0
    return whole


def _measured(figures: Sequence[Mapping[str, Any]]) -> Passes:
    shapes = [f["shape"] for f in figures]
    return Passes.of([(s["rows"], s["inputs"], s["answers"], s["rows"] * s["answers"]) for s in shapes])


@dataclass(frozen=True)
class Cost:
    """What passes cost: rates of the bare backbone, and what a method adds for each pass and for each token of it."""

    widths: Widths
    seconds_F: np.ndarray
    bytes_F: np.ndarray
    virtual: int = 0
    prefix: int = 0
    more_seconds: tuple[float, float] = (0.0, 0.0)
    more_bytes: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(cls, widths: Widths, figures: Sequence[Mapping[str, Any]], classes: bool) -> Cost:
        passes = _measured(figures)
        seen_PF = passes.features_PF(widths)
        # Products of the head are like other products in seconds; in bytes, logits are what counts.
        whole_PF = _merged(seen_PF)
        seconds_F = fitted(whole_PF, np.array([f["seconds"] for f in figures]))
        own_PF = seen_PF * np.array([0, 1, 1, 0 if classes else 1])
        return cls(widths, seconds_F, fitted(own_PF, np.array([f["bytes"] for f in figures], dtype=float)))

    def seconds(self, passes: Passes) -> np.ndarray:
        """Seconds of each pass, (P)."""
        whole_PF = _merged(passes.features_PF(self.widths, self.virtual, self.prefix))
        return whole_PF @ self.seconds_F + self.more_seconds[0] + self.more_seconds[1] * passes.tokens_P

    def bytes(self, passes: Passes) -> np.ndarray:
        """Bytes alive at the peak of each pass, (P)."""
        seen_PF = passes.features_PF(self.widths, self.virtual, self.prefix)
        return seen_PF @ self.bytes_F + self.more_bytes[0] + self.more_bytes[1] * passes.tokens_P

    def with_method(self, found: Mapping[str, Any], pairs: str, sizes: str | None = None) -> Cost:
        """The cost with a method attached: `pairs` and `sizes` name measurements of it beside the bare backbone."""
        wide = Cost(self.widths, self.seconds_F, self.bytes_F, found["virtual"], found["prefix"])
        more = self._added(wide, found.get(pairs) or (), "seconds")
        return Cost(
            self.widths,
            self.seconds_F,
            self.bytes_F,
            found["virtual"],
            found["prefix"],
            more,
            self._added(wide, found.get(sizes) or (), "bytes") if sizes else (0.0, 0.0),
        )

    def _added(self, wide: Cost, pairs: Sequence[Sequence[Mapping[str, Any]]], what: str) -> tuple[float, float]:
        """Per pass and per token: what the method took beyond the bare backbone with as many tokens."""
        if not pairs:
            return 0.0, 0.0
        passes = _measured([plain for plain, _ in pairs])
        before, after = (np.array([pair[i][what] for pair in pairs], dtype=float) for i in (0, 1))
        wider = getattr(wide, what)(passes) / np.maximum(getattr(self, what)(passes), 1e-12)
        return line(passes.tokens_P, after - before * wider)


def _merged(features_PF: np.ndarray) -> np.ndarray:
    whole_PF = np.array(features_PF)
    whole_PF[:, 1] += whole_PF[:, 3]
    whole_PF[:, 3] = 0
    return whole_PF


def line(at_2: np.ndarray, value_2: np.ndarray) -> tuple[float, float]:
    """Constant and slope through two points, neither below zero."""
    slope = (value_2[1] - value_2[0]) / (at_2[1] - at_2[0])
    if slope < 0:
        return max(0.0, float(value_2.mean())), 0.0
    constant = value_2[0] - slope * at_2[0]
    if constant < 0:
        return 0.0, max(0.0, float(value_2[1] / at_2[1]))
    return float(constant), float(slope)


@dataclass(frozen=True)
class Decode:
    """Seconds of one decoded token for all rows: a call, each row, each token that a row looks back at."""

    call: float
    row: float
    look: float

    @classmethod
    def of(cls, figures: Sequence[Mapping[str, Any]]) -> Decode:
        shapes = [(f["shape"]["rows"], f["shape"]["inputs"]) for f in figures]
        seen_PF = np.array([(1.0, rows, rows * inputs) for rows, inputs in shapes])
        return cls(*fitted(seen_PF, np.array([max(f["seconds"], 1e-7) for f in figures])))

    def with_method(self, pairs: Sequence[Sequence[Mapping[str, Any]]]) -> Decode:
        if not pairs:
            return self
        rows = np.array([float(plain["shape"]["rows"]) for plain, _ in pairs])
        call, row = line(rows, np.array([max(0.0, after["seconds"] - plain["seconds"]) for plain, after in pairs]))
        return Decode(self.call + call, self.row + row, self.look)

    def seconds(self, rows: int, context: float) -> float:
        """One token for so many rows, each of which looks back at so many tokens."""
        return self.call + (self.row + self.look * context) * rows
