"""The report of a study: `report.md` and `report.html` from the files its stages left. No model, no network.

The page is one file that opens offline, in English and Chinese. Whatever came from data or models is hostile
text until it is escaped (`pages`). The same study gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import files, pages
from .errors import Damaged, UserError
from .pages import beside, figures, humane, lengths, summary
from .pages.summary import Entry, Results
from .records import Example, Prediction, from_json


def build(folder: Path | str) -> tuple[Path, Path]:
    """Write `report.md` and `report.html` into the study folder and return their paths, in this order.

    Raises:
        UserError: the folder holds no `results.json`.
        Damaged: `results.json` is torn. Other torn files are left out and named in the report.
    """
    folder = Path(folder)
    if not (folder / "results.json").is_file():
        raise UserError(
            f"{folder} holds no results.json.",
            "the folder of a finished study, as luthier compare leaves it",
            "name that folder, or run luthier compare first",
        )
    facts = _facts(folder, files.read_json(folder / "results.json"))
    paths = folder / "report.md", folder / "report.html"
    for path, text in zip(paths, (pages.markdown(**facts), pages.html(**facts))):
        files.write_text(path, text)
    return paths


def table(results: Results) -> list[list[str]]:
    """A header and one row per trial, best first, as plain text."""
    names = summary.metrics(results)
    costs = ["learning rate", "trained", "share", "shipped", "training", "predicting", "memory"]
    rows = [["method", *names, *costs, "status"]]
    for e in summary.entries(results):
        rows.append([e.name, *(humane.scored(m, e.metrics.get(m)) for m in names), *_costs(e), e.status])
    return rows


def verdict_lines(results: Results, language: str = "en") -> list[str]:
    """The headline, one sentence a line, then every comparison on the primary metric, in `en` or `zh`."""
    lines = [pages.say(key, language, **values) for key, values in summary.headline(results)]
    decisive = [v for v in results.get("verdicts", ()) if v["metric"] == summary.primary(results)]
    return lines + [summary.in_words(results, v, language) for v in decisive]


def _costs(e: Entry) -> list[str]:
    t = e.facts
    trained = t.get("trainable_parameters")
    return [
        humane.rate(t.get("learning_rate")),
        humane.count(trained),
        humane.share(trained, t.get("total_parameters")),
        humane.size(t.get("shipped_bytes")),
        humane.duration(t.get("train_seconds")),
        humane.duration(t.get("predict_seconds")),
        humane.size(t.get("peak_bytes")),
    ]


def _facts(folder: Path, results: Results) -> dict[str, Any]:
    """Everything the two templates show."""
    torn: list[str] = []
    entries = summary.entries(results)
    steps = {e.id: _lines(_home(folder, e) / "steps.jsonl", torn) for e in entries}
    examples = [from_json(Example, line) for line in _lines(folder / "examples" / "test.jsonl", torn)]
    said = [_said(folder, e, summary.primary(results), torn) for e in entries if e.status == "done"]
    return {
        **_study_facts(results, entries),
        **_figures(results, entries, steps),
        **_texts(results, [one for one in said if one.predictions], {e.id: e for e in examples}),
        "torn": torn,
    }


def _study_facts(results: Results, entries: list[Entry]) -> dict[str, Any]:
    metric = summary.primary(results)
    kind, source = summary.data_kind(results)
    return {
        "study": results["study"],
        "environment": results.get("environment") or {},
        "kind": kind,
        "source": source,
        "metric": metric,
        "metrics": summary.metrics(results),
        "headline": summary.headline(results),
        "first_order": "ascending" if metric in summary.LOWER_IS_BETTER else "descending",
        "groups": max((s.get("n") or 0 for e in entries for s in e.metrics.values()), default=0),
        "entries": entries,
        "costs_of": _costs,
        "verdicts": _verdicts(results, entries),
    }


def _figures(results: Results, entries: list[Entry], steps: Mapping[str, list[Any]]) -> dict[str, Any]:
    metric = summary.primary(results)
    return {
        "intervals": figures.intervals(entries, metric),
        "costs": figures.costs(entries, metric),
        "loss": figures.losses(entries, steps),
        "development": figures.development(entries, metric),
        "learned": [e for e in entries if steps[e.id] or e.facts.get("dev")],
    }


def _texts(results: Results, said: list[beside.Said], examples: Mapping[str, Example]) -> dict[str, Any]:
    prompt = str(results["study"].get("prompt") or "")
    rows, in_characters = lengths.lengths(said)
    return {
        "beside": beside.side_by_side(said, examples, prompt, summary.primary(results) in summary.LOWER_IS_BETTER),
        "row_metric": beside.row_metric(summary.primary(results), [p for one in said for p in one.predictions]),
        "limit": beside.CHARACTERS,
        "lengths": figures.boxes(rows),
        "in_characters": in_characters,
    }


def _verdicts(results: Results, entries: list[Entry]) -> list[dict[str, Any]]:
    """The comparisons by metric, the primary one first, each with its words and its drawing."""
    named = {e.id: e for e in entries}
    margin = results["study"].get("margin") or 0.0
    groups = []
    for metric in summary.metrics(results):
        found = [v for v in results.get("verdicts", ()) if v["metric"] == metric]
        ends = [abs(v[k]) for v in found for k in ("low", "high") if humane.known(v.get(k))]
        reach = 1.05 * max([*ends, margin, 1e-9])
        rows = [
            {
                **v,
                "first": named.get(str(v["a"])),
                "second": named.get(str(v["b"])),
                "key": summary.verdict_key(v),
                "words": {language: summary.in_words(results, v, language) for language in pages.LANGUAGES},
                "drawing": figures.difference(v, reach, margin),
            }
            for v in found
        ]
        if rows:
            groups.append({"metric": metric, "rows": rows})
    return groups


def _home(folder: Path, e: Entry) -> Path:
    """The trial's folder; a shared `results.json` must not make us read elsewhere."""
    if e.id in ("", ".", "..") or set(e.id) & set("/\\\0"):
        raise Damaged(f"results.json names a trial {e.id!r}, which is no folder of this study")
    return folder / e.id


def _said(folder: Path, e: Entry, metric: str, torn: list[str]) -> beside.Said:
    predictions = [from_json(Prediction, line) for line in _lines(_home(folder, e) / "predictions.jsonl", torn)]
    return beside.Said(e.name, e.mark, predictions, beside.row_values(metric, predictions))


def _lines(path: Path, torn: list[str]) -> list[Any]:
    """The lines of a file that may be absent (zero_shot has no steps); a torn one is named, not shown."""
    try:
        return files.read_jsonl(path) if path.is_file() else []
    except Damaged as fault:
        torn.append(str(fault).replace(str(path), f"{path.parent.name}/{path.name}"))
        return []
