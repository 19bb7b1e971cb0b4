"""`app`: the studio, a page in the browser for people who type no commands."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path

from ..errors import UserError
from .words import DONE, NewVerb

SILENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""Read by the libraries when they are imported: nothing is told to anyone."""


def add(verb: NewVerb) -> None:
    app = verb("app", "the studio: compare, read the verdict, try and ship in a browser, in English and Chinese", _app)
    app.add_argument("--runs", metavar="DIR", default="runs", help="folder of the studies (default runs)")
    app.add_argument("--host", default="127.0.0.1", help="address to listen on; other machines need --token-env")
    app.add_argument("--port", type=int, default=7860, help="0 takes a free one (default 7860)")
    app.add_argument("--token-env", metavar="NAME", help="environment variable that holds the token visitors must type")
    app.add_argument("--language", choices=("en", "zh"), help="first language of the page (default: the browser's)")
    app.add_argument(
        "--backbone",
        action="append",
        metavar="NAME",
        default=[],
        help="offer this folder or hub id beside the built-in backbones; may be given several times",
    )


def _app(options: argparse.Namespace) -> int:
    token = _token(options)
    os.environ.update(SILENT)
    try:
        from ..ship.server import bind, local
        from ..studio.door import Door
        from ..studio.place import Place
        from ..studio.site import listen, site, uploads
    except ModuleNotFoundError as fault:
        raise UserError(
            f"The studio needs {fault.name}, which is not installed.", "the extra app", "pip install 'luthier[app]'"
        ) from fault
    if not local(options.host) and token is None:
        raise UserError(
            f"Other machines reach {options.host}, so a token is needed.",
            "--host 127.0.0.1, or a token",
            "put a long random word into an environment variable and name it with --token-env",
        )
    from .. import bases

    root = Path(options.runs)
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is a file.", "a folder of studies", "name a folder with --runs")
    root.mkdir(parents=True, exist_ok=True)
    way_in = bind(options.host, options.port)
    backbones = tuple(dict.fromkeys([*bases.names(), *options.backbone]))
    hosts = ("127.0.0.1", "localhost", "[::1]", options.host) if token is None else ()
    door = Door(site(Place(root), backbones, options.language), uploads(), hosts, token)
    url = f"http://{options.host}:{way_in.getsockname()[1]}/"

    def started() -> None:
        print(
            json.dumps({"url": url}) if options.json else f"the studio is open at {url}\nstop with Ctrl-C", flush=True
        )

    asyncio.run(listen(door, way_in, started))
    return DONE


def _token(options: argparse.Namespace) -> str | None:
    """What visitors must type; taken out of the environment, so that no study's process holds it."""
    if options.token_env is None:
        return None
    token = os.environ.pop(options.token_env, "").strip()
    if not token:
        raise UserError(
            f"The environment variable {options.token_env} is empty.", "a token in it", f"export {options.token_env}=…"
        )
    return token
