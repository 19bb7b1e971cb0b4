"""Rows made safe to keep: what no text can hold is replaced, what is no number is emptied, and both are counted.

Objects become columns (`nested`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from ..errors import DataError
from .nested import unnested
from .table import Row, count

BROKEN = re.compile("[\0\ud800-\udfff]")
"""NUL and half a surrogate pair: no tokenizer and no UTF-8 file takes them."""


def mended(rows: Iterable[Any], name: str, notes: list[str]) -> list[Row]:
    """`rows` with plain values and no objects in them; what was changed is said in `notes`.

    Raises:
        DataError: a row that is no object, or nested beyond what Python can walk.
    """
    mend = _Mend()
    done: list[Row] = []
    try:
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                shown = json.dumps(row, ensure_ascii=False, default=str)[:60]
                raise DataError(f"{name}: row {number} is {shown}.", "objects, {column: value}", "name the columns")
            done.append(mend.value(row))
        done = unnested(done, name, notes)
    except RecursionError as fault:
        raise DataError(f"{name} is nested too deeply.", "plain columns", "flatten the rows") from fault
    if mend.replaced:
        broken = count(mend.replaced, "character")
        notes.append(f"{name}: {broken} that no text can hold (NUL, lone surrogate) replaced by U+FFFD")
    if mend.emptied:
        notes.append(f"{name}: {count(mend.emptied, 'NaN value')} taken as empty")
    return done


class _Mend:
    def __init__(self) -> None:
        self.replaced = self.emptied = 0

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if isinstance(value, float) and value != value:
            self.emptied += 1
            return None
        plain = value is None or isinstance(value, (bool, int, float, bytes))
        return value if plain else str(value)  # dates and decimals of parquet

    def _text(self, text: str) -> str:
        text, times = BROKEN.subn("\ufffd", text)
        self.replaced += times
        return text
