"""`predict`: what a trained method says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .words import DONE, NewVerb


def add(verb: NewVerb) -> None:
    predict = verb("predict", "answer with a trained method", _predict)
    predict.add_argument("trial", metavar="TRIAL", help="a trial's folder")
    predict.add_argument(
        "data", metavar="DATA", nargs="?", help="rows to answer (the test split where there are several)"
    )
    predict.add_argument("--text", help="one input instead of a file")
    predict.add_argument("--out", help="write JSON lines there")
    predict.add_argument("--beams", type=int, default=1, help="beam search with this many beams")
    predict.add_argument("--temperature", type=float, default=0.0, help="sample at this temperature")


def _predict(options: argparse.Namespace) -> int:
    from .. import answers

    said = answers.predict(
        Path(options.trial), options.data, options.text, beams=options.beams, temperature=options.temperature
    )
    lines = [json.dumps(p, ensure_ascii=False) for p in said]
    if options.out:
        from .. import files

        files.write_text(options.out, "\n".join(lines) + "\n")
    elif options.json or options.text is None:
        print("\n".join(lines))
    else:
        shares = said[0]["probabilities"] or {}
        print(said[0]["prediction"], *(f"  {label} {share:.3f}" for label, share in shares.items()), sep="\n")
    return DONE
