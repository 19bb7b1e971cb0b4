"""What `results.json` says: the trials in order of quality, the headline, the comparisons in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import humane, say

Results = Mapping[str, Any]
Sentence = tuple[str, dict[str, Any]]
"""A key of `words.yaml` and its values; lists are names."""
LOWER_IS_BETTER = frozenset({"perplexity"})
UNTUNED = ("zero_shot", "few_shot")


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
        return self.status if self.status in ("done", "diverged", "failed", "refused") else "not_finished"

    def mean(self, metric: str) -> float | None:
        value = (self.metrics.get(metric) or {}).get("mean")
        return value if humane.known(value) else None


def primary(results: Results) -> str:
    """The metric that decides; the first one where the study names none."""
    study = results["study"]
    return study.get("primary") or next(iter(study.get("metrics") or ()), "") or "score"


def metrics(results: Results) -> list[str]:
    """The primary metric first, then the study's and whatever else a trial has."""
    named = [primary(results), *(results["study"].get("metrics") or ())]
    return list(dict.fromkeys(named + [m for t in results.get("trials", ()) for m in t.get("metrics") or ()]))


def entries(results: Results) -> list[Entry]:
    """The trials: finished ones by the primary metric, best first, then the others as they came."""
    trials = results.get("trials", [])
    methods = list(dict.fromkeys(str(t["method"]) for t in trials))
    seeds = {m: len({t.get("seed") for t in trials if str(t["method"]) == m}) for m in methods}
    found = []
    for t in trials:
        method = str(t["method"])
        name = f"{method} · seed {t.get('seed')}" if seeds[method] > 1 else method
        status = str(t.get("status", "done"))
        reason = str(t.get("error") or "") or ("" if status == "done" else say("no_reason"))
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
    sign = 1 if metric in LOWER_IS_BETTER else -1

    def order(e: Entry) -> tuple[bool, bool, float]:
        mean = e.mean(metric)
        return e.status != "done", mean is None, sign * (mean or 0.0)

    return sorted(found, key=order)


def headline(results: Results) -> list[Sentence]:
    """Who is best, who cannot be told from it, what is lightest, and what one seed does not show."""
    metric = primary(results)
    done = [e for e in entries(results) if e.status == "done"]
    scored = [e for e in done if e.mean(metric) is not None]
    if not scored:
        said: list[Sentence] = [("unscored", {"metric": metric})] if done else [("none_done", {})]
        return said + _unfinished(results)
    methods = dict.fromkeys(e.method for e in scored)
    means = {m: float(np.mean([e.mean(metric) for e in scored if e.method == m])) for m in methods}
    best = (min if metric in LOWER_IS_BETTER else max)(means, key=lambda m: means[m])
    runs = [e for e in scored if e.method == best]
    score = _over_seeds(metric, runs)
    if len(means) == 1:
        return [("only_one", {"best": [best], "score": score, "metric": metric}), *_unfinished(results)]
    said = [("best", {"best": [best], "metric": metric, "score": score})]
    said += _standing(results, best, [m for m in means if m != best], runs[0].metrics[metric].get("n"))
    count = len(results["study"].get("seeds") or {e.facts.get("seed") for e in scored})
    return said + _unfinished(results) + [("seeds", {"n": count}) if count > 1 else ("one_seed", {})]


def _over_seeds(metric: str, runs: Sequence[Entry]) -> str:
    """One run's score with its interval, or the mean of several with the lowest and the highest: `42.1 (41.7–42.5)`."""
    if len(runs) == 1:
        return humane.scored(metric, runs[0].metrics[metric])
    low, *_, high = sorted(e.metrics[metric]["mean"] for e in runs)
    mean = np.mean([e.metrics[metric]["mean"] for e in runs])
    return f"{humane.points(metric, float(mean))} ({humane.points(metric, low)}–{humane.points(metric, high)})"


def _standing(results: Results, best: str, others: list[str], n: Any) -> list[Sentence]:
    """How the other methods stand to the best one."""
    metric = primary(results)
    standing = {m: _against(results, best, m) for m in others}
    groups = {s: [m for m in others if standing[m] == s] for s in ("cannot", "ties", "beats", "uncompared")}
    values = {"n": humane.exact(n), "margin": humane.points(metric, results["study"].get("margin"))}
    said: list[Sentence] = [(key, {"names": names, **values}) for key, names in groups.items() if names]
    rivals = groups["cannot"] + groups["ties"]
    untuned = [m for m in rivals if m.split("(")[0] in UNTUNED]
    if untuned:
        return [*said, ("untuned", {"names": untuned})]
    weight = {e.method: e.facts.get("shipped_bytes") for e in entries(results) if e.status == "done"}
    weighed = [m for m in (best, *rivals) if humane.known(weight.get(m))]
    lightest = min(weighed, key=lambda m: weight[m], default=best)
    if lightest != best and best in weighed:
        sizes = {"size": humane.size(weight[lightest]), "best_size": humane.size(weight[best])}
        said.append(("lightest", {"names": [lightest], "best": [best], **sizes}))
    return said


def _against(results: Results, best: str, other: str) -> str:
    """`beats` only where every comparison of the two says so; `ties` where none is open."""
    method = {str(t["id"]): str(t["method"]) for t in results.get("trials", ())}
    turned = {"better": "worse", "worse": "better"}
    found = set()
    for v in results.get("verdicts", ()):
        pair = method.get(str(v["a"]), str(v["a"])), method.get(str(v["b"]), str(v["b"]))
        if v["metric"] == primary(results) and pair in ((best, other), (other, best)):
            found.add(v["verdict"] if pair[0] == best else turned.get(v["verdict"], v["verdict"]))
    if not found:
        return "uncompared"
    if found == {"better"}:
        return "beats"
    return "ties" if found <= {"tie", "better"} else "cannot"


def _unfinished(results: Results) -> list[Sentence]:
    names = [e.name for e in entries(results) if e.status != "done"]
    return [("unfinished", {"names": names})] if names else []


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
