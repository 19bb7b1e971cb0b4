"""The rows under way: one flow, a token for each row at a time.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence

import torch

from ..backbone import Backbone
from ..flow import Flow, start
from .ask import Ask, choose
from .classes import answer_classes
from .seats import Seats


class Running:
    """Rows that are being said; only the thread that owns the model uses it.

    Args:
        words: held while the tokenizer works.
        charge: told what each row costs, in tokens.
    """

    def __init__(
        self, backbone: Backbone, seats: Seats, words: threading.Lock, charge: Callable[[Sequence[Ask]], None]
    ) -> None:
        self.backbone, self.seats, self.words, self.charge = backbone, seats, words, charge
        self.asks: list[Ask] = []
        """The rows of the flow, those of one delta side by side."""
        self._flow: Flow | None = None

    def let_in(self, new: Sequence[Ask]) -> None:
        """Classify who wants a class; read the others' prompts, say their first token, seat them."""
        classes = [ask for ask in new if ask.served.task.kind == "label"]
        if classes:
            answer_classes(self.backbone, classes, self.seats, self.words)
            for ask in classes:
                ask.end("stop")
        writing = sorted((ask for ask in new if ask not in classes), key=self.seats.number)
        if not writing:
            return
        try:
            self.seats.rows_are(writing)
            flow = start(self.backbone, [a.served.layout for a in writing], [a.row for a in writing])
            seated = self._say(flow, writing)
        except Exception:  # what the rows under way stand on is whole still
            for ask in writing:
                ask.end("failed")
            traceback.print_exc()
            return
        if seated and self.asks:
            self._flow.join(flow)
            both = [*self.asks, *seated]
            order = sorted(range(len(both)), key=lambda row: self.seats.number(both[row]))
            if order != list(range(len(both))):
                self._flow.select(torch.tensor(order, device=self.backbone.device))
            self.asks = [both[row] for row in order]
        elif seated:
            self._flow, self.asks = flow, seated

    def say(self) -> None:
        """One token for each row; who has ended leaves."""
        if self.asks:
            self.asks = self._say(self._flow, self.asks)
        if not self.asks:
            self._flow = None

    def fail(self, more: Sequence[Ask]) -> None:
        """End all rows, and `more`: what they stood on is broken."""
        self.end(more, "failed")

    def end(self, more: Sequence[Ask], how: str) -> None:
        """End all rows, and `more`."""
        for ask in (*self.asks, *more):
            ask.end(how)
        self._flow, self.asks = None, []

    def _say(self, flow: Flow, asks: list[Ask]) -> list[Ask]:
        """One token for each row; returns the rows that go on, the only ones left in `flow`."""
        self.seats.rows_are(asks)
        logits_BV = flow.next()
        tokenizer = self.backbone.tokenizer
        chosen = choose(logits_BV, asks, tokenizer.eos_token_id)
        self.charge(asks)
        with self.words:
            for ask, token in zip(asks, chosen):
                ask.hear(token, tokenizer)
        for ask in asks:
            if ask.gone:
                ask.end("gone")
        flow.append(torch.tensor(chosen, device=logits_BV.device))
        stay = [row for row, ask in enumerate(asks) if not ask.ended]
        if 0 < len(stay) < len(asks):
            flow.select(torch.tensor(stay, device=logits_BV.device))
        return [asks[row] for row in stay]
