"""What is already on disk: `score report list diff cite`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import UserError
from .words import DONE, NewVerb


def add(verb: NewVerb) -> None:
    score = verb("score", "score outputs that exist already, or a study again", _score)
    score.add_argument("file", metavar="FILE", help="csv, tsv or jsonl with outputs; or a study's folder")
    score.add_argument("--references", help="column of the right answers")
    score.add_argument("--outputs", help="columns of the outputs to compare, with commas")
    score.add_argument("--group", help="column that says which rows belong together")
    score.add_argument("--group-rows", type=int, help="this many rows in a row belong together")
    score.add_argument("--metrics", default="rouge", help="metric names or families, with commas")

    report = verb("report", "write the report of a study or a suite again from its files", _report)
    report.add_argument("study", metavar="STUDY", help="folder of a study, or of several sets under one name")
    report.add_argument("--out", metavar="DIR", help="folder to write it to (default: the study's own)")
    report.add_argument(
        "--texts",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="show rows and answers; --no-texts leaves figures and verdicts, for places where the data may not go",
    )

    listing = verb("list", "the studies in a folder", _list)
    listing.add_argument("folder", metavar="FOLDER", nargs="?", default="runs")

    diff = verb("diff", "two trials side by side", _diff)
    diff.add_argument("a", metavar="TRIAL")
    diff.add_argument("b", metavar="TRIAL")
    cite = verb("cite", "BibTeX of the methods, task and metrics that a study used", _cite)
    cite.add_argument("what", metavar="STUDY|METHODS")


def _score(options: argparse.Namespace) -> int:
    from .. import show

    if Path(options.file).is_dir():
        return _report(argparse.Namespace(study=options.file, out=None, texts=True, json=options.json))
    from ..outputs import score_file

    for name in ("references", "outputs"):
        if getattr(options, name) is None:
            raise UserError(f"--{name} is missing.", f"--{name} COLUMN", "name the column")
    results = score_file(
        options.file,
        options.references,
        options.outputs.split(","),
        options.metrics.split(","),
        group=options.group,
        group_rows=options.group_rows,
    )
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        show.results(results, ())
    return DONE


def _report(options: argparse.Namespace) -> int:
    from .. import across_sets, report, show
    from ..results import finish

    folder, out = Path(options.study), options.out and Path(options.out)
    if told := across_sets.rebuilt(folder, out, options.texts):
        if options.json:
            print(json.dumps(told, ensure_ascii=False))
        else:
            show.suite(told, out or folder)
        return DONE
    if not (folder / "study.json").exists():
        raise UserError(f"{folder} holds no study.", "a folder with study.json", "luthier list shows the studies here")
    results = finish(folder, keep=out is None)  # a report that goes elsewhere leaves the study alone
    pages = report.build(folder, out, options.texts, results)
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        show.results(results, pages)
    return DONE


def _list(options: argparse.Namespace) -> int:
    from .. import history, show

    return show.rows(history.studies(Path(options.folder)), options.json)


def _diff(options: argparse.Namespace) -> int:
    from .. import history, show

    return show.rows(history.difference(Path(options.a), Path(options.b)), options.json)


def _cite(options: argparse.Namespace) -> int:
    from .. import history
    from ..cite import bibtex

    text = bibtex(history.used(options.what))
    print(json.dumps({"bibtex": text}, ensure_ascii=False) if options.json else text)
    return DONE
