"""Built-in data: Chinese passages with a question whose answer stands in the passage.

A passage is about somebody, a place, a shop or a contest that never was. Three kinds of rows are drawn:

* plain 35 %: three facts about one subject, in order;
* long 35 %: four or five facts, shuffled, with sentences that answer nothing;
* two 30 %: the same facts of two subjects of one kind, told by turns, so that the name in the question decides.

Each question has one right answer, which the passage holds once, so a perfect reader is right always (BEST). `nearest`
answers with the sentence that shares most characters with the question, what a reader without understanding does.
train, dev and test never share facts: the sha256 of (subject, its name, the asked fact's value) says which split a row
belongs to. A row depends on (split, seed, position) alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .dialogue_parts.scene import lines, phrases
from .draw import asked_for, below, fill, pick, some, split_by
from .passages_zh import ASIDES, SUBJECTS

KINDS = {"plain": 35, "long": 35, "two": 30}
"""Kinds of rows and their shares in percent."""
BEST = 1.0
"""The answer always stands in the passage, and only once."""
NAME = "名"
RANGE = re.compile(r"(\d+)-(\d+)(\D*)")
"""A value that stands for the whole numbers from one to the other."""


@dataclass
class Fact:
    """One thing that can be told of a subject, and asked."""

    slot: str
    values: tuple[str, ...]
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Told:
    """What a passage tells, before it is put into words."""

    kind: str
    subject: str
    facts: list[Fact]
    about: list[dict[str, str]]
    """For each that it is about, the one that is asked for first: slot -> value, its name among them."""

    @property
    def apart(self) -> bool:
        """Whether all that it is about have different names."""
        return len({one[NAME] for one in self.about}) == len(self.about)


@cache
def subjects() -> dict[str, tuple[Fact, ...]]:
    """Subject -> its facts, its name first.

    Raises:
        ValueError: a line that is no subject, fact, sentence or question.
    """
    found: dict[str, list[Fact]] = {}
    for line in lines(SUBJECTS):
        mark, _, text = line.partition(" ")
        if mark == "#":
            facts = found.setdefault(text, [])
        elif mark == ".":
            facts[-1].told.append(text)
        elif mark == "?":
            facts[-1].asked.append(text)
        elif text.startswith(": "):
            facts.append(Fact(mark, phrases(text[2:])))
        else:
            raise ValueError(f"no line of a subject: {line!r}")
    return {subject: tuple(facts) for subject, facts in found.items()}


def passages(split: str, rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """`rows` rows `{"id", "context", "question", "answers"}`, `answers` a list with the one right answer.

    Raises:
        DataError: no such split, or fewer than one row.
    """
    asked_for("passages", split, rows)
    return [drawn(split, seed, position)[0] for position in range(rows)]


def nearest(row: Mapping[str, Any]) -> str:
    """The sentence of the passage that shares most of its characters with the question."""
    wanted = set(row["question"])
    sentences = re.findall(r"[^。！？]+[。！？]", row["context"])
    return max(sentences, key=lambda one: len(wanted & set(one)) / len(set(one)) ** 0.5)


def drawn(split: str, seed: int, position: int) -> tuple[dict[str, Any], str]:
    """A row, and its kind."""
    rng = random.Random(f"passages {split} {seed} {position}")
    while True:  # until the asked fact belongs to this split and its answer stands in the passage once
        told = drawn_facts(rng)
        asked, values = pick(rng, told.facts), told.about[0]
        if split_by(told.subject, values[NAME], values[asked.slot]) != split:
            continue
        context = context_of(told, rng)
        if context.count(values[asked.slot]) == 1 and told.apart:
            break
    row = {
        "id": f"zh-{split}-{seed}-{position}",
        "context": context,
        "question": fill(pick(rng, asked.asked), values, rng),
        "answers": [values[asked.slot]],
    }
    return row, told.kind


def drawn_facts(rng: random.Random) -> Told:
    """What a passage will tell."""
    kind, subject = _kind(rng), pick(rng, tuple(subjects()))
    name, *facts = subjects()[subject]
    chosen = some(rng, facts, {"plain": 3, "long": 4 + below(rng, 2), "two": 2 + below(rng, 2)}[kind])
    if kind == "plain":
        chosen.sort(key=facts.index)
    return Told(kind, subject, chosen, [_values(name, chosen, rng) for _ in range(2 if kind == "two" else 1)])


def _kind(rng: random.Random) -> str:
    at = below(rng, sum(KINDS.values()))
    return next(kind for number, kind in enumerate(KINDS) if at < sum(list(KINDS.values())[: number + 1]))


def _values(name: Fact, facts: list[Fact], rng: random.Random) -> dict[str, str]:
    return {fact.slot: _value(pick(rng, fact.values), rng) for fact in (name, *facts)}


def _value(text: str, rng: random.Random) -> str:
    if span := RANGE.fullmatch(text):
        low, high = int(span[1]), int(span[2])
        return f"{low + below(rng, high - low + 1)}{span[3]}"
    return fill(text, {}, rng)


def context_of(told: Told, rng: random.Random) -> str:
    """The passage. Of two subjects every sentence names its own; of one the name may be left to be understood."""
    about = told.about[::-1] if rng.random() < 0.5 else told.about
    sentences = []
    for number, fact in enumerate(told.facts):
        for values in about:
            named = told.kind == "two" or number == 0
            ways = [one for one in fact.told if f"{{{NAME}}}" in one] if named else fact.told
            sentences.append(fill(fill(pick(rng, ways), values, rng), values, rng))
    if told.kind == "long":
        for aside in some(rng, lines(ASIDES), 1 + below(rng, 2)):
            sentences.insert(1 + below(rng, len(sentences)), fill(aside, {}, rng))
    return "".join(sentences)
