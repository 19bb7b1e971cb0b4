"""Lengths in a backbone's own tokens, without loading the backbone: its tokenizer.json is enough."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from ..errors import UserError
from ..families import FAMILIES
from ..records import Budget

CHUNK = 2000
"""Texts that are tokenised together, so that a large file needs little memory."""

SAMPLE = 2000
"""Texts that are tokenised in any case, evenly over the rows."""

DENSER, SHORT, SPECIAL, LONGEST = 1.25, 40, 4, 50
"""How much denser in tokens another text may be; bytes below which a text says nothing about that; special tokens of a
row at most; the texts with most bytes that are always tokenised."""


@dataclass(frozen=True)
class Ruler:
    """Counts tokens, and knows how many a backbone takes.

    Attributes:
        inputs, answers: most tokens of an input (prompt and special tokens included) and of an answer.
    """

    name: str
    kind: str
    inputs: int
    answers: int
    tokenizer: Any

    @classmethod
    def open(cls, folder: Path, name: str, budget: Budget = Budget()) -> Ruler:  # noqa: B008 (frozen)
        """The ruler of a backbone's folder.

        Raises:
            UserError: no `tokenizer.json` or `config.json` there, or broken ones.
        """
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
        except Exception as fault:  # the library raises bare Exception for a broken file
            reason = next(iter(str(fault).splitlines()), type(fault).__name__)[:200]
            raise UserError(
                f"{folder} gives no lengths: {reason}.",
                "config.json and tokenizer.json, as save_pretrained writes them",
                "name such a folder with --backbone",
            ) from fault
        tokenizer.no_truncation()
        tokenizer.no_padding()
        family = FAMILIES.get(config.get("model_type", ""))
        kind = family.kind if family else "seq2seq"
        room = _positions(config)
        room = room and room - (budget.max_answer_tokens if kind == "causal" else 0)
        inputs = min(budget.max_input_tokens, room or budget.max_input_tokens)
        return cls(name, kind, inputs, budget.max_answer_tokens, tokenizer)

    def tokens(self, texts: Sequence[str]) -> np.ndarray:
        """(N,) tokens of each text, its special tokens included."""
        parts = [self.tokenizer.encode_batch(list(texts[i : i + CHUNK])) for i in range(0, len(texts), CHUNK)]
        return np.array([len(encoded) for part in parts for encoded in part], np.int64)

    def measure(self, texts: Sequence[str], limit: int) -> Lengths:
        """The lengths of many texts against a limit.

        Of more than `SAMPLE` texts only as many are tokenised, and every other one that could be over the limit: it
        would be if it had a quarter more tokens a byte than the densest text of the sample. The longest are among them.
        """
        size = np.array([len(text.encode("utf-8", "replace")) for text in texts], np.int64)
        drawn = np.unique(np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).round().astype(np.int64))
        known = np.zeros(len(texts), np.int64)
        known[drawn] = self.tokens([texts[i] for i in drawn])
        densest = (known[drawn] / np.maximum(size[drawn], 1))[size[drawn] >= SHORT].max(initial=1.0 / DENSER / 2)
        doubtful = size * min(1.0, densest * DENSER) + SPECIAL > limit
        doubtful[np.argsort(-size, kind="stable")[:LONGEST]] = True
        rest = np.flatnonzero(doubtful & (known == 0))
        known[rest] = self.tokens([texts[i] for i in rest])
        median, ninety = np.quantile(known[drawn], [0.5, 0.9], method="inverted_cdf").tolist()
        return Lengths(median, ninety, int(known.max()), limit, known > limit)


@dataclass(frozen=True)
class Lengths:
    """Tokens of N texts; `over` (N,) says which are longer than the limit."""

    median: int
    p90: int
    longest: int
    limit: int
    over: np.ndarray

    def facts(self) -> dict[str, int]:
        cut = int(self.over.sum())
        return {"median": self.median, "p90": self.p90, "longest": self.longest, "limit": self.limit, "cut": cut}


def _positions(config: dict[str, Any]) -> int | None:
    """Positions the model can number; None where there is no such limit."""
    if config.get("model_type") == "gpt2":
        return config.get("n_positions", 1024)
    limit = config.get("max_position_embeddings")
    if limit and config.get("model_type") == "roberta":
        return limit - config.get("pad_token_id", 1) - 1  # RoBERTa numbers positions from pad_token_id + 1
    return limit
