"""The task behind `--task keywords`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spell import spelled
from .task import Written


@spelled
@dataclass(frozen=True)
class Keywords(Written):
    """List the few terms that a text is about.

    Example: "The ferry to the island stops in winter, when the harbour freezes." -> "ferry_island_harbour"
    Right: F1 of the two sets of terms, whatever their order (Hulth 2003, "Improved Automatic Keyword Extraction Given
        More Linguistic Knowledge", section 4), and ROUGE-L for terms that are nearly right.
    Limits: a synonym scores nothing. Authors also choose terms that the text does not contain, which nobody extracts.
    Defaults: 64 new tokens hold about ten terms.
    """

    word: ClassVar[str] = "keywords"
    metrics: ClassVar[tuple[str, ...]] = ("set_f1", "rougeL")
    best_by: ClassVar[str] = "set_f1"

    max_new_tokens: int = 64
