"""The task behind `--task translate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spell import spelled
from .task import Written


@spelled
@dataclass(frozen=True)
class Translate(Written):
    """Say the same in another language, or in the language of another time.

    Example: "The last bus has gone." -> "末班车已经开走了。"
    Right: chrF and BLEU over all rows together, fractions in 0-1 (Popović 2015, "chrF: character n-gram F-score for
        automatic MT evaluation"; Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine
        Translation"). chrF picks the checkpoint: BLEU of a few hundred rows jumps.
    Limits: both reward wording. Columns `en` and `zh` go from English to Chinese; `--answer en` turns them round.
    Defaults: 128 new tokens hold a long sentence in either language.
    """

    word: ClassVar[str] = "translate"
    metrics: ClassVar[tuple[str, ...]] = ("chrf", "bleu")
    best_by: ClassVar[str] = "chrf"
