"""Short answers: the same as a reference, or how much of it."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from .metric import RowMetric
from .words import CJK

ARTICLES = re.compile(r"\b(a|an|the)\b")
POINT_IN_NUMBER = re.compile(r"(?<=[0-9])\.(?=[0-9])")


class ExactMatch(RowMetric):
    """The answer is the reference.

    Example: "The Ferry, twice." is "ferry twice" (case, punctuation and a, an, the do not count); "北京。" is "北京".
    Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text", arXiv:1606.05250,
        section 6.1; Chinese as in Cui et al. 2019, "A Span-Extraction Dataset for Chinese Machine Reading
        Comprehension", section 4.
    Range: 0 or 1 per row. Of several references the best counts, as both sources do. An empty answer scores 0.
    Misleads: "twice each day" is wrong where the reference says "twice a day". Long answers are all 0.
    Defaults: the normalisation of the two data sets; where it leaves nothing ("+"), the text itself is compared.
    """

    word: ClassVar[str] = "exact_match"
    best_reference: ClassVar[bool] = True

    def pair(self, prediction: str, reference: str) -> float:
        said, wanted = _both(prediction, reference)
        return float(bool(said) and said == wanted)


class F1(RowMetric):
    """How much of the reference the answer has, and how much else.

    Example: "in twice a day" against "twice a day" -> words {in, twice, day} and {twice, day}, F = 2·2 / (3 + 2) = 0.8.
        "在北京市" against "北京": the longest common run has 2 characters, F = 2·2 / (4 + 2) = 0.667.
    Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text", arXiv:1606.05250,
        section 6.1 (words, in any order); Chinese, and Japanese and Korean with it, as in Cui et al. 2019, "A
        Span-Extraction Dataset for Chinese Machine Reading Comprehension", section 4 (characters, in one run).
    Range: 0-1. Of several references the best counts, as both sources do. An empty answer scores 0.
    Misleads: a wrong answer with the words of the right one scores ("not in May" against "in May"). English and
        Chinese figures are not on one scale. This is the F1 of answers, not of classes: that is macro_f1.
    Defaults: as exact_match.
    """

    word: ClassVar[str] = "f1"
    best_reference: ClassVar[bool] = True

    def pair(self, prediction: str, reference: str) -> float:
        said, wanted = _both(prediction, reference)
        if _has_cjk(prediction, reference):
            hits = longest_run(said, wanted)
        else:
            hits = (Counter(said) & Counter(wanted)).total()
        return 2 * hits / (len(said) + len(wanted)) if hits else 0.0


def longest_run(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest run of tokens that stands in both.

    A common run holds common runs of every smaller length, so the length is found by halving.
    """
    found, most = 0, min(len(a), len(b))
    while found < most:
        size = (found + most + 1) // 2
        if _runs(a, size).isdisjoint(_runs(b, size)):
            most = size - 1
        else:
            found = size
    return found


def _runs(tokens: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}


def _has_cjk(*texts: str) -> bool:
    return any(CJK.search(text) for text in texts)


def _both(prediction: str, reference: str) -> tuple[list[str], list[str]]:
    """The tokens of both, by the rules of the language that one of them shows."""
    split = _characters if _has_cjk(prediction, reference) else _words
    return tuple(split(text) or text.lower().split() for text in (prediction, reference))  # type: ignore[return-value]


def _words(text: str) -> list[str]:
    return ARTICLES.sub(" ", _unpunctuated(text.lower())).split()


def _characters(text: str) -> list[str]:
    """CJK characters one by one, everything between them by spaces; `3.5` stays a number."""
    bare = _unpunctuated(POINT_IN_NUMBER.sub("\0", text.lower())).replace("\0", ".")
    return CJK.sub(r" \g<0> ", bare).split()


def _unpunctuated(text: str) -> str:
    return "".join(c for c in text if c not in string.punctuation and not unicodedata.category(c).startswith("P"))
