"""The task behind `--task chat`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..records import Example
from ..spell import spelled
from .task import Written
from .turns import MESSAGES, TURNS, as_messages, shown


@spelled
@dataclass(frozen=True)
class Chat(Written):
    """Say the next assistant turn of a conversation.

    Example: "User: Is the pool open? / Assistant: Until nine. / User: And on Sundays?" -> "On Sundays until six."
    Right: chrF, ROUGE-1 and ROUGE-L against the recorded turn (Popović 2015, "chrF: character n-gram F-score for
        automatic MT evaluation"; Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"). Every assistant
        turn is an example of its own behind the recorded turns before it, and only its tokens enter the loss; the
        turns of one conversation are one group.
    Limits: many other turns would be as good; read the answers side by side before believing a figure.
    Defaults: the tokenizer's chat template where there is one, in training, evaluation and serving; else `User: …`
        lines. 128 new tokens.
    """

    word: ClassVar[str] = "chat"
    metrics: ClassVar[tuple[str, ...]] = ("chrf", "rouge1", "rougeL")
    best_by: ClassVar[str] = "chrf"

    def messages(self, example: Example) -> list[dict[str, str]]:
        """The turns before the answer, as chat templates want them: `[{"role": …, "content": …}]`."""
        return json.loads(example.fields[MESSAGES])

    @staticmethod
    def fields(turns: Sequence[tuple[str, str]]) -> dict[str, str]:
        """The fields of an example that continues these (role, text) turns."""
        return {TURNS: shown(list(turns)), MESSAGES: as_messages(list(turns))}
