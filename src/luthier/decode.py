"""Greedy decoding of many rows: those that have ended leave, and those that wait take their places.

A batch that waits for its longest answer computes mostly for rows that have ended: a pass over the weights costs
more than half for one row of what it costs for thirty. Every row says what it says alone, token for token in fp32.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .backbone import Backbone
from .batches import Layout, Layouts, Queue, each_row
from .delta import Call
from .errors import SpellingError
from .flow import Flow, start

LEAVE = 8
"""Where nobody waits for their places, ended rows leave when they are more than one in `LEAVE`: selecting rows copies
the keys and values of the rest."""


@dataclass(frozen=True)
class Decoding:
    """How an answer is chosen; greedy unless said otherwise."""

    max_new_tokens: int = 128
    min_new_tokens: int = 1
    """An empty answer is never right, so the end token is closed for the first one."""
    beams: int = 1
    temperature: float = 0.0
    """Above 0: sampling."""
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if self.beams < 1:
            raise SpellingError(f"beams is {self.beams}.", "1 (greedy) or more", "leave it out")
        if not 0 <= self.temperature < math.inf:
            raise SpellingError(f"temperature is {self.temperature}.", "0 (greedy) or more", "leave it out")

    @property
    def greedy(self) -> bool:
        return self.beams == 1 and self.temperature == 0


@dataclass
class Answer:
    """What a row has said, and its share of the seconds that this took."""

    row: int
    ids: list[int] = field(default_factory=list)
    seconds: float = 0.0
    ended: bool = False
    steps: int = 0
    """Passes it was part of, those after its end included."""


def answers(
    backbone: Backbone,
    layouts: Layouts,
    inputs: Sequence[np.ndarray],
    order: Iterable[int],
    decoding: Decoding,
    call: Call,
) -> Iterator[Answer]:
    """The answer of each row as it ends; the seconds of a pass are shared by the rows that it lets say a token.

    Args:
        inputs: the ids of every row, virtual ones included.
        order: in which the rows begin.
        call: of the deltas attached; `call.rows` counts the rows of `inputs`.
    """
    queue = Queue([len(ids) for ids in inputs], order)
    batch = Batch(backbone, each_row(layouts, len(inputs)), inputs, decoding, call)
    kept = list(call.rows)
    try:
        while queue or batch.going:
            started, new = time.perf_counter(), queue.begin(batch.going)
            said = batch.begin(new) if new else batch.say(bool(queue))
            each = (time.perf_counter() - started) / len(said)
            for one in said:
                one.seconds += each
            yield from (one for one in said if one.ended)
    finally:
        call.rows, call.owner = kept, None


class Batch:
    """The rows under way."""

    def __init__(
        self,
        backbone: Backbone,
        layouts: Sequence[Layout],
        inputs: Sequence[np.ndarray],
        decoding: Decoding,
        call: Call,
    ) -> None:
        self.backbone, self.layouts, self.inputs, self.decoding, self.call = backbone, layouts, inputs, decoding, call
        self.owner = _owner(call, len(inputs))
        self.flow: Flow | None = None
        self.rows: list[Answer] = []
        """Those of the flow; some have ended."""

    @property
    def going(self) -> list[int]:
        return [one.row for one in self.rows if not one.ended]

    def begin(self, rows: Sequence[int]) -> list[Answer]:
        """Let rows join and say their first token; returns them."""
        new = [Answer(row) for row in rows]
        self._belong(new)
        flow = start(self.backbone, [self.layouts[row] for row in rows], [self.inputs[row] for row in rows])
        self._say(flow, new)
        seats = [i for i, one in enumerate(self.rows) if one.ended][: len(new)]
        if len(seats) == len(new) and flow.mask.shape[1] <= self.flow.mask.shape[1]:
            self.flow.replace(torch.tensor(seats, device=self.backbone.device), flow)
            for seat, one in zip(seats, new):
                self.rows[seat] = one
            return new
        self._leave()
        if self.flow:
            self.flow.join(flow)
        self.flow, self.rows = self.flow or flow, self.rows + new
        return new

    def say(self, awaited: bool) -> list[Answer]:
        """One token for every row that goes on; returns them.

        Args:
            awaited: rows wait for the places of those that have ended.
        """
        self._belong(self.rows)
        said = self._say(self.flow, self.rows)
        # No row may go on beyond its room for an answer: the model might not number so many positions.
        longest = max(one.steps for one in self.rows)
        crowd = sum(one.ended for one in self.rows) * LEAVE > len(self.rows)
        if longest == self.decoding.max_new_tokens or (crowd and not awaited):
            self._leave()
        return said

    def _say(self, flow: Flow, rows: Sequence[Answer]) -> list[Answer]:
        end, decoding = self.backbone.tokenizer.eos_token_id, self.decoding
        logits_BV = flow.next()
        young = [i for i, one in enumerate(rows) if one.steps < decoding.min_new_tokens]
        if young:
            logits_BV[young, end] = -torch.inf
        chosen_B = logits_BV.float().argmax(-1)  # of bf16 it takes twice as long
        flow.append(chosen_B)
        going = [(one, token) for one, token in zip(rows, chosen_B.tolist()) if not one.ended]
        for one in rows:
            one.steps += 1
        for one, token in going:
            one.ids.append(token)
            one.ended = token == end or one.steps == decoding.max_new_tokens
        return [one for one, _ in going]

    def _leave(self) -> None:
        """Rows that have ended take nothing any more."""
        stay = [i for i, one in enumerate(self.rows) if not one.ended]
        if not stay:
            self.flow = None
        elif len(stay) < len(self.rows):
            self.flow.select(torch.tensor(stay, device=self.backbone.device))
        self.rows = [self.rows[i] for i in stay]

    def _belong(self, rows: Sequence[Answer]) -> None:
        if self.owner is not None:
            self.call.belong(self.owner[[one.row for one in rows]])


def _owner(call: Call, rows: int) -> Tensor | None:
    """The number of each row's delta; None where every delta acts on all rows."""
    if all(mine is None for mine in call.rows):
        return None
    owner_B = torch.full((rows,), -1)
    for number, mine in enumerate(call.rows):
        owner_B[mine] = number
    return owner_B
