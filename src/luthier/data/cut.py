"""Cut the splits that a source does not have, so that nothing of one side is seen on the other."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..errors import DataError
from .labels import labels_of
from .table import SPLITS, Row, Table, count

SHARE = 0.1
"""Of the rows that are cut, for each of dev and test."""

FEWEST = 5
"""Rows below which a cut says nothing."""

GROUP_COLUMNS = ("group", "id")

Keys = Callable[[Row], Iterable[str]]


def whole_row(row: Row) -> list[str]:
    """The key where no task says what the input is: only equal rows belong together."""
    return [json.dumps(row, ensure_ascii=False, sort_keys=True, default=repr)]


def complete(table: Table, keys_of: Keys = whole_row) -> Table:
    """A table with train, dev and test; what had to be cut is said in its notes.

    Rows that share a `group`, an `id` or one of `keys_of(row)` (the input text; see `tasks.input_keys`) stay on
    one side. What train alone can teach stays there: one row of every label at least (`labels_of`). The cut depends on
    the rows and on seed 0, not on their order. Given splits are never mixed:

    - no train: it is cut from dev, which keeps a tenth; test alone is refused, for it must stay unseen
    - no test: a tenth of train, or half of dev where dev is the larger
    - no dev: a tenth of train

    Raises:
        DataError: nothing to train on, fewer than 5 rows, or too few groups.
    """
    missing = [split for split in SPLITS if split not in table.splits]
    if not missing:
        return table
    source, rest, wanted = _plan(table, missing)
    rows = table.splits[source]
    groups = grouped(rows, keys_of)
    if len(rows) < FEWEST or len(groups) <= len(wanted):
        held = f"{table.source}: {source} has {count(len(rows), 'row')} in {count(len(groups), 'group')}"
        by = " and ".join(map(repr, _joining(rows, keys_of) if len(rows) >= FEWEST else ()))
        raise DataError(
            f"{held}{f' of equal {by}' if by else ''}, too few to cut {' and '.join(wanted)} from it.",
            f"{FEWEST} rows in {len(wanted) + 1} groups of different {by or 'inputs'}",
            f"{f'rename {by} where it does not say what belongs together' if by else 'add rows'}, "
            "or add files called train, dev and test",
        )
    sizes_wanted = {split: max(1, round(share * len(rows))) for split, share in wanted.items()}
    sides = _cut(groups, sizes_wanted, rest, labels_of(rows, groups.values()))
    made = {split: [rows[i] for i in sorted(sides[split])] for split in sides}
    splits = {split: made.get(split, table.splits.get(split, [])) for split in SPLITS}
    sizes = ", ".join(f"{split} {len(made[split]):,}" for split in SPLITS if split in made)
    whole = f"{source} ({count(len(rows), 'row')})"
    said = f"no {' and no '.join(missing)} in the data: {whole} was cut by group with seed 0 into {sizes}"
    return replace(table, splits=splits, notes=(*table.notes, said))


def _plan(table: Table, missing: list[str]) -> tuple[str, str, dict[str, float]]:
    """Which split is cut, what its rest is called, and the shares that are taken from it."""
    held = table.splits
    if "train" not in missing:
        if missing == ["test"] and len(held["dev"]) > len(held["train"]):
            return "dev", "dev", {"test": 0.5}
        return "train", "train", {split: SHARE for split in missing}
    if "dev" not in missing:
        return "dev", "train", {split: SHARE for split in ("dev", *missing) if split != "train"}
    raise DataError(
        f"{table.source} has test rows only, and nothing is trained on test rows.",
        "train, or dev to cut it from",
        "add a train file beside it; if these rows are for training, call the file train",
    )


def _joining(rows: list[Row], keys_of: Keys) -> list[str]:
    """The columns that put rows with different inputs into one group."""
    apart = len(grouped(rows, keys_of, columns=()))
    return [name for name in GROUP_COLUMNS if len(grouped(rows, keys_of, columns=(name,))) < apart]


def grouped(
    rows: list[Row], keys_of: Keys, seed: int = 0, columns: Sequence[str] = GROUP_COLUMNS
) -> dict[str, list[int]]:
    """Digest -> positions of the rows that must stay together (connected by any shared key, or value of `columns`)."""
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[tuple[str, str], int] = {}
    for i, row in enumerate(rows):
        marks = [(column, str(row[column])) for column in columns if row.get(column) not in (None, "")]
        for mark in [*marks, *(("input", key) for key in keys_of(row))]:
            parent[root(i)] = root(first.setdefault(mark, i))
    groups: dict[int, list[int]] = {}
    for i in range(len(rows)):
        groups.setdefault(root(i), []).append(i)
    return {_drawn([rows[i] for i in members], seed): members for members in groups.values()}


def _drawn(rows: list[Row], seed: int) -> str:
    """The group's place in the deal, drawn by the seed: the same wherever its rows stand, and whatever their number."""
    text = "\n".join([str(seed), *sorted(whole_row(row)[0] for row in rows)])
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()


def _cut(
    groups: dict[str, list[int]], wanted: dict[str, int], rest: str, labels: Sequence[str]
) -> dict[str, list[int]]:
    """Deal groups in drawn order: each split takes those that still fit and leave every label to the rest, and the
    smallest where none does."""
    left = [groups[digest] for digest in sorted(groups)]
    shown = Counter(labels)

    def last(members: list[int]) -> bool:
        """Whether the rest would lose a label with them."""
        return any(label and shown[label] == n for label, n in Counter(labels[i] for i in members).items())

    sides: dict[str, list[int]] = {}
    for position, (split, size) in enumerate(wanted.items()):
        spare = len(left) - (len(wanted) - position)  # the splits that follow get one group at least
        taken: list[list[int]] = []
        rows = 0
        for members in left:
            if rows + len(members) <= size and len(taken) < spare and not last(members):
                taken.append(members)
                rows += len(members)
                shown.subtract(labels[i] for i in members)
        if not taken:
            taken = [min(left, key=lambda members: (last(members), len(members)))]
            shown.subtract(labels[i] for i in taken[0])
        given = {members[0] for members in taken}
        left = [members for members in left if members[0] not in given]
        sides[split] = [i for members in taken for i in members]
    sides[rest] = [i for members in left for i in members]
    return sides
