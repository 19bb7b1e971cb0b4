"""What was run before: the studies of a folder, two trials side by side, what a study used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import files
from .errors import Damaged, UserError
from .results import finished, read_predictions
from .score import verdicts

COLUMNS = ("study", "backbone", "data", "task", "trials", "date")


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
        try:
            found.append(_row(path))
        except (Damaged, KeyError, TypeError):  # one torn file hides no other study
            found.append({**dict.fromkeys(COLUMNS, ""), "study": str(path.parent), "trials": "damaged"})
    return found


def _row(path: Path) -> dict[str, Any]:
    study = files.read_json(path)
    manifests = [path.parent / name / files.MANIFEST for name in study["trials"]]
    done = sum(m.exists() and files.read_json(m)["status"] == "done" for m in manifests)
    place, ended = str(path.parent), f"{done}/{len(study['trials'])}"
    facts = (
        place,
        study["backbone"]["name"],
        study["data"]["source"],
        study["task"],
        ended,
        study["environment"]["date"],
    )
    return dict(zip(COLUMNS, facts))


def difference(a: Path, b: Path) -> list[dict[str, Any]]:
    """Settings and figures in which two trials differ, and the paired verdict where they answered the same rows.

    Raises:
        UserError: one of them is no trial that ended well.
    """
    ends = [finished(folder) for folder in (a, b)]
    left, right = (_flat(files.read_json(f / "trial.json") | end) for f, end in zip((a, b), ends))
    found = [{"what": k, "a": left.get(k), "b": right.get(k)} for k in {**left, **right} if left.get(k) != right.get(k)]
    said = {"a": read_predictions(a), "b": read_predictions(b)}
    if [p.id for p in said["a"]] == [p.id for p in said["b"]]:
        metrics = [m for m in ends[0]["metrics"] if m in ends[1]["metrics"]]
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
