"""What is installed here: `bases doctor convert`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import SpellingError, UserError
from .words import DONE, OUR_FAULT, NewVerb


def add(verb: NewVerb) -> None:
    bases = verb("bases", "the built-in backbones", _bases)
    bases.add_argument("--rebuild", action="store_true", help="print the commands that make them again from text")
    bases.add_argument(
        "--families", action="store_true", help="try every method on every family in every precision, on tiny models"
    )
    bases.add_argument("--family", metavar="NAMES", help="with --families: only these, for example gpt2,bloom")
    bases.add_argument("--precision", metavar="NAMES", help="with --families: only these, for example fp32,nf4")
    bases.add_argument("--methods", metavar="WORDS", help="with --families: only these, settings and all")
    verb("doctor", "what this machine and installation are, to paste into a question", _doctor)

    convert = verb("convert", "turn pickled weights into safetensors, in a restricted process", _convert)
    convert.add_argument("folder", metavar="FOLDER")
    convert.add_argument("--out", help="folder of the copy (default: FOLDER-safetensors)")


def _bases(options: argparse.Namespace) -> int:
    from .. import bases, show

    if options.rebuild:
        print(json.dumps({"rebuild": bases.rebuild()}) if options.json else bases.rebuild())
        return DONE
    if options.families:
        return _families(options)
    for name in ("family", "precision", "methods"):
        if getattr(options, name) is not None:
            raise SpellingError(
                f"--{name} {getattr(options, name)} chooses a part of a matrix that was not asked for.",
                "luthier bases --families, with or without it",
                "add --families",
            )
    return show.rows(bases.facts(), options.json, whole={"bases": bases.facts()})


def _families(options: argparse.Namespace) -> int:
    """The matrix on the output, what is done on the error stream; a fault in a cell is ours."""
    from .. import capability
    from ..families import FAMILIES
    from ..methods import METHODS
    from ..spell import parse_list

    families = _chosen("family", options.family, FAMILIES)
    precisions = _chosen("precision", options.precision, capability.PRECISIONS)
    methods = parse_list(options.methods or ", ".join(capability.words()), METHODS)

    def tell(family: str, precision: str, cells: Any) -> None:
        counts = {state: sum(c.state == state for c in cells) for state in ("works", "refused", "fails", "absent")}
        said = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
        print(f"{family} {precision}: {said} ({sum(c.seconds for c in cells):.1f} s)", file=sys.stderr)

    cells = capability.matrix(methods, families, precisions, tell)
    print(json.dumps(capability.as_json(cells), ensure_ascii=False) if options.json else capability.page(cells))
    return OUR_FAULT if any(c.state == "fails" for c in cells) else DONE


def _chosen(option: str, typed: str | None, known: Iterable[str]) -> list[str]:
    """Names of a list with commas, all of them where nothing was typed."""
    from ..spell import closest

    names = list(known) if typed is None else [name.strip() for name in typed.split(",") if name.strip()]
    for name in names or [""]:
        if name not in known:
            raise SpellingError(f"--{option} {typed!r} names {name!r}.", ", ".join(known), closest(name, known))
    return names


def _doctor(options: argparse.Namespace) -> int:
    from ..machine import environment
    from ..ops.compiled import kernels

    facts = environment() | {"kernels": kernels()}
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
