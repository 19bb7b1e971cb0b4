"""The listening itself: bind, answer, drain, stop."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from ..errors import UserError
from .desk import Desk
from .server import app_of

SECONDS_TO_SAY_SO = 5.0
"""For the answers to those whose rows the end of the server cuts off: a step of the model may be under way."""


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
    """Serve until SIGTERM or SIGINT; then finish what is under way, for at most `drain_seconds` or until a second
    signal. What is still under way then is told so."""
    config = uvicorn.Config(
        app_of(desk), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2
    )
    server, stop, hurry = Listener(config), asyncio.Event(), asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for word in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(word, lambda: (hurry if stop.is_set() else stop).set())
    desk.owner.start()
    serving = asyncio.create_task(server.serve(sockets=[door]))
    while not (server.started or serving.done()):
        await asyncio.sleep(0.01)
    started()
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
    desk.draining = True
    await _emptied(desk, drain_seconds, hurry)
    if desk.inside:
        desk.room.between(desk.room.end_all)
        await _emptied(desk, SECONDS_TO_SAY_SO)
    server.should_exit = True
    await serving
    stopped.cancel()
    desk.closing.set()
    await asyncio.to_thread(desk.owner.join, 10)


async def _emptied(desk: Desk, seconds: float, hurry: asyncio.Event | None = None) -> None:
    """Wait until no request is inside, for so long at most, or until somebody is in a hurry."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while desk.inside and not (hurry and hurry.is_set()):
                await asyncio.sleep(0.02)
