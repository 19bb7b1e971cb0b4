"""Built-in data: reviews of hotels and of things that were ordered, positive or negative, in Chinese and English.

Five ways of reviewing are drawn, with these shares:

* plain 30 %: everything said is on one side;
* denied 25 %: something is praised by denying something bad ("not noisy"), or blamed by denying something good;
* contrast 25 %: a small thing on the other side, before "but" or behind "only"; what weighs is what counts;
* flipped 16 %: praise that complains ("so attentive: two hours until somebody came") or a complaint that praises;
* open 4 %: one good thing and one bad thing and no verdict. The label is a fair coin.

So no reader can be right more often than BEST = 98 %. `lexicon` counts words of praise and blame, what a reader without
word order does. train, dev and test never share a set of claims: the sha256 of (way, side, claims) says which
split they belong to. A row depends on (language, split, seed, position) alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DataError
from .dialogue_parts.scene import lines
from .draw import below, fill, pick, some, split_by
from .review_parts import Domain, Speech
from .reviews_en import SPEECH as ENGLISH
from .reviews_zh import SPEECH as CHINESE
from .table import SPLITS

SPEECHES: dict[str, Speech] = {"en": ENGLISH, "zh": CHINESE}
WAYS = {"plain": 30, "denied": 25, "contrast": 25, "flipped": 16, "open": 4}
"""Ways of reviewing and their shares in percent."""
BEST = 1 - WAYS["open"] / 100 / 2
"""The best accuracy that anybody can expect: half of the open reviews are guessed."""
CARELESS = 0.3
"""Share of reviews with careless punctuation."""


def reviews(split: str, rows: int, seed: int = 0, language: str = "zh") -> list[dict[str, Any]]:
    """`rows` rows `{"id", "text", "label"}`; the labels are `Speech.labels`, both equally likely.

    Raises:
        DataError: no such split or language, or fewer than one row.
    """
    if split not in SPLITS:
        raise DataError(f"The built-in reviews have no split {split!r}.", ", ".join(SPLITS), "name one of these")
    if language not in SPEECHES:
        raise DataError(f"No built-in reviews in {language!r}.", ", ".join(SPEECHES), "name one of these languages")
    if rows < 1:
        raise DataError(f"{rows} rows of reviews were asked for.", "1 or more", "ask for at least one")
    return [drawn(split, seed, language, position)[0] for position in range(rows)]


def drawn(split: str, seed: int, language: str, position: int) -> tuple[dict[str, Any], str]:
    """A row, and the way it is reviewed in."""
    rng = random.Random(f"reviews {language} {split} {seed} {position}")
    speech = SPEECHES[language]
    while True:  # until the claims belong to this split
        way, side = _way(rng), pick(rng, "+-")
        name = pick(rng, tuple(speech.domains))
        domain = speech.domains[name]
        thing = pick(rng, domain.values)
        claims = _claims(speech, domain, way + side, rng)
        if split_by(way, side, *sorted(claims)) == split:
            break
    low = 80 + 10 * below(rng, 40)
    values = {
        "thing": thing,
        "nights": pick(rng, "两三四五" if language == "zh" else "2345"),
        "price": str(low),
        "less": str(10 * (1 + below(rng, low // 20))),
    }
    parts = _parts(speech, domain, way + side, claims, rng)
    label = pick(rng, speech.labels) if way == "open" else speech.labels[side == "+"]
    text = _written([fill(part, values, rng) for part in parts], speech, rng)
    return {"id": f"{language}-{split}-{seed}-{position}", "text": text, "label": label}, way


def lexicon(rows: Sequence[Mapping[str, Any]], learnt_from: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels by counting which side's training reviews hold each character pair (word in English) more often."""
    labels = sorted({row["label"] for row in learnt_from})
    seen: dict[str, dict[str, int]] = {label: {} for label in labels}
    for row in learnt_from:
        for piece in _pieces(row["text"]):
            seen[row["label"]][piece] = seen[row["label"]].get(piece, 0) + 1
    found = []
    for row in rows:
        sides = {
            label: sum(
                seen[label].get(piece, 0) > 2 * sum(seen[other].get(piece, 0) for other in labels if other != label)
                for piece in _pieces(row["text"])
            )
            for label in labels
        }
        found.append(max(labels, key=sides.__getitem__))
    return found


def _pieces(text: str) -> set[str]:
    return set(text.lower().split()) if text.isascii() else {text[at : at + 2] for at in range(len(text) - 1)}


def _way(rng: random.Random) -> str:
    at = below(rng, sum(WAYS.values()))
    for way, share in WAYS.items():
        at -= share
        if at < 0:
            return way
    raise AssertionError("shares add up")


def _claims(speech: Speech, domain: Domain, way: str, rng: random.Random) -> list[str]:
    """What is said in the way (its last letter the side), each about another aspect, its choices of words open."""
    way, side = way[:-1], way[-1]
    other = "-" if side == "+" else "+"
    either = (side, "!" + side)
    marks = {
        "plain": [side] * (1 + below(rng, 3)),
        "denied": ["!" + side, *(pick(rng, either) for _ in range(below(rng, 3)))],
        "contrast": [pick(rng, (other, "!" + other)), *(pick(rng, either) for _ in range(1 + below(rng, 2)))],
        "flipped": [pick(rng, either)] * below(rng, 2),
        "open": some(rng, (side, other), 2),
    }[way]
    aspects = some(rng, tuple(domain.said), len(marks))
    claims = [pick(rng, domain.said[aspect][mark]) for aspect, mark in zip(aspects, marks, strict=True)]
    if way == "flipped":
        claims.insert(below(rng, len(claims) + 1), pick(rng, lines(speech.flips[side])))
    return claims


def _parts(speech: Speech, domain: Domain, way: str, claims: list[str], rng: random.Random) -> list[str]:
    """The sentences of a review in order."""
    way, side = way[:-1], way[-1]
    parts = list(claims)
    if way == "contrast":
        shape = speech.but if rng.random() < 0.6 else speech.except_for
        told = pick(rng, lines(shape)).replace("{minor}", claims[0]).replace("{major}", claims[1])
        parts = [told, *claims[2:]]
    elif way == "denied":
        parts = some(rng, parts, len(parts))
    if rng.random() < 0.75:
        parts.insert(0, pick(rng, lines(domain.openings)))
    if rng.random() < 0.3:
        parts.insert(1 + below(rng, len(parts)), pick(rng, lines(domain.asides)))
    if way in ("plain", "denied", "contrast") and rng.random() < 0.35:
        parts.append(pick(rng, lines(speech.verdicts[side])))
    return parts


def _written(parts: list[str], speech: Speech, rng: random.Random) -> str:
    """Sentences as somebody in a hurry, or not, would type them."""
    careless = rng.random() < CARELESS
    told = ""
    for number, part in enumerate(parts):
        mark = speech.end if number == len(parts) - 1 or rng.random() < 0.6 else speech.join
        if careless:
            mark = pick(rng, [one.strip() or " " for one in speech.noise[mark].split(" | ")])
        told += part + mark + speech.space
    told = told.strip()
    if speech.space and not (careless and rng.random() < 0.5):
        told = re.sub(r"(?:^|(?<=[.!?] ))[a-z]", lambda letter: letter[0].upper(), told)
    if careless and rng.random() < 0.3:
        told += fill(speech.tails, {}, rng)
    return re.sub(r" +", " ", told)
