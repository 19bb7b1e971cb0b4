"""Which rows are scored, and which of them belong together: what several trials must agree on to be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from . import statistics
from .data.table import listed
from .errors import UserError
from .metrics import Array, Metric
from .records import Prediction


@dataclass(frozen=True)
class Grouped:
    """Rows, and which of them belong together."""

    ids: Mapping[str, Prediction]
    """In their order."""
    groups: list[int]
    """Number of each row's group, by first appearance."""
    count: int
    """Groups."""

    @classmethod
    def of(cls, predictions: Sequence[Prediction]) -> Grouped:
        """The rows that were answered.

        Raises:
            UserError: an id that is there twice.
        """
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(p.group, len(numbers)) for p in predictions]
        return cls(_by_id(predictions), groups, len(numbers))

    @property
    def unit(self) -> tuple[str, str]:
        """What was resampled, in English and Chinese."""
        return ("rows", "行") if self.count == len(self.groups) else ("groups of rows", "组")

    def sums(self, metric: Metric, predictions: Sequence[Prediction]) -> Array:
        """(groups, columns) of the metric's tally.

        Raises:
            UserError: from the metric; ValueError: it made something that is no number.
        """
        tally = metric.tally(predictions)
        broken = ~np.isfinite(tally).all(axis=1)
        if broken.any():
            raise ValueError(f"{metric.word} of row {predictions[int(broken.argmax())].id!r} is not finite")
        return statistics.group_sums(tally, self.groups, self.count)

    def aligned(self, predictions: Sequence[Prediction], name: str, other: str) -> list[Prediction]:
        """The same rows, in the order of these."""
        found = _by_id(predictions)
        if odd := sorted(found.keys() ^ self.ids.keys()):
            raise UserError(
                f"{name} and {other} answered different rows: {listed(odd, 3)} on one side only.",
                "the same rows for all",
                "predict both on the same test rows",
            )
        for p in predictions:
            first = self.ids[p.id]
            if (p.group, p.references) != (first.group, first.references):
                raise UserError(
                    f"Row {p.id!r} has another group or other references in {name} than in {other}.",
                    "the same rows for all",
                    "predict both on the same test rows",
                )
        return [found[i] for i in self.ids]


def _by_id(predictions: Sequence[Prediction]) -> dict[str, Prediction]:
    found = {p.id: p for p in predictions}
    if len(found) != len(predictions):
        twice = Counter(p.id for p in predictions).most_common(1)[0][0]
        raise UserError(f"The id {twice!r} is there twice.", "each row once", "number the rows")
    return found
