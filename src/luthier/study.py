"""Many trials, fairly: the same rows in the same order over one frozen backbone, and one table at the end.

<out>/study.json  examples/{train,dev,test}.jsonl  tokens/  <trial-id>/…  results.json  report.md  report.html  log.txt
<out>/rows/<number>/…   the same on fewer training rows, where several numbers were named
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import files
from .calibrate import free_bytes
from .cores import Cores, unforeseen
from .engines.local import DONE, STOPPED, Workers
from .errors import Damaged
from .machine import environment
from .memory import refuse_too_large
from .prepare import Prepared, prepare, together
from .probe import ProbeFailed
from .records import to_json
from .results import finish
from .study_folder import held
from .wanted import Wanted

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Study(Wanted):
    """What is compared, on what, within which budget.

    Args:
        backbone: a built-in name, a folder, a hub id, or a `Backbone`.
        data: a file, a folder, a hub id or a built-in name; `path#500` samples 500 training rows.
        methods: method objects, or their words in one string.
        task, prompt, answer: override what the columns suggest.
        train_rows, test_rows: draw that many by seed 0; None takes all. Several numbers of training rows are a study
            each, on rows that contain those of the smaller ones, and one report shows what more rows bring.
        seeds: how many seeds per method, 0 to seeds−1.
        search: look for each trained method's learning rate and an open structural setting, with as many tokens for
            each (`Budget.search`); without it every card's defaults are taken.
        out: the study's folder.
        forecast: say first what it will take, and refuse what does not fit into memory.
        minutes: take as many epochs, training rows and development rows of the above as end in this time.
        jobs: trials beside each other, each on its share of the cores; None leaves it to `cores.chosen`.
        fixed: of the budget's `batch_tokens` and `recompute`, those that stay at their defaults even where a trial does
            not fit into memory; what is set to anything else always stays.

    Example:
        >>> Study("seedling-t5", "dialogues", methods="zero_shot, lora(rank=8)").run()  # doctest: +SKIP
    """

    def run(self, tell: Tell = lambda event: None, resume: bool = False) -> dict[str, Any]:
        """Run what is not finished yet; returns what `results.json` holds.

        Args:
            tell: receives every progress event, with the trial's id.
            resume: continue the study in `out`; without it, a folder that holds a study is refused.

        Raises:
            UserError: anything the user can mend; nothing half-written is left.
        """
        prepared = prepare(self, resume)
        with held(Path(self.out)):
            prepared.check(resume)  # another process may have begun meanwhile
            return self._run(prepared, tell)

    def _run(self, prepared: Prepared, tell: Tell) -> dict[str, Any]:
        write(prepared)
        if prepared.facts["pilot"]:
            tell({"phase": "pilot"} | prepared.facts["pilot"])
        cores = unforeseen(prepared.asked.cores, free_bytes())
        if self.forecast and os.environ.get("LUTHIER_FORECAST") != "no":
            told = together([(one.rows, kept_forecast(one)) for one in prepared.whole])
            tell({"phase": "forecast"} | told)
            cores = Cores(told["at_once"], told["threads"]) if "at_once" in told else cores
        run_trials(prepared, cores, tell)
        return finish(Path(self.out))

    def plan(self) -> Prepared:
        """Everything that is decided before anything is written or trained."""
        return prepare(self, resume=True)


def kept_forecast(prepared: Prepared) -> dict[str, Any]:
    """The forecast in study.json, made where it holds none yet of a trial; what was said before its first step stays.

    Raises:
        UserError: a trial will not fit into the memory that is free.
    """
    path = prepared.folder / "study.json"
    facts = files.read_json(path)
    known = facts.get("forecast", {}).get("trials", {})
    if "forecast" not in facts or (known and not set(facts["trials"]) <= set(known)):
        try:
            facts["forecast"] = prepared.forecast(tokens=prepared.folder / "tokens")
            facts["forecast"]["trials"] |= known
        except ProbeFailed as fault:  # what cannot be forecast can still be tried
            facts["forecast"] = {"error": str(fault)}
        refuse_too_large(facts["forecast"])
        files.write_json(path, facts)
    return facts["forecast"]


def write(prepared: Prepared) -> None:
    """Leave the study's and the trials' specs on disk."""
    for one in prepared.smaller:
        write(one)
    folder = prepared.folder
    for split, examples in prepared.splits.items():
        files.write_jsonl(folder / "examples" / f"{split}.jsonl", map(to_json, examples))
    for trial in prepared.trials:
        files.write_json(folder / trial.id / "trial.json", to_json(trial))
    order, path = [trial.id for trial in prepared.trials], folder / "study.json"
    known = files.read_json(path) if path.exists() else {}
    kept = {"forecast": known["forecast"]} if "forecast" in known else {}
    files.write_json(path, {**to_json(prepared.facts), **kept, "trials": order, "environment": environment()})


def run_trials(prepared: Prepared, cores: Cores, tell: Tell) -> None:
    """Run every trial that is not sealed. Each event says which trial it is about, and the number of the one that ends
    next."""
    path = prepared.folder / "study.json"
    facts = files.read_json(path)
    facts["environment"] |= {"trials_at_once": cores.at_once, "threads_of_a_trial": cores.threads}
    files.write_json(path, facts)
    named = {
        one.folder / trial.id: f"{trial.method} · {one.rows:,} rows" if prepared.smaller else trial.method
        for one in prepared.whole
        for trial in one.trials
    }
    errors: dict[Path, str] = {}
    kept = [folder for folder in named if _sealed(folder)]

    def about(folder: Path, ended: int) -> dict[str, Any]:
        return {"trial": folder.name, "method": named[folder], "number": ended, "of": len(named)}

    for number, folder in enumerate(kept, 1):
        tell(about(folder, number) | {"phase": "kept"})
    number, waiting = len(kept) + 1, [folder for folder in named if folder not in kept]
    with Workers(prepared.folder / "log.txt", cores.threads) as workers:
        for folder, event in workers.run(waiting, cores.at_once, after=searchers(prepared)):
            errors |= {folder: event["error"]} if "error" in event else {}
            tell(about(folder, number) | event)
            if event.get("exit") == STOPPED:
                raise KeyboardInterrupt
            if event.get("exit", DONE) != DONE:
                said = errors.get(folder, "see log.txt")
                files.write_json(folder / "failure.json", {"id": folder.name, "status": "failed", "error": said})
            number += "exit" in event


def searchers(prepared: Prepared) -> dict[Path, Path]:
    """Trial -> the one of its method that finds, with the first seed, what the others take from it."""
    found: dict[Path, Path] = {}
    for one in prepared.whole:
        first: dict[str, Path] = {}
        for trial in one.trials:
            folder = one.folder / trial.id
            if first.setdefault(trial.method, folder) != folder and trial.budget.search:
                found[folder] = first[trial.method]
    return found


def _sealed(folder: Path) -> bool:
    try:
        return files.sealed(folder) is not None
    except Damaged:
        return False
