"""What every method reaches on all sets of a suite: gathered from the studies of the sets, so no model is needed.

<folder>/<suite>.json and .md   the table, and what must be known before a figure of it is repeated
<folder>/<set>/                 the study of a set
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from . import files, report, statistics
from .caveats import gathered
from .data.superglue import NAMES
from .data.table import listed
from .errors import Damaged, UserError
from .pages import by_set
from .results import finish
from .tasks import TASKS

FEW = 100
"""Training rows below which a small backbone is expected near chance, whatever the method."""

ALWAYS = "majority"
"""The reference line that says the commonest label of train to every row."""

Figure = dict[str, Any]
"""mean, low, high and, of one set, n (groups of test rows) and seeds."""
Results = Mapping[str, Any]


def rebuilt(folder: Path, out: Path | None = None, texts: bool = True) -> dict[str, Any] | None:
    """The table of a suite and the reports of its sets again, from their files; None where `folder` holds no suite.

    Args:
        out: where to; the suite's folder itself where None.
        texts: as of `report.build`.

    Raises:
        UserError: not one of its sets was begun.
        Damaged: its table names what is no set.
    """
    asked_for = _suite_of(folder)
    if asked_for is None:
        return None
    names = asked_for["names"]
    begun = [name for name in names if (folder / name / "study.json").exists()]
    if not begun:
        raise UserError(
            f"{folder} is a suite of {listed(names)}, and none of these was begun.",
            "a suite with a study in it",
            f"run it: {asked_for['command']} --resume",
        )
    found = {}
    for name in begun:
        found[name] = finish(folder / name, keep=out is None)
        report.build(folder / name, out and out / name, texts, found[name])
    return written(out or folder, told_of(asked_for, found))


def _suite_of(folder: Path) -> Mapping[str, Any] | None:
    """What was asked of the suite in a folder; None where it holds none."""
    for path in sorted(folder.glob("*.json")) if not (folder / "study.json").exists() else ():
        try:
            held = files.read_json(path)
        except Damaged:  # rows of somebody's, most likely: ours are written whole
            continue
        if isinstance(held, dict) and held.get("suite") == path.stem:
            held = {"minutes": None, "names": [one["name"] for one in held.get("sets", ())], **held}
            if strange := [name for name in held["names"] if Path(name).name != name or name == ".."]:
                raise Damaged(f"{path} names a set {strange[0]!r}, which is no folder of this suite")
            return held
    return None


def written(out: Path, told: dict[str, Any]) -> dict[str, Any]:
    """The table as `<suite>.json` and `<suite>.md`."""
    files.write_json(out / f"{told['suite']}.json", told)
    files.write_text(out / f"{told['suite']}.md", by_set.markdown(told))
    return told


def told_of(asked_for: Mapping[str, Any], found: Mapping[str, Results]) -> dict[str, Any]:
    """What `<suite>.json` holds.

    Args:
        asked_for: `suite`, `command`, `minutes` and `names`, the sets that were asked for.
        found: set -> its results, of those that were begun.
    """
    sets = [_set(name, results) for name, results in found.items()]
    asked = list(dict.fromkeys(t["asked"] for results in found.values() for t in results["trials"]))
    comparable = all(TASKS[results["study"]["task"]].kind == "label" for results in found.values())
    whole = comparable and len(found) == len(asked_for["names"])
    methods = []
    for method in asked:
        figures = {one["name"]: _figure(found[one["name"]], method, one["metric"]) for one in sets}
        methods.append({"method": method, "sets": figures, "average": _average(figures, whole)})
    always = {one["name"]: _always(found[one["name"]], one["metric"]) for one in sets}
    return {
        **{key: asked_for[key] for key in ("suite", "command", "minutes", "names")},
        "backbone": next(iter(found.values()))["study"]["backbone"]["name"],
        "sets": sets,
        "methods": sorted(methods, key=lambda m: -m["average"]["mean"] if m["average"] else math.inf),
        "always": {"sets": always, "average": _average(always, whole)},
        "caveats": _caveats(asked_for, sets, found, comparable, any(m["average"] for m in methods)),
    }


def _set(name: str, results: Results) -> dict[str, Any]:
    study = results["study"]
    return {
        "name": name,
        "source": study["data"]["source"],
        "task": study["task"],
        "metric": study["primary"],
        "rows": study["data"]["rows"],
    }


def _figure(results: Results, method: str, metric: str) -> Figure | None:
    """Of all seeds of a method; None where one of them is not done. The test rows are the same for every seed, so their
    share of the uncertainty does not shrink with seeds, and the seeds' own comes on top (`statistics.over_seeds`)."""
    own = [t for t in results["trials"] if t["asked"] == method]
    if any(t["status"] != "done" for t in own) or not own:
        return None
    scores = [t["metrics"][metric] for t in own]
    mean, low, high = (fmean(s[end] for s in scores) for end in ("mean", "low", "high"))
    low, high = statistics.over_seeds((low, high), mean, statistics.Spread.of([s["mean"] for s in scores]))
    return {"mean": mean, "low": low, "high": high, "n": scores[0]["n"], "seeds": len(own)}


