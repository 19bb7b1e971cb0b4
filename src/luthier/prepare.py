"""What is decided before anything is written or trained: rows, task, prompt, trials, and what fits into the time."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import cores, files, inspection, study_folder, tasks
from . import data as sources
from .backbone import Backbone
from .baselines import pilot
from .batches import Layout
from .cores import Cores
from .data.check import leaked
from .encode import LEFT_FREE, plan, with_room
from .errors import UserError
from .methods import METHODS, Method
from .minutes import Choice, fit_into
from .plan import foresee
from .records import Budget, Example, dumps, to_json
from .score import chosen
from .spell import parse_list
from .trial import Trial, fresh_delta
from .wanted import Wanted, check_numbers
from .work import Asked

BETWEEN_SEEDS = {
    "vary": ["order of the training rows", "first values of the delta and of a class head", "dropout masks"],
    "same": ["rows of every split", "prompt", "learning rate and steps, found with seed 0", "backbone"],
}
"""What a difference between two seeds of one method can come from, and what not."""

MARGIN = 0.01
"""Differences within one point count as none; stored before training."""


@dataclass(frozen=True)
class Prepared:
    """A study whose input was read and found usable."""

    study: Wanted
    facts: Mapping[str, Any]
    """What study.json holds."""
    splits: Mapping[str, Sequence[Example]]
    trials: Sequence[Trial]
    asked: Asked
    smaller: Sequence[Prepared] = ()
    """The same on fewer training rows, rising, each in a folder of its own below this one."""

    @property
    def folder(self) -> Path:
        return Path(self.study.out)

    @property
    def whole(self) -> Sequence[Prepared]:
        """All studies that are run, this one last."""
        return (*self.smaller, self)

    @property
    def rows(self) -> int:
        return len(self.splits["train"])

    def check(self, resume: bool) -> None:
        """Refuse to mix it with another study.

        Raises:
            UserError: its folder holds one, or one below for its numbers of rows does.
        """
        for one in self.whole:
            study_folder.check(one.folder, to_json(one.facts), resume)

    def foresee(self, fresh: bool = False) -> dict[str, Any]:
        """What all of it will take, as plain JSON values; `fresh` measures the machine and the backbone again."""
        return together([(one.rows, one.forecast(fresh and one is self.whole[0])) for one in self.whole])

    def forecast(self, fresh: bool = False, tokens: Path | None = None) -> dict[str, Any]:
        """What this one study will take; `tokens` keeps the token plans for the trials."""
        asked = dataclasses.replace(self.asked, methods={t.id: t.method for t in self.trials}, tokens=tokens)
        return foresee(asked, fresh) | {"free_disk_bytes": study_folder.free_disk(self.folder)}


def together(found: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Forecasts by number of training rows as one forecast."""
    failed = [told for _, told in found if "error" in told]
    if len(found) == 1 or failed:
        return (failed or [found[0][1]])[0]
    trials = {
        f"{rows}/{name}": trial | {"method": f"{trial['method']} · {rows:,} rows"}
        for rows, told in found
        for name, trial in told["trials"].items()
    }
    every = [told for _, told in found]
    return every[-1] | {
        "seconds": round(sum(told["seconds"] for told in every), 1),
        "at_once": min(told["at_once"] for told in every),
        "peak_bytes": max(told["peak_bytes"] for told in every),
        "disk_bytes": sum(told["disk_bytes"] for told in every),
        "notes": list(dict.fromkeys(note for told in every for note in told["notes"])),
        "trials": trials,
        "too_large": [trial for told in every for trial in told["too_large"]],
    }


@dataclass(frozen=True)
class Input:
    """What a study's words name, read once for every number of training rows."""

    methods: Sequence[Method]
    sketch: Backbone
    backbone: Backbone
    task: Any
    splits: Mapping[str, Sequence[Example]]
    """All of train."""
    table: Any
    notes: Sequence[str]
    learned: int = 0
    """Most tokens that a method puts in front of every row; each method's rows are cut so that they have room."""


