"""The application over a desk, and the listening itself: bind, answer, drain, stop."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse

from .. import __version__
from ..errors import UserError
from .body import Fault
from .desk import Desk
from .guard import Guard
from .routes import answering, changing, looking
from .shapes import ErrorAnswer

FAULTS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "The request is wrong, or comes too often"},
    "5XX": {"model": ErrorAnswer, "description": "The server is shutting down, or failed"},
}


def app_of(desk: Desk) -> FastAPI:
    """The application; the caller starts `desk.owner`."""
    app = FastAPI(
        title="luthier serve",
        version=__version__,
        description="Many deltas over one frozen backbone; the delta is the `model`.",
        docs_url=None,
        redoc_url=None,
        responses=FAULTS,
    )
    answering(app, desk)
    looking(app, desk)
    if desk.root is not None:
        changing(app, desk)
    for kind, turn in TURNS.items():
        app.add_exception_handler(kind, _refusing(turn))
    app.add_middleware(Guard, desk=desk)
    return app


def _refusing(turn: Callable[[Any], Fault]) -> Any:
    async def refuse(_: Any, fault: Exception) -> JSONResponse:
        said = turn(fault)
        return JSONResponse(said.answer, said.status, said.headers)

    return refuse


def _of_route(fault: HTTPException) -> Fault:
    return Fault(fault.status_code, str(fault.detail), "no_such_route")


def _of_shape(fault: RequestValidationError) -> Fault:
    """The first thing that is wrong, without repeating what the client sent."""
    first = fault.errors()[0]
    place = ".".join(str(step) for step in first["loc"][1:])
    return Fault(400, f"{place or 'body'}: {first['msg']}", "invalid_value", param=place or None)


TURNS: dict[Any, Callable[[Any], Fault]] = {
    Fault: lambda fault: fault,
    UserError: lambda fault: Fault(400, str(fault), "refused"),
    RequestValidationError: _of_shape,
    404: _of_route,
    405: _of_route,
    Exception: lambda _: Fault(500, "The server failed on this request.", "internal_error"),
}
"""What was raised, or a status of the framework's own -> what the client is told."""


# -- listening ------------------------------------------------------------------------------------------------------


def local(host: str) -> bool:
    """True for an address that other machines cannot reach."""
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        UserError: the address is taken, or is none of this machine.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as fault:
        raise UserError(
            f"{host}:{port} cannot be bound: {fault}.", "a free port of this machine", "--port N"
        ) from fault


class Listener(uvicorn.Server):
    """Stops when it is told to, not when the library sees a signal: rows under way are finished first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def listen(desk: Desk, door: socket.socket, drain_seconds: float, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way, for at most `drain_seconds`."""
    config = uvicorn.Config(
        app_of(desk), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2
    )
    server, stop = Listener(config), asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for word in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(word, stop.set)
    desk.owner.start()
    serving = asyncio.create_task(server.serve(sockets=[door]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    started()
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
    desk.draining = True
    with suppress(TimeoutError):
        async with asyncio.timeout(drain_seconds):
            while desk.inside:
                await asyncio.sleep(0.02)
    server.should_exit = True
    await serving
    stopped.cancel()
    desk.closing.set()
    await asyncio.to_thread(desk.owner.join, 10)
