"""The words that describe a study, on a command line or in a study.yaml, and what a verb answers with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import UserError
from .borrowed import translated

DONE, OUR_FAULT, USER_FAULT, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

Verb = Callable[[argparse.Namespace], int]
NewVerb = Callable[[str, str, Verb], argparse.ArgumentParser]
"""(name, what it does, function) -> the verb's own parser."""


def study_options(sub: argparse.ArgumentParser) -> None:
    """What is compared, and how it is run."""
    _wanted(sub)
    _running(sub)


def _wanted(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--task", help="summarise, classify, answer; inferred from the columns without it")
    sub.add_argument("--prompt", help='template such as "Summarise: {text}"')
    sub.add_argument("--answer", help="column of the right answer")
    sub.add_argument("--precision", default="auto", help="auto, fp32, bf16, int8 or nf4")
    sub.add_argument("--epochs", type=float, help="passes over the training rows (default 3)")
    sub.add_argument("--steps", type=int, help="optimiser steps instead of epochs")
    sub.add_argument("--minutes", type=float, help="reduce epochs, then training and development rows, until it fits")
    sub.add_argument("--equal", choices=("steps", "seconds"), help="what every trained method gets (default steps)")
    sub.add_argument("--seconds", type=float, help="training seconds of every method, with --equal seconds")
    sub.add_argument("--batch-size", type=int, help="rows per optimiser step (default 16)")
    sub.add_argument(
        "--batch-tokens",
        type=int,
        help="padded tokens of a pass (default 4096, fewer where that does not fit into memory); steps keep their rows",
    )
    sub.add_argument(
        "--recompute",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="compute layers again for the gradient: less memory, slower (default: where it does not fit otherwise)",
    )
    sub.add_argument("--max-input-tokens", type=int, help="longer inputs are cut, and counted (default 512)")
    sub.add_argument("--max-answer-tokens", type=int, help="of training answers and generated ones (default 128)")
    sub.add_argument("--seeds", type=int, default=1, help="seeds per method")
    sub.add_argument(
        "--train-rows",
        type=counts,
        metavar="N[,N…]",
        help="draw this many training rows; several numbers show how much data is enough",
    )
    sub.add_argument("--test-rows", type=int, help="draw this many test rows")
    sub.add_argument("--dev-rows", type=int, help="development rows of each evaluation (default 200)")
    sub.add_argument(
        "--search",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="search every trained method's learning rate, and rank, tokens or size where they are left out, with as "
        "many tokens for each (the default); --no-search takes each card's",
    )
    sub.add_argument(
        "--race",
        action="store_true",
        help="stop a trial that a sequential test finds behind a finished one at the same step, and say so",
    )


def _running(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--forecast",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="say first what it will take, and refuse what does not fit into memory (the default)",
    )
    sub.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="trials beside each other, each on its share of the cores (default: one a core over a small backbone)",
    )
    sub.add_argument("--offline", action="store_true", help="take the words under `offline:` of a study.yaml")
    sub.add_argument("--out", help="folder of the study (default: a new one under runs/)")
    sub.add_argument(
        "--mirror",
        metavar="TOOL",
        help="show the curves there too: tensorboard (files in OUT/tensorboard) or trackio (a project named like OUT)",
    )
    sub.add_argument("--resume", action="store_true", help="continue the study in --out, or start it")
    sub.add_argument("--dry-run", action="store_true", help="check everything, show what would run, train nothing")
    sub.add_argument("--card", action="store_true", help="print the cards of the methods and stop")


def study_of(options: argparse.Namespace) -> Any:
    """The study that the words describe."""
    if options.backbone.endswith((".yaml", ".yml")):
        _words_from(options)
    elif options.offline:
        raise UserError(
            f"--offline stands beside {options.backbone}, which is no study.yaml.",
            "a study.yaml with words under `offline:`",
            "name such a file, or leave --offline out",
        )
    if options.data is None:
        raise UserError(
            "No data named.",
            "luthier compare BACKBONE DATA [METHODS]",
            "name a file, a folder or a built-in such as dialogues",
        )
    if options.minutes is not None and (options.steps is not None or options.seconds is not None):
        raise UserError(
            f"--minutes {options.minutes:g} chooses how long methods train, and so does what stands beside it.",
            "--minutes with --epochs, or --steps or --seconds alone",
            "leave one of them out",
        )
    if options.seconds is not None and options.epochs is not None:
        raise UserError(
            f"--epochs {options.epochs:g} and --seconds {options.seconds:g} contradict each other.",
            "equal passes over the rows, or equal seconds",
            "leave one of them out",
        )
    from ..memory import OPEN
    from ..records import Budget
    from ..study import Study
    from ..wanted import NUMBERS

    asked = (*NUMBERS, "recompute", "equal", "seconds", "race")
    chosen = {name: value for name in asked if (value := getattr(options, name)) is not None}
    return Study(
        options.backbone,
        options.data,
        "zero_shot, full, lora" if options.methods is None else options.methods,
        Budget(**chosen),
        options.task,
        options.prompt,
        options.answer,
        options.train_rows,
        options.test_rows,
        options.seeds,
        options.precision,
        options.out or free_folder(options.data),
        options.search is not False,
        options.forecast is not False,
        options.minutes,
        tuple(name for name in OPEN if chosen.get(name) == getattr(Budget(), name)),
        options.jobs,
    )


