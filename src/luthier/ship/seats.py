"""Which deltas act on the backbone right now, and which rows of the next pass are whose."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack

import torch
from torch import nn

from ..delta import Call, Delta, attach
from ..errors import Refused
from .ask import Ask
from .served import Served


class Seats:
    """The attached deltas of a room; only the thread that owns the model uses it."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.deltas, self._call, self._attached = model, list[Delta](), Call(), ExitStack()

    def attach_for(self, asks: Sequence[Ask], more: Iterable[Delta]) -> None:
        """Attach what these rows need, and `more` with it, so that the next ones find it attached."""
        needed = {ask.served.delta for ask in asks}
        mounted = any(alone(delta) for delta in {*self.deltas} - needed)  # what nobody needs must not stay in place
        if mounted or not needed <= set(self.deltas):
            self.clear()
            self.deltas = list(dict.fromkeys([*more, *needed]))
            self._call = self._attached.enter_context(attach(self.model, *self.deltas))

    def clear(self) -> None:
        """Detach everything: the model is bit for bit the frozen one."""
        self._attached.close()
        self.deltas = []

    def number(self, ask: Ask) -> int:
        return self.deltas.index(ask.served.delta)

    def rows_are(self, asks: Sequence[Ask]) -> None:
        """Row i of the next pass belongs to `asks[i]`."""
        self._call.belong(torch.tensor([self.number(ask) for ask in asks], device=self.model.device))

    def all_rows_are(self, ask: Ask) -> None:
        """Every row of the next passes belongs to this one's delta."""
        self._call.owner = None
        self._call.rows = [None if delta is ask.served.delta else slice(0, 0) for delta in self.deltas]


def alone(delta: Delta) -> bool:
    """True for deltas that replace modules or weights: no other row can share their batch."""
    return type(delta).mount is not Delta.mount


def check_company(together: Collection[Served]) -> None:
    """
    Raises:
        Refused: one of several cannot share a batch.
    """
    lonely = [one.name for one in together if alone(one.delta)]
    if lonely and len(together) > 1:
        raise Refused(
            f"{lonely[0]} replaces weights or modules of the backbone, no other row can share its batch.",
            "one such trial alone, or trials that add to the backbone",
            "serve it by itself, and wait until the rows of what was removed have ended",
        )
