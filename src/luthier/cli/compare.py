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
    """A study that needs nothing but what is installed."""

    backbone: str
    data: str
    methods: str
    train_rows: int
    test_rows: int


STORIES = {
    "dialogues": Story(
        "seedling-t5",
        "dialogues",
        "zero_shot, full, lora(rank=16), bitfit(everywhere=True), prompt(tokens=20)",
        320,
        60,
    ),
    "sentiment-zh": Story("seedling-t5", "reviews-zh", "full, lora(rank=16), bitfit(everywhere=True)", 800, 200),
    "answer-zh": Story("seedling-lm", "passages-zh", "zero_shot, full, lora(rank=16)", 600, 80),
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
        "data", metavar="DATA", nargs="?", help="file, folder, hub id, built-in name, superglue; path#500 samples rows"
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
    from ..suite import Suite

    if suite := Suite.of(study):
        return _of_sets(suite, options)
    if options.dry_run:
        return show.plan(study.plan(), options.json)
    return _run(study, options)


def _of_sets(suite: Any, options: argparse.Namespace) -> int:
    from .. import show
    from ..mirror import mirrored

    if options.dry_run:
        prepared = suite.prepared(resume=True)
        if options.json:
            facts = {name: {**one.facts, "trials": [t.id for t in one.trials]} for name, one in prepared}
            print(json.dumps({"sets": facts}, ensure_ascii=False))
            return DONE
        return max(show.plan(one, False) for _, one in prepared)
    with show.Progress() as progress, mirrored(progress.tell, suite.out, options.mirror) as tell:
        found = suite.run(tell, resume=options.resume)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show.suite(found, suite.out)
    return SOME_FAILED if any(None in m["sets"].values() for m in found["methods"]) else DONE


def _run(study: Any, options: argparse.Namespace) -> int:
    from .. import report, show
    from ..mirror import mirrored

    mirror = getattr(options, "mirror", None)
    with show.Progress() as progress, mirrored(progress.tell, Path(study.out), mirror) as tell:
        results = study.run(tell, resume=getattr(options, "resume", False))
    pages = report.build(Path(study.out))
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        show.results(results, pages)
    trials = [t for one in (results, *results.get("studies", ())) for t in one["trials"]]
    return DONE if all(t["status"] == "done" for t in trials) else SOME_FAILED


def _demo(options: argparse.Namespace) -> int:
    from ..records import Budget
    from ..study import Study

    if options.story not in STORIES:
        raise UserError(f"There is no story {options.story!r}.", ", ".join(STORIES), closest(options.story, STORIES))
    story = STORIES[options.story]
    study = Study(
        story.backbone,
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
