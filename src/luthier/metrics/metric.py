"""What a metric is: it tallies every row into a few numbers, and a value is read off the sums of those numbers.

Everything after that is the same for all metrics: resampling groups means weighing their sums, and comparing two
trials means exchanging their sums group by group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DataError, UserError
from ..records import Prediction

Array = npt.NDArray[np.float64]


class Metric(Protocol):
    """A metric's class; its docstring is the card."""

    word: ClassVar[str]
    """The field's name for it."""
    family: ClassVar[str]
    """A word that stands for several metrics; empty where there is none."""
    per_row: ClassVar[bool]
    """True: a row, or a group of them, has a value of its own. False: only all rows together have one."""
    lower_is_better: ClassVar[bool]
    """False where a metric does not say; ask `luthier.metrics.direction`."""

    def tally(self, predictions: Sequence[Prediction]) -> Array:
        """(rows, columns): numbers that may be added up over rows.

        Raises:
            UserError: there are no predictions.
            DataError: a row without a reference, or with references the metric cannot use.
        """
        ...

    def value(self, totals: Array) -> Array:
        """(..., columns), sums of tallied rows -> (...)."""
        ...


class RowMetric:
    """A metric that has a value for one prediction against one reference, averaged over rows."""

    family: ClassVar[str] = ""
    per_row: ClassVar[bool] = True
    best_reference: ClassVar[bool] = False
    """Of several references a row takes the best value, else the mean over them."""

    def pair(self, prediction: str, reference: str) -> float:
        """The value of one prediction against one reference."""
        raise NotImplementedError

    def tally(self, predictions: Sequence[Prediction]) -> Array:
        """(rows, 2): the row's value, and 1."""
        need_references(predictions)
        values = [self._row(p) for p in predictions]
        return np.stack([np.array(values), np.ones(len(values))], axis=1)

    def value(self, totals: Array) -> Array:
        return totals[..., 0] / totals[..., 1]

    def _row(self, p: Prediction) -> float:
        values = [self.pair(p.prediction, reference) for reference in p.references]
        return max(values) if self.best_reference else sum(values) / len(values)


def need_references(predictions: Sequence[Prediction]) -> None:
    """Refuse what no score can be made of; an empty prediction is a prediction, and a bad one."""
    if not predictions:
        raise UserError("There are 0 predictions, and no rows have no score.", "at least one", "check the rows")
    for p in predictions:
        if not p.references:
            raise DataError(f"Row {p.id!r} has no reference.", "one or more", "fill it in or take the row out")
