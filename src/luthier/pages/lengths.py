"""How long the answers are, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.baselines import words_in
from luthier.metrics.words import CJK

from .beside import Said


@dataclass(frozen=True)
class Lengths:
    """Percentiles 5, 25, 50, 75, 95 of the answer lengths of one trial (`mark`) or of the references (None)."""

    name: str
    mark: int | None
    five: tuple[float, ...]


def lengths(said: Sequence[Said]) -> tuple[list[Lengths], bool]:
    """The references first, then every trial; and whether most of the reference text is in CJK characters."""
    spoken = [one for one in said if one.predictions]
    if not any(p.prediction for one in spoken for p in one.predictions):  # texts that were only read
        return [], False
    references = [r for p in spoken[0].predictions for r in p.references]
    text = "".join(references)
    rows = [Lengths(one.name, one.mark, _five([p.prediction for p in one.predictions])) for one in spoken]
    if references:
        rows.insert(0, Lengths("", None, _five(references)))
    return rows, len(CJK.findall(text)) > 0.3 * len(text) > 0


def _five(texts: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(v) for v in np.percentile([words_in(t) for t in texts], (5, 25, 50, 75, 95)))
