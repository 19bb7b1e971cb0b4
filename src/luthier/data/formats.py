"""One function per file format: bytes -> rows. Every refusal names the file and, where there are lines, the line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import DataError, UserError
from .cells import comma_separated, refuse_twins, tab_separated
from .decode import contents, text_of
from .mend import mended
from .table import Row, listed, split_called

Parts = dict[str, list[Any]]
"""`""` -> the rows of a file, or split name -> rows for a JSON object with one list per split."""


@dataclass(frozen=True)
class Contents:
    """What one file holds."""

    parts: dict[str, list[Row]]
    encoding: str
    notes: tuple[str, ...]


def load(path: Path, called: str = "") -> Contents:
    """Read one data file by its suffix; notes and errors say `called` of it, or else its name.

    Raises:
        DataError: unknown suffix, unreadable, broken or without rows.
        UserError: parquet and arrow without pyarrow.
    """
    suffix = kind_of(path)
    if suffix not in FORMATS:
        raise DataError(
            f"{path} has no known format ({suffix or 'no suffix'}).", accepted(), "convert it, or unpack the archive"
        )
    name = called or path.name
    raw, encoding = contents(path), "binary"
    notes: list[str] = []
    if suffix in TEXT:
        text, encoding = text_of(raw, name, notes)
        found = TEXT[suffix](text, name, notes)
    else:
        found = BINARY[suffix](raw, name)
    parts = {split: mended(rows, name, notes) for split, rows in found.items()}
    for split, rows in parts.items():
        if not rows:
            part = f"{name} ({split})" if split else name
            raise DataError(f"{part} holds no rows.", "at least one row", "check how the file was made")
    return Contents(parts, encoding, tuple(notes))


def kind_of(path: Path) -> str:
    """`.jsonl` for `train.jsonl` and `train.jsonl.gz`."""
    return (Path(path.stem) if path.suffix == ".gz" else path).suffix.lower()


def accepted() -> str:
    return f"{', '.join(FORMATS)}, each also as .gz"


def _jsonl(text: str, name: str, notes: list[str]) -> Parts:
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        lines = list(islice(_lines(text), 2))
        if len(lines) == 1 or not _parses(lines[0][1]):  # else each line is a list, which is no row
            notes.append(f"{name} was read as one JSON list")
            return _json(text, name, notes)
    return {"": _json_lines(text, name)}


def _json_lines(text: str, name: str) -> list[Any]:
    return [_json_value(line, f"{name} line {number}") for number, line in _lines(text)]


def _json(text: str, name: str, notes: list[str]) -> Parts:
    lines = list(islice(_lines(text), 2))
    if len(lines) == 2 and lines[0][1].startswith("{") and _parses(lines[0][1]):
        # JSON lines under the name of JSON are common
        notes.append(f"{name} was read as JSON lines")
        return {"": _json_lines(text, name)}
    value = _json_value(text, name)
    if isinstance(value, list):
        return {"": value}
    if isinstance(value, dict):
        return _parts(value, name, notes)
    raise DataError(f"{name} holds one {type(value).__name__}.", "a list of rows", "write [{…}, {…}]")


def _parts(value: dict[str, Any], name: str, notes: list[str]) -> dict[str, list[Row]]:
    """`{"data": rows}` or `{"train": rows, "test": rows}`."""
    used = (
        ["data"]
        if isinstance(value.get("data"), list)
        else [key for key in value if split_called(key) and isinstance(value[key], list)]
    )
    if not used:
        raise DataError(
            f"{name} is one object with {listed(list(value)) or 'nothing in it'}.",
            'a list of rows, {"data": rows} or {"train": rows, "test": rows}',
            "wrap the rows in a list; for one object a line name the file .jsonl",
        )
    if others := [key for key in value if key not in used]:
        notes.append(f"{name}: ignored beside the rows: {listed(others)}")
    parts: dict[str, list[Row]] = {}
    for key in used:
        split = split_called(key)
        if split in parts:
            raise DataError(f"{name} holds two lists for {split}.", "one list per split", "drop or rename one")
        parts[split] = value[key]
    return parts


def _csv(text: str, name: str, notes: list[str]) -> Parts:
    return {"": comma_separated(text, name, notes)}


def _tsv(text: str, name: str, notes: list[str]) -> Parts:
    return {"": tab_separated(text, name, notes)}


def _txt(text: str, name: str, notes: list[str]) -> Parts:
    return {"": [{"text": line} for _, line in _lines(text)]}


def _parquet(raw: bytes, name: str) -> Parts:
    pyarrow = _pyarrow(name)
    from pyarrow import parquet

    return _columnar(lambda: parquet.read_table(pyarrow.BufferReader(raw)), name)


def _arrow(raw: bytes, name: str) -> Parts:
    """The file format begins with a magic word; the `datasets` library writes the stream format instead."""
    pyarrow = _pyarrow(name)
    form = pyarrow.ipc.open_file if raw.startswith(b"ARROW1") else pyarrow.ipc.open_stream
    return _columnar(lambda: form(pyarrow.BufferReader(raw)).read_all(), name)


def _columnar(read: Callable[[], Any], name: str) -> Parts:
    try:
        table = read()
        refuse_twins(table.column_names, name)
        return {"": table.to_pylist()}
    except (OSError, ValueError, TypeError, LookupError, NotImplementedError) as fault:  # what pyarrow's errors are
        reason = next(iter(str(fault).splitlines()), type(fault).__name__)[:200].rstrip(".")
        raise DataError(f"{name} cannot be read: {reason}.", "a whole file", "write it again") from fault


def _pyarrow(name: str) -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as fault:
        raise UserError(
            f"{name} needs pyarrow, which is not installed.",
            "jsonl, json, csv, tsv, txt without it",
            "pip install 'luthier[parquet]'",
        ) from fault
    return pyarrow


TEXT: dict[str, Callable[[str, str, list[str]], Parts]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".txt": _txt,
}

BINARY: dict[str, Callable[[bytes, str], Parts]] = {".parquet": _parquet, ".arrow": _arrow}

FORMATS = (*TEXT, *BINARY)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that hold something. `str.splitlines` would also split at U+2028 inside a JSON text."""
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = line.strip("\ufeff \t")
        if line:
            yield number, line


def _json_value(text: str, place: str) -> Any:
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}" if fault.lineno > 1 else f"column {fault.colno}"
        raise DataError(
            f"{place} is not JSON: {fault.msg} at {where}.", "one whole JSON value", "mend or remove it"
        ) from fault
    except (ValueError, RecursionError) as fault:  # twin names, numbers with thousands of digits, nesting
        reason = "nested too deeply" if isinstance(fault, RecursionError) else str(fault)
        raise DataError(f"{place} cannot be read: {reason}.", "plain rows", "mend or remove it") from fault


def _parses(line: str) -> bool:
    try:
        DECODER.decode(line)
    except (ValueError, RecursionError):
        return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return row


DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_once)
