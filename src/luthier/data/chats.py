"""Built-in data: Chinese chats about a passage, one question after another.

The user brings a passage (see `passages`) and asks two or three things about the one it tells of; the assistant answers
with what stands there, once. Only the first turn shows the passage, so a bot that forgets what was said cannot answer
the others, and one that reads and remembers is always right.
train, dev and test never share the one that is asked about: the sha256 of (subject, its name) says which split a chat
belongs to. A row depends on (split, seed, position) alone.
"""

from __future__ import annotations

import random
from typing import Any

from .draw import asked_for, below, fill, pick, some, split_by
from .passages import NAME, context_of, drawn_facts


def chats(split: str, rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """`rows` rows `{"id", "messages"}`, messages `{"role", "content"}` by user and assistant in turn.

    Raises:
        DataError: no such split, or fewer than one row.
    """
    asked_for("chats", split, rows)
    return [_row(split, seed, position) for position in range(rows)]


def _row(split: str, seed: int, position: int) -> dict[str, Any]:
    rng = random.Random(f"chats {split} {seed} {position}")
    while True:  # until the name belongs to this split and every answer stands in the passage once
        told = drawn_facts(rng)
        values = told.about[0]
        if split_by(told.subject, values[NAME]) != split:
            continue
        passage, asked = context_of(told, rng), some(rng, told.facts, min(len(told.facts), 2 + below(rng, 2)))
        if told.apart and all(passage.count(values[fact.slot]) == 1 for fact in asked):
            break
    messages = []
    for number, fact in enumerate(asked):
        question = fill(pick(rng, fact.asked), values, rng)
        said = question if number else f"{passage}\n\n{question}"
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": values[fact.slot]}]
    return {"id": f"chat-zh-{split}-{seed}-{position}", "messages": messages}
