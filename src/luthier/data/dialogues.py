"""Built-in data: everyday dialogues of two people with a summary, in English and Chinese, made from our own plays.

A row is drawn in three steps: a scene, an ending and the facts (the slot values that its summaries tell); the lines
that are spoken; the words. About 30 % of the rows are plain (the facts and little else), 40 % are ordinary (some
small talk, an aside or an interruption that no summary mentions), 30 % are hard (more of it, and somebody gets a
fact wrong first: the summary tells the corrected value).

train, dev and test never share facts: the sha256 of (scene, ending, facts) says which split they belong to, about
80, 10 and 10 % of them. Every summary tells all the facts, so no summary and no dialogue is shared either.
A row depends on (language, split, seed, position) alone: more rows leave the first ones as they were.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ..errors import DataError
from .dialogue_parts import SCENES, TALK
from .dialogue_parts.scene import SLOT, Ending, Scene, Talk
from .draw import below, fill, pick, some, split_by
from .table import SPLITS

Values = Mapping[str, str]

TURNS = (4, 14)
"""Fewest and most turns of a dialogue."""
LENGTHS = {"en": (40, 220), "zh": (60, 360)}
"""Fewest and most words (characters in Chinese) of a dialogue, the speakers' labels not counted."""
REFERENCES = 3
"""Summaries of a test row; a train or dev row has one."""


@dataclass(frozen=True)
class _Level:
    """How much is said around the facts: probabilities, and whether a fact is corrected."""

    optional: float
    small_talk: float
    aside: float
    interruption: float
    corrected: bool


_LEVELS = (
    *3 * (_Level(0.6, 0.0, 0.0, 0.0, False),),
    *4 * (_Level(0.85, 0.5, 0.5, 0.3, False),),
    *3 * (_Level(0.85, 0.5, 0.5, 0.3, True),),
)
"""One is drawn for each row: 3 plain, 4 ordinary, 3 hard."""


@dataclass(frozen=True)
class _Line:
    speaker: str
    text: str


def dialogues(split: str, rows: int, seed: int = 0, language: str = "en") -> list[dict[str, Any]]:
    """`rows` rows `{"id", "dialogue", "summary"}`; in the test split `summary` is a list of 3 references.

    A dialogue has one turn a line, `#Person1#: …` or a name. `language` is `en` or `zh`, `split` train, dev or test.

    Raises:
        DataError: no such split or language, or fewer than one row.
    """
    if split not in SPLITS:
        raise DataError(f"The built-in dialogues have no split {split!r}.", ", ".join(SPLITS), "name one of these")
    if language not in SCENES:
        raise DataError(f"No built-in dialogues in {language!r}.", ", ".join(SCENES), "name one of these languages")
    if rows < 1:
        raise DataError(f"{rows} rows of dialogues were asked for.", "1 or more", "ask for at least one")
    return [_row(split, seed, language, position) for position in range(rows)]


def lead(row: Mapping[str, Any], turns: int = 3) -> str:
    """The first `turns` turns of the row's dialogue as its summary: what any tuned model should beat."""
    return " ".join(row["dialogue"].splitlines()[:turns])


def _row(split: str, seed: int, language: str, position: int) -> dict[str, Any]:
    rng = random.Random(f"{language} {split} {seed} {position}")
    talk = TALK[language]
    while True:  # until the facts belong to this split and the dialogue has a fair length
        scene = pick(rng, SCENES[language])
        number = below(rng, len(scene.endings))
        ending = scene.endings[number]
        values = _draw_values(scene, rng)
        if split_of(scene.name, number, {name: values[name] for name in ending.facts}) != split:
            continue
        lines = _play(scene, ending, values, talk, rng)
        if _fair(lines, language):
            break
    called = _called(lines, talk, rng)
    spoken = [f"{called[line.speaker]}{talk.colon}{_address(line, called, talk)}" for line in lines]
    count = REFERENCES if split == "test" else 1
    told = [fill(template, {**values, "A": "{A}", "B": "{B}"}, rng) for template in some(rng, ending.told, count)]
    summaries = [_sentences(fill(text, called, rng), talk) for text in told]
    return {
        "id": f"{language}-{split}-{seed}-{position}",
        "dialogue": "\n".join(spoken),
        "summary": summaries if split == "test" else summaries[0],
    }


def split_of(scene: str, ending: int, facts: Values) -> str:
    """The one split that these facts may appear in: the same on every machine and Python."""
    return split_by(scene, str(ending), *(f"{name}={facts[name]}" for name in sorted(facts)))


def _draw_values(scene: Scene, rng: random.Random) -> dict[str, str]:
    """A value for each slot, all different; `name:told` is its form in a summary."""
    values: dict[str, str] = {}
    for name, choices in scene.values.items():
        said, _, told = pick(rng, [c for c in choices if c.split(" = ")[0] not in values.values()]).partition(" = ")
        values |= {name: said, f"{name}:told": told or said}
    return values


