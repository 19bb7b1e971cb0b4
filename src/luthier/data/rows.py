"""Every row as an `Example`, the unusable ones too, so that a check can count them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..records import Example
from .table import SPLITS, Row


@dataclass(frozen=True)
class Columns:
    """What is read of a row."""

    inputs: tuple[str, ...]
    answer: str = ""
    """Empty: nobody said what the answer is."""
    labels: bool = False
    """Answers are labels: a text that carries two of them is a contradiction."""


def every_row(splits: Mapping[str, Sequence[Row]], columns: Columns) -> dict[str, list[Example]]:
    """Split -> one Example a row, in order; its id is the place (`test row 17`, from 1).

    Its group is the row's `group`, or an `id` that rows share, or else its own: rows of one dialogue with a
    reference each belong together, and are no duplicates.
    """
    found: dict[str, list[Example]] = {}
    for split in (s for s in SPLITS if s in splits):
        rows = splits[split]
        shared = Counter(plain(row.get("id")) for row in rows)
        found[split] = [_example(row, f"{split} row {n}", columns, shared) for n, row in enumerate(rows, 1)]
    return found


def _example(row: Row, place: str, columns: Columns, shared: Counter[str]) -> Example:
    own = plain(row.get("id"))
    group = plain(row.get("group")) or (own if own and shared[own] > 1 else place)
    fields = {name: plain(row.get(name)) for name in columns.inputs}
    return Example(place, group, fields, answers(row.get(columns.answer)) if columns.answer else ())


def answers(value: Any) -> tuple[str, ...]:
    """The right answers of a row that hold any text; SQuAD's `{"text": […]}` is read too."""
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    texts = map(plain, value if isinstance(value, list) else [value])
    return tuple(text for text in texts if text.strip())


def plain(value: Any) -> str:
    """Any value as text: lists line by line, numbers as JSON spells them, nothing as empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(map(plain, value))
    return json.dumps(value, ensure_ascii=False, default=repr)


def text_of(example: Example) -> str:
    """The input as one text."""
    return "\n".join(text for text in example.fields.values() if text.strip())


def excerpt(text: str, most: int = 80) -> str:
    """The start of a text on one line."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
