"""What `results.json` says: the trials in order of quality, the comparisons in words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from luthier import humane
from luthier.metrics import direction

from . import say

Results = Mapping[str, Any]
Sentence = tuple[str, dict[str, Any]]
"""A key of `words.yaml` and its values; lists are names."""


@dataclass(frozen=True)
class Entry:
    """One trial as the report shows it."""

    id: str
    name: str
    """The method's spelling, with the seed where a method has several."""
    method: str
    mark: int
    """Place of the method in the study: its colour and shape."""
    status: str
    reason: str
    metrics: Mapping[str, Mapping[str, Any]]
    caveats: Sequence[str]
    facts: Mapping[str, Any]
    """The trial as it stands in `results.json`."""

    @property
    def ending(self) -> str:
        """The key in `words.yaml` of how it ended."""
        return ending(self.status)

    def mean(self, metric: str) -> float | None:
        value = (self.metrics.get(metric) or {}).get("mean")
        return value if humane.known(value) else None


def ending(status: str) -> str:
    """The key in `words.yaml` of how a trial ended."""
    return status if status in ("done", "diverged", "failed", "refused") else "not_finished"


def primary(results: Results) -> str:
    """The metric that decides; the first one where the study names none."""
    study = results["study"]
    return study.get("primary") or next(iter(study.get("metrics") or ()), "") or "score"


def metrics(results: Results) -> list[str]:
    """The primary metric first, then the study's and whatever else a trial has."""
    named = [primary(results), *(results["study"].get("metrics") or ())]
    return list(dict.fromkeys(named + [m for t in results.get("trials", ()) for m in t.get("metrics") or ()]))


def entries(results: Results) -> list[Entry]:
    """The trials: finished ones by their method's mean on the primary metric, best first, seeds of a method together;
    then the others as they came."""
    trials = results.get("trials", [])
    methods = list(dict.fromkeys(str(t["method"]) for t in trials))
    seeds = {m: len({t.get("seed") for t in trials if str(t["method"]) == m}) for m in methods}
    found = []
    for t in trials:
        method = str(t["method"])
        name = f"{method} · seed {t.get('seed')}" if seeds[method] > 1 else method
        status = str(t.get("status", "done"))
        reason = str(t.get("error") or "").removeprefix(f"{status}: ")  # the status stands beside it
        facts = t if status == "done" else {k: v or None for k, v in t.items()}  # an unmeasured zero is no zero
        found.append(
            Entry(
                str(t["id"]),
                name,
                method,
                methods.index(method),
                status,
                reason,
                t.get("metrics") or {},
                [str(c) for c in t.get("caveats") or ()],
                facts,
            )
        )
    metric = primary(results)
    sign = -direction(metric)
    means = defaultdict(list)
    for e in found:
        if e.status == "done" and (mean := e.mean(metric)) is not None:
            means[e.method].append(sign * mean)

    def order(e: Entry) -> tuple[bool, bool, float, int]:
        if e.status != "done":
            return True, True, 0.0, 0
        known = means.get(e.method)
        return False, not known, fmean(known) if known else 0.0, e.mark

    return sorted(found, key=order)


@dataclass(frozen=True)
class OverSeeds:
    """A method's runs: the mean of their scores, and how far seeds alone move them."""

    entry: Entry
    n: int
    mean: float
    sd: float
    low: float
    high: float


def over_seeds(entries: Sequence[Entry], metric: str) -> list[OverSeeds]:
    """Every method that finished with several seeds, best first as the entries are."""
    runs: dict[str, list[Entry]] = {}
    for e in entries:
        if e.status == "done" and e.mean(metric) is not None:
            runs.setdefault(e.method, []).append(e)
    found = []
    for method, own in runs.items():
        if len(own) > 1:
            means = [e.mean(metric) or 0.0 for e in own]
            entry = replace(own[0], name=method)
            found.append(OverSeeds(entry, len(own), fmean(means), stdev(means), min(means), max(means)))
    return found


def data_kind(results: Results) -> tuple[str, str]:
    """`real`, `synthetic` or `unstated`, and the source's name."""
    data = results["study"].get("data") or {}
    kind = {True: "synthetic", False: "real"}.get(data.get("synthetic"), "unstated")
    return kind, str(data.get("source") or humane.ABSENT)


def in_words(results: Results, verdict: Mapping[str, Any], language: str) -> str:
    """The verdict's own sentence with the trials' names for their ids, or one composed of its parts."""
    names = {e.id: e.name for e in entries(results)}
    a, b = (str(verdict[side]) for side in "ab")
    sentence = (verdict.get("sentence") or {}).get(language)
    if not sentence:
        verdict_word = say(verdict_key(verdict), language)
        return say("composed", language, a=names.get(a, a), b=names.get(b, b), verdict=verdict_word)
    longest_first = "|".join(re.escape(id) for id in sorted({a, b} & set(names), key=len, reverse=True))
    return re.sub(longest_first, lambda found: names[found[0]], str(sentence)) if longest_first else str(sentence)


def verdict_key(verdict: Mapping[str, Any]) -> str:
    """The key in `words.yaml` of `better`, `worse`, `tie` or `cannot tell`."""
    word = str(verdict.get("verdict"))
    return word if word in ("better", "worse", "tie") else "cannot_tell"
