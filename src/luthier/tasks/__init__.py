"""Tasks: how a row becomes a prompt, what form its answer takes, and what counts as right.

    task, notes = infer(rows)                            # from the columns, or from what the user typed
    train, notes = examples(task, rows, "train")
    task = with_labels(task, train, {"test": test})      # classification only

A new task is one file here and one word in `TASKS`; other packages register under `luthier.tasks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..spell import parse, shelf
from .answer import Answer
from .chat import Chat
from .choose import Choose
from .classify import Classify
from .instruct import Instruct
from .keywords import Keywords
from .read import Read
from .refer import Refer
from .rows import examples, input_keys, with_labels
from .sense import Sense
from .settle import settle
from .summarise import Summarise
from .task import Task
from .translate import Translate

TASKS = shelf("tasks", (Summarise, Classify, Choose, Sense, Refer, Answer, Translate, Keywords, Chat, Read, Instruct))


def parse_task(text: str, notes: list[str] | None = None) -> Task:
    """`classify(words=('negative','positive'))` -> the task; `summarize` is understood too.

    Raises:
        SpellingError: an unknown word or setting.
    """
    return parse(text, {**TASKS, "summarize": Summarise}, notes)


def infer(
    rows: Sequence[Mapping[str, Any]], *, task: str | None = None, prompt: str | None = None, answer: str | None = None
) -> tuple[Task, tuple[str, ...]]:
    """The task that the columns of `rows` spell out, and notes on what was decided.

    `task` is a word with or without settings and beats what the columns suggest; `prompt` a template with
    `{column}` (required), `{column?}` (may be empty) and `{{`; `answer` the column of the right answers. Labels
    are not collected yet (`with_labels`).

    Raises:
        DataError: no rows, columns of no known shape, a placeholder or an answer that is no column.
        SpellingError: a task or a template that cannot be read.
    """
    typed: list[str] = []
    given = parse_task(task, typed) if task else None
    made, notes = settle(rows, given, prompt or "", answer or "", TASKS)
    return made, (*typed, *notes)


__all__ = [
    "TASKS",
    "Answer",
    "Chat",
    "Choose",
    "Classify",
    "Instruct",
    "Keywords",
    "Read",
    "Refer",
    "Sense",
    "Summarise",
    "Task",
    "Translate",
    "examples",
    "infer",
    "input_keys",
    "parse_task",
    "with_labels",
]
