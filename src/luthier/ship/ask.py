"""One row that a client asked for: what it reads, how it is continued, and what it has said so far.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .served import Served

HELD = 4
"""Characters kept back where the tokenizer tidies spaces: the longest of its patterns (" n't")."""


@dataclass(frozen=True)
class Wish:
    """How a client wants the answer; the defaults are those of the trial's evaluation."""

    most: int
    """New tokens."""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stops: tuple[str, ...] = ()
    streams: bool = False


@dataclass(eq=False)
class Ask:
    """A row on its way. `tell` is called by the room after new text (where it streams) and at the end."""

    served: Served
    ids: np.ndarray
    wish: Wish
    tell: Callable[[Ask], None]
    client: str = ""
    said: list[int] = field(default_factory=list)
    text: str = ""
    shares: dict[str, float] | None = None
    """Label -> probability, where the trial chooses a label."""
    ended: str = ""
    """`stop`, `length`, `gone`, `failed` or `stopped` (with the server); empty while it goes on."""
    gone: bool = False
    """Set by anyone: nobody waits for it any more."""
    arrived: float = field(default_factory=time.monotonic)
    first: float = 0.0
    """When the first token was there."""

    def __post_init__(self) -> None:
        self._random = torch.Generator()
        self._random.seed() if self.wish.seed is None else self._random.manual_seed(self.wish.seed % 2**63)

    @property
    def row(self) -> np.ndarray:
        """The ids with the delta's virtual ones."""
        return self.served.layout.row(self.ids)

    def sample(self, logits_V: Tensor) -> int:
        """A token drawn at the wish's temperature among the likeliest that reach `top_p` together.

        Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", arXiv:1904.09751, §3.1.
        """
        shares_V, order_V = (logits_V.float().cpu() / self.wish.temperature).softmax(-1).sort(descending=True)
        beyond_V = shares_V.cumsum(0) - shares_V >= self.wish.top_p
        beyond_V[0] = False  # the likeliest stays, however small the wish
        shares_V[beyond_V] = 0.0
        return int(order_V[torch.multinomial(shares_V, 1, generator=self._random)])

    def hear(self, token: int, words: Any) -> None:
        """Take the next token; ends the row where the tokenizer `words`, a stop or the length says so."""
        self.said.append(token)
        self.first = self.first or time.monotonic()
        if token == words.eos_token_id:
            self.ended = "stop"
        elif len(self.said) == self.wish.most:
            self.ended = "length"
        if self.ended or self.wish.stops or self.wish.streams:
            before, self.text = self.text, self._read(words)
            if self.ended or (self.wish.streams and self.text != before):
                self.tell(self)

    def end(self, how: str) -> None:
        """End it from outside; what has ended stays as it is."""
        if not self.ended:
            self.ended = how
            self.tell(self)

    def _read(self, words: Any) -> str:
        """What may be shown: the text as evaluation reads it, without what the next token could still change."""
        whole = words.decode(self.said, skip_special_tokens=True).strip()
        cut = min((at for stop in self.wish.stops if (at := whole.find(stop)) >= 0), default=-1)
        if cut >= 0:
            self.ended = "stop"
            return whole[:cut]
        if self.ended:
            return whole
        whole = whole[: len(whole) - (HELD if words.clean_up_tokenization_spaces else 0)].rstrip("\ufffd")
        return whole[: len(whole) - _begun(whole, self.wish.stops)].rstrip()


def _begun(text: str, stops: Sequence[str]) -> int:
    """Characters at the end of `text` that may be the beginning of a stop."""
    return max((n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0)


def choose(logits_BV: Tensor, asks: Sequence[Ask], end: int) -> list[int]:
    """The next token of each row; the end token is closed for as many first ones as in the trial's evaluation."""
    young = [row for row, ask in enumerate(asks) if len(ask.said) < ask.served.run.decoding.min_new_tokens]
    if young:
        logits_BV[young, end] = -torch.inf
    chosen = logits_BV.argmax(-1).tolist()
    return [ask.sample(logits_BV[row]) if ask.wish.temperature else chosen[row] for row, ask in enumerate(asks)]
