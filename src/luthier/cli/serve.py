"""`serve`: an HTTP server for trained methods."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import UserError
from .listening import address, hosts, listening_options, refuse_open, token
from .words import DONE, NewVerb


def add(verb: NewVerb) -> None:
    serve = verb("serve", "answer over HTTP, in OpenAI's API: many trained methods over one backbone", _serve)
    serve.add_argument("trials", metavar="TRIAL", nargs="+", help="folders of finished trials of one backbone")
    listening_options(serve, 8321, "clients")
    serve.add_argument(
        "--trials-from",
        metavar="DIR",
        help="finished trials in here may be added by name while serving (needs a token)",
    )
    serve.add_argument("--rows", type=int, default=32, help="rows decoded together")
    serve.add_argument("--waiting", type=int, default=64, help="rows that may wait; more are told to come back")
    serve.add_argument("--drain-seconds", type=float, default=30, help="to finish what is under way when stopped")


def _serve(options: argparse.Namespace) -> int:
    known, root = token(options), _root(options)
    try:
        from ..ship.listen import bind, listen
    except ModuleNotFoundError as fault:
        raise UserError(
            f"Serving needs {fault.name}, which is not installed.", "the extra serve", "pip install 'luthier[serve]'"
        ) from fault
    refuse_open(options, known)
    import asyncio

    from ..ship.desk import Desk
    from ..ship.room import Room
    from ..ship.served import open_served
    from ..ship.turns import Limits

    for name in ("rows", "waiting"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)} serves nobody.", "1 or more", f"raise --{name}")
    first = open_served(Path(options.trials[0]))
    room = Room(first.run.backbone, Limits(rows=options.rows, waiting=options.waiting))
    for served in (first, *(open_served(Path(t), room.backbone) for t in options.trials[1:])):
        if served.name in room.served:
            raise UserError(f"{served.name} is named twice.", "every trial once", "leave one out")
        room.add(served)
    door = bind(options.host, options.port)
    url = f"{address(options.host, door.getsockname()[1])}/v1"

    def started() -> None:
        names = list(room.served)
        print(json.dumps({"url": url, "models": names}) if options.json else _hello(url, names), flush=True)

    asyncio.run(listen(Desk(room, root, known, hosts(options, known)), door, options.drain_seconds, started))
    return DONE


def _hello(url: str, names: list[str]) -> str:
    return "\n".join([f"{url} answers as", *(f"  {name}" for name in names), "stop with Ctrl-C"])


def _root(options: argparse.Namespace) -> Path | None:
    if options.trials_from is None:
        return None
    if options.token_env is None:
        raise UserError(
            f"--trials-from {options.trials_from} lets clients change what is served.",
            "with a token",
            "add --token-env NAME",
        )
    if not Path(options.trials_from).is_dir():
        raise UserError(f"There is no folder {options.trials_from}.", "a folder that holds trials", "check the path")
    return Path(options.trials_from)
