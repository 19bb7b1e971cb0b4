"""Objects inside rows as columns named with a dot: `{"translation": {"en": "…"}}` has the column `translation.en`."""

from __future__ import annotations

from typing import Any

from ..errors import DataError
from .table import Row, listed


def unnested(rows: list[Row], name: str, notes: list[str]) -> list[Row]:
    """`rows` with a column for each part of an object; which columns that are is said in `notes`.

    An answer with its place in the text, `{"text": […], "answer_start": […]}`, stays whole, and so do lists.

    Raises:
        DataError: a row that has such a column already.
    """
    outer = dict.fromkeys(column for row in rows for column, value in row.items() if _opens(column, value))
    if not outer:
        return rows
    done: list[Row] = []
    parts: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        filled = {column: value for column, value in row.items() if value not in (None, {}) or column not in outer}
        done.append(_flat(filled, f"{name}: row {number}"))
        parts |= dict.fromkeys(column for column in done[-1] if column not in row)
    notes.append(f"{name}: the parts of {listed(list(outer))} are columns, named with a dot: {listed(list(parts))}")
    return done


def _flat(row: Row, place: str) -> Row:
    flat: Row = {}
    for column, value in row.items():
        own = {f"{column}.{k}": v for k, v in _flat(value, place).items()} if _opens(column, value) else {column: value}
        if twice := [key for key in own if key in flat]:
            raise DataError(f"{place} has {twice[0]!r} twice.", "each name once", "rename one of them")
        flat |= own
    return flat


def _opens(column: str, value: Any) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    return not isinstance(value.get("text"), list) and not ("text" in value and column.lower().startswith("answer"))