def _always(results: Results, metric: str) -> Figure | None:
    found = [line for line in results["references"] if line["kind"] == ALWAYS]
    return {"name": found[0]["name"], **found[0]["metrics"][metric]} if found else None


def _average(figures: Mapping[str, Figure | None], comparable: bool) -> Figure | None:
    """The plain mean over sets; None where one has no figure, or where figures are not of one kind.

    The sets share no row, so on either side the squares of the distances from mean to end add up (Howe 1974,
    "Approximate confidence limits on the mean of X + Y where X and Y are two tabled independent random variables").
    """
    known = [f for f in figures.values() if f is not None]
    if not comparable or len(known) < len(figures):
        return None
    mean = fmean(f["mean"] for f in known)
    below, above = (math.hypot(*(f["mean"] - f[end] for f in known)) / len(known) for end in ("low", "high"))
    return {"mean": mean, "low": mean - below, "high": mean + above}


def _caveats(
    asked_for: Mapping[str, Any],
    sets: Sequence[Mapping[str, Any]],
    found: Mapping[str, Results],
    comparable: bool,
    averaged: bool,
) -> list[str]:
    """What must be known before a figure of the table is repeated."""
    told = []
    names, minutes = asked_for["names"], asked_for["minutes"]
    if absent := [name for name in names if name not in found]:
        told.append(f"not begun: {', '.join(absent)}; an average over the others would not be that of the suite")
    if not comparable:
        metrics = listed(sorted({one["metric"] for one in sets}))
        told.append(f"no average: the sets are scored in different ways ({metrics}), and a mean of these means nothing")
    elif len(sets) > 1 and averaged:
        several = any(len(results["study"]["seeds"]) > 1 for results in found.values())
        seeds = "other test rows" + " and other seeds" * several
        told.append(
            f"the average gives each of the {len(sets)} sets the same weight, its interval is about {seeds} of these; "
            "whether two methods differ is said in the report of each set, in pairs on the same rows"
        )
    few = [one for one in sets if one["rows"]["train"] < FEW]
    rest = [one["name"] for one in sets if one not in few]
    if few:
        rows = ", ".join(f"{one['name']} ({one['rows']['train']} training rows)" for one in few)
        rely = f"rely on {', '.join(rest)}" if rest else "no set here has more"
        told.append(f"few-shot: {rows}; small backbones stay near chance there whatever the method, so {rely}")
    if set(NAMES) & set(names):
        left = [name for name in NAMES if name not in names]
        told.append(
            "no leaderboard figure: SuperGLUE's own score is the mean over eight sets on test rows with hidden labels; "
            f"{listed(['MultiRC', 'ReCoRD', *left])} are no part here, and validation rows are tested"
        )
    if minutes is not None:
        told.append(f"of {minutes:g} minutes every set got the same share, {minutes / len(names):.3g}")
    if any(results["study"]["search"] for results in found.values()):
        told.append("what a method leaves open (its learning rate, its size) was searched for every set by itself")
    for name, results in found.items():
        told += [f"{name}: {report.caveat_line(c)}" for c in gathered(results["trials"]) if c.status != "done"]
    return told