def prepare(study: Wanted, resume: bool) -> Prepared:
    """Read the data, choose the task, check every method against the backbone."""
    check_numbers(study)
    found = read(study)
    *fewer, most = study.sizes or (None,)
    if fewer:
        check_sizes(study, found)
    smaller = tuple(prepare_one(on_fewer(study, found, rows), found, rows, resume) for rows in fewer)
    prepared = prepare_one(study, found, most, resume)
    if fewer:
        facts = {**prepared.facts, "by_rows": [folder_of(rows) for rows in fewer]}
        prepared = dataclasses.replace(prepared, smaller=smaller, facts=facts)
    prepared.check(resume)
    return prepared


def read(study: Wanted) -> Input:
    """Read what the words name and find it usable; training rows are not drawn yet."""
    notes: list[str] = []
    methods = parse_list(study.methods, METHODS, notes) if isinstance(study.methods, str) else tuple(study.methods)
    splits, task, table = read_data(study)
    chosen(task.metrics)  # a metric whose library is missing is refused before anything is trained
    sketch = Backbone.sketch(study.backbone_name, study.precision)
    learned = max((in_front(sketch, method, task) for method in methods), default=0)
    whole = Backbone(study.backbone_name, study.precision) if isinstance(study.backbone, str) else study.backbone
    if isinstance(study.backbone, str):
        whole.forget(sketch)  # every trial opens its own: a GPU may have no room for one more
    plan(whole, task, splits["train"][:1], study.budget)  # a prompt that leaves no room for its row is refused here
    return Input(methods, sketch, whole, task, splits, table, [*notes, *table.notes], learned)


def in_front(sketch: Backbone, method: Method, task: Any) -> int:
    """Learned tokens that stand in front of every row; 0 where windows of text leave room anyhow, and where they would
    take too much of a row: such a method is refused once a row proves too long.

    Raises:
        Refused: the method cannot work on this backbone.
    """
    layout = Layout.of(sketch, fresh_delta(sketch, method, task, seed=0))
    tokens = layout.virtual + layout.offset
    return tokens if task.kind != "read" and tokens * LEFT_FREE <= (layout.limit or 0) else 0


def check_sizes(study: Wanted, found: Input) -> None:
    """Refuse numbers of training rows that cannot be had, or from which nothing here learns."""
    there = len(found.splits["train"])
    too_many = [rows for rows in study.sizes if rows > there]
    if too_many:
        raise UserError(
            f"train_rows names {', '.join(map(str, too_many))}, and {study.data} has {there} training rows.",
            f"1 to {there}",
            f"leave out what is above, for example {','.join(map(str, [*study.sizes[: -len(too_many)], there]))}",
        )
    if not any(learns(method) for method in found.methods):
        raise UserError(
            f"train_rows names {len(study.sizes)} numbers, and none of {', '.join(map(repr, found.methods))} learns.",
            "methods that train, or few_shot",
            "name one, or a single number of rows",
        )


def learns(method: Method) -> bool:
    """Whether training rows change what it answers."""
    return method.trains or method.shots > 0


def folder_of(rows: int) -> str:
    return f"rows/{rows}"


def on_fewer(study: Wanted, found: Input, rows: int) -> Wanted:
    """The same study on fewer training rows; what learns from none of them is not asked again."""
    methods = tuple(method for method in found.methods if learns(method))
    return dataclasses.replace(study, methods=methods, train_rows=rows, out=Path(study.out) / folder_of(rows))


