"""How long the answers are, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .beside import Said

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’-][^\W{_CJK}]+)*")


def length(text: str) -> int:
    """Words, where every Chinese, Japanese or Korean character counts as one."""
    return len(_WORD.findall(text))


@dataclass(frozen=True)
class Lengths:
    """Percentiles 5, 25, 50, 75, 95 of the answer lengths of one trial (`mark`) or of the references (None)."""

    name: str
    mark: int | None
    five: tuple[float, ...]


def lengths(said: Sequence[Said]) -> tuple[list[Lengths], bool]:
    """The references first, then every trial; and whether most of the reference text is in CJK characters."""
    spoken = [one for one in said if one.predictions]
    if not spoken:
        return [], False
    references = [r for p in spoken[0].predictions for r in p.references]
    text = "".join(references)
    rows = [Lengths(one.name, one.mark, _five([p.prediction for p in one.predictions])) for one in spoken]
    if references:
        rows.insert(0, Lengths("", None, _five(references)))
    return rows, len(re.findall(f"[{_CJK}]", text)) > 0.3 * len(text) > 0


def _five(texts: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(v) for v in np.percentile([length(t) for t in texts], (5, 25, 50, 75, 95)))
