"""What was run before: the studies of a folder, two trials side by side, what a study used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import files
from .errors import UserError
from .results import outcome, read_predictions
from .score import verdicts


def studies(folder: Path) -> list[dict[str, Any]]:
    """One row per study below `folder`, newest first.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"There is no folder {folder}.", "a folder of studies", "run luthier demo first, or name another folder"
        )
    found = []
    for path in sorted(folder.glob("**/study.json"), key=lambda p: -p.stat().st_mtime):
        study = files.read_json(path)
        done = sum((path.parent / t / files.MANIFEST).exists() for t in study["trials"])
        found.append(
            {
                "study": str(path.parent),
                "backbone": study["backbone"]["name"],
                "data": study["data"]["source"],
                "task": study["task"],
                "trials": f"{done}/{len(study['trials'])}",
                "date": study["environment"]["date"],
            }
        )
    return found


def difference(a: Path, b: Path) -> list[dict[str, Any]]:
    """Settings and figures in which two trials differ, and the paired verdict where they answered the same rows.

    Raises:
        UserError: one of them is no finished trial.
    """
    for folder in (a, b):
        if not (folder / files.MANIFEST).exists():
            raise UserError(
                f"{folder} holds no finished trial.",
                "a trial's folder with manifest.json",
                "name one below a study's folder",
            )
    left, right = (_flat(files.read_json(f / "trial.json") | outcome(f)) for f in (a, b))
    found = [{"what": k, "a": left.get(k), "b": right.get(k)} for k in {**left, **right} if left.get(k) != right.get(k)]
    said = {"a": read_predictions(a), "b": read_predictions(b)}
    if [p.id for p in said["a"]] == [p.id for p in said["b"]]:
        metrics = [m for m in outcome(a)["metrics"] if m in outcome(b)["metrics"]]
        found += [
            {"what": f"verdict on {v.metric}", "a": v.verdict, "b": v.sentence["en"]} for v in verdicts(said, metrics)
        ]
    return found


def used(what: str) -> list[type]:
    """Classes of the methods, task and metrics that a study (or a list of method words) uses."""
    from .methods import METHODS
    from .metrics import METRICS
    from .spell import parse_list
    from .tasks import TASKS

    path = Path(what) / "study.json"
    if not path.exists():
        return [type(m) for m in parse_list(what, METHODS)]
    study = files.read_json(path)
    methods = [type(m) for m in parse_list(", ".join(study["methods"]), METHODS)]
    return [*methods, TASKS[study["task"]], *dict.fromkeys(METRICS[m] for m in study["metrics"])]


def _flat(value: dict[str, Any], start: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{start}{key}"
        flat |= _flat(item, f"{name}.") if isinstance(item, dict) else {name: item}
    return flat
