"""A finished study as the page shows it: sentences, a row for each trial, quality against cost, rows side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files, humane, report
from ..errors import UserError
from ..metrics import lower_is_better
from ..pages import beside, figures, summary
from ..records import Example, Prediction, from_json
from ..results import read_predictions

COSTS = ("trainable_parameters", "shipped_bytes", "train_seconds", "predict_seconds", "peak_bytes")
WRITTEN = {
    "trainable_parameters": humane.count,
    "shipped_bytes": humane.size,
    "peak_bytes": humane.size,
    "train_seconds": humane.duration,
    "predict_seconds": humane.duration,
}


@dataclass(frozen=True)
class Cell:
    """What a table shows, and the number it is sorted by (None: it has none)."""

    text: str
    value: float | None = None
    mark: int | None = None


@dataclass(frozen=True)
class Standing:
    """One finished study."""

    results: Mapping[str, Any]
    entries: Sequence[summary.Entry]

    @property
    def metric(self) -> str:
        return summary.primary(self.results)

    def sentences(self, language: str) -> list[str]:
        """The verdict, the most important sentence first."""
        return report.verdict_lines(self.results, language)

    def caveats(self, language: str) -> list[str]:
        """What must be known of the trials, each thing once."""
        return report.caveat_lines(self.results, language)

    def head(self) -> list[str]:
        """Keys of the table's columns: metrics as they are called, then costs."""
        return ["method", *summary.metrics(self.results), *COSTS]

    def rows(self) -> list[list[Cell]]:
        """One row a trial, best first."""
        names = summary.metrics(self.results)
        found = []
        for e in self.entries:
            measured = [Cell(humane.scored(m, e.metrics.get(m)), e.mean(m)) for m in names]
            found.append([Cell(e.name, None, e.mark), *measured, *(_cost(e, name) for name in COSTS)])
        return found

    def plots(self) -> list[figures.Figure]:
        """Quality against each cost, with the front that nothing beats."""
        return figures.costs(self.entries, self.metric)


def _cost(e: summary.Entry, name: str) -> Cell:
    value = e.facts.get(name)
    return Cell(WRITTEN[name](value), float(value) if humane.known(value) else None)


def standing(folder: Path) -> Standing:
    """
    Raises:
        UserError: the study has no results yet.
    """
    path = folder / "results.json"
    if not path.exists():
        raise UserError(
            f"{folder.name} has no results yet.", "a finished study", "wait until it is done, or go on with it"
        )
    results = files.read_json(path)
    return Standing(results, summary.entries(results))


def rows_beside(folder: Path) -> beside.Beside:
    """The test rows under every method, those that are worth a look first."""
    found = standing(folder)
    metric = found.metric
    said = []
    for e in found.entries:
        if e.status == "done":
            predictions = predictions_of(folder, e.id)
            said.append(beside.Said(e.name, e.mark, predictions, beside.row_values(metric, predictions)))
    lines = files.read_jsonl(folder / "examples" / "test.jsonl")
    examples = {e.id: e for e in (from_json(Example, line) for line in lines)}
    prompt = str(found.results["study"].get("prompt") or "")
    return beside.side_by_side(said, examples, prompt, lower_is_better(metric))


def ordered(rows: Sequence[beside.Row], pick: str) -> list[beside.Row]:
    """The rows of a pick, in its order."""
    return sorted((r for r in rows if pick in r.picks), key=lambda r: r.picks[pick])


def predictions_of(folder: Path, trial: str) -> list[Prediction]:
    """What a trial of this study said.

    Raises:
        UserError: there is no such trial in it.
    """
    if trial not in files.read_json(folder / "study.json")["trials"]:
        raise UserError(f"{folder.name} has no trial {trial!r}.", "one of its trials", "choose one")
    return read_predictions(folder / trial)


def methods_of(trials: Mapping[str, Path]) -> dict[str, str]:
    """Trial -> its method as people call it; with the seed where a method has several."""
    specs = {name: files.read_json(folder / "trial.json") for name, folder in trials.items()}
    spelled = [spec["method"] for spec in specs.values()]
    return {
        name: spec["method"] + f" · seed {spec['seed']}" * (spelled.count(spec["method"]) > 1)
        for name, spec in specs.items()
    }


def example_of(folder: Path, row: str) -> Mapping[str, str]:
    """The columns of a test row that the prompt shows."""
    prompt = str(files.read_json(folder / "study.json").get("prompt") or "")
    for line in files.read_jsonl(folder / "examples" / "test.jsonl"):
        if line["id"] == row:
            return beside.shown_fields(line["fields"], prompt)
    return {}
