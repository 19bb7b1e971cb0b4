"""Outputs that exist already, in the columns of a file: read, scored, compared and explained without any model.

score_file("outputs.csv", "reference", ["a", "b"], ["rouge"], group_rows=3)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from . import baselines, why
from .alarms import alarms
from .caveats import gathered
from .data import read
from .data.table import Row, listed
from .errors import DataError, UserError
from .machine import environment
from .metrics import direction
from .records import Example, Prediction, to_json
from .score import MARGIN, chosen, figures, resolution, scores, verdicts
from .spell import closest


def read_outputs(
    path: str | PathLike[str],
    references: str,
    outputs: Sequence[str],
    group: str | None = None,
    group_rows: int | None = None,
) -> dict[str, list[Prediction]]:
    """Output column -> one prediction per row of a file that `luthier.data` reads; row i has the id `i`.

    A reference is a text, or a list of texts that are all right. Rows belong together where the column `group` says
    so, or `group_rows` at a time. An output that is missing is an empty text.

    Raises:
        DataError: no such column, a row without a reference or a group, or rows that do not divide by `group_rows`.
        UserError: no output column, one named twice, or both ways of grouping.
    """
    return _outputs(_read(path)[0], references, outputs, group, group_rows)


def score_file(
    path: str | PathLike[str],
    references: str,
    outputs: Sequence[str],
    metrics: Sequence[str] = ("rouge",),
    *,
    group: str | None = None,
    group_rows: int | None = None,
) -> dict[str, Any]:
    """Score and compare the output columns of a file, in the shape of `results.json`; each column is a trial."""
    rows, notes = _read(path)
    said = _outputs(rows, references, outputs, group, group_rows)
    words = [metric.word for metric in chosen(metrics)]
    trials = []
    for name, predictions in said.items():
        empty = sum(not p.prediction.strip() for p in predictions)
        caveats = [f"{empty:,} of {len(predictions):,} outputs are empty and were scored as such"] if empty else []
        caveats += alarms({}, (), predictions, words[0])
        measured = figures(scores(predictions, words))
        trials.append({"id": name, "method": name, "status": "done", "metrics": measured, "caveats": caveats})
    best = max(trials, key=lambda t: direction(words[0]) * t["metrics"][words[0]]["mean"])["id"]
    groups = len({p.group for p in next(iter(said.values()))})
    study = {
        "name": Path(path).name,
        "metrics": words,
        "primary": words[0],
        "margin": MARGIN,
        "references": references,
        "data": {
            "source": fspath(path),
            "synthetic": False,
            "rows": {"test": len(rows)},
            "groups": groups,
            "notes": notes,
        },
    }
    people, found = _people(said), verdicts(said, words)
    return {
        "study": study,
        "trials": trials,
        "caveats": to_json(gathered(trials)),
        "verdicts": to_json(found),
        "references": baselines.table([people], words) if people else [],
        "why": why.explain(said, words[0], best),
        "detectable": resolution([v for v in found if v.metric == words[0]], next(iter(said.values()))),
        "environment": environment(),
    }


def _people(said: Mapping[str, Sequence[Prediction]]) -> baselines.Line | None:
    """The references of a group against each other, where a group is one input: the same output in all of its rows."""
    rows = next(iter(said.values()))
    groups: dict[str, list[int]] = {}
    for i, p in enumerate(rows):
        groups.setdefault(p.group, []).append(i)
    if any(len({one[i].prediction for i in places}) > 1 for one in said.values() for places in groups.values()):
        return None
    examples = [
        Example(group, group, {}, tuple(r for i in places for r in rows[i].references))
        for group, places in groups.items()
    ]
    return baselines.human(examples)


def _read(path: str | PathLike[str]) -> tuple[list[Row], list[str]]:
    table = read(path)
    if len(table.splits) > 1:
        raise DataError(f"{path} holds {listed(list(table.splits))}.", "one list of rows", "name the file of one split")
    return next(iter(table.splits.values())), list(table.notes)


def _outputs(
    rows: Sequence[Row], references: str, outputs: Sequence[str], group: str | None, group_rows: int | None
) -> dict[str, list[Prediction]]:
    names = [name.strip() for name in outputs]
    if not names or len(set(names)) != len(names):
        raise UserError(f"The outputs are {names}.", "one or more columns, each once", "name them with --outputs")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for name in (references, *names, *([group] if group else [])):
        if name not in columns:
            hint = closest(name, columns) or "check the header"
            raise DataError(f"There is no column {name!r}.", listed(columns, 30), hint)
    groups = _groups(rows, group, group_rows)
    wanted = [_references(row.get(references), i) for i, row in enumerate(rows)]
    said = {name: [_text(row.get(name), name, i) for i, row in enumerate(rows)] for name in names}
    return {
        name: [Prediction(str(i), groups[i], text, wanted[i], 0, 0.0) for i, text in enumerate(texts)]
        for name, texts in said.items()
    }


def _groups(rows: Sequence[Row], group: str | None, group_rows: int | None) -> list[str]:
    if group and group_rows is not None:
        raise UserError(f"Rows are grouped by column {group!r} and by {group_rows} rows.", "one of the two", "drop one")
    if group:
        names = [_text(row.get(group), group, i) for i, row in enumerate(rows)]
        if "" in names:
            raise DataError(f"Row {names.index('') + 1} has no {group!r}.", "a group for every row", "fill it in")
        return names
    size = 1 if group_rows is None else group_rows
    if size < 1 or len(rows) % size:
        raise DataError(
            f"{len(rows):,} rows do not make groups of {size}.",
            "a number that divides the rows",
            "check --group-rows, or name a column with --group",
        )
    return [str(i // size) for i in range(len(rows))]


def _references(value: Any, i: int) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [value]
    found = tuple(text for text in (_text(v, "reference", i) for v in texts) if text.strip())
    if not found:
        raise DataError(f"Row {i + 1} has no reference.", "a text in every row", "fill it in or take the row out")
    return found


def _text(value: Any, column: str, i: int) -> str:
    if isinstance(value, (dict, list, bytes)):
        kind = type(value).__name__
        raise DataError(f"Row {i + 1} holds a {kind} as {column}.", "texts or numbers", "flatten the column")
    return "" if value is None else str(value)
