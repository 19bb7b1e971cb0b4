"""How a language's reviews are written down.

An aspect starts with a line that is its name. The lines below say it: `+` well, `-` badly, `!+` well by denying
something bad ("not noisy"), `!-` badly by denying something good. `[x|y]` is a choice of words, `{thing}` a slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .dialogue_parts.scene import lines, phrases

MARKS = ("!+", "!-", "+", "-")


@dataclass(frozen=True)
class Domain:
    """What is reviewed."""

    things: str
    openings: str
    aspects: str
    asides: str
    """Facts that neither praise nor blame."""

    @cached_property
    def said(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Aspect -> mark -> its phrasings.

        Raises:
            ValueError: an aspect without a phrasing for some mark.
        """
        found: dict[str, dict[str, list[str]]] = {}
        aspect = ""
        for line in lines(self.aspects):
            mark, _, text = line.partition(" ")
            if mark in MARKS:
                found[aspect][mark].append(text.strip())
            else:
                aspect = line
                found[aspect] = {mark: [] for mark in MARKS}
        for aspect, marks in found.items():
            for mark, texts in marks.items():
                if not texts:
                    raise ValueError(f"{aspect} has no phrasing marked {mark}")
        return {aspect: {mark: tuple(texts) for mark, texts in marks.items()} for aspect, marks in found.items()}

    @cached_property
    def values(self) -> tuple[str, ...]:
        return phrases(self.things)


@dataclass(frozen=True)
class Speech:
    """How reviewers of one language put their sentences together."""

    domains: Mapping[str, Domain]
    labels: tuple[str, str]
    """The negative word, the positive word."""
    join: str
    end: str
    but: str
    """The small thing first; what follows counts."""
    except_for: str
    """What counts first; the small thing follows."""
    verdicts: Mapping[str, str]
    flips: Mapping[str, str]
    """Said with the words of the other side: praise that complains, complaint that praises."""
    noise: Mapping[str, str]
    """Punctuation -> what careless people write instead."""
    tails: str
    space: str = ""
    """Between two sentences."""
