"""The label of each row where no task has said yet which column holds it, and samples that show every label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from .rows import plain
from .table import Row

NAMES = ("label", "labels", "category", "class", "标签", "类别")
"""Columns that are called so hold labels, even many of them."""

MOST = 50
"""Different values up to which a column of another name may hold labels."""

NO_LABELS = ("id", "idx", "group")


def labels_of(rows: Sequence[Row], groups: Iterable[Sequence[int]] = ()) -> list[str]:
    """What looks like each row's label; empty texts where no column does.

    Labels are single values that repeat, and most that repeat do so in several `groups` (positions of rows that belong
    together): the title of a book that many rows are about is none.
    """
    group_of = {i: number for number, members in enumerate(groups) for i in members}
    for column in _likely(rows):
        values = [row.get(column) for row in rows]
        if any(isinstance(value, (list, dict)) for value in values):
            continue
        texts = [plain(value).strip() for value in values]
        counted = Counter(filter(None, texts))
        most = max(MOST, len(rows) / 2) if _named(column) else min(MOST, len(rows) / 2)
        if 2 <= len(counted) <= most and _cross(texts, counted, group_of):
            return texts
    return [""] * len(rows)


def _likely(rows: Sequence[Row]) -> Iterator[str]:
    """Columns that are called as labels are, then the others from the last: answers stand behind inputs."""
    columns = list(dict.fromkeys(name for row in rows for name in row if name.strip().lower() not in NO_LABELS))
    yield from (name for name in columns if _named(name))
    yield from (name for name in reversed(columns) if not _named(name))


def _named(column: str) -> bool:
    return column.strip().lower() in NAMES


def _cross(texts: Sequence[str], counted: Counter[str], group_of: dict[int, int]) -> bool:
    """Whether most values that repeat do so in more than one group."""
    repeated = {text for text, n in counted.items() if n > 1}
    where: dict[str, set[int]] = defaultdict(set)
    for i, text in enumerate(texts):
        if text in repeated:
            where[text].add(group_of.get(i, i))
    return sum(len(own) > 1 for own in where.values()) * 2 > len(repeated)


def with_every_label(drawn: Sequence[int], labels: Sequence[str]) -> list[int]:
    """`drawn` positions, some of the commonest labels given up for the first rows of labels that lack; the same where
    nothing lacks, or where there are more labels than positions."""
    own: dict[str, list[int]] = defaultdict(list)
    for i in drawn:
        own[labels[i]].append(i)
    if len({*labels} - {""}) > len(drawn):
        return list(drawn)
    for i, label in enumerate(labels):
        if label and label not in own:
            spare = "" if own.get("") else max(own, key=lambda text: len(own[text]))
            own[spare].pop()
            own[label] = [i]
    return [i for held in own.values() for i in held]
