"""How far a study is, from the files that it has left so far; a line that is half written is left for the next look."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files, humane
from ..errors import Damaged
from ..pages import figures, summary
from ..records import Budget, from_json

WAITING, SEARCHING, TRAINING, ANSWERING, DONE = "waiting", "searching", "training", "answering", "done"
ENDINGS = ("diverged", "failed", "refused")


@dataclass(frozen=True)
class Stage:
    """One trial: where it is, and how many of its steps are done."""

    id: str
    method: str
    seed: int
    phase: str
    """`waiting`, `searching`, `training`, `answering`, `done`, or how it ended badly."""
    steps: int
    of: int
    """Steps in all; 0 where the method trains nothing or time decides."""
    loss: float | None
    why: str = ""
    """What it ended badly with."""

    @property
    def share(self) -> float:
        """How much of it is done, roughly: answering the test rows counts as a tenth."""
        if self.phase == DONE or self.phase in ENDINGS:
            return 1.0
        return 0.9 * min(1.0, self.steps / self.of) if self.of else 0.0


def stages(folder: Path, running: bool) -> list[Stage]:
    """The trials of a study in their order; empty while it is only being prepared."""
    path = folder / "study.json"
    if not path.exists():
        return []
    study = files.read_json(path)
    rows = study["data"]["rows"].get("train", 0)
    found: list[Stage] = []
    cores = study.get("environment", {}).get("trials_at_once", 1) if running else 0
    for name in study["trials"]:
        stage = _stage(folder / name, rows, at_work=cores > 0)
        cores -= not (stage.phase == DONE or stage.phase in ENDINGS)
        found.append(stage)
    return found


def _stage(folder: Path, rows: int, at_work: bool) -> Stage:
    """`at_work`: it is one of those at work, if it is not at its end."""
    trial = files.read_json(folder / "trial.json")
    lines = whole_lines(folder / "steps.jsonl")
    loss = lines[-1]["loss"] if lines else None
    budget = from_json(Budget, trial["budget"])
    of = _steps(budget, rows) if lines or not _untrained(trial["method"]) else 0
    phase, why = _ending(folder)
    if not phase:
        phase = _phase(folder, trial, len(lines), of) if at_work else WAITING
    return Stage(folder.name, trial["method"], trial["seed"], phase, len(lines), of, loss, why)


def _ending(folder: Path) -> tuple[str, str]:
    for name in (files.MANIFEST, "failure.json"):
        if (folder / name).exists():
            facts = files.read_json(folder / name)
            return facts["status"], str(facts.get("error") or "")
    return "", ""


def _phase(folder: Path, trial: Mapping[str, Any], steps: int, of: int) -> str:
    if steps and steps < of:
        return TRAINING
    if steps or _untrained(trial["method"]):
        return ANSWERING
    return SEARCHING if trial["budget"]["search"] else TRAINING


def _untrained(method: str) -> bool:
    return method.split("(")[0] in ("zero_shot", "few_shot")


def _steps(budget: Budget, rows: int) -> int:
    if budget.equal == "seconds":
        return 0
    return budget.steps or max(1, round(budget.epochs * max(1, -(-rows // budget.batch_size))))


def whole_lines(path: Path) -> list[Any]:
    """The lines of a JSON-lines file that somebody is still writing."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    try:
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    except ValueError as fault:
        raise Damaged(f"{path} holds a torn line ({fault})") from fault


def curves(folder: Path, now: Sequence[Stage]) -> figures.Figure | None:
    """The training losses so far; None before the first step."""
    study = files.read_json(folder / "study.json")
    trials = [{"id": s.id, "method": s.method, "seed": s.seed, "status": "done"} for s in now]
    entries = summary.entries({"study": study, "trials": trials})
    return figures.losses(entries, {s.id: whole_lines(folder / s.id / "steps.jsonl") for s in now})


def marks(folder: Path, now: Sequence[Stage]) -> dict[str, tuple[int, str]]:
    """Trial -> its colour and shape in the plot, and its name."""
    study = files.read_json(folder / "study.json")
    trials = [{"id": s.id, "method": s.method, "seed": s.seed} for s in now]
    return {e.id: (e.mark, e.name) for e in summary.entries({"study": study, "trials": trials})}


def shown_loss(stage: Stage) -> str:
    return f"{stage.loss:.3f}" if humane.known(stage.loss) else humane.ABSENT
