"""Built-in data: Chinese passages with their keywords.

The keywords of a passage (see `passages`) are the names of those it tells of and the facts that are told of them, in
the order in which the passage says them; numbers (years, counts of people) are none. All of them stand in the passage,
and the sentences that answer nothing hold none, so a reader who knows what is a fact is always right.
train, dev and test never share a passage's first name: the sha256 of (subject, name) says which split a row belongs to.
A row depends on (split, seed, position) alone.
"""

from __future__ import annotations

import random
from typing import Any

from .draw import asked_for, split_by
from .passages import NAME, RANGE, context_of, drawn_facts

BETWEEN = "、"


def keywords(split: str, rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """`rows` rows `{"id", "text", "keywords"}`, the keywords one text with 、 between them.

    Raises:
        DataError: no such split, or fewer than one row.
    """
    asked_for("keywords", split, rows)
    return [_row(split, seed, position) for position in range(rows)]


def _row(split: str, seed: int, position: int) -> dict[str, Any]:
    rng = random.Random(f"keywords {split} {seed} {position}")
    while True:  # until the name belongs to this split
        told = drawn_facts(rng)
        if told.apart and split_by(told.subject, told.about[0][NAME]) == split:
            break
    text = context_of(told, rng)
    words = [fact.slot for fact in told.facts if not any(map(RANGE.fullmatch, fact.values))]
    terms = dict.fromkeys(values[slot] for values in told.about for slot in (NAME, *words))
    return {
        "id": f"keywords-zh-{split}-{seed}-{position}",
        "text": text,
        "keywords": BETWEEN.join(sorted(terms, key=text.index)),
    }