def counts(text: str) -> int | tuple[int, ...]:
    """`200` or `200,800,3200`."""
    numbers = tuple(int(part) for part in text.split(","))
    return numbers if len(numbers) > 1 else numbers[0]


def _words_from(options: argparse.Namespace) -> None:
    """Fill the options from a study.yaml; words on the command line win."""
    import yaml

    path = Path(options.backbone)
    try:
        words = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as fault:
        raise UserError(
            f"{path} cannot be read: {fault}", "a YAML file in UTF-8 with backbone, data, methods …", "check the file"
        ) from fault
    words, told = translated(words) if isinstance(words, dict) else ({}, [])
    for sentence in told:
        print(f"{path.name}: {sentence}", file=sys.stderr)
    if "backbone" not in words:
        raise UserError(f"{path} names no backbone.", "backbone: NAME", "add it")
    instead = words.pop("offline", None)
    if options.offline:
        if not isinstance(instead, dict) or not instead:
            raise UserError(
                f"{path} has no words under `offline:`.",
                "offline: {backbone: seedling-t5, data: dialogues}",
                "add them",
            )
        words |= instead
    options.backbone = None
    for word, value in words.items():
        name = _option(path, word, value, options)
        if getattr(options, name) in (None, False) or (name, getattr(options, name)) in DEFAULTS:
            setattr(options, name, LISTS[name](value) if isinstance(value, list) else value)


DEFAULTS = (("seeds", 1), ("precision", "auto"))
"""What an option is where nobody typed it, beside None and False."""
SWITCHES = ("verb", "json", "card", "dry_run", "resume", "offline", "fresh")
"""Options that say how a command runs, not what a study is."""


def _option(path: Path, word: Any, value: Any, options: argparse.Namespace) -> str:
    """The option that a word of a study.yaml sets; its value must be of the option's kind."""
    from ..spell import closest

    known = {k for k in vars(options) if k not in SWITCHES}
    name = str(word).replace("-", "_")
    if name not in known:
        raise UserError(f"{path} has an unknown word {word!r}.", ", ".join(sorted(known)), closest(name, known))
    wanted = KINDS.get(name, str)
    items = value if isinstance(value, list) and name in LISTS else [value]
    whole = wanted is float and isinstance(value, int) and not isinstance(value, bool)
    if not whole and not all(isinstance(item, wanted) and (wanted is bool or item is not True) for item in items):
        raise UserError(f"{path}: {word} is {value!r}.", f"{word}: {EXAMPLES[wanted]}", "write it like that")
    return name


KINDS: dict[str, type] = {
    **dict.fromkeys(("epochs", "minutes", "seconds"), float),
    **dict.fromkeys(("steps", "batch_size", "batch_tokens", "max_input_tokens", "max_answer_tokens"), int),
    **dict.fromkeys(("seeds", "jobs", "train_rows", "test_rows", "dev_rows"), int),
    **dict.fromkeys(("search", "forecast", "race", "recompute"), bool),
}
"""What a word of a study.yaml holds, where it is not text."""
LISTS: dict[str, Callable[[list[Any]], Any]] = {
    "methods": lambda words: ", ".join(map(str, words)),
    "train_rows": tuple,
}
"""Words that may hold a list, and what becomes of it."""
EXAMPLES = {float: "2.5", int: "2", bool: "true or false", str: "text, in quotes where it has signs in it"}


def free_folder(data: str) -> Path:
    """runs/<data>, or the next free number behind it."""
    name = Path(data.split("#")[0]).name.split(".")[0] or "study"
    numbers = (Path("runs") / (name if n == 1 else f"{name}-{n}") for n in range(1, 10_000))
    return next(folder for folder in numbers if not folder.exists())
