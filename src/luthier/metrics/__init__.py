"""The shelf of metrics. A new one is one class with its card and one word in this tuple; other packages add theirs
through the entry point group `luthier.metrics`. Nothing here needs torch."""

from __future__ import annotations

from ..spell import shelf
from .classify import Accuracy, AccuracyMacroF1, LabelCounts, MacroF1, Mcc
from .exact import F1, ExactMatch
from .metric import Array, Metric, RowMetric
from .reading import BitsPerByte, Perplexity
from .rouge import Rouge1, Rouge2, RougeL, RougeLsum
from .sets import SetF1
from .translation import Bleu, ChrF

METRICS = shelf(
    "metrics",
    (
        *(Rouge1, Rouge2, RougeL, RougeLsum, ExactMatch, F1, SetF1, Bleu, ChrF, Accuracy, MacroF1, Mcc),
        *(AccuracyMacroF1, Perplexity, BitsPerByte),
    ),
)


def of_labels(name: str) -> bool:
    """Whether a metric is about one label out of several."""
    return issubclass(METRICS.get(name, object), (Accuracy, LabelCounts))


def direction(word: str) -> int:
    """1 where more of a metric is better, -1 where less is: figures times this go up with quality.

    The only place that knows; a word that is no metric (a score read from a file) counts as one to be raised.
    """
    return -1 if getattr(METRICS.get(word), "lower_is_better", False) else 1


def lower_is_better(word: str) -> bool:
    return direction(word) < 0


__all__ = [
    "F1",
    "METRICS",
    "Accuracy",
    "AccuracyMacroF1",
    "Bleu",
    "ChrF",
    "Array",
    "BitsPerByte",
    "ExactMatch",
    "MacroF1",
    "Mcc",
    "Metric",
    "Perplexity",
    "Rouge1",
    "Rouge2",
    "RougeL",
    "RougeLsum",
    "RowMetric",
    "SetF1",
    "direction",
    "lower_is_better",
]
