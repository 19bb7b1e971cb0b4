"""Many deltas at one module in one step: y·gain + shift + B(Ax), each row with its own gain, shift and low rank.

LoRA, DoRA, IA3 on outputs, BitFit and layer-norm tuning all say this much and no more once they are trained. So rows
of any mixture of them need one product with all A's, one with all B's, and a mask between the two that leaves each row
its own rank: zeros are added where another delta's would be, and nothing else of another row enters.

Shapes: B rows, S positions, i / o input / output features, k deltas, r rank of one, R of all together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Affine:
    """y·gain + shift + B(Ax) in fp32; what is None changes nothing."""

    gain_o: Tensor | None = None
    shift_o: Tensor | None = None
    a_ri: Tensor | None = None
    b_or: Tensor | None = None


class Crowd:
    """The affine changes of several deltas at one module, or at one part of it.

    Args:
        changes: number of the delta -> its change.
        deltas: how many deltas are attached; the others change nothing here.
    """

    def __init__(self, changes: Mapping[int, Affine], deltas: int) -> None:
        gains = {n: c.gain_o for n, c in changes.items() if c.gain_o is not None}
        shifts = {n: c.shift_o for n, c in changes.items() if c.shift_o is not None}
        low = {n: c for n, c in changes.items() if c.a_ri is not None}
        self._a_Ri = torch.cat([c.a_ri for c in low.values()]) if low else None
        self._b_oR = torch.cat([c.b_or for c in low.values()], 1) if low else None
        ranks = [_table({n: c.a_ri.new_ones(len(c.a_ri))}, deltas, 0.0) for n, c in low.items()]
        own_kR = torch.cat(ranks, 1) if ranks else None
        self._tables = (_table(gains, deltas, 1.0), _table(shifts, deltas, 0.0), own_kR)
        self._owner_B: Tensor | None = None
        self._rows: list[Tensor | None] = []

    def __call__(self, x: Tensor, y: Tensor, owner_B: Tensor) -> Tensor:
        """`y` (B, …, o) changed, row b by delta `owner_B[b]`, which nobody writes into; `x` (B, …, i)."""
        if owner_B is not self._owner_B:  # the same rows say many tokens
            self._owner_B = owner_B
            ones = (1,) * (y.ndim - 2)  # one at least; two where a norm sees every head by itself
            self._rows = [None if t is None else t[owner_B].view(-1, *ones, t.shape[1]) for t in self._tables]
        gain_B1o, shift_B1o, own_B1R = self._rows
        changed = y.float()
        if gain_B1o is not None and shift_B1o is not None:
            changed = torch.addcmul(shift_B1o, changed, gain_B1o)
        elif gain_B1o is not None:
            changed = changed * gain_B1o
        elif shift_B1o is not None:
            changed = changed + shift_B1o
        if own_B1R is not None:
            changed = changed + F.linear(F.linear(x.float(), self._a_Ri) * own_B1R, self._b_oR)
        return changed.to(y.dtype)


def _table(rows: Mapping[int, Tensor], deltas: int, neutral: float) -> Tensor | None:
    """(k, n): the given rows, `neutral` in those of every other delta; None where there is no row."""
    if not rows:
        return None
    first = next(iter(rows.values()))
    table = first.new_full((deltas, len(first)), neutral)
    for number, row in rows.items():
        table[number] = row
    return table
