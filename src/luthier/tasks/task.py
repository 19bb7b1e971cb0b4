"""What every task is, for third parties too: a frozen `@spelled` dataclass with these names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, Self

from ..errors import SpellingError
from ..records import Example
from .template import SLOT, columns_of, fill, preceded


class Task(Protocol):
    """How rows become prompts, what form an answer takes, and what counts as right."""

    word: ClassVar[str]
    """Its name on the command line."""
    kind: ClassVar[str]
    """`text` (an answer is written), `label` (one of N is chosen) or `read` (nothing is answered)."""
    metrics: ClassVar[tuple[str, ...]]
    best_by: ClassVar[str]
    """The metric, of `metrics`, that picks the best checkpoint."""

    @property
    def prompt(self) -> str:
        """Template with `{column}`; empty until `infer` has seen the columns."""

    @property
    def answer(self) -> str:
        """Column of the right answer; empty until `infer` has seen the columns."""

    @property
    def max_new_tokens(self) -> int:
        """Where writing stops at the latest."""

    def prompt_text(self, example: Example) -> str:
        """What the model reads."""

    def preceded(self, text: str) -> Self:
        """This task with a fixed text before every prompt."""


def check(task: Task) -> None:
    """Refuse settings that cannot work, when they are typed and not an hour later.

    Raises:
        SpellingError: a broken template, one without a column or with two slots, or no room for an answer.
    """
    if task.prompt and not columns_of(task.prompt):
        raise SpellingError(
            f"The prompt {task.prompt!r} names no column: it would be the same for every row.",
            "{column}",
            "put {text} or so into it",
        )
    if task.prompt.count(SLOT) > 1:
        raise SpellingError(
            f"The prompt {task.prompt!r} has {task.prompt.count(SLOT)} slots.",
            f"one {SLOT}; words of several pieces get several masks there",
            "take the others out",
        )
    if task.max_new_tokens < 1:
        raise SpellingError(
            f"{task.word}: max_new_tokens={task.max_new_tokens}.", "1 or more", "leave it out for the default"
        )


class Prompted:
    """A task whose question is a template."""

    prompt: str

    def preceded(self, text: str) -> Self:
        """This task with a fixed text before every prompt."""
        return replace(self, prompt=preceded(self.prompt, text))  # type: ignore[type-var]


@dataclass(frozen=True)
class Written(Prompted):
    """The settings of a task whose answers are written; a task of this kind adds its card, its word and its metrics."""

    kind: ClassVar[str] = "text"

    prompt: str = ""
    answer: str = ""
    max_new_tokens: int = 128

    def __post_init__(self) -> None:
        check(self)  # type: ignore[arg-type]

    def prompt_text(self, example: Example) -> str:
        """What the model reads."""
        return fill(self.prompt, example.fields)
