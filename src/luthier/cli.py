"""The verbs. This file only reads words and prints answers; heavy libraries load when a verb needs them.

Exit codes: 0 done, 1 our fault, 2 the user's input, 3 finished with failed trials, 130 interrupted (resumable).
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .errors import Damaged, UserError
from .machine import share_cores

DONE, OUR_FAULT, USER_FAULT, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

Verb = Callable[[argparse.Namespace], int]


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
        print(
            f"luthier: {fault}\n  do: run the command again with --resume, or remove the damaged folder",
            file=sys.stderr,
        )
        return USER_FAULT
    except KeyboardInterrupt:
        print("luthier: interrupted; the same command with --resume goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away (`luthier list | head`)
        sys.stderr.close()
        return DONE


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
    _study_options(compare)

    train = verb("train", "train and score one method", _compare)
    train.add_argument("backbone", metavar="BACKBONE")
    train.add_argument("data", metavar="DATA")
    train.add_argument("methods", metavar="METHOD")
    _study_options(train)

    _file_verbs(verb)
    return root


def _file_verbs(verb: Callable[[str, str, Verb], argparse.ArgumentParser]) -> None:
    """The verbs that work on what is already there."""
    predict = verb("predict", "answer with a trained method", _predict)
    predict.add_argument("trial", metavar="TRIAL", help="a trial's folder")
    predict.add_argument(
        "data", metavar="DATA", nargs="?", help="rows to answer (the test split where there are several)"
    )
    predict.add_argument("--text", help="one input instead of a file")
    predict.add_argument("--out", help="write JSON lines there")
    predict.add_argument("--beams", type=int, default=1, help="beam search with this many beams")
    predict.add_argument("--temperature", type=float, default=0.0, help="sample at this temperature")

    score = verb("score", "score outputs that exist already, or a study again", _score)
    score.add_argument("file", metavar="FILE", help="csv, tsv or jsonl with outputs; or a study's folder")
    score.add_argument("--references", help="column of the right answers")
    score.add_argument("--outputs", help="columns of the outputs to compare, with commas")
    score.add_argument("--group", help="column that says which rows belong together")
    score.add_argument("--group-rows", type=int, help="this many rows in a row belong together")
    score.add_argument("--metrics", default="rouge", help="metric names or families, with commas")

    report = verb("report", "write a study's report again from its files", _report)
    report.add_argument("study", metavar="STUDY")

    listing = verb("list", "the studies in a folder", _list)
    listing.add_argument("folder", metavar="FOLDER", nargs="?", default="runs")

    diff = verb("diff", "two trials side by side", _diff)
    diff.add_argument("a", metavar="TRIAL")
    diff.add_argument("b", metavar="TRIAL")

    verb("bases", "the built-in backbones", _bases)
    cite = verb("cite", "BibTeX of the methods, task and metrics that a study used", _cite)
    cite.add_argument("what", metavar="STUDY|METHODS")
    verb("doctor", "what this machine and installation are, to paste into a question", _doctor)

    convert = verb("convert", "turn pickled weights into safetensors, in a restricted process", _convert)
    convert.add_argument("folder", metavar="FOLDER")
    convert.add_argument("--out", help="folder of the copy (default: FOLDER-safetensors)")


def _study_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--task", help="summarise, classify, answer; inferred from the columns without it")
    sub.add_argument("--prompt", help='template such as "Summarise: {text}"')
    sub.add_argument("--answer", help="column of the right answer")
    sub.add_argument("--precision", default="auto", help="auto, fp32 or bf16")
    sub.add_argument("--epochs", type=float, help="passes over the training rows (default 3)")
    sub.add_argument("--steps", type=int, help="optimiser steps instead of epochs")
    sub.add_argument("--minutes", type=float, help="plan the study into this time (not available yet)")
    sub.add_argument("--batch-size", type=int, help="rows per optimiser step (default 16)")
    sub.add_argument("--seeds", type=int, default=1, help="seeds per method")
    sub.add_argument("--train-rows", type=int, help="draw this many training rows")
    sub.add_argument("--test-rows", type=int, help="draw this many test rows")
    sub.add_argument("--dev-rows", type=int, help="development rows of each evaluation (default 200)")
    sub.add_argument(
        "--search",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="search learning rates (not available yet; --no-search takes each card's default)",
    )
    sub.add_argument("--out", help="folder of the study (default: a new one under runs/)")
    sub.add_argument("--resume", action="store_true", help="continue the study in --out, or start it")
    sub.add_argument("--dry-run", action="store_true", help="check everything, show what would run, train nothing")
    sub.add_argument("--card", action="store_true", help="print the cards of the methods and stop")


# -- verbs ------------------------------------------------------------------------------------------------------------


def _compare(options: argparse.Namespace) -> int:
    from . import show

    study = study_of(options)
    if options.card:
        from .methods import METHODS
        from .spell import parse_list

        print("\n\n".join(f"{m!r}\n  {type(m).__doc__}" for m in parse_list(study.methods, METHODS)))
        return DONE
    if options.dry_run:
        return show.plan(study.plan(), options.json)
    return _run(study, options)


def _run(study: Any, options: argparse.Namespace) -> int:
    from . import report, show

    with show.Progress() as progress:
        results = study.run(progress.tell, resume=getattr(options, "resume", False))
    pages = report.build(Path(study.out))
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        show.results(results, pages)
    return DONE if all(t["status"] == "done" for t in results["trials"]) else SOME_FAILED


def study_of(options: argparse.Namespace) -> Any:
    """The study that the words describe."""
    if options.backbone.endswith((".yaml", ".yml")):
        _words_from(options)
    if options.data is None:
        raise UserError(
            "No data named.",
            "luthier compare BACKBONE DATA [METHODS]",
            "name a file, a folder or a built-in such as dialogues",
        )
    if options.minutes is not None:
        raise UserError(
            f"--minutes {options.minutes:g} cannot be planned yet.", "--epochs N or --steps N", "use one of them"
        )
    if options.search:
        raise UserError(
            "--search is not available yet.", "--no-search: each method's card has a default", "leave --search out"
        )
    from .records import Budget
    from .study import Study

    chosen = {name: getattr(options, name) for name in ("epochs", "steps", "batch_size", "dev_rows")}
    return Study(
        options.backbone,
        options.data,
        "zero_shot, full, lora" if options.methods is None else options.methods,
        Budget(**{k: v for k, v in chosen.items() if v is not None}),
        options.task,
        options.prompt,
        options.answer,
        options.train_rows,
        options.test_rows,
        options.seeds,
        options.precision,
        options.out or free_folder(options.data),
    )


def _words_from(options: argparse.Namespace) -> None:
    """Fill the options from a study.yaml; words on the command line win."""
    import yaml

    from .spell import closest

    path = Path(options.backbone)
    try:
        words = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as fault:
        raise UserError(
            f"{path} cannot be read: {fault}", "a YAML file with backbone, data, methods …", "check the file"
        ) from fault
    if not isinstance(words, dict) or "backbone" not in words:
        raise UserError(f"{path} names no backbone.", "backbone: NAME", "add it")
    known = {k for k in vars(options) if k not in ("verb", "json", "card", "dry_run", "resume")}
    options.backbone = None
    for word, value in words.items():
        name = str(word).replace("-", "_")
        if name not in known:
            raise UserError(f"{path} has an unknown word {word!r}.", ", ".join(sorted(known)), closest(name, known))
        if getattr(options, name) in (None, 1, "auto"):
            setattr(options, name, ", ".join(map(str, value)) if isinstance(value, list) else value)


def free_folder(data: str) -> Path:
    """runs/<data>, or the next free number behind it."""
    name = Path(data.split("#")[0]).name.split(".")[0] or "study"
    numbers = (Path("runs") / (name if n == 1 else f"{name}-{n}") for n in range(1, 10_000))
    return next(folder for folder in numbers if not folder.exists())


def _demo(options: argparse.Namespace) -> int:
    from .records import Budget
    from .study import Study

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


def _predict(options: argparse.Namespace) -> int:
    from . import answers

    said = answers.predict(
        Path(options.trial), options.data, options.text, beams=options.beams, temperature=options.temperature
    )
    lines = [json.dumps(p, ensure_ascii=False) for p in said]
    if options.out:
        from . import files

        files.write_text(options.out, "\n".join(lines) + "\n")
    elif options.json or options.text is None:
        print("\n".join(lines))
    else:
        shares = said[0]["probabilities"] or {}
        print(said[0]["prediction"], *(f"  {label} {share:.3f}" for label, share in shares.items()), sep="\n")
    return DONE


def _score(options: argparse.Namespace) -> int:
    from . import show

    if Path(options.file).is_dir():
        return _report(argparse.Namespace(study=options.file, json=options.json))
    from .score import score_file

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
    from . import report, show
    from .results import finish

    folder = Path(options.study)
    if not (folder / "study.json").exists():
        raise UserError(f"{folder} holds no study.", "a folder with study.json", "luthier list shows the studies here")
    results = finish(folder)
    pages = report.build(folder)
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        show.results(results, pages)
    return DONE


def _list(options: argparse.Namespace) -> int:
    from . import history, show

    return show.rows(history.studies(Path(options.folder)), options.json)


def _diff(options: argparse.Namespace) -> int:
    from . import history, show

    return show.rows(history.difference(Path(options.a), Path(options.b)), options.json)


def _bases(options: argparse.Namespace) -> int:
    from . import bases, show

    return show.rows(bases.facts(), options.json, whole={"bases": bases.facts()})


def _cite(options: argparse.Namespace) -> int:
    from . import history
    from .cite import bibtex

    text = bibtex(history.used(options.what))
    print(json.dumps({"bibtex": text}, ensure_ascii=False) if options.json else text)
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    from .machine import environment

    facts = environment()
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print("\n".join(f"{name:16} {value}" for name, value in facts.items()))
    return DONE


def _convert(options: argparse.Namespace) -> int:
    from .convert import convert

    folder = Path(options.folder)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.", "a folder with pickled weights", "check the path")
    out = Path(options.out) if options.out else folder.with_name(f"{folder.resolve().name}-safetensors")
    written = [str(p) for p in convert(folder, out)]
    print(json.dumps({"files": written}) if options.json else "\n".join(written))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
