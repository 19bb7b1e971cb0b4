"""Several data sets under one name: a study of each, and one table of what every method reaches on all of them.

    suite = Suite.of(study)                  # None where the study's data is one set
    found = suite.run(tell, resume)          # also as <out>/<name>.json and <out>/<name>.md

<out>/<set>/ is the study of a set, with a report of its own: which methods differ there is said in it, in pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from . import data, files, report
from .across_sets import Results, told_of, written
from .backbone import Backbone
from .data.table import listed
from .errors import UserError
from .prepare import Prepared, prepare
from .study import Study, Tell

SUPERGLUE = {
    "BoolQ": "classify(best_by='accuracy')",
    "CB": "classify(best_by='accuracy_macro_f1')",
    "RTE": "classify(best_by='accuracy')",
}
"""Set -> the task with its official metric, where inference alone would choose another (Wang et al. 2019, "SuperGLUE: A
Stickier Benchmark for General-Purpose Language Understanding Systems", arXiv:1905.00537, table 1)."""


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
        if not (page := self.out / f"{self.name}.json").exists():
            files.write_json(page, self.asked_for)  # what `rebuilt` needs of a suite that was interrupted
        found: dict[str, Results] = {}
        for name, study in self.studies.items():
            before = sum(counts[done] for done in found)
            found[name] = study.run(_of_all(tell, name, before, sum(counts.values())), resume)
            report.build(self.out / name)
        return written(self.out, told_of(self.asked_for, found))

    @property
    def asked_for(self) -> dict[str, Any]:
        """What the files of the sets do not say."""
        command = self.asked.command() + (f" --minutes {m:g}" if (m := self.asked.minutes) is not None else "")
        return {"suite": self.name, "command": command, "minutes": self.asked.minutes, "names": list(self.sources)}


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
