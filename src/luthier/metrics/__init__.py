"""The shelf of metrics. A new one is one class with its card and one word in this tuple; other packages add theirs
through the entry point group `luthier.metrics`. Nothing here needs torch."""

from __future__ import annotations

from ..spell import shelf
from .classify import Accuracy, MacroF1, Mcc
from .exact import F1, ExactMatch
from .metric import Array, Metric, RowMetric
from .rouge import Rouge1, Rouge2, RougeL, RougeLsum
from .sets import SetF1
from .translation import Bleu, ChrF

METRICS = shelf(
    "metrics", (Rouge1, Rouge2, RougeL, RougeLsum, ExactMatch, F1, SetF1, Bleu, ChrF, Accuracy, MacroF1, Mcc)
)

__all__ = [
    "F1",
    "METRICS",
    "Accuracy",
    "Bleu",
    "ChrF",
    "Array",
    "ExactMatch",
    "MacroF1",
    "Mcc",
    "Metric",
    "Rouge1",
    "Rouge2",
    "RougeL",
    "RougeLsum",
    "RowMetric",
    "SetF1",
]
