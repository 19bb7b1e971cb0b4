"""The task behind `--task summarise`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spell import spelled
from .task import Written


@spelled
@dataclass(frozen=True)
class Summarise(Written):
    """Say a long text in a few words.

    Example: "#Person1#: The lift is broken again. #Person2#: I'll call the landlord before lunch."
        -> "#Person2# will tell the landlord about the broken lift."
    Right: overlap with the references, ROUGE-1, -2, -L and -Lsum, fractions in 0-1 (Lin 2004, "ROUGE: A Package for
        Automatic Evaluation of Summaries", sections 2 and 3). The model data set has three references for each
        test dialogue (Chen et al. 2021, "DialogSum: A Real-Life Scenario Dialogue Summarization Dataset").
    Limits: overlap rewards the words and not the facts; a summary that swaps two speakers scores nearly full.
        Compare figures only where language, tokenisation and the number of references are the same.
    Defaults: 96 new tokens hold a summary of three sentences.
    """

    word: ClassVar[str] = "summarise"
    metrics: ClassVar[tuple[str, ...]] = ("rouge1", "rouge2", "rougeL", "rougeLsum")
    best_by: ClassVar[str] = "rouge1"

    max_new_tokens: int = 96
