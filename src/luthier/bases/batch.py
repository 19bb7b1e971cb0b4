"""What a step learns from, and how rows of unequal length become arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

NOT_LEARNT = -100


@dataclass(frozen=True)
class Batch:
    """Token numbers a model reads, and what it should say.

    Attributes:
        inputs: (rows, length), padded with 0 on the right.
        targets: token numbers to be said, `NOT_LEARNT` elsewhere.
        extra: further labels of some families, by name.
    """

    inputs: np.ndarray
    targets: np.ndarray
    extra: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Real tokens: what is read, and what is said apart from it."""
        read = int((self.inputs != 0).sum())
        return read if self.inputs.shape == self.targets.shape else read + int((self.targets != NOT_LEARNT).sum())


def padded(rows: Sequence[Sequence[int]], filler: int = 0) -> np.ndarray:
    """Rows side by side, filled on the right to the longest."""
    wide = np.full((len(rows), max(map(len, rows))), filler, dtype=np.int64)
    for number, row in enumerate(rows):
        wide[number, : len(row)] = row
    return wide
