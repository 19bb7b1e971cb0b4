"""Questions about a passage, made by code: a sentence comes back with a piece of it asked for.

What is asked for stands in the passage word by word, so the answer is found by finding the sentence. Numbers, years and
names get the question word that a person would use, anything else a plain "what" or a gap.
"""

from __future__ import annotations

import random
import re

from .corpus import Document
from .text_tasks import Pair, joined, passage

KINDS_OF_PIECE = {
    "en": (
        (re.compile(r"\b1[0-9]{3}\b|\b20[0-9]{2}\b"), ("which year", "when")),
        (re.compile(r"\b\d[\d,.]*\d\b|\b\d\b"), ("how many", "how much", "what number")),
        (re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*"), ("who or what", "who", "what")),
        (re.compile(r"\b[a-z]+(?: [a-z]+){0,3}\b"), ("what", "____")),
    ),
    "zh": (
        (re.compile(r"\d{3,4}年"), ("哪一年", "什么时候")),
        (re.compile(r"\d[\d.]*|[一二三四五六七八九十百千万]{2,}"), ("多少", "几")),
        (re.compile(r"[《“「][^》”」]{2,12}[》”」]"), ("什么", "哪个")),
        (re.compile(r"[\u4e00-\u9fff]{2,6}"), ("什么", "什么", "谁", "____")),
    ),
}
"""By language, the rarer first: a piece of a sentence, and the words that ask for it."""
CONTEXT = {"en": (20, 70), "zh": (5, 20)}
"""The fewest and the most characters of the sentence that a question keeps on either side."""
SHAPES = {
    "en": (
        "{text}\n\nQuestion: {question}\n\nAnswer: ",
        "Answer the question.\n\n{text}\n\n{question}",
        "{question}\n\n{text}",
    ),
    "zh": (
        "{text}\n\n问题：{question}\n\n回答：",
        "根据下文回答问题。\n\n{text}\n\n{question}",
        "{question}\n\n{text}",
    ),
}


def asked_piece(document: Document, rng: random.Random) -> Pair | None:
    """Give the piece of a sentence that a question leaves out."""
    lang, parts = document.lang, passage(document, rng)
    if not parts:
        return None
    sentence = rng.choice(parts)
    piece, word = _piece(sentence, lang, rng)
    if piece is None:
        return None
    before, after = (rng.randint(*CONTEXT[lang]) for _ in "ab")
    left, right = sentence[: piece.start()][-before:], sentence[piece.end() :][:after]
    if len(left + right) < CONTEXT[lang][0] or sum(left in part and right in part for part in parts) != 1:
        return None
    if lang == "en":  # no half words at the ends
        left = left.partition(" ")[2] if piece.start() > before else left
        right = right.rpartition(" ")[0] if len(sentence) > piece.end() + after else right
    mark = "?" if lang == "en" else "？"
    question = f"{left}{word}{right}".strip().rstrip("。，.,;；!！?？") + mark
    shape = rng.choice(SHAPES[lang])
    return shape.format(text=joined(parts, lang), question=question), piece[0]


def _piece(sentence: str, lang: str, rng: random.Random) -> tuple[re.Match[str] | None, str]:
    """What is asked for and the word that asks: a number or a name where there is one, three times out of four."""
    for pattern, words in KINDS_OF_PIECE[lang]:
        found = list(pattern.finditer(sentence))
        if found and (rng.random() < 0.75 or pattern is KINDS_OF_PIECE[lang][-1][0]):
            return rng.choice(found), rng.choice(words)
    return None, ""
