"""`compare`, `train` and `demo`: a study from its words to its report."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..spell import closest
from .words import DONE, SOME_FAILED, NewVerb, free_folder, study_of, study_options


@dataclass(frozen=True)
class Story:
    """A study that needs nothing but what is installed; `backbones` in order of preference."""

    backbones: tuple[str, ...]
    data: str
    methods: str
    train_rows: int
    test_rows: int


STORIES = {
    "dialogues": Story(
        ("seedling-t5",),
        "dialogues",
        "zero_shot, full, lora(rank=16), bitfit(everywhere=True), prompt(tokens=20)",
        320,
        60,
    ),
    "sentiment-zh": Story(
        ("seedling-bert", "seedling-t5"), "reviews-zh", "full, lora(rank=16), bitfit(everywhere=True)", 800, 200
    ),
    "answer-zh": Story(("seedling-lm", "seedling-t5"), "passages-zh", "zero_shot, full, lora(rank=16)", 600, 80),
}


def add(verb: NewVerb) -> None:
    demo = verb("demo", "the whole story on the built-in backbone and data, in a few minutes", _demo)
    demo.add_argument("story", metavar="STORY", nargs="?", default="dialogues", help=f"one of {', '.join(STORIES)}")
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

    train = verb("train", "train and score one method", _train)
    train.add_argument("backbone", metavar="BACKBONE", help="as for compare; or a study.yaml with all the words")
    train.add_argument("data", metavar="DATA", nargs="?")
    train.add_argument("methods", metavar="METHOD", nargs="?")
    study_options(train)


def _train(options: argparse.Namespace) -> int:
    if options.methods is None and not options.backbone.endswith((".yaml", ".yml")):
        raise UserError(
            f"{options.backbone} {options.data or ''}: no method is named.",
            "luthier train BACKBONE DATA METHOD",
            'name one, for example "lora(rank=8)"',
        )
    return _compare(options)


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
    trials = [t for one in (results, *results.get("studies", ())) for t in one["trials"]]
    return DONE if all(t["status"] == "done" for t in trials) else SOME_FAILED


def _demo(options: argparse.Namespace) -> int:
    from .. import bases
    from ..records import Budget
    from ..study import Study

    if options.story not in STORIES:
        raise UserError(f"There is no story {options.story!r}.", ", ".join(STORIES), closest(options.story, STORIES))
    story = STORIES[options.story]
    study = Study(
        next(name for name in story.backbones if name in bases.names()),
        story.data,
        story.methods,
        Budget(epochs=2.0, dev_rows=60),
        train_rows=story.train_rows,
        test_rows=story.test_rows,
        out=options.out or free_folder("demo"),
        search=False,
    )
    print(f"The same as: {study.command()}", file=sys.stderr)
    return _run(study, options)
