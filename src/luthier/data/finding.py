"""One thing that is wrong with some rows, and how it is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..records import Example
from .rows import excerpt, text_of

KINDS = (
    "leak",
    "near_leak",
    "contradiction",
    "duplicate",
    "near_duplicate",
    "empty",
    "too_long",
    "encoding",
    "html",
    "imbalance",
    "language_mix",
    "whitespace",
)
"""Every kind, the gravest first."""

SHOWN = 3
"""Examples of a finding."""


@dataclass(frozen=True)
class Finding:
    """Rows of one split that have one thing wrong with them."""

    kind: str
    split: str
    """`all` where the rows of all splits were looked at together."""
    rows: int
    """Of a contradiction: different texts."""
    message: str
    examples: tuple[dict[str, Any], ...] = field(default=())
    """A few of the rows: `row` says where, `text` is an excerpt."""


def shown(examples: Iterable[Example], **more: Any) -> tuple[dict[str, Any], ...]:
    """The first few as a finding shows them; `more` is said of each."""
    few = [example for example, _ in zip(examples, range(SHOWN))]
    return tuple({"row": example.id, "text": excerpt(text_of(example)), **more} for example in few)


def share(part: int, whole: int) -> str:
    """`331 of 1,200 … (27.6 %)` needs the last of these."""
    return f"{part / whole:.1%}".replace("%", " %")
