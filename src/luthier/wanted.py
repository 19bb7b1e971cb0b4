"""What is asked of a study, the same as words on a command line, and what is refused before anything is read."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .backbone import Backbone
from .errors import UserError
from .memory import OPEN
from .methods import Method
from .records import Budget

NUMBERS = ("epochs", "steps", "batch_size", "batch_tokens", "dev_rows", "max_input_tokens", "max_answer_tokens")
"""Numbers of the budget that have a word on the command line."""


@dataclass(frozen=True)
class Wanted:
    """The fields of a `Study`, which see."""

    backbone: str | Backbone
    data: str
    methods: Sequence[Method] | str = "zero_shot, full, lora"
    budget: Budget = Budget()  # noqa: RUF009 (frozen)
    task: str | None = None
    prompt: str | None = None
    answer: str | None = None
    train_rows: int | Sequence[int] | None = None
    test_rows: int | None = None
    seeds: int = 1
    precision: str = "auto"
    out: str | Path = "runs/study"
    search: bool = True
    forecast: bool = True
    minutes: float | None = None
    fixed: Sequence[str] = ()
    jobs: int | None = None

    @property
    def held(self) -> list[str]:
        """What of the budget the planner may not choose: what was set, to its default or away from it."""
        return [f for f in OPEN if f in self.fixed or getattr(self.budget, f) != getattr(Budget(), f)]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of training rows that were named, rising."""
        named = () if self.train_rows is None else self.train_rows
        return (named,) if isinstance(named, int) else tuple(sorted(set(named)))

    @property
    def backbone_name(self) -> str:
        """The word for it on a command line."""
        return self.backbone if isinstance(self.backbone, str) else self.backbone.name

    def command(self) -> str:
        """The same study as words on a command line."""
        methods = self.methods if isinstance(self.methods, str) else ", ".join(map(repr, self.methods))
        words = ["luthier", "compare", self.backbone_name, str(self.data), methods]
        rows = {"train_rows": ",".join(map(str, self.sizes)) or None, "test_rows": self.test_rows}
        for field, value in ({f: getattr(self, f) for f in ("task", "prompt", "answer")} | rows).items():
            if value is not None:
                words += [f"--{field.replace('_', '-')}", str(value)]
        for field in NUMBERS:
            if getattr(self.budget, field) != getattr(Budget(), field) or field in self.fixed:
                value = getattr(self.budget, field)
                words += [f"--{field.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
        words += ["--equal", "seconds", "--seconds", f"{self.budget.seconds:g}"] if self.budget.seconds else []
        words += ["--seeds", str(self.seeds)] if self.seeds != 1 else []
        words += [f"--{field}" for field in ("recompute", "race") if getattr(self.budget, field)]
        words += ["--no-recompute"] if "recompute" in self.fixed and not self.budget.recompute else []
        words += [] if self.search else ["--no-search"]
        words += ["--precision", self.precision] if self.precision != "auto" else []
        words += ["--jobs", str(self.jobs)] if self.jobs is not None else []
        return shlex.join([*words, "--out", str(self.out)])


def check_numbers(study: Wanted) -> None:
    """Refuse counts that mean nothing, before anything is read."""
    for name, value, least in (
        *(("train_rows", rows, 1) for rows in study.sizes),
        ("test_rows", study.test_rows, 1),
        ("seeds", study.seeds, 1),
        ("jobs", study.jobs, 1),
        ("minutes", study.minutes, 0.1),
    ):
        if value is not None and not least <= value < math.inf:
            raise UserError(f"{name} is {value}.", f"{least} or more", f"set it to at least {least}")
    for name, least in (
        ("epochs", 0),
        ("batch_size", 0),
        ("batch_tokens", 0),
        ("dev_rows", 0),
        ("max_input_tokens", 7),
        ("max_answer_tokens", 1),
    ):
        if not least < getattr(study.budget, name) < math.inf:
            raise UserError(f"{name} is {getattr(study.budget, name)}.", f"more than {least}", "raise it")
    for name in set(study.fixed) - set(OPEN):
        raise UserError(f"fixed names {name!r}.", ", ".join(OPEN), "the rest of a budget is never changed")
    if study.budget.steps is not None and study.budget.steps < 1:
        raise UserError(f"steps is {study.budget.steps}.", "1 or more", "set it to at least 1")
    if len(study.sizes) > 1 and study.minutes is not None:
        raise UserError(
            f"minutes is {study.minutes:g}, which may take fewer training rows than train_rows={study.sizes} names.",
            "several numbers of training rows, or a time",
            "leave one of them out",
        )
    check_equal(study.budget)
    check_jobs(study)


def check_equal(budget: Budget) -> None:
    """Refuse a search or an equality that leaves open what is spent."""
    if not 0 <= budget.search <= 10:
        raise UserError(f"search is {budget.search}.", "0 (none) to 10 trainings", "0.5 is half of one training")
    if budget.equal not in ("steps", "seconds"):
        raise UserError(f"equal is {budget.equal!r}.", "steps, seconds", "choose one of them")
    if (budget.equal == "seconds") != (budget.seconds is not None):
        raise UserError(
            f"equal is {budget.equal} and seconds is {budget.seconds}.",
            "--equal seconds together with --seconds N, or neither",
            "name the training seconds that every method gets, or leave both out",
        )
    if budget.race and budget.equal == "seconds":
        raise UserError(
            f"race is {budget.race} and equal is {budget.equal}: methods that take other steps have none in common.",
            "race with equal steps",
            "leave one of them out",
        )
    if budget.seconds is not None and not 0 < budget.seconds < float("inf"):
        raise UserError(f"seconds is {budget.seconds}.", "more than 0", "raise it")
    if budget.seconds is not None and budget.steps is not None:
        raise UserError(
            f"steps is {budget.steps} and seconds is {budget.seconds:g}.",
            "equal steps, or equal seconds",
            "leave one of them out",
        )


def check_jobs(study: Wanted) -> None:
    """Refuse trials beside each other where one would be judged by what happens to run beside it."""
    for what, asked in (("--race", study.budget.race), ("--equal seconds", study.budget.equal == "seconds")):
        if asked and (study.jobs or 1) > 1:
            raise UserError(
                f"jobs is {study.jobs} beside {what}, which goes by the trials before and by the clock.",
                f"{what} with one trial after the other, or --jobs without it",
                "leave one of them out",
            )
