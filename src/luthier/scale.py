"""Quality against backbone size: finished studies of one task and the same test rows, over several backbones."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from . import files
from .errors import UserError
from .results import finish

BUDGET = ("epochs", "steps", "seconds", "batch_size")
"""What else must be equal: how long was trained."""


def scale(folders: Sequence[Path], metric: str | None = None) -> dict[str, Any]:
    """`backbones`, smallest first, and for each method its `points`: the mean over seeds, and the interval of one.

    Args:
        metric: default: the one that the studies decide by.

    Raises:
        UserError: no studies, or studies whose scores cannot be compared.
    """
    found = sorted((_study(folder) for folder in folders), key=lambda one: (one["parameters"], one["backbone"]))
    _comparable(found)
    chosen = metric or found[0]["primary"]
    known = set.intersection(*({m for t in one["trials"] for m in t["metrics"]} for one in found))
    if chosen not in known:
        raise UserError(f"Not every study has scores in {chosen!r}.", ", ".join(sorted(known)), "name one of them")
    methods = dict.fromkeys(trial["asked"] for one in found for trial in one["trials"])
    return {
        "metric": chosen,
        "backbones": [{"name": one["backbone"], "parameters": one["parameters"]} for one in found],
        "methods": [
            {"method": method, "points": [_point(one["trials"], method, chosen) for one in found]} for method in methods
        ],
    }


def _study(folder: Path) -> dict[str, Any]:
    if not (folder / "study.json").exists():
        raise UserError(f"{folder} holds no study.", "a folder with study.json", "luthier list shows the studies here")
    study, results = files.read_json(folder / "study.json"), finish(folder)
    trials = [trial for trial in results["trials"] if trial["status"] == "done"]
    if not trials:
        raise UserError(f"No trial of {folder} is finished.", "a study with finished trials", "go on with --resume")
    return {
        "folder": folder,
        "backbone": study["backbone"]["name"],
        "parameters": study["backbone"]["parameters"],
        "primary": study["primary"],
        "trials": trials,
        "asked": {"the task": study["task_spelled"], "the rows": study["data"]["fingerprint"]}
        | {name: study["budget"].get(name) for name in BUDGET},
    }


def _comparable(found: Sequence[Mapping[str, Any]]) -> None:
    if len(found) < 2:
        told = f"{found[0]['folder']} alone shows no scale."
        raise UserError(told, "two studies or more", "name studies over backbones of several sizes")
    first = found[0]
    for before, one in pairwise(found):
        if one["backbone"] == before["backbone"]:
            raise UserError(
                f"{before['folder']} and {one['folder']} are both over {one['backbone']}.",
                "one study of each backbone",
                "leave one of them out",
            )
    for one in found[1:]:
        for what, value in one["asked"].items():
            if value != first["asked"][what]:
                raise UserError(
                    f"{one['folder']} and {first['folder']} differ in {what}: their scores cannot be compared.",
                    "studies of one task on the same rows, trained as long",
                    "run them with the same words, and only another backbone",
                )


def _point(trials: Sequence[Mapping[str, Any]], method: str, metric: str) -> dict[str, Any] | None:
    """Of one method on one backbone; None where it was not run there."""
    seeds = [trial["metrics"][metric] for trial in trials if trial["asked"] == method]
    if not seeds:
        return None
    means = [seed["mean"] for seed in seeds]
    low, high = (seeds[0]["low"], seeds[0]["high"]) if len(seeds) == 1 else (min(means), max(means))
    return {"mean": statistics.fmean(means), "low": low, "high": high, "seeds": len(seeds)}
