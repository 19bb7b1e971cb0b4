"""`compare`, `train` and `demo`: a study from its words to its report."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .words import DONE, SOME_FAILED, NewVerb, free_folder, study_of, study_options


def add(verb: NewVerb) -> None:
    demo = verb("demo", "the whole story on the built-in backbone and data, in a few minutes", _demo)
    demo.add_argument("--out", help="folder of the study (default: a new one under runs/)")

    compare = verb(
        "compare", "train methods on the same rows over one backbone, score them, write the report", _compare
    )
    compare.add_argument(
        "backbone", metavar="BACKBONE", help="built-in name, folder or hub id; or a study.yaml with all the words"
    )
    compare.add_argument(
        "data", metavar="DATA", nargs="?", help="file, folder, hub id or built-in name; path#500 samples rows"
    )
    compare.add_argument("methods", metavar="METHODS", nargs="?", help='for example "zero_shot, full, lora(rank=32)"')
    study_options(compare)

    train = verb("train", "train and score one method", _compare)
    train.add_argument("backbone", metavar="BACKBONE")
    train.add_argument("data", metavar="DATA")
    train.add_argument("methods", metavar="METHOD")
    study_options(train)


def _compare(options: argparse.Namespace) -> int:
    from .. import show

    study = study_of(options)
    if options.card:
        from ..methods import METHODS
        from ..spell import parse_list

        print("\n\n".join(f"{m!r}\n  {type(m).__doc__}" for m in parse_list(study.methods, METHODS)))
        return DONE
    if options.dry_run:
        return show.plan(study.plan(), options.json)
    return _run(study, options)


def _run(study: Any, options: argparse.Namespace) -> int:
    from .. import report, show

    with show.Progress() as progress:
        results = study.run(progress.tell, resume=getattr(options, "resume", False))
    pages = report.build(Path(study.out))
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        show.results(results, pages)
    return DONE if all(t["status"] == "done" for t in results["trials"]) else SOME_FAILED


def _demo(options: argparse.Namespace) -> int:
    from ..records import Budget
    from ..study import Study

    methods = "zero_shot, full, lora(rank=16), bitfit(everywhere=True), prompt(tokens=20)"
    study = Study(
        "seedling-t5",
        "dialogues",
        methods,
        Budget(epochs=2.0, dev_rows=60),
        train_rows=320,
        test_rows=60,
        out=options.out or free_folder("demo"),
    )
    print(f"The same as: {study.command()}", file=sys.stderr)
    return _run(study, options)
