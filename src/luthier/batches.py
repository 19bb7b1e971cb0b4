"""Token plan -> batches.

Which rows form a batch, and in which order batches come, is a pure function of (seed, step); a resumed trial needs
no iterator state.

Shapes: B rows, S input positions, T answer positions, L labels, K masks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from .backbone import Backbone
from .delta import Delta
from .encode import Plan
from .errors import TooLong
from .records import Budget

TOGETHER = 64
"""Rows answered together: enough to amortise reading the weights, few enough for their keys and values."""
TOKENS = 12_288
"""Their padded input tokens: bounds what encoding them and their keys and values take."""
READ = 4096
"""Padded tokens of rows that begin in one pass: rows sorted by length share little padding in small groups, and more
tokens at once are read no faster."""
REFILL = 4
"""Waiting rows join when they would be one in `REFILL` of the batch: their first pass costs much for few of them."""
WHOLE = 16
"""torch's fused attention, which only answers, is up to three times as fast in bf16 over whole sixteens of positions;
rows of a few would become longer for it than they win."""
WINDOW = 50
"""Batches whose rows are sorted by length together: little padding, still a new mix every epoch."""


class Counted(Protocol):
    """Rows whose lengths are known: a token plan, or what is left of one."""

    @property
    def lengths(self) -> np.ndarray:
        """(rows, 2): input and answer tokens."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Batch:
    """What one forward pass reads.

    Attributes:
        ids_BS, mask_BS: inputs, virtual ids included (negative), padding masked.
        positions_BS: explicit positions for causal backbones, else None.
        decoder_BT: what an encoder-decoder's decoder reads, else None.
        wanted: positions whose next token is a label, (B, S) or (B, T); None for class heads.
        labels_N: the labels at those positions in reading order, or the class numbers.
        tokens: real input and label tokens.
        pieces_LK: ids of the words that compete at an encoder's masks, -1 behind the shorter ones; else None.
    """

    ids_BS: Tensor
    mask_BS: Tensor
    positions_BS: Tensor | None
    decoder_BT: Tensor | None
    wanted: Tensor | None
    labels_N: Tensor
    tokens: int
    pieces_LK: Tensor | None = None


