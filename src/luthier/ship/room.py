"""The continuous batch: rows of different deltas say their next token together, rows join and leave between steps.

Everything that touches the model happens in one thread, the one that calls `step`. Other threads `submit` rows and
hand over work that must happen `between` two steps.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import torch

from .. import cores
from ..backbone import Backbone
from .ask import Ask
from .running import Running
from .seats import Seats, check_company
from .served import Served
from .turns import Full, Limits, Turns


class Room:
    """Rows over one frozen backbone, each with its own delta."""

    def __init__(self, backbone: Backbone, limits: Limits | None = None) -> None:
        self.backbone, self.limits = backbone, limits or Limits()
        self.served: dict[str, Served] = {}
        self.words = threading.Lock()
        """Held while the tokenizer works: it is not made for several threads."""
        self.steps = self.tokens = 0
        self._turns, self._seats = Turns(), Seats(backbone.model)
        self._running = Running(backbone, self._seats, self.words, self._charge)
        self._between: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._lock, self._bell = threading.Lock(), threading.Event()

    @property
    def load(self) -> tuple[int, int]:
        """(rows in the batch, rows that wait)."""
        return len(self._running.asks), len(self._turns)

    def submit(self, asks: Sequence[Ask]) -> None:
        """Let rows wait for their turn, all or none.

        Raises:
            Full: there are too many already.
            Refused: their delta was removed meanwhile, and what came instead cannot share a batch with it.
        """
        with self._lock:
            check_company({*list(self.served.values()), *self._under_way(), *(ask.served for ask in asks)})
            if len(self._turns) + len(asks) > self.limits.waiting:
                raise Full
            for ask in asks:
                self._turns.add(ask)
        self._bell.set()

    def between(self, work: Callable[[], Any]) -> Future[Any]:
        """Do `work` between two steps, with nothing attached to the model."""
        future: Future[Any] = Future()
        self._between.append((work, future))
        self._bell.set()
        return future

    def add(self, served: Served) -> None:
        """Serve one more delta, or a newer version of one; rows under way keep theirs.

        Raises:
            Refused: a delta that cannot share a batch with what is served, or with rows that are still under way.
        """
        with self._lock:
            others = {s for s in self.served.values() if s.name != served.name}
            check_company({*others, *self._under_way(), served})
            self.served[served.name] = served

    def _under_way(self) -> set[Served]:
        """Whose rows are being said or wait."""
        return {ask.served for ask in (*self._running.asks, *self._turns.waiting)}

    # -- the thread that owns the model -------------------------------------------------------------------------------

    def run(self, closing: threading.Event) -> None:
        """Step until `closing` is set; sleeps where there is nothing to do."""
        if threads := cores.answering(self.backbone.parameters):
            torch.set_num_threads(threads)
        while not closing.is_set():
            try:
                if not self.step():
                    self._bell.wait(0.5)
                    self._bell.clear()
            except Exception:  # its rows were told; the next ones may fare better
                traceback.print_exc()
        self._seats.clear()

    @torch.inference_mode()
    def step(self) -> bool:
        """Let the next ones in, then one token for every row; False where nothing was to do."""
        worked = self._work_between()
        with self._lock:
            gone = self._turns.without_gone()
            new = self._turns.take(self.limits.rows - len(self._running.asks), self.limits.prefill_tokens)
        for ask in gone:
            ask.end("gone")
        busy = bool(new or self._running.asks)
        try:
            self._seats.attach_for([*self._running.asks, *new], [s.delta for s in list(self.served.values())])
            self._running.let_in(new)
            self._running.say()
        except Exception:
            self._running.fail(new)
            raise
        return worked or busy

    def end_all(self) -> None:
        """End every row, under way or waiting, as `stopped`: nobody can wait for it any longer."""
        with self._lock:
            waiting, self._turns.waiting = self._turns.waiting, []
        self._running.end(waiting, "stopped")

    def _work_between(self) -> bool:
        worked = bool(self._between)
        while self._between:
            work, future = self._between.popleft()
            self._seats.clear()
            try:
                future.set_result(work())
            except Exception as fault:
                future.set_exception(fault)
        return worked

    def _charge(self, asks: Sequence[Ask]) -> None:
        self.steps, self.tokens = self.steps + 1, self.tokens + len(asks)
        with self._lock:
            for ask in asks:
                self._turns.charge(ask, 1)
