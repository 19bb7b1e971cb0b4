"""What a data source holds: rows by split, and everything that was noticed while reading them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
"""Column name -> value, as the source has it (text, number, boolean, None or list; an object's parts are columns of
their own, `translation.en`)."""

SPLITS = ("train", "dev", "test")

SPLIT_NAMES = {
    "train": "train",
    **dict.fromkeys(("dev", "val", "valid", "validation", "eval", "development"), "dev"),
    "test": "test",
}
"""The whole file stems, folders or keys of a JSON object that name a split; see `split_called`."""


@dataclass(frozen=True)
class Table:
    """Rows of one source."""

    splits: Mapping[str, list[Row]]
    """`train`, `dev`, `test`: only those that were found or cut."""
    source: str
    """What the user typed."""
    synthetic: bool = False
    """True for the built-in generator: the report says so."""
    notes: tuple[str, ...] = ()
    """One plain sentence for each thing that was decided, replaced, ignored or left out."""
    encodings: Mapping[str, str] = field(default_factory=dict)
    """File name -> the encoding it was read with."""

    def fingerprint(self) -> str:
        """sha256 (hex) of the rows by split; file names, notes and encodings do not enter."""
        digest = hashlib.sha256()
        for split in SPLITS:
            for row in self.splits.get(split, ()):
                line = json.dumps([split, row], ensure_ascii=False, sort_keys=True, default=repr)
                digest.update(line.encode("utf-8") + b"\n")
        return digest.hexdigest()


def split_called(name: str) -> str:
    """`dev` for `Valid`; empty for what names no split."""
    return SPLIT_NAMES.get(name.lower(), "")


def count(number: int, noun: str) -> str:
    """`1 row`, `12,460 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: list[str], most: int = 8) -> str:
    """`a, b, c` or, where there are many, the first few and how many more."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
