"""The data check as a study and the command line ask for it: in the words of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .data.check import Checked, PromptOf, check
from .data.lengths import Ruler
from .data.rows import Columns
from .data.table import Row
from .errors import DataError, SpellingError
from .spell import closest
from .tasks import Classify, Task, infer
from .tasks.template import columns_of
from .tasks.turns import flatten

NO_TEXT = ("id", "idx", "group")
"""Columns that say which row it is."""

SAMPLE = 200
"""Rows that show which columns hold text."""

COUNTED_ELSEWHERE = ("empty", "too_long")
"""Kinds that a study counts where it leaves rows out or cuts them."""

Splits = Mapping[str, Sequence[Row]]


def inspect(splits: Splits, task: Task | None, columns: Columns, ruler: Ruler | None = None) -> Checked:
    """Check the rows of a table; chats are read as the task reads them, lengths count the task's whole prompt.

    Raises:
        DataError: a chat that cannot be read.
    """
    flat = {s: [flatten(row, f"{s} row {n}") for n, row in enumerate(rows, 1)] for s, rows in splits.items()}
    return check(flat, columns, ruler, None if task is None else _reader(task, ruler))


def _reader(task: Task, ruler: Ruler | None) -> PromptOf:
    """What a backbone reads of an example; an encoder with a class head reads the columns without a template."""
    if ruler is not None and ruler.kind == "encoder" and isinstance(task, Classify):
        return lambda example: " ".join(task.segment_texts(example))
    return task.prompt_text


def columns_for(task: Task) -> Columns:
    """What a task reads of a row."""
    return Columns(columns_of(task.prompt), task.answer, task.kind == "label")


def caveats(checked: Checked) -> list[str]:
    """The findings as a study notes them."""
    found = [f.message for f in checked.findings if f.kind not in COUNTED_ELSEWHERE]
    return [f"data check: {said}" for said in (*found, *checked.notes)]


def settle(splits: Splits, asked: Mapping[str, str | None]) -> tuple[Task | None, Columns, tuple[str, ...]]:
    """The task and the columns to look at, and what was decided.

    Args:
        asked: `task`, `prompt` and `answer` as for a study, or `columns`, names with commas. Where nothing was asked
            for and the columns have no known shape, every text column is looked at.

    Raises:
        DataError: what was asked for does not fit the columns.
    """
    rows = [row for own in splits.values() for row in own]
    if asked.get("columns"):
        return None, _named(rows, asked), ()
    words = {name: asked.get(name) for name in ("task", "prompt", "answer")}
    try:
        task, notes = infer(next(iter(splits.values())), **words)
    except DataError:
        if any(words.values()):
            raise
        columns = _texts(rows)
        if not columns:
            raise
        said = f"the columns have no known shape of a task: {', '.join(columns)} are compared together"
        return None, Columns(columns), (said,)
    return task, columns_for(task), notes


def _named(rows: Sequence[Row], asked: Mapping[str, Any]) -> Columns:
    """The columns that were typed; answers that repeat are labels only where a task says so."""
    have = list(dict.fromkeys(name for row in rows for name in row))
    inputs = tuple(name.strip() for name in asked["columns"].split(",") if name.strip())
    answer = asked.get("answer") or ""
    for name in (*inputs, *([answer] if answer else [])):
        if name not in have:
            raise DataError(
                f"The data has no column {name!r}.", ", ".join(have), closest(name, have) or "name one of these"
            )
    if not inputs:
        raise SpellingError(f"--columns {asked['columns']!r} names none.", ", ".join(have), "name one or more of these")
    return Columns(inputs, answer, (asked.get("task") or "").startswith("classify"))


def _texts(rows: Sequence[Row]) -> tuple[str, ...]:
    """Columns that hold text in the first rows."""
    few = rows[:SAMPLE]
    names = dict.fromkeys(name for row in few for name in row)
    return tuple(n for n in names if n not in NO_TEXT and any(isinstance(row.get(n), str) and row[n] for row in few))
