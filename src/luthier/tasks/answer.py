"""The task behind `--task answer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spell import spelled
from .task import Written


@spelled
@dataclass(frozen=True)
class Answer(Written):
    """Write the answer to a question, or the response to an instruction.

    Example: "The ferry to the island runs twice a day. / Question: How often does the ferry run?" -> "twice a day"
    Right: exact match and token F1 against the best reference (Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions
        for Machine Comprehension of Text", section 6.1; for Chinese by character, Cui et al. 2019, "A
        Span-Extraction Dataset for Chinese Machine Reading Comprehension", the evaluation metrics), and ROUGE-L
        (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3) for answers longer than a
        phrase.
    Limits: a right answer in other words scores low; for open instructions all three say only how near the
        output is to the one answer that was recorded.
    Defaults: 128 new tokens; raise it where the recorded answers are longer.
    """

    word: ClassVar[str] = "answer"
    metrics: ClassVar[tuple[str, ...]] = ("exact_match", "f1", "rougeL")
    best_by: ClassVar[str] = "f1"
