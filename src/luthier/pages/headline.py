"""What stands at the top of the report: who is best, what to take and why, and what was shown at all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from luthier import humane
from luthier.metrics import direction

from .summary import Entry, Results, Sentence, entries, primary

MANY = 0.05
"""Leaked test rows, as a share of all, that the first lines must name."""

UNTUNED = ("zero_shot", "few_shot")


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
    best = max(means, key=lambda m: direction(metric) * means[m])
    runs = [e for e in scored if e.method == best]
    score = _over_seeds(metric, runs)
    if len(means) == 1:
        alone: Sentence = ("only_one", {"best": [best], "score": score, "metric": metric})
        return [alone, *_references(results, best), *_unfinished(results)]
    said = [("best", {"best": [best], "metric": metric, "score": score})]
    rows = ((results["study"].get("data") or {}).get("rows") or {}).get("test") or runs[0].metrics[metric].get("n")
    said += _standing(results, best, [m for m in means if m != best], rows)
    said += _references(results, best)
    return said + _leaked(results) + _unfinished(results) + _seeds(scored)


def _over_seeds(metric: str, runs: Sequence[Entry]) -> str:
    """One run's score with its interval, or the mean of several with the lowest and the highest: `42.1 (41.7–42.5)`."""
    if len(runs) == 1:
        return humane.scored(metric, runs[0].metrics[metric])
    low, *_, high = sorted(e.metrics[metric]["mean"] for e in runs)
    mean = np.mean([e.metrics[metric]["mean"] for e in runs])
    return f"{humane.points(metric, float(mean))} ({humane.points(metric, low)}–{humane.points(metric, high)})"


def _seeds(scored: Sequence[Entry]) -> list[Sentence]:
    """How many runs each method's score speaks of; what trains nothing has no seed."""
    runs = Counter(e.method for e in scored if e.facts.get("trainable_parameters"))
    most = max(runs.values(), default=1)
    if most == 1:
        return [("one_seed", {})]
    fewer = [method for method, count in runs.items() if count < most]
    return [("seeds_of_some", {"n": most, "names": fewer}) if fewer else ("seeds", {"n": most})]


def _leaked(results: Results) -> list[Sentence]:
    """Where many test rows also stand in the training rows, which figures leave them out."""
    leaked = len((results["study"].get("leaks") or {}).get("test") or ())
    rows = ((results["study"].get("data") or {}).get("rows") or {}).get("test") or 0
    return [("leaky", {"n": humane.exact(leaked), "all": humane.exact(rows)})] if leaked > MANY * rows > 0 else []


def _standing(results: Results, best: str, others: list[str], rows: Any) -> list[Sentence]:
    """How the other methods stand to the best one."""
    metric = primary(results)
    standing = {m: _against(results, best, m) for m in others}
    groups = {s: [m for m in others if standing[m] == s] for s in ("cannot", "ties", "beats", "uncompared")}
    values = {"n": humane.exact(rows), "margin": humane.margin(metric, results["study"].get("margin"))}
    said: list[Sentence] = [(key, {"names": names, **values}) for key, names in groups.items() if names]
    if not (groups["cannot"] or groups["ties"] or groups["beats"]):
        return said
    return [*said, *_recommended(results, best, groups["ties"], groups["cannot"])]


