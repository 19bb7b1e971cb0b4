"""Several data sets as one: every row with the prompt that its own columns suggest, and the name of its task.

    gathered({"summary": "dialogues", "sentiment": "reviews"}).splits["train"][0]
    # {"task": "summary", "input": "Summarize the following conversation. …", "target": […], "group": "summary dev-3"}

What `--task instruct` makes of them (which rows of each are trained on, which tasks are held out) is said there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import data, tasks
from .data.table import SPLITS, Table
from .errors import UserError

TEXTS = ("text", "label")
"""Kinds of tasks that have a prompt and an answer."""


def gathered(sources: Mapping[str, str]) -> Table:
    """The rows of all sources by split, each with `task`, `input`, `target` (a list) and `group`.

    Args:
        sources: name of the task -> a file, a folder, a hub id or a built-in name.

    Raises:
        DataError: a source that cannot be read, or whose columns have no known shape.
        UserError: fewer than two sources, or one without answers.
    """
    if len(sources) < 2:
        raise UserError(
            f"{len(sources)} data set makes no mixture.", "two or more", "name them: NAME=SOURCE NAME=SOURCE"
        )
    splits: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    notes: list[str] = []
    for name, source in sources.items():
        table = data.read(source)
        task, told = tasks.infer(next(table.splits[s] for s in SPLITS if s in table.splits))
        if task.kind not in TEXTS:
            raise UserError(f"{name}={source}: the task {task.word} has no answers.", ", ".join(TEXTS), "leave it out")
        table = data.complete(table, lambda row, task=task: tasks.input_keys(task, row))
        told = (*table.notes, *told)
        for split in SPLITS:
            found, more = tasks.examples(task, table.splits[split], split)
            told = (*told, *more)
            splits[split] += [
                {"task": name, "input": task.prompt_text(e), "target": list(e.references), "group": f"{name} {e.group}"}
                for e in found
            ]
        notes += [f"{name}: {note}" for note in told]
    return Table(splits, ", ".join(f"{name}={source}" for name, source in sources.items()), notes=tuple(notes))
