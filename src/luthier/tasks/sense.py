"""The task behind `--task sense`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spell import spelled
from .classify import Classify


@spelled
@dataclass(frozen=True)
class Sense(Classify):
    """Say whether a word means the same in two sentences.

    Example: "Sentence 1: She gave her hair a quick brush. / Sentence 2: The dentist recommended two brushes a day. /
        Does "brush" mean the same in both sentences?" -> "true", said as the word "yes"
    Right: accuracy (Pilehvar and Camacho-Collados 2019, "WiC: the Word-in-Context Dataset for Evaluating
        Context-Sensitive Meaning Representations", arXiv:1808.09121, section 4).
    Limits: where in a sentence the word stands is not shown, which matters where it stands there twice; a class head
        reads the whole question as one text. 0.5 is luck.
    Defaults: columns sentence1, sentence2 and word; the second of the two labels in order is yes. Accuracy picks the
        checkpoint, because the sets are balanced.
    """

    word: ClassVar[str] = "sense"

    best_by: str = "accuracy"
