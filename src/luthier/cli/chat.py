"""`chat`: talk to one or several tuned models, side by side."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from ..errors import UserError
from .words import DONE, NewVerb

HELP = "Write a line, an empty one ends. /new forgets what was said."


def add(verb: NewVerb) -> None:
    chat = verb("chat", "talk to one or several tuned models, side by side", _chat)
    chat.add_argument("trials", metavar="TRIAL", nargs="+", help="trials' folders")
    chat.add_argument("--temperature", type=float, default=0.0, help="sample at this temperature")


def _chat(options: argparse.Namespace) -> int:
    if not 0 <= options.temperature < math.inf:
        raise UserError(
            f"--temperature is {options.temperature:g}.", "0 or more", "0, the default, always says the likeliest"
        )
    from ..answers import answered, opened, spoken

    voices: dict[str, Any] = {}
    backbone = None
    for name in options.trials:
        folder = Path(name)
        voices[folder.resolve().name] = run, _ = opened(folder, backbone)
        backbone = backbone or run.backbone
    turns: dict[str, list[tuple[str, str]]] = {name: [] for name in voices}
    if sys.stdin.isatty():
        print(HELP, file=sys.stderr)
    for text in _lines():
        if text == "/new":
            turns = {name: [] for name in voices}
            continue
        said = {}
        for name, (run, delta) in voices.items():
            turns[name].append(("user", text))
            asked = spoken(run.task, turns[name])
            said[name] = answered(run, delta, [asked], temperature=options.temperature)[0]["prediction"]
            turns[name].append(("assistant", said[name]))
        if options.json:
            print(json.dumps(said, ensure_ascii=False), flush=True)
        else:
            print("\n".join(f"{name}: {answer}" for name, answer in said.items()), flush=True)
    return DONE


def _lines() -> Any:
    """What is typed, line by line, until an empty line or the end; a byte that is no text becomes U+FFFD."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    while True:
        if sys.stdin.isatty():
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line
