"""Many trials, fairly: the same rows in the same order over one frozen backbone, and one table at the end.

<out>/study.json  examples/{train,dev,test}.jsonl  tokens/  <trial-id>/…  results.json  report.md  report.html  log.txt
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import data as sources
from . import files, inspection, tasks
from .backbone import Backbone
from .baselines import pilot
from .data.check import leaked
from .encode import plan
from .engines.local import DONE, STOPPED, Workers
from .errors import Damaged, UserError
from .machine import environment
from .methods import METHODS, Method
from .minutes import Choice, fit_into
from .plan import Asked, foresee, refuse_too_large
from .probe import ProbeFailed
from .records import Budget, Example, dumps, to_json
from .results import finish
from .score import chosen
from .spell import parse_list
from .trial import Trial, fresh_delta

BETWEEN_SEEDS = {
    "vary": ["order of the training rows", "first values of the delta and of a class head", "dropout masks"],
    "same": ["rows of every split", "prompt", "learning rate and steps, found with seed 0", "backbone"],
}
"""What a difference between two seeds of one method can come from, and what not."""

MARGIN = 0.01
"""Differences within one point count as none; stored before training."""

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Study:
    """What is compared, on what, within which budget.

    Args:
        backbone: a built-in name, a folder, a hub id, or a `Backbone`.
        data: a file, a folder, a hub id or a built-in name; `path#500` samples 500 training rows.
        methods: method objects, or their words in one string.
        task, prompt, answer: override what the columns suggest.
        train_rows, test_rows: draw that many by seed 0; None takes all.
        seeds: how many seeds per method, 0 to seeds−1.
        search: look for each trained method's learning rate, with as many tokens for each (`Budget.search`); without
            it every card's default is taken.
        out: the study's folder.
        forecast: say first what it will take, and refuse what does not fit into memory.
        minutes: take as many epochs, training rows and development rows of the above as end in this time.

    Example:
        >>> Study("seedling-t5", "dialogues", methods="zero_shot, lora(rank=8)").run()  # doctest: +SKIP
    """

    backbone: str | Backbone
    data: str
    methods: Sequence[Method] | str = "zero_shot, full, lora"
    budget: Budget = Budget()  # noqa: RUF009 (frozen)
    task: str | None = None
    prompt: str | None = None
    answer: str | None = None
    train_rows: int | None = None
    test_rows: int | None = None
    seeds: int = 1
    precision: str = "auto"
    out: str | Path = "runs/study"
    search: bool = True
    forecast: bool = True
    minutes: float | None = None

    def run(self, tell: Tell = lambda event: None, resume: bool = False) -> dict[str, Any]:
        """Run what is not finished yet; returns what `results.json` holds.

        Args:
            tell: receives every progress event, with the trial's id.
            resume: continue the study in `out`; without it, a folder that holds a study is refused.

        Raises:
            UserError: anything the user can mend; nothing half-written is left.
        """
        prepared = prepare(self, resume)
        write(prepared)
        if prepared.facts["pilot"]:
            tell({"phase": "pilot"} | prepared.facts["pilot"])
        if self.forecast and os.environ.get("LUTHIER_FORECAST") != "no":
            tell({"phase": "forecast"} | kept_forecast(prepared))
        run_trials(prepared, tell)
        return finish(Path(self.out))

    def command(self) -> str:
        """The same study as words on a command line."""
        methods = self.methods if isinstance(self.methods, str) else ", ".join(map(repr, self.methods))
        name = self.backbone if isinstance(self.backbone, str) else self.backbone.name
        words = ["luthier", "compare", name, str(self.data), methods]
        for field in ("task", "prompt", "answer", "train_rows", "test_rows"):
            if getattr(self, field) is not None:
                words += [f"--{field.replace('_', '-')}", str(getattr(self, field))]
        for field in ("epochs", "steps", "batch_size", "dev_rows"):
            if getattr(self.budget, field) != getattr(Budget(), field):
                words += [f"--{field.replace('_', '-')}", f"{getattr(self.budget, field):g}"]
        words += ["--equal", "seconds", "--seconds", f"{self.budget.seconds:g}"] if self.budget.seconds else []
        words += ["--seeds", str(self.seeds)] if self.seeds != 1 else []
        words += [] if self.search else ["--no-search"]
        words += ["--precision", self.precision] if self.precision != "auto" else []
        return shlex.join([*words, "--out", str(self.out)])

    def plan(self) -> Prepared:
        """Everything that is decided before anything is written or trained."""
        return prepare(self, resume=True)


@dataclass(frozen=True)
class Prepared:
    """A study whose input was read and found usable."""

    study: Study
    facts: Mapping[str, Any]
    """What study.json holds."""
    splits: Mapping[str, Sequence[Example]]
    trials: Sequence[Trial]
    asked: Asked

    @property
    def folder(self) -> Path:
        return Path(self.study.out)

    def foresee(self, fresh: bool = False, tokens: Path | None = None) -> dict[str, Any]:
        """What the study will take, as plain JSON values; `tokens` keeps the token plans for the trials."""
        asked = dataclasses.replace(self.asked, methods={t.id: t.method for t in self.trials}, tokens=tokens)
        return foresee(asked, fresh)


def prepare(study: Study, resume: bool) -> Prepared:
    """Read the data, choose the task, check every method against the backbone."""
    check_numbers(study)
    budget = study.budget if study.search else dataclasses.replace(study.budget, search=0.0)
    notes: list[str] = []
    methods = parse_list(study.methods, METHODS, notes) if isinstance(study.methods, str) else tuple(study.methods)
    name = study.backbone if isinstance(study.backbone, str) else study.backbone.name
    splits, task, table = read_data(study)
    chosen(task.metrics)  # a metric whose library is missing is refused before anything is trained
    notes += table.notes
    sketch = Backbone.sketch(name, study.precision)
    for method in methods:
        fresh_delta(sketch, method, task, seed=0)
    whole = Backbone(name, study.precision) if isinstance(study.backbone, str) else study.backbone
    plan(whole, task, splits["train"][:1], budget)  # a prompt that leaves no room for its row is refused here
    asked = Asked(sketch, whole.facts(), task, splits, budget, study_trials(study, methods))
    if study.minutes is not None:
        study, asked, fitted = in_time(study, asked, resume)
        budget, splits, notes = asked.budget, dict(asked.splits), [*notes, *fitted["notes"]]
    mark = hashlib.sha256(dumps([splits[s] for s in sorted(splits)]).encode("utf-8", "replace")).hexdigest()[:16]
    trials = [
        Trial(name, whole.precision, whole.fingerprint, repr(method), repr(task), budget, seed, mark)
        for seed in range(study.seeds)
        for method in methods
        if method.trains or seed == 0
    ]
    facts = {
        "name": Path(study.out).name,
        "command": study.command(),
        "backbone": whole.facts(),
        "task": task.word,
        "task_spelled": repr(task),
        "data": {
            "source": table.source,
            "synthetic": table.synthetic,
            "fingerprint": mark,
            "rows": {s: len(e) for s, e in splits.items()},
            "notes": notes,
        },
        "prompt": task.prompt,
        "budget": to_json(budget),
        "search": budget.search > 0,
        "equal": budget.equal,
        "methods": [repr(m) for m in methods],
        "seeds": list(range(study.seeds)),
        "between_seeds": BETWEEN_SEEDS,
        "margin": MARGIN,
        "metrics": list(task.metrics),
        "primary": task.best_by,
        "leaks": {"test": list(leaked(splits))},
        "pilot": pilot(splits, task, max(1, len(methods) - 1)),
    }
    if study.minutes is not None:
        facts["minutes"] = fitted
    prepared = Prepared(study, facts, splits, trials, asked)
    check_folder(prepared, resume)
    return prepared


def study_trials(study: Study, methods: Sequence[Method]) -> dict[str, str]:
    """A name for each trial -> its method."""
    return {f"{m!r}.s{seed}": repr(m) for seed in range(study.seeds) for m in methods if m.trains or seed == 0}


def in_time(study: Study, asked: Asked, resume: bool) -> tuple[Study, Asked, dict[str, Any]]:
    """The study with what of it fits into its minutes, and what study.json says of that; a resumed one keeps its
    first choice, because the same training must go on."""
    assert study.minutes is not None, "the caller asked for it"
    path = Path(study.out) / "study.json"
    old = files.read_json(path).get("minutes") if resume and path.exists() else None
    if old and old["minutes"] == study.minutes:
        chosen, notes = Choice(**old["chosen"]), old["notes"]
    else:
        chosen, seconds = fit_into(asked, study.minutes)
        notes = [f"planned into {study.minutes:g} minutes: {c}" for c in chosen.beside(asked)]
        notes = notes or [f"all of it is expected to take {seconds / 60:.1f} of {study.minutes:g} minutes"]
    budget = dataclasses.replace(asked.budget, epochs=chosen.epochs, dev_rows=chosen.dev_rows)
    rows = chosen.rows if chosen.rows < len(asked.splits["train"]) else study.train_rows
    train = draw(list(asked.splits["train"]), rows, keep_labels=asked.task.kind == "label")
    asked = dataclasses.replace(asked, budget=budget, splits={**asked.splits, "train": train})
    fitted = {"minutes": study.minutes, "chosen": vars(chosen), "notes": notes}
    return dataclasses.replace(study, budget=budget, train_rows=rows), asked, fitted


def kept_forecast(prepared: Prepared) -> dict[str, Any]:
    """The forecast in study.json, made where it holds none yet; one made before the first step stays.

    Raises:
        UserError: a trial will not fit into the memory that is free.
    """
    path = prepared.folder / "study.json"
    facts = files.read_json(path)
    if "forecast" not in facts:
        try:
            facts["forecast"] = prepared.foresee(tokens=prepared.folder / "tokens")
        except ProbeFailed as fault:  # what cannot be forecast can still be tried
            facts["forecast"] = {"error": str(fault)}
        refuse_too_large(facts["forecast"])
        files.write_json(path, facts)
    return facts["forecast"]


def check_numbers(study: Study) -> None:
    """Refuse counts that mean nothing, before anything is read."""
    for name, value, least in (
        ("train_rows", study.train_rows, 1),
        ("test_rows", study.test_rows, 1),
        ("seeds", study.seeds, 1),
        ("minutes", study.minutes, 0.1),
    ):
        if value is not None and value < least:
            raise UserError(f"{name} is {value}.", f"{least} or more", f"set it to at least {least}")
    for name, least in (
        ("epochs", 0),
        ("batch_size", 0),
        ("dev_rows", 0),
        ("max_input_tokens", 7),
        ("max_answer_tokens", 1),
    ):
        if getattr(study.budget, name) <= least:
            raise UserError(f"{name} is {getattr(study.budget, name)}.", f"more than {least}", "raise it")
    if study.budget.steps is not None and study.budget.steps < 1:
        raise UserError(f"steps is {study.budget.steps}.", "1 or more", "set it to at least 1")
    check_equal(study.budget)


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
    if budget.seconds is not None and not 0 < budget.seconds < float("inf"):
        raise UserError(f"seconds is {budget.seconds}.", "more than 0", "raise it")
    if budget.seconds is not None and budget.steps is not None:
        raise UserError(
            f"steps is {budget.steps} and seconds is {budget.seconds:g}.",
            "equal steps, or equal seconds",
            "leave one of them out",
        )


def read_data(study: Study) -> tuple[dict[str, list[Example]], Any, Any]:
    """Examples per split, the task, and the table they came from."""
    table = sources.read(study.data)
    seen = next(table.splits[s] for s in sources.SPLITS if s in table.splits)
    task, notes = tasks.infer(seen, task=study.task, prompt=study.prompt, answer=study.answer)
    table = sources.complete(table, lambda row: tasks.input_keys(task, row))
    notes = [*notes, *inspection.caveats(inspection.inspect(table.splits, task, inspection.columns_for(task)))]
    splits: dict[str, list[Example]] = {}
    for split in ("train", "dev", "test"):
        splits[split], more = tasks.examples(task, table.splits[split], split)
        notes = [*notes, *more]
    if task.kind == "label":
        task = tasks.with_labels(task, splits["train"], {s: splits[s] for s in ("dev", "test")})
    splits["train"] = draw(splits["train"], study.train_rows, keep_labels=task.kind == "label")
    splits["test"] = draw(splits["test"], study.test_rows)
    return splits, task, dataclasses.replace(table, notes=(*table.notes, *notes))


def draw(examples: list[Example], rows: int | None, keep_labels: bool = False) -> list[Example]:
    """`rows` of them in their own order, always the same ones; `keep_labels` takes one of every label first."""
    if rows is None or rows >= len(examples):
        return examples
    order = random.Random(0).sample(range(len(examples)), len(examples))
    if keep_labels:
        firsts = {examples[i].references[0]: i for i in reversed(order)}
        order.sort(key=lambda i: firsts[examples[i].references[0]] != i)
    return [examples[i] for i in sorted(order[:rows])]


def check_folder(prepared: Prepared, resume: bool) -> None:
    """Refuse to mix two studies in one folder."""
    path = prepared.folder / "study.json"
    if not path.exists():
        return
    if not resume:
        raise UserError(
            f"{prepared.folder} already holds a study.",
            "--resume continues it, another --out starts a new one",
            "add --resume or choose another folder",
        )
    old = files.read_json(path)
    keys = ("backbone", "data", "task_spelled", "budget", "methods", "seeds")
    comparable = {k: _stable(old.get(k)) for k in keys}, {k: _stable(to_json(prepared.facts[k])) for k in keys}
    changed = [k for k in keys if comparable[0][k] != comparable[1][k]]
    if changed:
        was = "; ".join(f"{k}: {comparable[0][k]!s:.80} → {comparable[1][k]!s:.80}" for k in changed)
        raise UserError(
            f"{prepared.folder} was made with other settings ({was}).",
            "the same settings",
            "use the same command, or another --out",
        )


def _stable(value: Any) -> Any:
    """What must agree between two runs of one study (paths and notes may differ)."""
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k not in ("notes", "source", "name", "device")}
    return value


def write(prepared: Prepared) -> None:
    """Leave the study's and the trials' specs on disk."""
    folder = prepared.folder
    for split, examples in prepared.splits.items():
        files.write_jsonl(folder / "examples" / f"{split}.jsonl", map(to_json, examples))
    for trial in prepared.trials:
        files.write_json(folder / trial.id / "trial.json", to_json(trial))
    order, path = [trial.id for trial in prepared.trials], folder / "study.json"
    known = files.read_json(path) if path.exists() else {}
    kept = {"forecast": known["forecast"]} if "forecast" in known else {}
    files.write_json(path, {**to_json(prepared.facts), **kept, "trials": order, "environment": environment()})


def run_trials(prepared: Prepared, tell: Tell) -> None:
    """Run every trial that is not sealed, one after the other."""
    with Workers(prepared.folder / "log.txt") as workers:
        for number, trial in enumerate(prepared.trials):
            about = {"trial": trial.id, "method": trial.method, "number": number + 1, "of": len(prepared.trials)}
            folder, error = prepared.folder / trial.id, None
            if _sealed(folder):
                tell(about | {"phase": "kept"})
                continue
            for event in workers.run(folder):
                error = event.get("error", error)
                tell(about | event)
                if event.get("exit") == STOPPED:
                    raise KeyboardInterrupt
                if event.get("exit", DONE) != DONE:
                    files.write_json(
                        folder / "failure.json", {"id": trial.id, "status": "failed", "error": error or "see log.txt"}
                    )


def _sealed(folder: Path) -> bool:
    try:
        return files.sealed(folder) is not None
    except Damaged:
        return False
