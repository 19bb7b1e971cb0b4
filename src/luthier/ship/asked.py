"""The rows of one request: what they want, what is heard of them, and that nobody waits for who has left."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from fastapi import Request

from ..errors import TooLong
from ..records import Example
from .ask import Ask, Wish
from .body import Fault
from .gauges import Gauges
from .served import Served

Heard = asyncio.Queue[tuple[int, str, str]]
"""(which row, its text so far, how it ended or nothing)."""


BROKEN = {
    "gone": (499, "The client has left.", "client_left"),
    "failed": (500, "The model failed on this request.", "internal_error"),
    "stopped": (503, "The server is shutting down.", "draining"),
}
"""How a row may end without an answer -> the `Fault` that its client is told, new for each: one that is raised again
and again would hold every frame it came through."""


@dataclass(frozen=True)
class Wanted:
    """What a request asks of one delta."""

    served: Served
    examples: Sequence[Example]
    wish: Wish
    choices: int = 1
    """Answers to each example."""


class Asked:
    """The rows of one request, and what is heard of them; made outside the event loop `loop`, which tokenising a long
    text would hold up."""

    def __init__(self, wanted: Wanted, request: Request, gauges: Gauges, loop: asyncio.AbstractEventLoop) -> None:
        self.asks: list[Ask] = []
        self._heard, self._request, self._gauges = Heard(), request, gauges
        client, wish = request.client.host if request.client else "", wanted.wish
        for example in wanted.examples:
            ids = wanted.served.ids(example)
            for choice in range(wanted.choices):
                own = wish if wish.seed is None else dataclasses.replace(wish, seed=wish.seed + choice)
                tell = _teller(loop, self._heard, len(self.asks))
                self.asks.append(Ask(wanted.served, ids, own, tell, client))
            check_room(self.asks[-1])

    async def news(self) -> AsyncIterator[tuple[int, str, str]]:
        """(which row, its text so far, how it ended), until every row has; the rows are let go with the client."""
        watch = asyncio.create_task(self._left())
        try:
            left = len(self.asks)
            while left:
                which, text, ended = await self._heard.get()
                left -= bool(ended)
                yield which, text, ended
        finally:
            watch.cancel()
            for ask in self.asks:
                ask.gone = True
            self._count()

    async def all(self) -> list[Ask]:
        """Every row, ended.

        Raises:
            Fault: a row failed, which is our fault, its client has left, or the server stops.
        """
        async with contextlib.aclosing(self.news()) as news:
            async for _ in news:
                pass
        for ask in self.asks:
            if ask.ended in BROKEN:
                raise Fault(*BROKEN[ask.ended])
        return self.asks

    async def _left(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while (await self._request.receive())["type"] != "http.disconnect":
                pass
            for ask in self.asks:
                ask.gone = True

    def _count(self) -> None:
        firsts = [ask.first - ask.arrived for ask in self.asks if ask.first]
        if firsts:
            self._gauges.observe("luthier_first_token_seconds", min(firsts))
        self._gauges.count("luthier_tokens_total", sum(len(ask.ids) for ask in self.asks), kind="read")
        self._gauges.count("luthier_tokens_total", sum(len(ask.said) for ask in self.asks), kind="said")
        self._gauges.observe("luthier_request_seconds", time.monotonic() - self.asks[0].arrived)


def _teller(loop: asyncio.AbstractEventLoop, heard: Heard, which: int) -> Callable[[Ask], None]:
    def tell(ask: Ask) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server has stopped, nobody listens
            loop.call_soon_threadsafe(heard.put_nowait, (which, ask.text, ask.ended))

    return tell


def check_room(ask: Ask) -> None:
    """Refuse what would leave the positions the model can number, or the window it was made for.

    Raises:
        TooLong: prompt and answer together are too long.
    """
    backbone = ask.served.run.backbone
    if ask.served.task.kind == "label":
        words = ask.served.run.budget.max_answer_tokens if backbone.kind == "causal" else 0
        return ask.served.layout.check_room(len(ask.row) + words)
    together = len(ask.row) + ask.wish.most if backbone.kind == "causal" else max(len(ask.row), ask.wish.most + 1)
    ask.served.layout.check_room(together)
    window = getattr(backbone.model.config, "sliding_window", None)
    if window and together >= window:
        raise TooLong(f"Prompt and answer take {together} positions.", f"fewer than {window}", "lower max_tokens")
