"""A mixture of tasks: a line for each task, means over those never seen and those trained, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier import humane
from luthier.metrics import direction

from .summary import Entry, Results, Sentence, primary

UNTUNED = "zero_shot"
MEANS = {"never_seen": "mean_never_seen", "seen": "mean_seen"}
SAID = {
    "better": "unseen_better",
    "worse": "unseen_worse",
    "tie": "unseen_tie",
    "cannot tell": "unseen_cannot_tell",
}
"""Verdict against the untuned backbone -> its sentence."""


@dataclass(frozen=True)
class Line:
    """One task, or a mean over tasks, named by a key of `words.yaml`; `cells` are scores by method, `best` says which
    of them are the highest."""

    name: str
    seen: bool
    rows: int
    cells: Sequence[str]
    best: Sequence[bool]


@dataclass(frozen=True)
class ByTask:
    """`means` and `lines` have a cell for every one of `methods`."""

    column: str
    methods: Sequence[Entry]
    means: Sequence[Line]
    lines: Sequence[Line]
    said: Sequence[Sentence]
    verdicts: Sequence[Mapping[str, Any]]


def by_task(results: Results, entries: Sequence[Entry]) -> ByTask | None:
    """None where the study is of one task."""
    found, metric = results.get("by_task"), primary(results)
    if not found or not found.get("tasks"):
        return None
    methods = [e for e in entries if e.id in found["tasks"][0]["trials"]]

    def line(name: str, seen: bool, rows: int, trials: Mapping[str, Any]) -> Line:
        scores = [trials[e.id][metric] for e in methods]
        top = max(direction(metric) * s["mean"] for s in scores)
        cells = [humane.scored(metric, s) for s in scores]
        return Line(name, seen, rows, cells, [direction(metric) * s["mean"] == top for s in scores])

    means = [line(MEANS[word], word == "seen", m["tasks"], m["trials"]) for word, m in found["means"].items()]
    lines = [line(t["name"], t["seen"], t["rows"], t["trials"]) for t in found["tasks"]]
    return ByTask(found["column"], methods, means, lines, sentences(results), found["verdicts"])


def sentences(results: Results) -> list[Sentence]:
    """Whether training on some tasks helped with others, or that nothing says so."""
    found = results.get("by_task") or {}
    if not found:
        return []
    unseen = [t["name"] for t in found["tasks"] if not t["seen"]]
    if not unseen:
        return [("none_unseen", {})]
    words = {v["a"]: v["verdict"] for v in found["verdicts"]}
    names = {t["id"]: t["method"] for t in results["trials"]}
    said: list[Sentence] = []
    for verdict, key in SAID.items():
        mine = [names.get(a, a) for a, word in words.items() if word == verdict]
        if mine:
            said.append((key, {"names": mine, "n": len(unseen), "metric": primary(results), "untuned": [UNTUNED]}))
    return said
