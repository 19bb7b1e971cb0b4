"""What was learned, and what a larger backbone would bring: `look scale`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UserError
from .words import NewVerb


def add(verb: NewVerb) -> None:
    look = verb("look", "inside a trial: words beside a soft prompt, how far every tensor moved", _look)
    look.add_argument("trial", metavar="TRIAL", help="a trial's folder")
    look.add_argument("--top", type=int, default=20, help="changed tensors to show, largest first (default 20)")

    scale = verb("scale", "quality against backbone size, from studies of one task", _scale)
    scale.add_argument("studies", metavar="STUDY", nargs="+", help="studies of the same words but for the backbone")
    scale.add_argument("--metric", help="default: the one that the studies decide by")


def _look(options: argparse.Namespace) -> int:
    from .. import show
    from ..look import look

    if options.top < 1:
        raise UserError(f"--top {options.top} shows nothing.", "1 or more", "leave it out for 20")
    found = look(Path(options.trial))
    rows = [
        {
            "token": row["token"],
            "nearest words": ", ".join(f"{word} {cosine:.2f}" for word, cosine in row["nearest"]),
            "after a random step": f"{row['control']:.2f}",
            "began beside": row["began"],
            "moved": f"{row['moved']:.2f}",
        }
        for row in found["rows"]
    ]
    changes = [
        {
            "tensor": change["name"],
            "of": change["what"],
            "shape": " × ".join(map(str, change["shape"])),
            "changed by": f"{change['length']:.2f} from 0" if change["change"] is None else f"{change['change']:.1%}",
            "directions": "" if change["directions"] is None else change["directions"],
        }
        for change in found["changes"][: options.top]
    ]
    done = show.rows(rows or changes, options.json, found)
    for note in () if options.json else found["notes"]:
        print(note)
    return done


def _scale(options: argparse.Namespace) -> int:
    from .. import show
    from ..humane import count, scored
    from ..scale import scale

    found = scale([Path(study) for study in options.studies], options.metric)
    heads = [f"{one['name']}, {count(one['parameters'])}" for one in found["backbones"]]
    rows = [
        {
            found["metric"]: one["method"],
            **{head: scored(found["metric"], point) for head, point in zip(heads, one["points"])},
        }
        for one in found["methods"]
    ]
    return show.rows(rows, options.json, found)
