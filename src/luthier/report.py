"""The report of a study: `report.md` and `report.html` from the files its stages left. No model, no network.

The page is one file that opens offline, in English and Chinese. Whatever came from data or models is hostile
text until it is escaped (`pages`). The same study gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import files, humane, pages
from .caveats import Caveat, gathered
from .caveats_zh import in_chinese
from .errors import Damaged, UserError
from .metrics import lower_is_better
from .pages import beside, by_task, figures, headline, lengths, reasons, spent, summary
from .pages.by_rows import gains, learning_curves_by_rows
from .pages.summary import Entry, Results
from .records import Example, Prediction, from_json


def build(
    folder: Path | str, out: Path | None = None, texts: bool = True, results: Results | None = None
) -> tuple[Path, Path]:
    """Write `report.md` and `report.html` and return their paths, in this order.

    Args:
        out: where to; the study folder itself where None.
        texts: show rows and answers; without them the report may go where the data may not.
        results: what `results.json` would hold; read from there where None.

    Raises:
        UserError: the folder holds no `results.json`.
        Damaged: `results.json` is torn. Other torn files are left out and named in the report.
    """
    folder = Path(folder)
    if results is None and not (folder / "results.json").is_file():
        raise UserError(
            f"{folder} holds no results.json.",
            "the folder of a finished study, as luthier compare leaves it",
            "name that folder, or run luthier compare first",
        )
    facts = _facts(folder, files.read_json(folder / "results.json") if results is None else results, texts)
    paths = (out or folder) / "report.md", (out or folder) / "report.html"
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
    for line in results.get("references") or ():
        scored = (humane.scored(m, line["metrics"].get(m)) for m in names)
        rows.append([line["name"], *scored, *[humane.ABSENT] * len(costs), "no model"])
    return rows


def verdict_lines(results: Results, language: str = "en") -> list[str]:
    """The headline, one sentence a line, then every comparison on the primary metric, in `en` or `zh`."""
    decisive = [v for v in results.get("verdicts", ()) if v["metric"] == summary.primary(results)]
    return headlines(results, language) + [summary.in_words(results, v, language) for v in decisive]


def headlines(results: Results, language: str = "en") -> list[str]:
    """Who is best and why, and what these rows can show; one sentence a line."""
    lines = [pages.say(key, language, **values) for key, values in headline.headline(results)]
    lines += [pages.say(key, language, **values) for key, values in (*by_task.sentences(results), *_reasons(results))]
    if results.get("detectable"):
        lines.append(results["detectable"]["sentence"][language])
    return lines


def standings(results: Results) -> list[str]:
    """Every comparison on the primary metric, a line for each method, best first:
    `ia3: worse than full (−3.2, 95 % −4.1…−2.2), ties with bitfit (+0.1, 95 % −0.4…+0.6)`."""
    metric, names = summary.primary(results), {e.id: e.name for e in summary.entries(results)}
    words = {"better": "better than", "worse": "worse than", "tie": "ties with", "cannot_tell": "cannot be told from"}
    said: dict[str, list[str]] = {e.method: [] for e in summary.entries(results)}
    for v in results.get("verdicts", ()):
        if v["metric"] == metric:
            a, b = (names.get(str(v[side]), str(v[side])) for side in "ab")
            by, low, high = (humane.signed(metric, v[k]) for k in ("difference", "low", "high"))
            told, chance = summary.verdict_key(v), ""
            if told == "cannot_tell" and (v["low"] > 0 or v["high"] < 0):  # the interval alone would say otherwise
                chance = f"; p = {v['p']:.2f}, corrected for the number of comparisons"
            said.setdefault(a, []).append(f"{words[told]} {b} ({by}, 95 % {low}…{high}{chance})")
    return [f"{name}: {', '.join(parts)}" for name, parts in said.items() if parts]


def caveat_lines(results: Results, language: str = "en") -> list[str]:
    """What must be known of the trials and why some did not finish, each thing once, in `en` or `zh`."""
    return [caveat_line(caveat, language) for caveat in gathered(results.get("trials") or ())]


def caveat_line(caveat: Caveat, language: str = "en") -> str:
    """`ia3: failed: …`"""
    ended = [] if caveat.status == "done" else [pages.say(summary.ending(caveat.status), language)]
    said = caveat.said[language] or pages.say("no_reason", language)
    return {"en": ": ", "zh": "："}[language].join([caveat.who[language], *ended, said])


def _reasons(results: Results) -> list[summary.Sentence]:
    found = reasons.reasons(results, summary.entries(results))
    return list(found.said) if found else []


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


def _facts(folder: Path, results: Results, texts: bool) -> dict[str, Any]:
    """Everything the two templates show."""
    torn: list[str] = []
    entries = summary.entries(results)
    steps = {e.id: _lines(_home(folder, e) / "steps.jsonl", torn) for e in entries}
    examples = [from_json(Example, line) for line in _lines(folder / "examples" / "test.jsonl", torn)]
    said = [_said(folder, e, summary.primary(results), torn) for e in entries if texts and e.status == "done"]
    return {
        **_study_facts(results, entries),
        **_figures(results, entries, steps),
        **_details(results, entries),
        **_texts(results, [one for one in said if one.predictions], {e.id: e for e in examples}),
        "torn": torn,
        "texts": texts,
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
        "headline": headline.headline(results),
        "first_order": "ascending" if lower_is_better(metric) else "descending",
        "groups": max((s.get("n") or 0 for e in entries for s in e.metrics.values()), default=0),
        "entries": entries,
        "costs_of": _costs,
        "verdicts": _verdicts(results, entries),
    }


def _figures(results: Results, entries: list[Entry], steps: Mapping[str, list[Any]]) -> dict[str, Any]:
    metric = summary.primary(results)
    drawn = figures.costs(entries, metric)
    return {
        "intervals": figures.intervals(entries, metric),
        "costs": drawn,
        "off_front": figures.off_front(drawn),
        "loss": figures.losses(entries, steps),
        "development": figures.development(entries, metric),
        "learned": [e for e in entries if steps[e.id] or e.facts.get("dev")],
    }


def _details(results: Results, entries: list[Entry]) -> dict[str, Any]:
    """The lines that need no model, clean rows, reasons, what was spent, and how much data is enough."""
    lines = results.get("references") or ()
    rivals = [line["against"] for line in lines if line.get("against")]
    return {
        "caveats": gathered(results.get("trials") or ()),
        "ending": summary.ending,
        "in_chinese": in_chinese,
        "lines": lines,
        "rivals": [{"key": summary.verdict_key(v), "words": v["sentence"]} for v in rivals],
        "clean": [m for m in summary.metrics(results) if any(m in _clean(e) for e in entries)],
        "clean_of": _clean,
        "over_seeds": summary.over_seeds(entries, summary.primary(results)),
        "reasons": reasons.reasons(results, entries),
        "spent": spent.spent(entries),
        "by_task": by_task.by_task(results, entries),
        "by_rows": learning_curves_by_rows(results.get("studies") or ()),
        "gains": gains(results.get("gains") or ()),
        "detectable": (results.get("detectable") or {}).get("sentence"),
        "leaked": len((results["study"].get("leaks") or {}).get("test") or ()),
    }


def _clean(e: Entry) -> Mapping[str, Any]:
    """The scores on test rows that do not occur in train."""
    return e.facts.get("metrics_clean") or {}


def _texts(results: Results, said: list[beside.Said], examples: Mapping[str, Example]) -> dict[str, Any]:
    prompt = str(results["study"].get("prompt") or "")
    rows, in_characters = lengths.lengths(said)
    return {
        "beside": beside.side_by_side(said, examples, prompt, lower_is_better(summary.primary(results))),
        "row_metric": beside.row_metric(summary.primary(results), [p for one in said for p in one.predictions]),
        "limit": beside.CHARACTERS,
        "lengths": figures.boxes(rows),
        "in_characters": in_characters,
    }


def _verdicts(results: Results, entries: list[Entry]) -> list[dict[str, Any]]:
    """The comparisons by metric, the primary one first, each with its words and its drawing."""
    named = {e.method: replace(e, name=e.method) for e in reversed(entries)} | {e.id: e for e in entries}
    margin = results["study"].get("margin") or 0.0
    groups = []
    for metric in summary.metrics(results):
        found = [v for v in results.get("verdicts", ()) if v["metric"] == metric]
        ends = [abs(v[k]) for v in found for k in ("low", "high") if humane.known(v.get(k))]
        reach = 1.05 * max([*ends, *(v.get("margin") or margin for v in found), 1e-9])
        rows = [
            {
                **v,
                "first": named.get(str(v["a"])),
                "second": named.get(str(v["b"])),
                "key": summary.verdict_key(v),
                "words": {language: summary.in_words(results, v, language) for language in pages.LANGUAGES},
                "drawing": figures.difference(v, reach, v.get("margin") or margin),
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
