"""The outcome of a study, gathered from its files; needs no model and no tensor, so a laptop can do it for a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import files
from .records import Prediction, from_json, to_json
from .score import verdicts


def finish(folder: Path) -> dict[str, Any]:
    """Gather the trials of a study folder into `results.json`; needs no model and no tensor."""
    study = files.read_json(folder / "study.json")
    trials = [outcome(folder / name) for name in study["trials"]]
    said = {t["id"]: read_predictions(folder / t["id"]) for t in trials if t["status"] == "done"}
    found = (
        verdicts(
            said,
            study["metrics"],
            pairs=pairs(trials, study["primary"]),
            margin=study["margin"],
            one_seed=len(study["seeds"]) == 1,
        )
        if len(said) > 1
        else []
    )
    results = {
        "study": {k: v for k, v in study.items() if k != "environment"},
        "trials": trials,
        "verdicts": to_json(found),
        "environment": study["environment"],
    }
    files.write_json(folder / "results.json", results)
    return results


def outcome(folder: Path) -> dict[str, Any]:
    """One trial as a row of `results.json`."""
    trial = files.read_json(folder / "trial.json")
    blank = {
        "status": "unfinished",
        "error": None,
        "learning_rate": None,
        "metrics": {},
        "trainable_parameters": 0,
        "total_parameters": 0,
        "shipped_bytes": 0,
        "train_seconds": 0.0,
        "predict_seconds": 0.0,
        "peak_bytes": 0,
        "tokens": 0,
        "caveats": [],
        "dev": [],
        "best_epoch": None,
    }
    facts = files.sealed(folder)
    if facts is None and (folder / "failure.json").exists():
        facts = files.read_json(folder / "failure.json")
    facts = {k: v for k, v in (facts or {}).items() if k != "files"}
    return {"id": folder.name, "method": trial["method"], "seed": trial["seed"]} | blank | facts


def pairs(trials: Sequence[Mapping[str, Any]], primary: str) -> list[tuple[str, str]]:
    """Every method against the best, against full and against lora, each pair once."""
    done = [t for t in trials if t["status"] == "done"]
    if not done:
        return []
    by_method: dict[str, list[float]] = {}
    for trial in done:
        by_method.setdefault(trial["method"], []).append(trial["metrics"][primary]["mean"])
    winner = max(by_method, key=lambda m: sum(by_method[m]) / len(by_method[m]))
    best = max((t for t in done if t["method"] == winner), key=lambda t: t["metrics"][primary]["mean"])
    anchors = [best, *(t for word in ("full", "lora") for t in done if t["method"].split("(")[0] == word)]
    found: list[tuple[str, str]] = []
    for anchor in anchors:
        for other in done:
            pair = (other["id"], anchor["id"])
            if other is not anchor and pair not in found and pair[::-1] not in found:
                found.append(pair)
    return found


def read_predictions(folder: Path) -> list[Prediction]:
    return [from_json(Prediction, value) for value in files.read_jsonl(folder / "predictions.jsonl")]
