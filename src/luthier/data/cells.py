"""Text of csv and tsv -> rows: what separates the cells, what a quotation mark means, which line does not fit."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from ..errors import DataError
from .table import Row, count

LARGEST_CELL = 2**31 - 1
"""Of a csv cell, in characters; the most that `csv.field_size_limit` takes on every system."""

NO_NUMBER = ("NaN", "nan")

SEPARATORS = {";": "semicolons", "\t": "tabs"}
"""What spreadsheets put between cells where the comma is taken."""

QUOTED = re.compile('"[^"]*"')


def comma_separated(text: str, name: str, notes: list[str]) -> list[Row]:
    """Rows of a csv; one whose header has no comma but a semicolon or a tab is separated by that.

    Raises:
        DataError: a line that does not fit the header, with its number.
    """
    other = _other_separator(text)
    if not other:
        return _rows(text, name, notes, delimiter=",")
    try:
        rows = tab_separated(text, name, notes) if other == "\t" else _rows(text, name, notes, delimiter=other)
    except DataError as fault:
        raise DataError(
            f"{name} seems to be separated by {SEPARATORS[other]}, and read so, {fault.what}",
            fault.possible,
            f"{fault.do}; or save the file with commas",
        ) from fault
    notes.append(f"{name}: the cells are separated by {SEPARATORS[other]}")
    return rows


def _other_separator(text: str) -> str:
    """What separates the header's cells where that is no comma; empty where it is one, or there is one cell."""
    header = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    bare = QUOTED.sub("", header.strip())
    return "" if "," in bare else next((mark for mark in SEPARATORS if mark in bare), "")


def tab_separated(text: str, name: str, notes: list[str]) -> list[Row]:
    """Rows of a tsv: quotes mean what they mean in csv, unless that reading fails or joins rows; many such files never
    quote.

    Rows were joined where, with quotes read as text, every line has the header's cells and there are more rows.
    """
    quoted, told = _tried(text, name, delimiter="\t")
    plain, told_plainly = quoted, told
    if '"' in text:
        plain, told_plainly = _tried(text, name, delimiter="\t", quoting=csv.QUOTE_NONE)
    if isinstance(plain, DataError):
        if isinstance(quoted, DataError):
            raise plain
        notes += told
        return quoted
    if isinstance(quoted, DataError):
        notes += [*told_plainly, f"{name}: quotation marks were read as text"]
        return plain
    if _joined(quoted, plain):
        said = f"as quotes they would join {count(len(plain), 'row')} into {len(quoted):,}"
        notes += [*told_plainly, f"{name}: quotation marks were read as text: {said}"]
        return plain
    notes += told
    return quoted


def _tried(text: str, name: str, **dialect: Any) -> tuple[list[Row] | DataError, list[str]]:
    """The rows, or why there are none, and the notes of this reading."""
    told: list[str] = []
    try:
        return _rows(text, name, told, **dialect), told
    except DataError as fault:
        return fault, told


def _joined(quoted: list[Row], plain: list[Row]) -> bool:
    """Whether a quote that was none took the rows up to the next one into its cell. Of one column nobody can tell, and
    a header in quotes says that the writer quotes."""
    columns = list(plain[0]) if plain else []
    return len(plain) > len(quoted) and len(columns) > 1 and not any('"' in column for column in columns)


def _rows(text: str, name: str, notes: list[str], **dialect: Any) -> list[Row]:
    before = csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **dialect)
    try:
        table = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as fault:
        raise DataError(
            f"{name} line {reader.line_num} cannot be read: {fault}.",
            'cells such as a or "a ""quoted"" b"',
            "close or double the quotation mark",
        ) from fault
    finally:
        csv.field_size_limit(before)
    if not table:
        raise DataError(f"{name} holds no header.", "a header line and rows", "check how the file was made")
    header, rows = [cell.strip() for cell in table[0][1]], table[1:]
    for number, cells in rows:
        if len(cells) != len(header):
            raise DataError(
                f"{name} line {number} has {count(len(cells), 'cell')}, the header {len(header)}.",
                "as many cells as columns",
                "quote cells that hold the separator",
            )
    kept = [i for i, column in enumerate(header) if column or any(cells[i].strip() for _, cells in rows)]
    refuse_twins([header[i] for i in kept], name)
    missing = sum(cells[i] in NO_NUMBER for _, cells in rows for i in kept)
    if missing:
        notes.append(f"{name}: {count(missing, 'cell')} reading NaN taken as empty")
    return [{header[i]: "" if cells[i] in NO_NUMBER else cells[i] for i in kept} for _, cells in rows]


def refuse_twins(columns: list[str], name: str) -> None:
    seen: set[str] = set()
    for column in columns:
        if column in seen:
            raise DataError(f"{name} has two columns called {column!r}.", "each name once", "rename one of them")
        seen.add(column)