@dataclass(frozen=True)
class Layout:
    """How a delta and a backbone want their rows laid out."""

    kind: str
    pad: int
    start: int = 0
    """First decoder token."""
    virtual: int = 0
    behind_first: bool = False
    """Virtual ids stand behind the row's first token ([CLS])."""
    offset: int = 0
    """First real position, behind a prefix."""
    positions: bool = False
    limit: int | None = None
    """Positions the model can number."""

    @classmethod
    def of(cls, backbone: Backbone, delta: Delta) -> Layout:
        seq2seq, causal = backbone.kind == "seq2seq", backbone.kind == "causal"
        return cls(
            backbone.kind,
            backbone.tokenizer.pad_token_id,
            backbone.decoder_start() if seq2seq else 0,
            delta.virtual_tokens,
            backbone.kind == "encoder" and not delta.virtual_first,
            delta.prefix_tokens if causal else 0,
            causal and backbone.family.positions,
            backbone.position_limit(),
        )

    def check_room(self, longest: int) -> None:
        """Refuse rows of `longest` tokens, virtual ones included, that would leave the numbered positions.

        Raises:
            TooLong: the learned tokens and the rows together are too long.
        """
        needed = longest + self.offset
        if self.limit is not None and needed > self.limit:
            raise TooLong(
                f"{self.virtual + self.offset} learned tokens and {longest - self.virtual} of a row take {needed}.",
                f"{self.limit} on this backbone",
                f"lower --max-input-tokens by {needed - self.limit}, or the method's tokens",
            )

    def whole(self, width: int) -> int:
        """`width` positions, rounded up to a whole number of `WHOLE` if they are many and the model can number them."""
        even = -(-width // WHOLE) * WHOLE
        return even if width > 4 * WHOLE and (self.limit is None or even + self.offset <= self.limit) else width

    def row(self, ids: np.ndarray) -> np.ndarray:
        """One row with its virtual ids: virtual token v has the id −(v+1)."""
        if not self.virtual:
            return ids
        virtual = -np.arange(1, self.virtual + 1, dtype=ids.dtype)
        cut = 1 if self.behind_first else 0
        return np.concatenate([ids[:cut], virtual, ids[cut:]])


Layouts = Layout | Sequence[Layout]
"""One layout for all rows, or one for each: a batch of several deltas."""


def each_row(layout: Layouts, rows: int) -> Sequence[Layout]:
    """A layout for each of `rows` rows."""
    return [layout] * rows if isinstance(layout, Layout) else layout


def steps_per_epoch(rows: int, budget: Budget) -> int:
    return max(1, -(-rows // budget.batch_size))


def total_steps(rows: int, budget: Budget) -> int:
    """Optimiser steps of a trial."""
    return budget.steps or max(1, round(budget.epochs * steps_per_epoch(rows, budget)))


def batch_rows(made: Counted, budget: Budget, seed: int, step: int) -> np.ndarray:
    """Row numbers of optimiser step `step` (from 0)."""
    per_epoch = steps_per_epoch(len(made), budget)
    return _epoch(_Lengths(made.lengths), budget.batch_size, seed, step // per_epoch)[step % per_epoch]


class _Lengths:
    """Lengths as a key of the cache: one plan, one object id, is enough to tell plans apart within a process."""

    def __init__(self, rows_2: np.ndarray) -> None:
        self.rows_2, self._hash = rows_2, hash(rows_2.tobytes())

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Lengths) and np.array_equal(self.rows_2, other.rows_2)


@lru_cache(maxsize=8)
def _epoch(lengths: _Lengths, size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The batches of one epoch: shuffled, sorted by (input, answer) length within windows, batches shuffled."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths.rows_2))
    batches = []
    for start in range(0, len(order), WINDOW * size):
        window = order[start : start + WINDOW * size]
        ranked = window[np.lexsort((lengths.rows_2[window, 1], lengths.rows_2[window, 0]))]
        batches += [ranked[i : i + size] for i in range(0, len(ranked), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def micro_batches(made: Counted, rows: np.ndarray, most_tokens: int) -> list[np.ndarray]:
    """Cut a batch into passes of at most `most_tokens` padded tokens (a single row may exceed it)."""
    lengths = made.lengths
    ranked = rows[np.lexsort((lengths[rows, 1], lengths[rows, 0]))]
    passes: list[list[int]] = [[]]
    for row in ranked:
        widest = lengths[[*passes[-1], row]].max(0).sum() * (len(passes[-1]) + 1)
        if passes[-1] and widest > most_tokens:
            passes.append([])
        passes[-1].append(int(row))
    return [np.array(p) for p in passes]


def collate(made: Plan, rows: Sequence[int] | np.ndarray, layout: Layouts, device: torch.device | str = "cpu") -> Batch:
    """The rows as one batch, padded on the right; rows of several deltas bring their own layouts."""
    answers = [made.answers[r] for r in rows]
    layouts = each_row(layout, len(rows))
    inputs = [own.row(made.inputs[r]) for own, r in zip(layouts, rows)]
    tokens = sum(len(made.inputs[r]) + len(made.answers[r]) for r in rows)
    layout = layouts[0]
    behind = layout.kind == "causal"  # answers stand behind inputs and use up the same positions
    for own, i, a in zip(layouts, inputs, answers):
        own.check_room(len(i) + (len(a) if behind else 0))
    if not any(len(a) for a in answers):
        ids, mask = pad(inputs, layout)
        labels = torch.from_numpy(made.classes[np.asarray(rows)].astype(np.int64))
        pieces = torch.from_numpy(made.pieces) if made.pieces.size else None
        return _place(Batch(ids, mask, layout_positions(mask, layouts), None, None, labels, tokens, pieces), device)
    labels = torch.from_numpy(np.concatenate(answers).astype(np.int64))
    if layout.kind == "seq2seq":
        ids, mask = pad(inputs, layout)
        decoder, real = pad([np.concatenate([[layout.start], a[:-1]]) for a in answers], layout)
        return _place(Batch(ids, mask, None, decoder, real.bool(), labels, tokens), device)
    ids, mask = pad([np.concatenate([i, a[:-1]]) for i, a in zip(inputs, answers)], layout)
    wanted = torch.zeros_like(mask, dtype=torch.bool)
    for row, (i, a) in enumerate(zip(inputs, answers)):
        wanted[row, len(i) - 1 : len(i) + len(a) - 1] = True
    return _place(Batch(ids, mask, layout_positions(mask, layouts), None, wanted, labels, tokens), device)


def pad(rows: Sequence[np.ndarray], layout: Layout, left: bool = False) -> tuple[Tensor, Tensor]:
    """Rows of ids -> (ids, mask), both (B, S) int64; where nothing learns, S may be a whole number of `WHOLE`."""
    width = max(len(r) for r in rows)
    if not torch.is_grad_enabled():
        width = layout.whole(width)
    ids = np.full((len(rows), width), layout.pad, np.int64)
    mask = np.zeros((len(rows), width), np.int64)
    for number, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[number, place], mask[number, place] = row, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def layout_positions(mask_BS: Tensor, layout: Layouts) -> Tensor | None:
    """Positions that ignore padding and start behind each row's own prefix; None where the model needs none."""
    layouts = each_row(layout, len(mask_BS))
    if not layouts[0].positions:
        return None
    offset_B1 = torch.tensor([[own.offset] for own in layouts], device=mask_BS.device)
    return (mask_BS.cumsum(1) - 1).clamp_min(0) + offset_B1


def _place(batch: Batch, device: torch.device | str) -> Batch:
    if str(device) == "cpu":
        return batch
    moved = {n: v.to(device) if isinstance(v, Tensor) else v for n, v in vars(batch).items()}
    return Batch(**moved)


class Queue:
    """Rows that wait, in the order in which they shall begin.

    Args:
        widths: input tokens of every row.
        order: the rows that wait; the longest first makes little padding.
        rows, tokens: that may be under way at once, padding included.
        read: padded tokens that may begin at once.
    """

    def __init__(
        self,
        widths: Sequence[int],
        order: Iterable[int],
        rows: int = TOGETHER,
        tokens: int = TOKENS,
        read: int = READ,
    ) -> None:
        self.widths, self.waiting, self.rows, self.tokens, self.read = widths, deque(order), rows, tokens, read

    def __bool__(self) -> bool:
        return bool(self.waiting)

    def begin(self, going: Sequence[int]) -> list[int]:
        """The rows that shall join those under way now; none while there is room for only a few."""
        new: list[int] = []
        widest = max((self.widths[row] for row in going), default=0)
        for row in self.waiting:
            widest, together = max(widest, self.widths[row]), len(going) + len(new)
            if together and (together == self.rows or widest * (together + 1) > self.tokens):
                break
            new.append(row)
        if len(new) < len(self.waiting) and len(new) * REFILL < len(going) + len(new):
            return []
        new = new[: self._read(new)]
        for _ in new:
            self.waiting.popleft()
        return new

    def _read(self, rows: Sequence[int]) -> int:
        """How many of these rows are read in one pass: one at least."""
        widest = 0
        for count, row in enumerate(rows):
            widest = max(widest, self.widths[row])
            if count and widest * (count + 1) > self.read:
                return count
        return len(rows)

    def groups(self) -> Iterator[list[int]]:
        """All rows, in groups that begin when the one before has ended."""
        while self:
            yield self.begin([])
