"""Reproducible draws for the built-in data: `Random.random` is the one draw whose sequence Python promises to keep."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from ..errors import DataError
from .dialogue_parts.scene import SLOT
from .table import SPLITS

Item = TypeVar("Item")

CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")


def asked_for(what: str, split: str, rows: int) -> None:
    """Refuse a split that the built-in `what` do not have, and fewer than one row."""
    if split not in SPLITS:
        raise DataError(f"The built-in {what} have no split {split!r}.", ", ".join(SPLITS), "name one of these")
    if rows < 1:
        raise DataError(f"{rows} rows of {what} were asked for.", "1 or more", "ask for at least one")


def below(rng: random.Random, end: int) -> int:
    """A whole number from 0 to `end` - 1."""
    return int(rng.random() * end)


def pick(rng: random.Random, items: Sequence[Item]) -> Item:
    """One of the items."""
    return items[below(rng, len(items))]


def some(rng: random.Random, items: Sequence[Item], count: int) -> list[Item]:
    """`count` different items in random order."""
    left = list(items)
    return [left.pop(below(rng, len(left))) for _ in range(count)]


def fill(text: str, values: Mapping[str, str], rng: random.Random) -> str:
    """Choices of words made, slots filled."""
    text = CHOICE.sub(lambda found: pick(rng, found[1].split("|")), text)
    return SLOT.sub(lambda found: values[found[1]], text)


def split_by(*facts: str) -> str:
    """The one split that these facts may appear in, 80, 10 and 10 % of them: the same on every machine and Python."""
    tenth = int.from_bytes(hashlib.sha256("\n".join(facts).encode()).digest()[:8]) % 10
    return {8: "dev", 9: "test"}.get(tenth, "train")
