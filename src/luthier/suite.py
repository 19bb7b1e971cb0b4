"""Several data sets under one name: a study of each, and one table of what every method reaches on all of them.

    suite = Suite.of(study)                  # None where the study's data is one set
    found = suite.run(tell, resume)          # also as <out>/<name>.json and <out>/<name>.md

<out>/<set>/ is the study of a set, with a report of its own: which methods differ there is said in it, in pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from . import data, files, report, statistics
from .backbone import Backbone
from .data.superglue import NAMES
from .data.table import listed
from .errors import UserError
from .pages import by_set
from .prepare import Prepared, prepare
from .study import Study, Tell
from .tasks import TASKS

SUPERGLUE = {
    "BoolQ": "classify(best_by='accuracy')",
    "CB": "classify(best_by='accuracy_macro_f1')",
    "RTE": "classify(best_by='accuracy')",
}
"""Set -> the task with its official metric, where inference alone would choose another (Wang et al. 2019, "SuperGLUE: A
Stickier Benchmark for General-Purpose Language Understanding Systems", arXiv:1905.00537, table 1)."""

FEW = 100
"""Training rows below which a small backbone is expected near chance, whatever the method."""

ALWAYS = "majority"
"""The reference line that says the commonest label of train to every row."""

Figure = dict[str, Any]
"""mean, low, high and, of one set, n (groups of test rows) and seeds."""
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Suite:
    """Studies with the same words on several sets."""

    name: str
    asked: Study
    sources: Mapping[str, str]
    """Set -> its data."""

    @classmethod
    def of(cls, study: Study) -> Suite | None:
        """What a study's words mean where its data are several sets (`data.sets`); None where they are one.

        Raises:
            UserError: words that fit one set only.
        """
        sources = data.sets(str(study.data))
        if not sources:
            return None
        _refuse(study, sources)
        return cls(Path(study.data).expanduser().resolve().name, study, sources)

    @property
    def out(self) -> Path:
        return Path(self.asked.out)

    @cached_property
    def studies(self) -> dict[str, Study]:
        """Set -> its study; all of them over one backbone in memory, each with its share of the minutes."""
        asked = self.asked
        backbone = Backbone(asked.backbone, asked.precision) if isinstance(asked.backbone, str) else asked.backbone
        minutes = None if asked.minutes is None else asked.minutes / len(self.sources)
        return {
            name: replace(
                asked, backbone=backbone, data=source, task=SUPERGLUE.get(name), out=self.out / name, minutes=minutes
            )
            for name, source in self.sources.items()
        }

    def prepared(self, resume: bool) -> Iterator[tuple[str, Prepared]]:
        """Every set, read and found usable.

        Raises:
            UserError: what a study refuses, of any of the sets.
        """
        for name, study in self.studies.items():
            yield name, prepare(study, resume)

    def foresee(self, fresh: bool = False) -> dict[str, dict[str, Any]]:
        """Set -> what its study will take; `fresh` measures the machine and the backbone again, once."""
        first = next(iter(self.sources))
        return {name: one.foresee(fresh and name == first) for name, one in self.prepared(resume=True)}

    def run(self, tell: Tell = lambda event: None, resume: bool = False) -> dict[str, Any]:
        """Run what is not finished yet, set by set, each with its report; returns what `<name>.json` holds.

        Raises:
            UserError: what a study refuses, of any of the sets, before the first one is trained.
        """
        counts = {name: len(one.trials) for name, one in self.prepared(resume)}
        found: dict[str, Results] = {}
        for name, study in self.studies.items():
            before = sum(counts[done] for done in found)
            found[name] = study.run(_of_all(tell, name, before, sum(counts.values())), resume)
            report.build(self.out / name)
        told = self._told(found)
        files.write_json(self.out / f"{self.name}.json", told)
        files.write_text(self.out / f"{self.name}.md", by_set.markdown(told))
        return told

    def _told(self, found: Mapping[str, Results]) -> dict[str, Any]:
        sets = [_set(name, results) for name, results in found.items()]
        asked = list(dict.fromkeys(t["asked"] for results in found.values() for t in results["trials"]))
        comparable = all(TASKS[results["study"]["task"]].kind == "label" for results in found.values())
        methods = []
        for method in asked:
            figures = {one["name"]: _figure(found[one["name"]], method, one["metric"]) for one in sets}
            methods.append({"method": method, "sets": figures, "average": _average(figures, comparable)})
        always = {one["name"]: _always(found[one["name"]], one["metric"]) for one in sets}
        command = self.asked.command() + (f" --minutes {m:g}" if (m := self.asked.minutes) is not None else "")
        return {
            "suite": self.name,
            "command": command,
            "backbone": next(iter(found.values()))["study"]["backbone"]["name"],
            "sets": sets,
            "methods": sorted(methods, key=lambda m: -m["average"]["mean"] if m["average"] else math.inf),
            "always": {"sets": always, "average": _average(always, comparable)},
            "caveats": _caveats(self.asked, sets, found, comparable),
        }


def _refuse(study: Study, sources: Mapping[str, str]) -> None:
    about = f"and {study.data} is {len(sources)} sets, {listed(list(sources))}"
    alone = f"name one set, such as {next(iter(sources.values()))}"
    for word in ("task", "prompt", "answer"):
        if (value := getattr(study, word)) is not None:
            raise UserError(f"{word} is {value!r}, {about}, with columns of their own.", "no such word", alone)
    if len(study.sizes) > 1:
        raise UserError(f"train_rows names {len(study.sizes)} numbers, {about}.", "one number", alone)


def _of_all(tell: Tell, name: str, before: int, trials: int) -> Tell:
    """`tell` for the events of one set, which count its own trials only and do not name it."""

    def told(event: dict[str, Any]) -> None:
        if "sentence" in event:
            event = event | {"sentence": {language: f"{name}: {said}" for language, said in event["sentence"].items()}}
        if "number" in event:
            event = event | {"number": before + event["number"], "of": trials, "method": f"{name} · {event['method']}"}
        tell(event)

    return told


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
    low, high = statistics.over_seeds((low, high), mean, [s["mean"] for s in scores])
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
    asked: Study, sets: Sequence[Mapping[str, Any]], found: Mapping[str, Results], comparable: bool
) -> list[str]:
    """What must be known before a figure of the table is repeated."""
    told = []
    if not comparable:
        metrics = listed(sorted({one["metric"] for one in sets}))
        told.append(f"no average: the sets are scored in different ways ({metrics}), and a mean of these means nothing")
    elif len(sets) > 1:
        seeds = "other test rows" + " and other seeds" * (asked.seeds > 1)
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
    if set(NAMES) & set(found):
        left = [name for name in NAMES if name not in found]
        told.append(
            "no leaderboard figure: SuperGLUE's own score is the mean over eight sets on test rows with hidden labels; "
            f"{listed(['MultiRC', 'ReCoRD', *left])} are no part here, and validation rows are tested"
        )
    if asked.minutes is not None:
        told.append(f"of {asked.minutes:g} minutes every set got the same share, {asked.minutes / len(sets):.3g}")
    if any(results["study"]["search"] for results in found.values()):
        told.append("what a method leaves open (its learning rate, its size) was searched for every set by itself")
    for name, results in found.items():
        told += [
            f"{name}: {t['method']}, seed {t['seed']}, {t['status']}: {t['error']}"
            for t in results["trials"]
            if t["status"] != "done"
        ]
    return told
