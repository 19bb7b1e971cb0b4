"""Before any route: who may speak to us, how much, and whether we still listen. Behind it: what is counted."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from fastapi.responses import JSONResponse

from .body import MOST_BYTES, Fault, Message, Receive, again, read, too_large
from .desk import Desk

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

OPEN = ("/livez", "/readyz", "/health")
"""Routes that need no token: they say nothing but yes or no."""
INSIDE = 256
"""Requests at the same time, of any kind."""


class Guard:
    """The outermost layer, for every path there is or is not."""

    def __init__(self, app: Any, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        status, number = 0, uuid.uuid4().hex

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", number.encode())]
            await send(message)

        self.desk.inside += 1
        try:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            self._let_pass(scope, headers)
            if scope["method"] == "POST":
                receive = again(await read(headers, receive), receive)
            await self.app(scope, receive, noted)
        except Fault as fault:
            if fault.status == 413:
                await _drink(receive)  # a client that still sends would see a broken pipe instead of the answer
            await JSONResponse(fault.answer, fault.status, fault.headers)(scope, receive, noted)
        except Exception:
            # Frames without values: a request's words are nobody's business.
            print(f"luthier: request {number} failed\n{traceback.format_exc()}", file=sys.stderr)
            if not status:
                fault = Fault(500, "The server failed on this request.", "internal_error")
                await JSONResponse(fault.answer, 500)(scope, receive, noted)
        finally:
            self.desk.inside -= 1
            self._count(scope, status)

    def _let_pass(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """
        Raises:
            Fault: under a wrong name, without the token, too many, too late, or announced too large.
        """
        desk, host = self.desk, headers.get("host", "").lower()
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if desk.hosts and name not in desk.hosts:
            raise Fault(403, "This server is not spoken to under that name.", "wrong_host")
        if scope["path"] in OPEN:
            return
        if not desk.opens(headers.get("authorization", "")):
            raise self._rejected(
                "token", Fault(401, "A valid token is needed: Authorization: Bearer …", "invalid_api_key")
            )
        if desk.inside > INSIDE:
            raise self._rejected("crowded", Fault(429, "Too many requests at the same time.", "overloaded", retry=1))
        if desk.draining and scope["path"] != "/metrics":
            raise self._rejected("draining", Fault(503, "The server is shutting down.", "draining", retry=5))
        size = headers.get("content-length", "0")
        if not size.isdecimal() or int(size[:20]) > MOST_BYTES:
            raise too_large()

    def _rejected(self, reason: str, fault: Fault) -> Fault:
        self.desk.gauges.count("luthier_rejected_total", reason=reason)
        return fault

    def _count(self, scope: Scope, status: int) -> None:
        route = getattr(scope.get("route"), "path", "other")
        labels = {"route": route, "model": scope.get("luthier_model", ""), "code": str(status)}
        self.desk.gauges.count("luthier_requests_total", **labels)


async def _drink(receive: Receive) -> None:
    """Read and forget the rest of a body, for a while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            while (await receive()).get("more_body"):
                pass