def _play(scene: Scene, ending: Ending, values: Values, talk: Talk, rng: random.Random) -> list[_Line]:
    """The spoken lines with their facts filled in; `{you}` is still open."""
    level = pick(rng, _LEVELS)
    lines = _script(scene, ending, level, talk, rng)
    if level.interruption > rng.random():
        at = 1 + below(rng, len(lines) - 1)
        lines[at:at] = _exchange(pick(rng, talk.interruptions), lines[at].speaker)
    filled = _corrected(lines, scene, ending, values, talk, rng) if level.corrected else _filled(lines, values, rng)
    opening = _opening(filled[0].speaker, level, scene.tone, talk, rng)
    closing: list[_Line] = []
    if rng.random() < 0.7:
        closing = _exchange(pick(rng, talk.goodbyes[scene.tone]), "A")
    around = [_filled(part, {"you": "{you}"}, rng) for part in (opening, closing)]
    return _joined([*around[0], *filled, *around[1]], talk)


def _script(scene: Scene, ending: Ending, level: _Level, talk: Talk, rng: random.Random) -> list[_Line]:
    """One phrasing for each turn that is said; an aside is started by the customer, or else by whoever speaks next."""
    beats = scene.beats + ending.beats
    lines: list[_Line] = []
    for number, beat in enumerate(beats):
        if beat.kind == "aside" and rng.random() < level.aside:
            starter = "A" if scene.tone in ("counter", "phone") else beats[number + 1].turns[0].speaker
            lines += _exchange(pick(rng, talk.asides[scene.tone]), starter)
        if beat.kind == "always" or rng.random() < level.optional:
            lines += [_Line(turn.speaker, pick(rng, turn.phrasings)) for turn in beat.turns]
    return lines


def _opening(speaker: str, level: _Level, tone: str, talk: Talk, rng: random.Random) -> list[_Line]:
    greeting = [_Line(speaker, pick(rng, talk.greetings[tone]))] if rng.random() < 0.8 else []
    if rng.random() < level.small_talk:
        return greeting + _exchange(pick(rng, talk.small_talk[tone]), speaker)
    return greeting


def _corrected(
    lines: list[_Line], scene: Scene, ending: Ending, values: Values, talk: Talk, rng: random.Random
) -> list[_Line]:
    """The lines with one fact said wrong until somebody puts it right."""
    slot = pick(rng, ending.correctable.split())
    first = next(at for at, line in enumerate(lines) if slot in SLOT.findall(line.text))
    who = lines[first].speaker
    wrong = pick(rng, [c for c in _sayings(scene, slot) if c not in values.values()])
    way = below(rng, 3)
    if way == 0:
        repair, at = _exchange(pick(rng, talk.corrected_at_once), who), first + 1
    elif way == 1:
        repair, at = _exchange(pick(rng, talk.corrected_when_asked), _other(who)), first + 1
    else:
        repair, at = _exchange(pick(rng, talk.corrected_late), who), len(lines)
    mistaken = {**values, "you": "{you}", slot: wrong}
    both = {**values, "you": "{you}", "right": values[slot], "wrong": wrong}
    return _filled(lines[:at], mistaken, rng) + _filled(repair, both, rng) + _filled(lines[at:], values, rng)


def _sayings(scene: Scene, slot: str) -> list[str]:
    return [choice.split(" = ")[0] for choice in scene.values[slot]]


def _exchange(text: str, speaker: str) -> list[_Line]:
    """`first >> other >> first` as lines, started by `speaker`."""
    order = (speaker, _other(speaker))
    return [_Line(order[at % 2], part.strip()) for at, part in enumerate(text.split(">>"))]


def _joined(lines: Sequence[_Line], talk: Talk) -> list[_Line]:
    """Neighbouring lines of one speaker as one turn."""
    turns = ((who, [line.text for line in run]) for who, run in groupby(lines, key=lambda line: line.speaker))
    return [_Line(who, talk.space.join(filter(None, texts))) for who, texts in turns]


def _filled(lines: Sequence[_Line], values: Values, rng: random.Random) -> list[_Line]:
    return [_Line(line.speaker, fill(line.text, {"you": "{you}", **values}, rng)) for line in lines]


def _address(line: _Line, called: Values, talk: Talk) -> str:
    """The line with the other one called by name, or by nothing where the speakers are numbers."""
    other = called[_other(line.speaker)]
    return _sentences(line.text.replace("{you}", "" if other.startswith("#") else talk.calling.format(other)), talk)


def _sentences(text: str, talk: Talk) -> str:
    """`text` without stray spaces, each sentence with a capital where the language has them."""
    if not talk.space:
        return "".join(text.split())
    text = re.sub(r" +([,.?!])", r"\1", " ".join(text.split()))
    return re.sub(r"(?:^|(?<=[.?!] ))[a-z]", lambda letter: letter[0].upper(), text)


def _called(lines: Sequence[_Line], talk: Talk, rng: random.Random) -> dict[str, str]:
    """What A and B are called: two names, or numbers by the order in which they speak."""
    if rng.random() < 0.5:
        first = lines[0].speaker
        return {first: "#Person1#", _other(first): "#Person2#"}
    return dict(zip("AB", some(rng, talk.names, 2)))


def _fair(lines: Sequence[_Line], language: str) -> bool:
    """Whether the dialogue is neither too short nor too long."""
    text = " ".join(line.text for line in lines)
    length = len(text.split()) if TALK[language].space else len("".join(text.split()))
    low, high = LENGTHS[language]
    return TURNS[0] <= len(lines) <= TURNS[1] and low <= length <= high


def _other(speaker: str) -> str:
    return "B" if speaker == "A" else "A"
