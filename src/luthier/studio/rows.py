"""A data set as a person looks at it: its rows, what each column is for, what is wrong with them, a mended copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import bases, inspection
from ..data import read
from ..data.clean import MENDABLE, USUAL, Cleaned, clean, write
from ..data.finding import Finding
from ..data.lengths import Ruler
from ..data.rows import excerpt, plain
from ..data.table import Table
from .words import say

SHOWN = 5
"""Rows of a preview."""
CELL = 240
"""Characters of a cell."""
SPLIT_WORDS = ("train", "dev", "test", "all")


@dataclass(frozen=True)
class Asked:
    """What was chosen about a data set; an empty text leaves the choice to its columns."""

    source: str
    task: str = ""
    prompt: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Column:
    """One column: `role` is `input`, `answer` or `unused`."""

    name: str
    role: str
    filled: int
    of: int
    example: str


@dataclass(frozen=True)
class Looked:
    """What a page shows of a data set."""

    rows: Mapping[str, int]
    """Split -> how many."""
    columns: tuple[Column, ...]
    preview: tuple[Mapping[str, str], ...]
    task: str
    """Its word; empty where the columns spell none."""
    prompt: str
    answer: str
    notes: tuple[str, ...]
    synthetic: bool


def look(asked: Asked) -> Looked:
    """
    Raises:
        DataError: no such data, or a choice that does not fit its columns.
    """
    table, task, columns, notes = _settled(asked)
    rows = [row for own in table.splits.values() for row in own]
    found = []
    for name in dict.fromkeys(name for row in rows for name in row):
        held = [plain(row.get(name)) for row in rows]
        role = "answer" if name == columns.answer else "input" if name in columns.inputs else "unused"
        shown = next((text for text in held if text.strip()), "")
        found.append(Column(name, role, sum(map(bool, held)), len(rows), excerpt(shown)))
    first = next(iter(table.splits.values()))[:SHOWN]
    return Looked(
        {split: len(own) for split, own in table.splits.items()},
        tuple(found),
        tuple({c.name: cut(plain(row.get(c.name))) for c in found} for row in first),
        "" if task is None else task.word,
        "" if task is None else task.prompt,
        columns.answer,
        (*table.notes, *notes),
        table.synthetic,
    )


def findings(asked: Asked, backbone: str) -> tuple[Finding, ...]:
    """What is wrong with the rows, the gravest first; lengths count in the tokens of `backbone`."""
    table, task, columns, _ = _settled(asked)
    folder = bases.folder(backbone) if backbone in bases.names() else Path(backbone).expanduser()
    return inspection.inspect(table.splits, task, columns, Ruler.open(folder, backbone)).findings


def in_words(finding: Finding, language: str) -> str:
    """A finding as a sentence."""
    split = split_word(finding.split, language)
    return say(f"finding_{finding.kind}", language, message=finding.message, rows=f"{finding.rows:,}", split=split)


def split_word(split: str, language: str) -> str:
    return say(f"split_{split}", language) if split in SPLIT_WORDS else split


def mend(asked: Asked, kinds: Sequence[str], folder: Path) -> tuple[int, Cleaned]:
    """Write a mended copy into a new folder, with the log of its changes; returns how many rows there were, too.

    Raises:
        DataError: nothing would be left of a split; UserError: the folder is there already.
    """
    table, _, columns, _ = _settled(asked)
    made = clean(table.splits, columns, [kind for kind in MENDABLE if kind in kinds])
    write(folder, made.splits, made.changes)
    return sum(map(len, table.splits.values())), made


def usual(found: Sequence[Finding]) -> tuple[list[str], list[str]]:
    """The kinds that were found and can be mended, and those of them that are mended without being asked."""
    kinds = {f.kind for f in found}
    return [k for k in MENDABLE if k in kinds], [k for k in USUAL if k in kinds]


def cut(text: str) -> str:
    return text if len(text) <= CELL else f"{text[:CELL]}…"


def _settled(asked: Asked) -> tuple[Table, Any, Any, tuple[str, ...]]:
    table = read(asked.source)
    chosen = {name: getattr(asked, name) or None for name in ("task", "prompt", "answer")}
    task, columns, notes = inspection.settle(table.splits, chosen)
    return table, task, columns, notes
