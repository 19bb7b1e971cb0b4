"""A text against its translation: n-grams of words (BLEU) and of characters (chrF), over a whole corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..errors import UserError
from ..records import Prediction
from .metric import Array, need_references
from .words import CJK

WORDS, CHARACTERS = 4, 6
"""Longest n-grams of BLEU and of chrF."""


class Bleu:
    """Runs of one to four words in common.

    Formula: the geometric mean of the four precisions, times exp(1 - r/h) where the corpus says less (h words) than
        the references nearest in length (r words). "The lift is out of order" against "The lift is broken": 3 of 6
        words, 2 of 5 pairs, 1 of 4 triples, none of 3 fours.
    Source: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation", section 2;
        counted by sacrebleu (Post 2018, "A Call for Clarity in Reporting BLEU Scores", arXiv:1804.08771), whose
        signature is nrefs:var|case:mixed|tok:13a or zh|smooth:exp.
    Range: 0-1, the hundredth of the usual figure. Over all rows together: a row has no value of its own.
    Misleads: it is 0.3 for good and for mediocre translations of different texts; compare on the same rows only.
        Few rows make it jump. Words with the same meaning count nothing.
    Defaults: the tokenizer `zh` where most references have Chinese, Japanese or Korean characters, else `13a`.
    """

    word: ClassVar[str] = "bleu"
    family: ClassVar[str] = "translation"
    per_row: ClassVar[bool] = False

    def __init__(self) -> None:
        """Raises UserError where sacrebleu is not installed: a study asks for its metrics before it trains."""
        try:
            from sacrebleu.metrics import BLEU
        except ModuleNotFoundError as missing:
            raise UserError(
                "bleu counts with sacrebleu, which is not installed.",
                "chrf needs nothing",
                "pip install luthier[translate]",
            ) from missing
        self._counter = BLEU

    def tally(self, predictions: Sequence[Prediction]) -> Array:
        """(rows, 10): matched n-grams, said n-grams, words said, words of the nearest reference."""
        need_references(predictions)
        counter = self._counter(tokenize="zh" if mostly_cjk(predictions) else "13a", effective_order=True)
        rows = []
        for p in predictions:
            found = counter.sentence_score(p.prediction, list(p.references))
            rows.append([*found.counts, *found.totals, found.sys_len, found.ref_len])
        return np.array(rows, np.float64)

    def value(self, totals: Array) -> Array:
        """As sacrebleu's corpus score: an order without a match counts as half, a quarter, … of one match."""
        hits, said = totals[..., :WORDS], totals[..., WORDS : 2 * WORDS]
        length, wanted = totals[..., -2], totals[..., -1]
        missed = (hits == 0) & (said > 0)
        smoothed = np.where(missed, 0.5 ** np.cumsum(missed, axis=-1), hits)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(smoothed / said)
            brevity = np.where(length < wanted, 1 - wanted / length, 0.0)
            score = np.exp(np.where(np.isfinite(logs), logs, -np.inf).mean(-1) + brevity)
        return np.where(hits.any(-1), score, 0.0)


class ChrF:
    """Runs of one to six characters in common.

    Formula: F with beta 2 (recall counts twice) of the mean precision and mean recall over the six lengths, spaces
        left out. "broken lift" against "the lift is broken" shares every run inside the two words.
    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation", section 2; computed as
        sacrebleu does (Post 2018, arXiv:1804.08771), chrF2 without word n-grams.
    Range: 0-1, the hundredth of the usual figure, over all rows together. Of several references a row takes the best.
    Misleads: related words score although they are wrong ("unlocked" for "locked"). Chinese figures lie far lower
        than English ones: never compare across languages.
    Defaults: 6 characters, beta 2, case kept.
    """

    word: ClassVar[str] = "chrf"
    family: ClassVar[str] = "translation"
    per_row: ClassVar[bool] = False

    def tally(self, predictions: Sequence[Prediction]) -> Array:
        """(rows, 18): runs said, runs wanted, runs in common, for each length."""
        need_references(predictions)
        return np.array([self._row(p) for p in predictions], np.float64)

    def value(self, totals: Array) -> Array:
        said, wanted, hits = (totals[..., part::3] for part in range(3))
        counted = (said > 0) & (wanted > 0)
        orders = np.maximum(counted.sum(-1), 1)
        precision = np.divide(hits, said, out=np.zeros_like(hits), where=counted).sum(-1) / orders
        recall = np.divide(hits, wanted, out=np.zeros_like(hits), where=counted).sum(-1) / orders
        below = 4 * precision + recall
        return np.divide(5 * precision * recall, below, out=np.zeros_like(below), where=below > 0)

    def _row(self, p: Prediction) -> list[int]:
        said = _runs(p.prediction)
        tallies = [_tallied(said, _runs(reference)) for reference in p.references]
        return max(tallies, key=lambda tally: float(self.value(np.array(tally, np.float64))))


def mostly_cjk(predictions: Sequence[Prediction]) -> bool:
    """Whether more than half of the rows have a Chinese, Japanese or Korean character in their first reference."""
    return 2 * sum(bool(CJK.search(p.references[0])) for p in predictions) > len(predictions)


def _runs(text: str) -> list[Counter[str]]:
    """Per length, how often each run of characters stands in the text."""
    joined = "".join(text.split())
    return [Counter(joined[i : i + n] for i in range(len(joined) - n + 1)) for n in range(1, CHARACTERS + 1)]


def _tallied(said: list[Counter[str]], wanted: list[Counter[str]]) -> list[int]:
    """Runs said (none of a length that the reference is too short for, as sacrebleu has it), wanted, in common."""
    tallies = [
        (mine.total() if other else 0, other.total(), (mine & other).total()) for mine, other in zip(said, wanted)
    ]
    return [number for tally in tallies for number in tally]
