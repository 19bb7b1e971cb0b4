"""What every route shares: the room, who may speak to it, and what may change while it serves."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request

from ..errors import Damaged, UserError
from .asked import Asked, Wanted
from .body import Fault
from .gauges import Gauges
from .room import Room
from .served import Served, open_served, trials_in
from .turns import Full


class Desk:
    """Between the clients and the room.

    Args:
        root: folder whose finished trials may be added by name while serving; None: none may.
        token: every route but the two health checks wants it; None: no token.
        hosts: names under which clients may speak to us; empty: any.
    """

    def __init__(
        self, room: Room, root: Path | None = None, token: str | None = None, hosts: Sequence[str] = ()
    ) -> None:
        self.room, self.root, self.hosts, self.gauges = room, root, frozenset(hosts), Gauges()
        self.draining, self.inside = False, 0
        self.closing = threading.Event()
        self.owner = threading.Thread(target=room.run, args=(self.closing,), name="room", daemon=True)
        self._digest = sha256(token.encode()).digest() if token else None

    def opens(self, authorization: str) -> bool:
        """True where no token is needed or this is the one; takes as long for any wrong one."""
        kind, _, given = authorization.partition(" ")
        found = sha256(given.strip().encode("utf-8", "replace")).digest()
        return self._digest is None or (hmac.compare_digest(found, self._digest) and kind.lower() == "bearer")

    @property
    def ready(self) -> bool:
        return self.owner.is_alive() and not self.draining and self.room.load[1] < self.room.limits.waiting

    def served(self, name: str, request: Request) -> Served:
        found = self.room.served.get(name)
        if found is None:
            raise Fault(404, f"There is no model {name[:80]!r}; GET /v1/models lists them.", "model_not_found")
        request.scope["luthier_model"] = name
        return found

    async def asks(self, wanted: Wanted, request: Request) -> Asked:
        """The rows of a request, already waiting in the room.

        Raises:
            Fault: too many rows for one request, or too many wait already; Refused: too long for the model.
        """
        most = self.room.limits.rows
        if (rows := len(wanted.examples) * wanted.choices) > most:
            raise Fault(400, f"{rows} rows; at most {most} fit one request.", "too_many_rows")
        loop = asyncio.get_running_loop()

        def made() -> Asked:
            with self.room.words:
                return Asked(wanted, request, self.gauges, loop)

        asked = await asyncio.to_thread(made)
        try:
            self.room.submit(asked.asks)
        except Full:
            self.gauges.count("luthier_rejected_total", reason="full")
            raise Fault(429, "Too many rows wait already.", "overloaded", retry=1) from None
        return asked

    # -- changes while serving ----------------------------------------------------------------------------------------

    async def add(self, name: str) -> Served:
        """Serve a trial of the root folder."""
        folder = trials_in(self.root).get(name)
        if folder is None:
            raise Fault(404, f"There is no finished trial {name[:80]!r} to add.", "trial_not_found")

        def work() -> Served:
            served = open_served(folder, self.room.backbone)
            self.room.add(served)
            return served

        return await self._change("added", self.room.between(work))

    async def remove(self, name: str) -> None:
        """No new rows for it; rows under way end with what they began."""
        await self._change("removed", self.room.between(lambda: self.room.served.pop(name, None)))

    async def _change(self, what: str, future: Future[Any]) -> Any:
        try:
            done = await asyncio.wrap_future(future)
        except (UserError, Damaged) as fault:
            self.gauges.count("luthier_changes_total", change=what, result="refused")
            text = str(fault).replace(str(self.root), "…").replace(str(self.root and self.root.resolve()), "…")
            raise Fault(409, text, "trial_refused") from None
        self.gauges.count("luthier_changes_total", change=what, result="done")
        return done
