"""ROUGE: how much of the wording of a reference is in a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from .lcs import lcs_length, lcs_places
from .metric import RowMetric
from .words import tokens


class Rouge1(RowMetric):
    """Words in common.

    Formula: F = 2·hits / (words said + words of the reference); a word hits as often as it stands on both sides.
        "The lift is broken" against "The lift broke again": the, lift and broke(n stays another stem) -> 2 hits, 0.5.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 2; computed as the
        `rouge_score` package does with its stemmer. Chinese, Japanese and Korean go by character.
    Range: 0-1, 1 for the same words; an empty text scores 0 and counts. Of several references the mean is taken.
    Misleads: it sees neither order nor truth: who did what to whom may be swapped at no cost. Long texts gain recall,
        so compare lengths too. Figures by character and by word are not on one scale. Thai and other scripts without
        spaces are not cut into words.
    Defaults: F-measure with equal weights and Porter stems, as most published figures since 2019.
    """

    word: ClassVar[str] = "rouge1"
    family: ClassVar[str] = "rouge"

    def pair(self, prediction: str, reference: str) -> float:
        return _overlap(tokens(prediction), tokens(reference))


class Rouge2(RowMetric):
    """Pairs of neighbouring words in common.

    Formula: as rouge1, over pairs of neighbours. "He paid the bill" against "She paid the bill": two of three pairs
        on each side, 0.667.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 2.
    Range: 0-1; a text or reference of a single word has no pair and scores 0. Mean over several references.
    Misleads: as rouge1, and short texts jump: one changed word breaks two pairs.
    Defaults: as rouge1.
    """

    word: ClassVar[str] = "rouge2"
    family: ClassVar[str] = "rouge"

    def pair(self, prediction: str, reference: str) -> float:
        said, wanted = tokens(prediction), tokens(reference)
        return _overlap(list(pairwise(said)), list(pairwise(wanted)))


class RougeL(RowMetric):
    """Words in common, in the same order.

    Formula: F as in rouge1, hits = length of the longest common subsequence (gaps are allowed).
        "the bill he paid" against "he paid the bill": two words keep their order, 0.5, where rouge1 says 1.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.1.
    Range: 0-1, never above rouge1. Mean over several references.
    Misleads: line ends are ignored, so two right sentences in the other order lose half; that is what rougeLsum is
        for. The rest as rouge1.
    Defaults: as rouge1.
    """

    word: ClassVar[str] = "rougeL"
    family: ClassVar[str] = "rouge"

    def pair(self, prediction: str, reference: str) -> float:
        said, wanted = tokens(prediction), tokens(reference)
        return _f(lcs_length(wanted, said), len(said), len(wanted))


class RougeLsum(RowMetric):
    """Words in common, in the same order within each line.

    Formula: every line of the reference is matched with every line of the text, the matched places of its longest
        common subsequences are united, and each word counts at most as often as both sides have it; then F as in
        rouge1. "Ann left.\\nBob stayed." against "Bob stayed.\\nAnn left.": 1, where rougeL says 0.5.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.2, with the counting of
        ROUGE 1.5.5 as in the `rouge_score` package.
    Range: 0-1; the same as rougeL where both sides are one line. Mean over several references.
    Misleads: sentences are lines here, nothing splits at full stops. The rest as rouge1.
    Defaults: as rouge1.
    """

    word: ClassVar[str] = "rougeLsum"
    family: ClassVar[str] = "rouge"

    def pair(self, prediction: str, reference: str) -> float:
        said, wanted = _lines(prediction), _lines(reference)
        left_said = Counter(token for line in said for token in line)
        left_wanted = Counter(token for line in wanted for token in line)
        lengths = left_said.total(), left_wanted.total()
        hits = 0
        for line in wanted:
            for place in sorted(set().union(*(lcs_places(line, other) for other in said))):
                token = line[place]
                if left_said[token] > 0 and left_wanted[token] > 0:
                    hits += 1
                    left_said[token] -= 1
                    left_wanted[token] -= 1
        return _f(hits, *lengths)


def _lines(text: str) -> list[tuple[str, ...]]:
    return [tokens(line) for line in text.split("\n") if line]


def _overlap(said: Sequence[object], wanted: Sequence[object]) -> float:
    return _f((Counter(said) & Counter(wanted)).total(), len(said), len(wanted))


def _f(hits: int, said: int, wanted: int) -> float:
    """The harmonic mean of hits / said and hits / wanted."""
    return 2 * hits / (said + wanted) if hits else 0.0
