"""Who may wait, and who is next: fair between clients, and between the deltas of a client."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .ask import Ask


@dataclass(frozen=True)
class Limits:
    """What a room takes before it says no."""

    rows: int = 32
    """Decoded together."""
    prefill_tokens: int = 4096
    """Read between two steps: rows under way wait for newcomers no longer than this."""
    waiting: int = 64
    """Rows before the door."""


class Full(Exception):
    """Too many rows wait already."""


class Turns:
    """Rows that wait. The client that has used least is next, and its delta that has used least.

    What is counted is tokens, read and said. A client that comes new or comes back starts where the least of the
    waiting ones stands, so that nobody saves up turns (Demers et al. 1989, "Analysis and Simulation of a Fair
    Queueing Algorithm", SIGCOMM, §2).
    """

    def __init__(self) -> None:
        self.waiting: list[Ask] = []
        self._used: Counter[tuple[str, ...]] = Counter()

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, ask: Ask) -> None:
        for depth in (1, 2):
            mine = self._key(ask)[:depth]
            others = [self._key(a)[:depth] for a in self.waiting if self._key(a)[: depth - 1] == mine[:-1]]
            if mine not in others:
                self._used[mine] = max(self._used[mine], min((self._used[o] for o in others), default=0))
        self.waiting.append(ask)

    def charge(self, ask: Ask, tokens: int) -> None:
        for depth in (1, 2):
            self._used[self._key(ask)[:depth]] += tokens

    def take(self, rows: int, tokens: int) -> list[Ask]:
        """At most `rows` rows of together at most `tokens` input tokens; one long row may exceed it alone."""
        taken: list[Ask] = []
        while self.waiting and len(taken) < rows:
            ask = min(self.waiting, key=lambda a: (self._used[self._key(a)[:1]], self._used[self._key(a)], a.arrived))
            if taken and sum(len(a.ids) for a in taken) + len(ask.ids) > tokens:
                break
            self.waiting.remove(ask)
            self.charge(ask, len(ask.ids))
            taken.append(ask)
        if not self.waiting:
            self._used.clear()  # nobody waits, nobody is owed
        return taken

    def without_gone(self) -> list[Ask]:
        """Drop the rows nobody waits for; returns them."""
        gone = [a for a in self.waiting if a.gone]
        self.waiting = [a for a in self.waiting if not a.gone]
        return gone

    @staticmethod
    def _key(ask: Ask) -> tuple[str, str]:
        return ask.client, ask.served.name
