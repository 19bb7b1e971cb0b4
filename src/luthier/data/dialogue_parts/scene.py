"""How a scene is written down: a short play with alternatives, and what happened in it.

A script has one turn a line, `A: text` or `B: text`:

    A: Can I borrow your {tool}?
     / I need a {tool} for [an hour|the afternoon].      another phrasing of the same turn
    ?B: What broke this time?                            a run of `?` lines is said or left out as a whole
    ?A: The shelf, again.
    ~                                                    here an aside is welcome

A line that is too long goes on after a backslash. `{tool}` is a slot, `[x|y]` a choice of words, `{you}` the other
one's name where it is spoken (or nothing).
A slot's values are split by `|`; `my screen is black = a black screen` is said the first way in the dialogue
(`{fault}`) and told the second way in the summary (`{fault:told}`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

SLOT = re.compile(r"\{([\w:]+)\}")
SPEAKERS = frozenset({"A", "B"})


@dataclass(frozen=True)
class Turn:
    """One turn: who speaks, and the phrasings to choose from."""

    speaker: str
    phrasings: tuple[str, ...]


@dataclass(frozen=True)
class Beat:
    """Turns that stand or fall together: `always` said, `maybe` said, or the place of an `aside` (no turns)."""

    kind: str
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Ending:
    """One way a scene goes on after its opening, and the summaries of the whole; all tell the same facts."""

    correctable: str
    """Facts (separated by spaces) that somebody may get wrong first; the value is a noun phrase on its own."""
    script: str
    summaries: str

    @cached_property
    def beats(self) -> tuple[Beat, ...]:
        return read_script(self.script)

    @cached_property
    def told(self) -> tuple[str, ...]:
        """The summary templates, one a line."""
        return lines(self.summaries)

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """Names of the slots that the summaries tell, sorted."""
        return slots_of(self.told[0])


@dataclass(frozen=True)
class Scene:
    """An opening, the ways it can end, and the values of its slots."""

    name: str
    tone: str
    """`friends`, `strangers`, `counter` or `phone`: which greetings, small talk and goodbyes fit.

    At a counter and on the phone A is the customer.
    """
    slots: Mapping[str, str]
    script: str
    endings: tuple[Ending, ...]

    @cached_property
    def beats(self) -> tuple[Beat, ...]:
        return read_script(self.script)

    @cached_property
    def values(self) -> dict[str, tuple[str, ...]]:
        return {name: phrases(text) for name, text in self.slots.items()}


@dataclass(frozen=True)
class Talk:
    """What people of one language say in any scene. An exchange is `first >> other >> first …`."""

    names: tuple[str, ...]
    calling: str
    """The other's name as it is spoken, with `{}` for it: `, {}`."""
    colon: str
    space: str
    """Between two sentences of one turn."""
    greetings: Mapping[str, tuple[str, ...]]
    """By tone; joined with the first turn of the scene."""
    small_talk: Mapping[str, tuple[str, ...]]
    """By tone; before the first turn."""
    asides: Mapping[str, tuple[str, ...]]
    """By tone; the third part leads back. At a counter and on the phone the customer starts."""
    interruptions: tuple[str, ...]
    """Started by the one who should speak now; the third part leads back."""
    goodbyes: Mapping[str, tuple[str, ...]]
    """By tone; started by A, who wanted something."""
    corrected_at_once: tuple[str, ...]
    """By the one who said `{wrong}`."""
    corrected_when_asked: tuple[str, ...]
    """Started by the other one."""
    corrected_late: tuple[str, ...]
    """By the one who said `{wrong}`, near the end."""


def phrases(text: str) -> tuple[str, ...]:
    """`a | b | c` as a tuple; a `|` without spaces around it is left to the choices of words."""
    return tuple(" ".join(part.split()) for part in re.split(r"\s\|\s", text))


def lines(text: str) -> tuple[str, ...]:
    """The lines of `text` that hold something, stripped."""
    return tuple(filter(None, map(str.strip, text.splitlines())))


def slots_of(text: str) -> tuple[str, ...]:
    """Names of the slots in `text`, sorted, without the speakers and without `:told`."""
    return tuple(sorted({name.removesuffix(":told") for name in SLOT.findall(text)} - SPEAKERS))


def read_script(script: str) -> tuple[Beat, ...]:
    """The beats of a script (see the top of this file).

    Raises:
        ValueError: a line that is no turn, phrasing or `~`.
    """
    beats: list[tuple[str, list[tuple[str, list[str]]]]] = []
    for line in lines(script):
        if line == "~":
            beats.append(("aside", []))
        elif line.startswith("/"):
            beats[-1][1][-1][1].append(line.removeprefix("/").strip())
        elif turn := re.fullmatch(r"(\??)([AB]): ?(.+)", line):
            kind = "maybe" if turn[1] else "always"
            if not beats or beats[-1][0] != kind:
                beats.append((kind, []))
            beats[-1][1].append((turn[2], [turn[3]]))
        else:
            raise ValueError(f"no line of a script: {line!r}")
    return tuple(Beat(kind, tuple(Turn(who, tuple(said)) for who, said in turns)) for kind, turns in beats)
