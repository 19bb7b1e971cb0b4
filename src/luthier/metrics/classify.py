"""One label out of several: how often it is right, and whether that is more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..errors import DataError
from ..records import Prediction
from .metric import Array, RowMetric, need_references

MOST_LABELS = 1000
"""More different references than this are texts, not classes."""


class Accuracy(RowMetric):
    """The share of right labels.

    Example: 9 of 12 reviews are put where the data puts them -> 0.75.
    Source: Sokolova and Lapalme 2009, "A systematic analysis of performance measures for classification tasks",
        table 2.
    Range: 0-1; what always saying the commonest label would score is the figure to beat, not 0.
    Misleads: with 90 % of the rows in one class, 0.9 is worth nothing; read macro_f1 or mcc beside it.
    Defaults: labels must be the same letter for letter (spaces around them aside); exact_match is the lenient one.
    """

    word: ClassVar[str] = "accuracy"

    def tally(self, predictions: Sequence[Prediction]) -> Array:
        _need_one_label(predictions)
        return super().tally(predictions)

    def pair(self, prediction: str, reference: str) -> float:
        return float(prediction.strip() == reference.strip())


class LabelCounts:
    """Per row: which label was said, which was wanted, which was hit. A metric of these has no value per row."""

    family: ClassVar[str] = ""
    per_row: ClassVar[bool] = False

    def tally(self, predictions: Sequence[Prediction]) -> Array:
        """(rows, 3·labels + 1): wanted, hit, said; the last column is whatever was said that is no label."""
        _need_one_label(predictions)
        labels = sorted({_label(p) for p in predictions})
        if len(labels) > MOST_LABELS:
            raise DataError(
                f"The references are {len(labels):,} different texts.",
                f"up to {MOST_LABELS:,} labels",
                "score free text with rouge, or short answers with exact_match and f1",
            )
        place = {label: i for i, label in enumerate(labels)}
        k, rows = len(labels), np.arange(len(predictions))
        wanted = np.array([place[_label(p)] for p in predictions])
        said = np.array([place.get(p.prediction.strip(), k) for p in predictions])
        counts = np.zeros((len(predictions), 3 * k + 1))
        counts[rows, wanted] = 1
        counts[rows, k + wanted] = said == wanted
        counts[rows, 2 * k + said] = 1
        return counts


class MacroF1(LabelCounts):
    """The plain mean of the labels' F1: a rare label weighs as much as a common one.

    Formula: F1 of a label = 2·hits / (times said + times wanted); the mean over the labels that the references hold.
    Source: Sokolova and Lapalme 2009, "A systematic analysis of performance measures for classification tasks",
        table 3 (their F-score from mean precision and recall is another one; this is the mean of F1, as scikit-learn).
    Range: 0-1; always saying the commonest of two even labels scores 0.333.
    Misleads: a label with three rows makes it jump; look at the interval. A text that is no label of the references
        is simply wrong and adds no class of its own.
    Defaults: equal weights.
    """

    word: ClassVar[str] = "macro_f1"

    def value(self, totals: Array) -> Array:
        wanted, hit, said = _parts(totals)
        present = wanted > 0
        f1 = np.where(present, 2 * hit / np.where(present, said[..., :-1] + wanted, 1), 0)
        return f1.sum(axis=-1) / present.sum(axis=-1)


class AccuracyMacroF1(MacroF1):
    """The plain mean of accuracy and macro-F1, by which SuperGLUE scores CommitmentBank.

    Formula: (accuracy + macro_f1) / 2, both over all rows.
    Source: Wang et al. 2019, "SuperGLUE: A Stickier Benchmark for General-Purpose Language Understanding Systems",
        arXiv:1905.00537, table 1 and section 3.
    Range: 0-1; always saying the commonest of two even labels scores 0.417.
    Misleads: as its two halves do; two different models can share a figure.
    Defaults: equal halves; labels count as in macro_f1.
    """

    word: ClassVar[str] = "accuracy_macro_f1"

    def value(self, totals: Array) -> Array:
        wanted, hit, _ = _parts(totals)
        return (hit.sum(axis=-1) / wanted.sum(axis=-1) + super().value(totals)) / 2


class Mcc(LabelCounts):
    """Matthews' correlation of what was said with what was wanted.

    Formula: (c·s − Σ p·t) / √((s² − Σ p²)(s² − Σ t²)); c rows right of s, label k said p times, wanted t times.
    Source: Matthews 1975, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme", for
        two labels; Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient",
        section 2, for more.
    Range: −1 to 1; 0 is luck, and by convention also the value where one label is always said or always wanted.
    Misleads: few rows of a label make it jump; not comparable between data of different balance.
    Defaults: all texts that are no label of the references count as one more label.
    """

    word: ClassVar[str] = "mcc"

    def value(self, totals: Array) -> Array:
        wanted, hit, said = _parts(totals)
        rows = wanted.sum(axis=-1)
        covariance = hit.sum(axis=-1) * rows - (said[..., :-1] * wanted).sum(axis=-1)
        spread = (rows**2 - (said**2).sum(axis=-1)) * (rows**2 - (wanted**2).sum(axis=-1))
        return np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1)), 0)


def _parts(totals: Array) -> tuple[Array, Array, Array]:
    k = (totals.shape[-1] - 1) // 3
    return totals[..., :k], totals[..., k : 2 * k], totals[..., 2 * k :]


def _label(p: Prediction) -> str:
    return p.references[0].strip()


def _need_one_label(predictions: Sequence[Prediction]) -> None:
    need_references(predictions)
    for p in predictions:
        if len(p.references) > 1:
            raise DataError(
                f"Row {p.id!r} has {len(p.references)} references.",
                "exactly one label a row",
                "score texts with several references with rouge, exact_match or f1",
            )
