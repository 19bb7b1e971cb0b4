"""`export`: folders that other people's software runs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError
from .words import DONE, OUR_FAULT, NewVerb


def add(verb: NewVerb) -> None:
    export = verb("export", "write a trained method as an adapter, a merged model, a Space or a container", _export)
    export.add_argument("kind", metavar="KIND", help="adapter (PEFT), merged (transformers), space or docker")
    export.add_argument("trial", metavar="TRIAL", help="a finished trial's folder")
    export.add_argument("--out", required=True, metavar="DIR", help="the folder to make; it appears when it is proven")
    export.add_argument(
        "--as", dest="form", metavar="lora", help="adapter: the nearest low-rank form, its loss measured"
    )
    export.add_argument("--rank", type=int, help="rank of that form (default 8)")
    export.add_argument("--license", metavar="SPDX", help="licence for the card (default: the backbone's)")
    export.add_argument("--rows", type=int, default=16, help="test rows of the certificate (default 16)")


def _export(options: argparse.Namespace) -> int:
    if options.form not in (None, "lora"):
        raise UserError(f"--as {options.form} is unknown.", "--as lora", "write --as lora --rank N")
    if options.rank is not None and options.form is None:
        raise UserError(f"--rank {options.rank} without --as.", "--as lora --rank N", "add --as lora")
    rank = (8 if options.rank is None else options.rank) if options.form else None
    from ..exports.certificate import ParityFailed
    from ..exports.wish import Wish, export

    wish = Wish(options.kind, Path(options.trial), Path(options.out), rank, options.license, options.rows)
    try:
        made = export(wish)
    except ParityFailed as fault:
        print(f"luthier: {fault}\n  {options.out} was not made", file=sys.stderr)
        return OUR_FAULT
    print(json.dumps(made, ensure_ascii=False) if options.json else _told(made))
    return DONE


def _told(made: Mapping[str, Any]) -> str:
    logits, metric = made["logits"], made["metric"]
    lines = [
        f"{made['folder']}  {made['bytes'] / 1e6:.1f} MB, loaded again in a fresh process on {made['rows']} test rows:",
        f"  logits   largest difference {logits['largest_difference']:.2g}, tolerance {logits['tolerance']:.2g}"
        if logits
        else "",
        f"  answers  {made['same_answers']} of {made['rows']} equal the trial's"
        if made["same_answers"] is not None
        else "",
        f"  {metric['name']:8} {metric['loaded']:.4f}, the trial's {metric['trial']:.4f}",
    ]
    if made["conversion"]:
        c = made["conversion"]
        lines.append(
            f"  kept     {c['share_of_change_kept']:.2%} of the projections' squared change at rank {c['rank']}"
        )
    return "\n".join(line for line in lines if line)
