"""What is installed here: `bases doctor convert`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import UserError
from .words import DONE, NewVerb


def add(verb: NewVerb) -> None:
    bases = verb("bases", "the built-in backbones", _bases)
    bases.add_argument("--rebuild", action="store_true", help="print the commands that make them again from text")
    verb("doctor", "what this machine and installation are, to paste into a question", _doctor)

    convert = verb("convert", "turn pickled weights into safetensors, in a restricted process", _convert)
    convert.add_argument("folder", metavar="FOLDER")
    convert.add_argument("--out", help="folder of the copy (default: FOLDER-safetensors)")


def _bases(options: argparse.Namespace) -> int:
    from .. import bases, show

    if options.rebuild:
        print(json.dumps({"rebuild": bases.rebuild()}) if options.json else bases.rebuild())
        return DONE
    return show.rows(bases.facts(), options.json, whole={"bases": bases.facts()})


def _doctor(options: argparse.Namespace) -> int:
    from ..machine import environment

    facts = environment()
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print("\n".join(f"{name:16} {value}" for name, value in facts.items()))
    return DONE


def _convert(options: argparse.Namespace) -> int:
    from ..convert import convert

    folder = Path(options.folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.", "a folder with pickled weights", "check the path")
    out = Path(options.out) if options.out else folder.with_name(f"{folder.resolve().name}-safetensors")
    written = [str(p) for p in convert(folder, out)]
    print(json.dumps({"files": written}) if options.json else "\n".join(written))
    return DONE
