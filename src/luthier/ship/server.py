"""The application over a desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse

from .. import __version__
from ..errors import TooLong, UserError
from ..spell import closest
from .body import Fault
from .desk import Desk
from .guard import Guard
from .openai import FIELDS, UNAVAILABLE
from .routes import answering, changing, looking
from .shapes import ErrorAnswer

LONGEST = 40
"""Letters of an unknown field that are compared with the known ones."""
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
    return Fault(fault.status_code, str(fault.detail), "no_such_route" if fault.status_code == 404 else "wrong_method")


def _of_shape(fault: RequestValidationError) -> Fault:
    """The first thing that is wrong, without repeating what the client sent."""
    first = fault.errors()[0]
    steps, said = first["loc"][1:], first["msg"]
    place = ".".join(str(step) for step in steps if step in FIELDS | UNAVAILABLE or isinstance(step, int))
    if first["type"] == "extra_forbidden":
        field = str(steps[-1])[:LONGEST]
        said = (
            "not available" if field in UNAVAILABLE else f"a field is not known; {closest(field, FIELDS)}".rstrip("; ")
        )
    return Fault(400, f"{place or 'body'}: {said}", "invalid_value", param=place or None)


TURNS: dict[Any, Callable[[Any], Fault]] = {
    Fault: lambda fault: fault,
    TooLong: lambda fault: Fault(400, str(fault), "context_length_exceeded"),
    UserError: lambda fault: Fault(400, str(fault), "refused"),
    RequestValidationError: _of_shape,
    404: _of_route,
    405: _of_route,
    Exception: lambda _: Fault(500, "The server failed on this request.", "internal_error"),
}
"""What was raised, or a status of the framework's own -> what the client is told."""
