"""Answers of a finished trial to new rows or to one text."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import data, tasks
from .backbone import Backbone
from .decode import Decoding
from .delta import Delta
from .encode import plan
from .errors import DataError, UserError
from .predict import predict as predicted
from .records import Example, to_json
from .results import finished
from .tasks.template import columns_of, required_columns
from .trial import Run, trained_delta


def predict(
    trial: Path, source: str | None, text: str | None, *, beams: int = 1, temperature: float = 0.0
) -> list[dict[str, Any]]:
    """Predictions as JSON values, in the order of the rows.

    Raises:
        UserError: no finished trial there, neither or both of rows and text, or rows without the prompt's columns.
    """
    if (source is None) == (text is None):
        raise UserError("One of DATA and --text is needed.", 'DATA, or --text "…"', "name one of them")
    run, delta = opened(trial)
    examples = [single(run.task, text)] if text is not None else rows(run.task, source)
    return answered(run, delta, examples, beams=beams, temperature=temperature)


def opened(trial: Path, backbone: Backbone | None = None) -> tuple[Run, Delta]:
    """A finished trial and what it learned; on `backbone` where that is the one it was trained on.

    Raises:
        UserError: no trial there that ended well; Damaged: a file of it is not what it was.
    """
    finished(trial)
    run = Run(trial, tell=lambda _: None)
    if backbone is not None and backbone.fingerprint == run.trial.fingerprint:
        run.backbone = backbone
    return run, trained_delta(run)


def answered(
    run: Run, delta: Delta, examples: list[Example], *, beams: int = 1, temperature: float = 0.0
) -> list[dict[str, Any]]:
    """What an opened trial says to these examples, in their order, as JSON values."""
    filler = run.task.labels[0] if run.task.kind == "label" else "?"  # a plan wants an answer, a question has none
    asked = [dataclasses.replace(e, references=(filler,)) for e in examples]
    made = plan(run.backbone, run.task, asked, run.budget, run.shots())
    plain = run.decoding
    decoding = Decoding(plain.max_new_tokens, plain.min_new_tokens, beams, temperature)
    said = {p.id: p for p in predicted(run.backbone, delta, run.task, examples, made, decoding)}
    return [to_json(said[e.id]) for e in examples]


def single(task: Any, text: str | None) -> Example:
    """One text in the place of the prompt's column; of a chat, the user's first turn."""
    if isinstance(task, tasks.Chat):
        return spoken(task, [("user", text or "")])
    columns, needed = columns_of(task.prompt), required_columns(task.prompt)
    if len(needed or columns) != 1:
        raise DataError(
            f"The prompt needs the columns {', '.join(needed or columns)}, one text cannot fill them.",
            "rows with these columns",
            "a jsonl file as DATA, or objects with these columns where a server is asked",
        )
    return Example("text", "text", dict.fromkeys(columns, "") | {(needed or columns)[0]: text or ""}, ())


def spoken(task: Any, turns: Sequence[tuple[str, str]]) -> Example:
    """(role, text) turns that end with the user's: a chat reads them all, any other task the last one."""
    if isinstance(task, tasks.Chat):
        return Example("text", "text", tasks.Chat.fields(turns), ())
    return single(task, turns[-1][1])


def rows(task: Any, source: str | None) -> list[Example]:
    """The rows to answer: the test split where there are several."""
    splits = data.read(str(source)).splits
    split = next(s for s in ("test", "dev", "train") if s in splits)
    return tasks.examples(task, splits[split], split, need_answers=False)[0]
