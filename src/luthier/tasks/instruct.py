"""The task behind `--task instruct`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import SpellingError
from ..spell import spelled
from .task import Written

TASK_COLUMNS = ("task", "task_name", "dataset", "category")
"""Columns that name the task of a row, the first that is there."""


@spelled
@dataclass(frozen=True)
class Instruct(Written):
    """Follow instructions of many kinds at once, those of kinds never trained on included.

    Example: task "ag_news": "Which section of a newspaper would this appear in? …" -> "Sports"
    Right: ROUGE-L and exact match over all rows, over each task, and as plain means over the tasks that were trained
        and over those that were not (Wang et al. 2022, "Super-NaturalInstructions: Generalization via Declarative
        Instructions on 1600+ NLP Tasks", section 5; Lin 2004, "ROUGE: A Package for Automatic Evaluation of
        Summaries", section 3).
    Limits: a task is what one column names: two names of the same work are two tasks, and a held-out task can have a
        near relative in the mixture.
    Defaults: rows are drawn in proportion to min(rows of the task, cap), to the power of 1/temperature (Raffel et al.
        2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section 3.5.2), as
        many in all as the caps leave, with the cap of 3,000 of FLAN (Wei et al. 2022, arXiv:2109.01652, section 2.4)
        and temperature 1. A task that is owed more rows than it has gives them again. Held-out tasks stay in the test
        split alone. 128 new tokens.
    """

    word: ClassVar[str] = "instruct"
    metrics: ClassVar[tuple[str, ...]] = ("rougeL", "exact_match")
    best_by: ClassVar[str] = "rougeL"

    by: str = ""
    """Column that names a row's task; empty: the first of `TASK_COLUMNS` that is there."""
    held_out: tuple[str, ...] = ()
    """Tasks that are tested and never trained."""
    cap: int = 3000
    temperature: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cap < 1:
            raise SpellingError(f"instruct: cap={self.cap}.", "1 row or more of a task", "leave it out for 3000")
        if not 1 <= self.temperature < float("inf"):
            raise SpellingError(
                f"instruct: temperature={self.temperature}.",
                "1 (in proportion to the rows) or more (towards equal shares)",
                "T5 used 2",
            )