def prepare_one(study: Wanted, found: Input, rows: int | None, resume: bool) -> Prepared:
    """The study on so many of the training rows: of two numbers, the smaller's rows are among the larger's."""
    task, whole = found.task, found.backbone
    budget = with_room(whole, study.budget, found.learned)
    budget = budget if study.search else dataclasses.replace(budget, search=0.0)
    notes = [
        *found.notes,
        *shortened(study.budget, budget),
        *fewer_than({"train": rows, "test": study.test_rows}, found.splits),
    ]
    methods = [m for m in found.methods if isinstance(study.methods, str) or m in study.methods]
    splits = {**found.splits, "train": draw(list(found.splits["train"]), rows, keep_labels=task.kind == "label")}
    asked = Asked(
        found.sketch,
        whole.facts(),
        task,
        splits,
        budget,
        {f"{method!r}.s{seed}": repr(method) for method, seed in runs(study, methods)},
        fixed=study.held,
        cores=cores_for(study, found),
    )
    if study.minutes is not None:
        study, asked, fitted = in_time(study, asked, resume)
        budget, splits, notes = asked.budget, dict(asked.splits), [*notes, *fitted["notes"]]
    mark = hashlib.sha256(dumps([splits[s] for s in sorted(splits)]).encode("utf-8", "replace")).hexdigest()[:16]
    trials = [
        Trial(study.backbone_name, whole.precision, whole.fingerprint, repr(method), repr(task), budget, seed, mark)
        for method, seed in runs(study, methods)
    ]
    counts = {split: len(examples) for split, examples in splits.items()}
    table = {"source": found.table.source, "synthetic": found.table.synthetic}
    facts = {
        "name": Path(study.out).name,
        "command": study.command(),
        "backbone": whole.facts(),
        "task": task.word,
        "task_spelled": repr(task),
        "data": table | {"fingerprint": mark, "rows": counts, "notes": notes},
        "prompt": task.prompt,
        "budget": to_json(budget),
        "search": budget.search > 0,
        "equal": budget.equal,
        "methods": [repr(m) for m in methods],
        "fixed": sorted(study.fixed),
        "seeds": list(range(study.seeds)),
        "between_seeds": BETWEEN_SEEDS,
        "margin": MARGIN,
        "metrics": list(task.metrics),
        "primary": task.best_by,
        "leaks": {"test": list(leaked(splits))},
        "pilot": pilot(splits, task, max(1, len(methods) * (len(methods) - 1) // 2)),
    }
    if study.minutes is not None:
        facts["minutes"] = fitted
    return Prepared(study, facts, splits, trials, asked)


def fewer_than(asked: Mapping[str, int | None], splits: Mapping[str, Sequence[Example]]) -> list[str]:
    """What to say where a split has fewer rows than were asked for."""
    return [
        f"{rows:,} {split} rows were asked for, there are {len(splits[split]):,}"
        for split, rows in asked.items()
        if rows is not None and rows > len(splits[split])
    ]


def shortened(wanted: Budget, given: Budget) -> list[str]:
    """What to say where inputs had to make room."""
    if given.max_input_tokens == wanted.max_input_tokens:
        return []
    return [f"inputs have at most {given.max_input_tokens} tokens, because what methods learn in front needs the room"]


def runs(study: Wanted, methods: Sequence[Method]) -> list[tuple[Method, int]]:
    """Each trial's method and seed; what is not trained has nothing that a seed could change."""
    return [(method, seed) for seed in range(study.seeds) for method in methods if method.trains or seed == 0]


def cores_for(study: Wanted, found: Input) -> Cores:
    """What the trials run on: as many beside each other as was asked for, or as serves such a backbone."""
    if study.jobs is not None:
        return cores.shared(study.jobs)
    alone = study.budget.race or study.budget.equal == "seconds" or found.backbone.device.type != "cpu"
    return Cores() if alone else cores.chosen(len(runs(study, found.methods)), found.backbone.parameters)


def in_time(study: Wanted, asked: Asked, resume: bool) -> tuple[Wanted, Asked, dict[str, Any]]:
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
    rows = chosen.rows if chosen.rows < len(asked.splits["train"]) else (study.sizes or (None,))[-1]
    train = draw(list(asked.splits["train"]), rows, keep_labels=asked.task.kind == "label")
    asked = dataclasses.replace(asked, budget=budget, splits={**asked.splits, "train": train})
    fitted = {"minutes": study.minutes, "chosen": vars(chosen), "notes": notes}
    return dataclasses.replace(study, budget=budget, train_rows=rows), asked, fitted


def read_data(study: Wanted) -> tuple[dict[str, list[Example]], Any, Any]:
    """Examples per split (all of train), the task, and the table they came from."""
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
