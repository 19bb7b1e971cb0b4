"""A mended copy of a table, and a log that says what became of every row that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import DataError, SpellingError, UserError
from ..records import Example
from ..spell import closest
from .blemishes import BLEMISHES
from .rows import Columns, every_row, excerpt, text_of
from .table import Row, listed
from .twins import Pair, Twins

MENDABLE = (
    "encoding",
    "html",
    "whitespace",
    "empty",
    "leak",
    "near_leak",
    "contradiction",
    "duplicate",
    "near_duplicate",
)
"""Kinds of findings that can be mended, in the order in which it is done."""

USUAL = tuple(kind for kind in MENDABLE if kind not in ("html", "near_duplicate"))
"""Without being asked: tags may be what the rows are about, and a near twin may be a row of its own."""

CHANGES = "changes.jsonl"

Splits = Mapping[str, Sequence[Row]]
Change = dict[str, Any]
"""`split`, `row` (from 1, in the original), `column`, `kind`, `what`, `before` and `after`; a row that was left out has
no `after`."""


@dataclass(frozen=True)
class Cleaned:
    """The mended rows, and the log."""

    splits: dict[str, list[Row]]
    changes: list[Change]


def clean(splits: Splits, columns: Columns, kinds: Sequence[str] = USUAL) -> Cleaned:
    """Mend texts first, then leave rows out.

    The test split keeps its rows, whatever they repeat, so that figures on it stay comparable: what leaks is taken
    out of train, and out of dev where it repeats test. Only rows without an input or an answer leave the test split.

    Raises:
        SpellingError: a kind that cannot be mended.
        DataError: a split would be empty.
    """
    for kind in kinds:
        if kind not in MENDABLE:
            raise SpellingError(f"{kind!r} cannot be mended.", ", ".join(MENDABLE), closest(kind, MENDABLE))
    changes: list[Change] = []
    texts = {
        split: [_row(row, split, n, kinds, changes) for n, row in enumerate(rows, 1)] for split, rows in splits.items()
    }
    held = every_row(texts, columns)
    left_out: dict[str, tuple[str, str]] = {}
    for kind in (k for k in MENDABLE if k in kinds and k in OUT):
        rest = {split: [e for e in examples if e.id not in left_out] for split, examples in held.items()}
        for example, why in OUT[kind](rest, columns):
            left_out.setdefault(example.id, (kind, f"left out: {why}"))
    done: dict[str, list[Row]] = {}
    for split, examples in held.items():
        for n, example in enumerate(examples, 1):
            if example.id in left_out:
                about = _about(split, n, "", *left_out[example.id])
                changes.append({**about, "before": excerpt(text_of(example)), "after": None})
        done[split] = [row for row, e in zip(texts[split], examples) if e.id not in left_out]
        if not done[split]:
            raise DataError(
                f"Nothing of {split} would be left ({len(examples):,} rows).",
                ", ".join(kinds),
                "mend fewer kinds, for example --mend encoding,whitespace",
            )
    return Cleaned(done, changes)


def write(folder: Path, made: Splits, changes: Sequence[Change] | None = None) -> list[Path]:
    """One JSON-lines file per split, and the log where there is one, in a new folder.

    Raises:
        UserError: the folder exists, or a value is nothing that JSON can hold.
    """
    if folder.exists():
        raise UserError(f"{folder} exists already.", "a new folder", "choose another --out, or remove it")
    for split, rows in made.items():
        if odd := [(c, v) for row in rows for c, v in row.items() if not _writable(v)]:
            raise UserError(
                f"Column {odd[0][0]!r} of {split} holds {str(odd[0][1])[:40]!r}.",
                "texts, finite numbers, lists, objects",
                "drop that column or mend it first",
            )
    paths = [folder / f"{split}.jsonl" for split in made]
    for path, rows in zip(paths, made.values()):
        files.write_jsonl(path, rows)
    if changes is not None:
        paths.append(folder / CHANGES)
        files.write_jsonl(paths[-1], changes)
    return paths


def _writable(value: Any) -> bool:
    """JSON has no bytes and no infinity."""
    if isinstance(value, (list, dict)):
        return all(map(_writable, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, bytes) and value not in (float("inf"), float("-inf"))


def _row(row: Row, split: str, number: int, kinds: Sequence[str], changes: list[Change]) -> Row:
    """The row with every text mended, wherever it stands in lists and objects."""
    mends = [b for b in BLEMISHES if b.kind in kinds and b.mend is not None]

    def value(held: Any, column: str) -> Any:
        if isinstance(held, list):
            return [value(item, column) for item in held]
        if isinstance(held, dict):
            return {name: value(item, column) for name, item in held.items()}
        if not isinstance(held, str):
            return held
        for blemish in mends:
            assert blemish.mend is not None
            mended = blemish.mend(held)
            if mended != held:
                before, after = _beside(held, mended)
                about = _about(split, number, column, blemish.kind, f"mended: {blemish.what}")
                changes.append({**about, "before": before, "after": after})
                held = mended
        return held

    return {column: value(held, column) for column, held in row.items()}


def _beside(before: str, after: str) -> tuple[str, str]:
    """Both texts from a little before where they part."""
    at = next((i for i, (a, b) in enumerate(zip(before, after)) if a != b), min(len(before), len(after)))
    start = max(0, at - 20)
    return before[start : start + 80], after[start : start + 80]


def _about(split: str, row: int, column: str, kind: str, what: str) -> Change:
    return {"split": split, "row": row, "column": column, "kind": kind, "what": what}


Held = Mapping[str, Sequence[Example]]
Out = Iterator[tuple[Example, str]]


def _empty(held: Held, columns: Columns) -> Out:
    for examples in held.values():
        for example in examples:
            if not text_of(example).strip():
                yield example, "no input"
            elif columns.answer and not example.references:
                yield example, "no answer"


def _leaking(nearly: bool) -> Any:
    def out(held: Held, columns: Columns) -> Out:
        twins = Twins.of(held)
        for split, other in (("train", "test"), ("train", "dev"), ("dev", "test")):
            if split in held and other in held:
                for example, like in twins.shared(split, other)[nearly]:
                    yield example, f"{'nearly ' * nearly}the same input as {like.id}"

    return out


def _contradicting(held: Held, columns: Columns) -> Out:
    learned = {split: held[split] for split in held if split != "test"}
    if columns.labels and learned:
        for examples in Twins.of(learned).contradicting().values():
            for example in examples:
                others = sorted({r for e in examples for r in e.references} - set(example.references))
                yield example, f"the same input also has the label {listed(others)}"


def _repeating(which: int) -> Any:
    def out(held: Held, columns: Columns) -> Out:
        learned = {split: held[split] for split in held if split != "test"}
        twins = Twins.of(learned)
        for split in learned:
            pairs: list[Pair] = twins.repeats(split, columns.labels)[which]
            for example, first in pairs:
                yield example, f"{'nearly ' * which}repeats {first.id}"

    return out


OUT = {
    "empty": _empty,
    "leak": _leaking(False),
    "near_leak": _leaking(True),
    "contradiction": _contradicting,
    "duplicate": _repeating(0),
    "near_duplicate": _repeating(1),
}
"""Kind -> the examples that are left out for it, and why."""
