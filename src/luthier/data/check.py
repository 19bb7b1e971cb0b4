"""What is wrong with rows, seen before money is spent.

    found = check(table.splits, Columns(("text",), "label", labels=True))
    found.findings                     # the gravest first
    leaked(examples)                   # the test examples that training also sees

Nothing is changed here (`clean` does that), and no model is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..records import Example
from .finding import KINDS, Finding
from .lengths import Ruler
from .quality import blemished, empties, labels_amiss, labels_misspelt, languages, too_long
from .rows import Columns, every_row
from .table import Row, count
from .twins import Twins

PromptOf = Callable[[Example], str]
"""What the model reads of an example."""


@dataclass(frozen=True)
class Checked:
    """Findings, and what was measured on the way."""

    findings: tuple[Finding, ...]
    lengths: Mapping[str, Any]
    """Split -> tokens of inputs and answers: median, 90th percentile, longest."""
    labels: Mapping[str, Mapping[str, int]]
    """Split -> label -> rows, where answers are labels."""
    notes: tuple[str, ...]
    """What could not be looked at."""


def check(
    splits: Mapping[str, Sequence[Row]],
    columns: Columns,
    ruler: Ruler | None = None,
    prompt_of: PromptOf | None = None,
) -> Checked:
    """Look at every row.

    Args:
        splits: train, dev, test or some of them; rows as they were read, unusable ones too.
        columns: what is the input and what the answer.
        ruler: counts tokens; None: lengths are not looked at.
        prompt_of: the whole prompt of an example; None: its input alone.
    """
    held = every_row(splits, columns)
    twins = Twins.of(held)
    lengths: dict[str, Any] = {}
    labels: dict[str, dict[str, int]] = {}
    found = [*twins.leaks(), *twins.duplicates(columns.labels), *empties(held, bool(columns.answer))]
    found += [*blemished(held), *languages(held)]
    if columns.labels:
        found += [*twins.contradictions(), *labels_amiss(held, labels)]
        found += labels_misspelt(labels)
    if ruler is not None:
        found += too_long(held, ruler, prompt_of, lengths)
    notes = []
    if twins.likeness.crowded:
        crowded = count(twins.likeness.crowded, "text")
        notes.append(f"{crowded} follow so few patterns that only the neighbours nearest in length were compared")
    found.sort(key=lambda f: KINDS.index(f.kind))
    return Checked(tuple(found), lengths, labels, tuple(notes))


@dataclass(frozen=True)
class Leaks:
    """Ids of examples whose input another split shows too."""

    exact: tuple[str, ...]
    """Word for word."""
    near: tuple[str, ...]
    """Nearly, and not word for word."""

    @property
    def ids(self) -> tuple[str, ...]:
        return self.exact + self.near

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)


def leaked(splits: Mapping[str, Sequence[Example]], split: str = "test", into: str = "train") -> Leaks:
    """The examples of `split` whose input `into` shows too; ids in their order."""
    twins = Twins.of({name: splits[name] for name in (into, split)})
    exact, near = twins.shared(split, into)
    return Leaks(tuple(e.id for e, _ in exact), tuple(e.id for e, _ in near))
