"""All methods of a study answer one text, in one batch over one backbone; what replaces weights answers by itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..ship.ask import Ask, Wish
from ..ship.asked import check_room
from ..ship.room import Room
from ..ship.seats import alone
from ..ship.served import Served, open_served
from ..ship.turns import Limits
from ..tasks.template import columns_of
from .voice import Voice

LONGEST = 20_000
"""Characters of a text that is read at all."""


class Choir:
    """The trials of one study, opened once; one text at a time."""

    def __init__(self, trials: Sequence[Path]) -> None:
        if not trials:
            raise UserError(f"{len(trials)} trials are finished.", "one or more", "wait until the first one is done")
        first = open_served(trials[0])
        self.singers = [first, *(open_served(t, first.run.backbone) for t in trials[1:])]
        self._turn = threading.Lock()

    @property
    def columns(self) -> tuple[str, ...]:
        """What a prompt asks for: one text box for each."""
        return columns_of(self.singers[0].task.prompt)

    def say(self, texts: Sequence[str]) -> list[Voice]:
        """Every trial's answer to the texts of `columns`.

        Raises:
            UserError: no text, or one that is too long.
        """
        if not any(text.strip() for text in texts):
            raise UserError(f"There is nothing to answer in {list(texts)!r}.", "a text", "type one")
        if any(len(text) > LONGEST for text in texts):
            longest = max(map(len, texts))
            raise UserError(f"The text has {longest:,} characters.", f"at most {LONGEST:,}", "shorten it")
        with self._turn:
            groups = [[s for s in self.singers if not alone(s.delta)], *([s] for s in self.singers if alone(s.delta))]
            heard = {name: voice for own in groups if own for name, voice in self._together(own, texts).items()}
        return [heard[s.name] for s in self.singers]

    def _together(self, singers: Sequence[Served], texts: Sequence[str]) -> dict[str, Voice]:
        """One batch."""
        room = Room(singers[0].run.backbone, Limits(rows=len(singers), waiting=len(singers)))
        ended, asks = threading.Event(), []

        def told(_: Ask) -> None:
            if asks and all(ask.ended for ask in asks):
                ended.set()

        for served in singers:
            room.add(served)
            single = len(self.columns) == 1
            example = served.asked(texts[0]) if single else served.asked_columns(dict(zip(self.columns, texts)))
            asks.append(Ask(served, served.ids(example), Wish(served.most), told))
            check_room(asks[-1])
        room.submit(asks)
        room.run(ended)
        if failed := [ask.served.name for ask in asks if ask.ended == "failed"]:
            raise UserError(f"{failed[0]} failed on this text.", "the app's own log says why", "try another text")
        return {a.served.name: Voice(a.served.name, repr(a.served.run.method), a.text, a.shares or {}) for a in asks}
