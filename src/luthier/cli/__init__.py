"""The verbs. This package only reads words and prints answers; heavy libraries load when a verb needs them.

A new verb is a function in one of these files, added to the parser by its `add`; a new file of verbs is one word in
`FILES`. Exit codes: 0 done, 1 our fault, 2 the user's input, 3 finished with failed trials, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..errors import Damaged, UserError
from ..machine import share_cores
from . import app, chat, compare, data, export, inside, installation, plan, predict, project, reports, serve
from .words import DONE, INTERRUPTED, USER_FAULT, Verb

FILES = (compare, plan, predict, chat, serve, app, export, reports, inside, data, project, installation)


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    options = parser().parse_args(words)
    signal.signal(signal.SIGTERM, _interrupt)
    share_cores()
    try:
        return options.verb(options)
    except UserError as fault:
        print(f"luthier: {fault}", file=sys.stderr)
        return USER_FAULT
    except Damaged as fault:
        command = "the command" if _resumes(options) else "the study's command"
        print(
            f"luthier: {fault}\n  do: run {command} again with --resume, or remove the damaged folder",
            file=sys.stderr,
        )
        return USER_FAULT
    except KeyboardInterrupt:
        how = "; the same command with --resume goes on where it stopped" if _resumes(options) else ""
        print(f"luthier: interrupted{how}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away (`luthier list | head`)
        sys.stderr.close()
        return DONE


def _resumes(options: argparse.Namespace) -> bool:
    """Whether the verb has --resume: whoever chats or serves has nothing to go on with."""
    return hasattr(options, "resume")


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    """Every verb and option."""
    root = argparse.ArgumentParser(
        prog="luthier",
        description="Compare fine-tuning methods fairly on your model, your data and your machine.",
        epilog="Start with: luthier demo",
    )
    root.add_argument("--version", action="version", version=f"luthier {__version__}")
    verbs = root.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, about: str, run: Verb) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=about, description=about)
        sub.set_defaults(verb=run)
        sub.add_argument("--json", action="store_true", help="print the result as JSON")
        return sub

    for file in FILES:
        file.add(verb)
    return root
