"""The task behind `--task choose`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spell import spelled
from .classify import Classify


@spelled
@dataclass(frozen=True)
class Choose(Classify):
    """Choose which of two sentences is the cause or the effect of a third.

    Example: "The chandelier shattered on the floor. / What was the cause of this? / 1: The chandelier dropped from the
        ceiling. / 2: The chandelier's lights flickered on and off." -> "0", said as the word "1"
    Right: accuracy (Roemmele, Bejan and Gordon 2011, "Choice of Plausible Alternatives: An Evaluation of Commonsense
        Causal Reasoning", section 3; the form of Wang et al. 2019, "SuperGLUE", arXiv:1905.00537).
    Limits: both sentences stand in one prompt and the answer is a place, so a model must learn to compare; a score for
        each sentence alone, as is usual with a class head, would be easier to learn. 0.5 is luck.
    Defaults: columns premise, choice1, choice2 and question (cause or effect); of the two labels, the first in order is
        the first sentence. Accuracy picks the checkpoint, because neither place is rarer.
    """

    word: ClassVar[str] = "choose"

    best_by: str = "accuracy"
