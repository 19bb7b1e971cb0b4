"""The task behind `--task chat`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..records import Example
from ..spell import spelled
from .task import Written
from .template import fill
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
    Rows without turns, such as instructions with an input and an output, are chats of one question and its answer.
    Defaults: the tokenizer's chat template where there is one, in training, evaluation and serving; else `User: …`
        lines. 128 new tokens. `system` is a system turn before every conversation, in front of its own one.
    """

    word: ClassVar[str] = "chat"
    metrics: ClassVar[tuple[str, ...]] = ("chrf", "rouge1", "rougeL")
    best_by: ClassVar[str] = "chrf"

    system: str = ""

    def messages(self, example: Example) -> list[dict[str, str]]:
        """The turns before the answer, as chat templates want them: `[{"role": …, "content": …}]`."""
        held = example.fields.get(MESSAGES)
        said = json.loads(held) if held else [{"role": "user", "content": fill(self.prompt, example.fields)}]
        if not self.system:
            return said
        own = [said.pop(0)["content"]] if said[0]["role"] == "system" else []
        return [{"role": "system", "content": "\n".join([self.system, *own])}, *said]

    def prompt_text(self, example: Example) -> str:
        said = [(turn["role"], turn["content"]) for turn in self.messages(example)]
        if not example.fields.get(MESSAGES):
            return f"{shown(said)}\nAssistant: "
        return fill(self.prompt, {**example.fields, TURNS: shown(said)})

    def preceded(self, text: str) -> Chat:
        return replace(self, system="\n".join(filter(None, [text, self.system])))

    @staticmethod
    def fields(turns: Sequence[tuple[str, str]]) -> dict[str, str]:
        """The fields of an example that continues these (role, text) turns."""
        return {TURNS: shown(list(turns)), MESSAGES: as_messages(list(turns))}
