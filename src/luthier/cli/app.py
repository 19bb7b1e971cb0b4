"""`app`: the studio, a page in the browser for people who type no commands."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path

from ..errors import UserError
from .listening import address, hosts, listening_options, refuse_open, token
from .words import DONE, NewVerb

SILENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""Read by the libraries when they are imported: nothing is told to anyone."""


def add(verb: NewVerb) -> None:
    app = verb("app", "the studio: compare, read the verdict, try and ship in a browser, in English and Chinese", _app)
    app.add_argument("--runs", metavar="DIR", default="runs", help="folder of the studies (default runs)")
    listening_options(app, 7860, "visitors")
    app.add_argument("--language", choices=("en", "zh"), help="first language of the page (default: the browser's)")
    app.add_argument(
        "--backbone",
        action="append",
        metavar="NAME",
        default=[],
        help="offer this folder or hub id beside the built-in backbones; may be given several times",
    )


def _app(options: argparse.Namespace) -> int:
    known = token(options)
    os.environ.update(SILENT)
    try:
        from ..ship.listen import bind
        from ..studio.door import Door
        from ..studio.place import Place
        from ..studio.site import listen, site, uploads
    except ModuleNotFoundError as fault:
        raise UserError(
            f"The studio needs {fault.name}, which is not installed.", "the extra app", "pip install 'luthier[app]'"
        ) from fault
    refuse_open(options, known)
    from .. import bases

    root = Path(options.runs)
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is a file.", "a folder of studies", "name a folder with --runs")
    root.mkdir(parents=True, exist_ok=True)
    way_in = bind(options.host, options.port)
    backbones = tuple(dict.fromkeys([*bases.names(), *options.backbone]))
    door = Door(site(Place(root), backbones, options.language), uploads(), hosts(options, known), known)
    url = f"{address(options.host, way_in.getsockname()[1])}/"

    def started() -> None:
        print(
            json.dumps({"url": url}) if options.json else f"the studio is open at {url}\nstop with Ctrl-C", flush=True
        )

    asyncio.run(listen(door, way_in, started))
    return DONE