def _recommended(results: Results, best: str, ties: Sequence[str], unsettled: Sequence[str]) -> list[Sentence]:
    """The lightest of those that are as good as the best, and why; nothing where no cost is known.

    What the rows cannot tell is no reason to take the lighter method, only one to get more rows; and where a line that
    needs no model is better, there is nothing to take yet.
    """
    top = _top_line(results)
    if top and top["against"]["verdict"] == "worse":
        return [("recommend_nothing", {"line": line_name(top)})]
    untuned = [m for m in (best, *ties) if m.split("(")[0] in UNTUNED]
    if best in untuned and unsettled:
        return [("recommend_untuned_for_now", {"best": [best], "names": unsettled})]
    if untuned:
        return [("recommend_untuned", {"names": untuned})]
    facts: dict[str, list[Mapping[str, Any]]] = {}
    for e in entries(results):
        if e.status == "done":
            facts.setdefault(e.method, []).append(e.facts)
    weight = {m: _mean(facts[m], "shipped_bytes") for m in (best, *ties, *unsettled)}
    known = {m: size for m, size in weight.items() if size is not None}
    if best not in known:
        return []
    chosen = min((m for m in (best, *ties) if m in known), key=lambda m: known[m])
    lighter = [m for m in unsettled if known.get(m, math.inf) < known[chosen]]
    own = {"best": [chosen], "best_size": humane.size(known[chosen])}
    if lighter:
        other = min(lighter, key=lambda m: known[m])
        return [("recommend_for_now", own | {"names": [other], "size": humane.size(known[other])})]
    if chosen != best:
        time = humane.share(_mean(facts[chosen], "train_seconds"), _mean(facts[best], "train_seconds"))
        sizes = {"size": humane.size(known[chosen]), "best_size": humane.size(known[best])}
        return [("recommend_lighter", {"names": [chosen], "best": [best], "time": time} | sizes)]
    first = facts[best][0]
    share = humane.share(first.get("trainable_parameters"), first.get("total_parameters"))
    word = "recommend_best" if ties or unsettled else "recommend_ahead"
    return [(word, own | {"share": share})]


def line_name(line: Mapping[str, Any]) -> dict[str, str]:
    """A reference line in each language."""
    return {"en": line["name"], "zh": line.get("name_zh") or line["name"]}


def _mean(facts: Sequence[Mapping[str, Any]], field: str) -> float | None:
    values = [f[field] for f in facts if humane.known(f.get(field))]
    return sum(values) / len(values) if values else None


def _references(results: Results, best: str) -> list[Sentence]:
    """How the best method stands to what needs no model, and to people."""
    metric = primary(results)
    said: list[Sentence] = []
    if top := _top_line(results):
        word = {"better": "line_beaten", "worse": "line_ahead"}.get(top["against"]["verdict"], "line_level")
        score = humane.scored(metric, top["metrics"][metric])
        said.append((word, {"line": line_name(top), "best": [best], "score": score}))
    for line in _lines(results):
        if line["kind"] == "human":
            said.append(("people", {"score": humane.scored(metric, line["metrics"][metric]), "metric": metric}))
    return said


def _lines(results: Results) -> list[Mapping[str, Any]]:
    """The lines that have a score."""
    metric = primary(results)
    return [r for r in results.get("references") or () if humane.known((r["metrics"].get(metric) or {}).get("mean"))]


def _top_line(results: Results) -> Mapping[str, Any] | None:
    """The best of what needs no model."""
    metric = primary(results)
    rivals = [r for r in _lines(results) if r.get("against")]
    return max(rivals, key=lambda r: direction(metric) * r["metrics"][metric]["mean"], default=None)


def _against(results: Results, best: str, other: str) -> str:
    """`beats` only where every comparison of the two says so; `ties` where none is open. A difference that is shown,
    and shown to lie within the margin, counts as none."""
    method = {str(t["id"]): str(t["method"]) for t in results.get("trials", ())}
    turned = {"better": "worse", "worse": "better"}
    found = set()
    for v in results.get("verdicts", ()):
        pair = method.get(str(v["a"]), str(v["a"])), method.get(str(v["b"]), str(v["b"]))
        if v["metric"] == primary(results) and pair in ((best, other), (other, best)):
            word = "tie" if v["verdict"] in turned and _within(v) else str(v["verdict"])
            found.add(word if pair[0] == best else turned.get(word, word))
    if not found:
        return "uncompared"
    if found == {"better"}:
        return "beats"
    return "ties" if found <= {"tie", "better"} else "cannot"


def _within(verdict: Mapping[str, Any]) -> bool:
    """Whether the whole interval of a difference lies within the margin."""
    margin = verdict.get("margin") or 0.0
    return all(abs(verdict[end]) <= margin for end in ("low", "high"))


def _unfinished(results: Results) -> list[Sentence]:
    names = [e.name for e in entries(results) if e.status != "done"]
    raced = [e.name for e in entries(results) if e.facts.get("raced")]
    said: list[Sentence] = [("unfinished", {"names": names})] if names else []
    return [*said, ("raced", {"names": raced})] if raced else said
