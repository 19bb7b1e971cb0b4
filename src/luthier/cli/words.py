"""The words that describe a study, on a command line or in a study.yaml, and what a verb answers with."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import UserError

DONE, OUR_FAULT, USER_FAULT, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

Verb = Callable[[argparse.Namespace], int]
NewVerb = Callable[[str, str, Verb], argparse.ArgumentParser]
"""(name, what it does, function) -> the verb's own parser."""


def study_options(sub: argparse.ArgumentParser) -> None:
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
    from ..records import Budget
    from ..study import Study

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

    from ..spell import closest

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
