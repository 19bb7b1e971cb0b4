"""Blind votes: two methods' answers to the same row, in an order that nobody knows, and who wins how often.

    <study>/studio/votes.jsonl   one vote a line; of several votes on a row the last one counts

A win rate is the share of wins among the rows that were decided, with Wilson's interval; rows called equal are
counted beside it. Rows on which the two say the same are not shown: nobody could choose.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist

from .. import files
from ..errors import UserError
from ..records import Prediction

LEFT, RIGHT, EQUAL = "left", "right", "equal"
CHOICES = (LEFT, RIGHT, EQUAL)


@dataclass(frozen=True)
class Pair:
    """A row and the two answers to it, as they are shown; `left` and `right` are trials."""

    row: str
    left: str
    right: str
    said_left: str
    said_right: str


@dataclass(frozen=True)
class Tally:
    """What came out for `a` against `b`."""

    a: str
    b: str
    wins: int
    losses: int
    equal: int
    same: int
    """Rows with the same answer, which are not voted on."""
    left: int
    """Rows that still wait for a vote."""

    @property
    def rate(self) -> float:
        """Wins of a among the decided rows."""
        return self.wins / (self.wins + self.losses) if self.wins + self.losses else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return wilson(self.wins, self.wins + self.losses)


def wilson(wins: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a share; (0, 1) where there is none yet.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if not of:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = wins / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def next_pair(folder: Path, said: tuple[Sequence[Prediction], Sequence[Prediction]], names: tuple[str, str]) -> Pair:
    """A row that has no vote yet, its two answers in random order.

    Args:
        said: the two trials' predictions; names: the two trials.

    Raises:
        UserError: there is no such row any more.
    """
    one, other = _both(said)
    voted = _voted(folder, names)
    open_rows = [i for i in one if one[i] != other[i] and i not in voted]
    if not open_rows:
        raise UserError(
            f"All {len(voted):,} rows on which {names[0]} and {names[1]} differ have a vote.",
            "rows on which two methods differ",
            "look at the result, or choose two other methods",
        )
    chance = random.SystemRandom()  # what nobody can foresee, a seed could tell
    row = chance.choice(open_rows)
    texts = {names[0]: one[row], names[1]: other[row]}
    left, right = chance.sample(names, 2)
    return Pair(row, left, right, texts[left], texts[right])


def vote(folder: Path, pair: Pair, choice: str) -> None:
    """Keep a vote: it is on the disk when this returns.

    Raises:
        UserError: a choice that there is not.
    """
    if choice not in CHOICES:
        raise UserError(f"{choice!r} is no vote.", ", ".join(CHOICES), "choose one")
    winner = {LEFT: pair.left, RIGHT: pair.right, EQUAL: None}[choice]
    line = {"row": pair.row, "left": pair.left, "right": pair.right, "winner": winner}
    with closing(files.Appender(_path(folder))) as log:
        log.append(line | {"date": datetime.now(UTC).isoformat(timespec="seconds")})
        log.sync()


def tally(folder: Path, said: tuple[Sequence[Prediction], Sequence[Prediction]], names: tuple[str, str]) -> Tally:
    """The votes between two trials so far."""
    one, other = _both(said)
    voted = _voted(folder, names)
    winners = list(voted.values())
    wins, losses = (winners.count(name) for name in names)
    same = sum(one[i] == other[i] for i in one)
    return Tally(*names, wins, losses, winners.count(None), same, len(one) - same - len(voted))


def _both(said: tuple[Sequence[Prediction], Sequence[Prediction]]) -> tuple[dict[str, str], dict[str, str]]:
    """Row -> text of either, on the rows that both answered."""
    one, other = ({p.id: p.prediction for p in own} for own in said)
    return {i: text for i, text in one.items() if i in other}, other


def _voted(folder: Path, names: tuple[str, str]) -> dict[str, str | None]:
    """Row -> the trial that won its last vote, None where they were called equal."""
    path = _path(folder)
    lines = files.read_jsonl(path) if path.exists() else []
    return {v["row"]: v["winner"] for v in lines if {v["left"], v["right"]} == set(names)}


def _path(folder: Path) -> Path:
    return folder / "studio" / "votes.jsonl"
