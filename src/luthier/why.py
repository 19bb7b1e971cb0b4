"""Why one method scores above another: length, copying, precision and recall apart, slices of the rows.

    explain({"lora": …, "full": …}, "rouge1", best="lora", examples=…, prompt="…")

It explains what was measured on these rows; what it finds is something to look at, and no verdict.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from .baselines import first_words, words_in
from .metrics import METRICS, Array, of_labels
from .metrics.words import CJK, tokens
from .records import Example, Prediction
from .score import figures, scores, verdicts
from .tasks.template import columns_of

SHORTEST_CUT = 8
"""References shorter than this on average are answers, not texts: nothing is cut."""

SMALLEST_SLICE = 20
"""Rows; the mean of fewer says nothing."""

MOST_SLICES = 6
LONGEST_NAME = 40
"""Characters; a column of longer values holds texts, not topics."""

DISAGREEING = 8
UNMOVED = 0.01
"""Change of everything a method trains, as a share of its size, below which it hardly moved."""

Said = Mapping[str, Sequence[Prediction]]
"""Trial -> its answers, the same rows in the same order."""


def explain(
    said: Said, metric: str, best: str, examples: Mapping[str, Example] | None = None, prompt: str = ""
) -> dict[str, Any]:
    """What `results.json` holds under `why`.

    Returns:
        metric; slice_metric; trials {id: length, longer, precision, recall, copied, cut, labels}; slices [{by, name,
        rows, means}]; disagree [{id, values}]; for texts also unit (`words` or `characters`), reference_length, and,
        where answers were cut to equal length, cut (that length) and pairs [{a, b, difference, cut_difference, low,
        high}]. `length` is a mean; `longer` the share of answers above `cut`; `precision` and `recall` are of words,
        means over rows and references; `copied` is the share of an answer's neighbouring word pairs that its input
        holds.
    """
    inputs = {i: _shown(e, prompt) for i, e in (examples or {}).items()}
    rows = next(iter(said.values()))
    # one label's rows have an accuracy, no macro F1
    by_part = "accuracy" if of_labels(metric) else metric
    known = {
        "metric": metric,
        "slice_metric": by_part,
        "slices": _slices(said, by_part, examples or {}, inputs, prompt),
    }
    if len(said) > 1:
        known["disagree"] = _disagree(said, metric)
    if rows[0].nats is not None:  # nothing was said whose words could be counted
        return known | {"trials": {name: {} for name in said}}
    if of_labels(metric):
        return known | {"trials": {name: {"labels": _labels(one)} for name, one in said.items()}}
    trials = {name: _text_facts(one, inputs) for name, one in said.items()}
    reference = float(np.mean([words_in(r) for p in rows for r in p.references]))
    text = "".join(r for p in rows for r in p.references)
    unit = "characters" if len(CJK.findall(text)) > 0.3 * len(text) else "words"
    known |= {"trials": trials, "unit": unit, "reference_length": reference}
    if inputs:
        known["reference_copied"] = _mean(_copied(p.references[0], inputs.get(p.id, "")) for p in rows)
    return known | _equal_length(said, trials, metric, best, reference)


def unmoved(trials: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Trial -> what of its trained parameters hardly changed: `share` of their size, `dead` of `all` virtual tokens.

    A method that trains most of the weights changes each of them little, and is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for t in trials:
        norm, whole = t.get("update_norm"), t.get("total_parameters") or 0
        if norm is not None and norm < UNMOVED and 2 * (t.get("trainable_parameters") or 0) < whole:
            found.setdefault(t["id"], {})["share"] = norm
        if t.get("dead_tokens"):
            found.setdefault(t["id"], {}).update(dead=t["dead_tokens"], all=t["virtual_tokens"])
    return found


def cut_to(predictions: Sequence[Prediction], length: int) -> list[Prediction]:
    """Every answer up to its word number `length`; shorter ones stay."""
    return [replace(p, prediction=first_words(p.prediction, length)) for p in predictions]


def _equal_length(
    said: Said, trials: dict[str, dict[str, Any]], metric: str, best: str, reference: float
) -> dict[str, Any]:
    """Scores with every answer cut to the length of an average reference (rounded up to five), and what is left of the
    best trial's leads."""
    if reference < SHORTEST_CUT:
        return {}
    length = 5 * math.ceil(reference / 5)
    short = {name: cut_to(one, length) for name, one in said.items()}
    for name, one in short.items():
        trials[name]["cut"] = figures(scores(one, [metric]))[metric]
        trials[name]["longer"] = _mean(words_in(p.prediction) > length for p in said[name])
    others = [(best, name) for name in said if name != best]
    whole, same = (verdicts(texts, [metric], pairs=others) for texts in (said, short))
    pairs = [
        {"a": v.a, "b": v.b, "difference": v.difference, "cut_difference": c.difference, "low": c.low, "high": c.high}
        for v, c in zip(whole, same)
    ]
    return {"cut": length, "pairs": pairs}


def _text_facts(predictions: Sequence[Prediction], inputs: Mapping[str, str]) -> dict[str, Any]:
    precision, recall = (_mean(side) for side in zip(*(_overlap(p) for p in predictions)))
    facts = {"length": _mean(words_in(p.prediction) for p in predictions), "precision": precision, "recall": recall}
    if inputs:
        facts["copied"] = _mean(_copied(p.prediction, inputs.get(p.id, "")) for p in predictions)
    return facts


def _overlap(p: Prediction) -> tuple[float, float]:
    """Share of the answer's words that are right, and of the references' words that are there."""
    said = Counter(tokens(p.prediction))
    hits = [((said & Counter(tokens(r))).total(), len(tokens(r))) for r in p.references]
    right = [n / said.total() if said else 0.0 for n, _ in hits]
    there = [n / size if size else 0.0 for n, size in hits]
    return sum(right) / len(right), sum(there) / len(there)


def _copied(answer: str, source: str) -> float:
    """Of an answer of one word, whether the input holds it; of none, 0."""
    said = tokens(answer)
    if len(said) < 2:
        return float(bool(said) and said[0] in tokens(source))
    there = set(pairwise(tokens(source)))
    return sum(pair in there for pair in pairwise(said)) / (len(said) - 1)


def _labels(predictions: Sequence[Prediction]) -> dict[str, dict[str, Any]]:
    """Label -> how often wanted and said, precision and recall (0 where never said)."""
    wanted = Counter(p.references[0] for p in predictions)
    said = Counter(p.prediction for p in predictions)
    hits = Counter(p.prediction for p in predictions if p.prediction == p.references[0])
    return {
        name: {
            "wanted": wanted[name],
            "said": said[name],
            "precision": hits[name] / said[name] if said[name] else 0.0,
            "recall": hits[name] / wanted[name],
        }
        for name in sorted(wanted)
    }


def _slices(
    said: Said, metric: str, examples: Mapping[str, Example], inputs: Mapping[str, str], prompt: str
) -> list[dict[str, Any]]:
    rows = next(iter(said.values()))
    scorer = METRICS[metric]()
    tallies = {name: scorer.tally(one) for name, one in said.items()}
    found = []
    for by, name, places in _parts(rows, examples, inputs, prompt, metric):
        means = {trial: float(scorer.value(_summed(tally, places))) for trial, tally in tallies.items()}
        found.append({"by": by, "name": name, "rows": len(places), "means": means})
    return found


def _summed(tally: Array, places: Sequence[int]) -> Array:
    return tally[list(places)].sum(axis=0)


def _parts(
    rows: Sequence[Prediction],
    examples: Mapping[str, Example],
    inputs: Mapping[str, str],
    prompt: str,
    metric: str,
) -> Iterator[tuple[str, str, list[int]]]:
    """What the rows are divided by, the name of a part, and the places of its rows."""
    lengths = [words_in(inputs.get(p.id) or p.references[0]) for p in rows]
    yield from _thirds("input" if inputs else "reference", lengths)
    if of_labels(metric):
        yield from _named("label", [p.references[0] for p in rows])
    read = columns_of(prompt)
    columns = dict.fromkeys(name for e in examples.values() for name in e.fields if name not in read)
    for column in columns:
        values = [examples[p.id].fields.get(column, "") if p.id in examples else "" for p in rows]
        if max(map(len, values), default=0) <= LONGEST_NAME:
            yield from _named(column, values)


def _thirds(by: str, lengths: Sequence[int]) -> Iterator[tuple[str, str, list[int]]]:
    """Short, middle and long rows; nothing where they are too few or all alike."""
    first, second = (int(v) for v in np.quantile(lengths, (1 / 3, 2 / 3), method="inverted_cdf"))
    names = (f"≤ {first}", f"{first + 1}–{second}", f"> {second}")
    thirds = [(n > first) + (n > second) for n in lengths]
    parts = [[i for i, third in enumerate(thirds) if third == t] for t in range(3)]
    if min(map(len, parts)) >= SMALLEST_SLICE:
        yield from ((by, name, part) for name, part in zip(names, parts))


def _named(by: str, values: Sequence[str]) -> Iterator[tuple[str, str, list[int]]]:
    """The commonest values, where two or more are common enough."""
    common = [v for v, n in Counter(values).most_common(MOST_SLICES) if n >= SMALLEST_SLICE and v.strip()]
    for value in common if len(common) > 1 else ():
        yield by, value, [i for i, v in enumerate(values) if v == value]


def _disagree(said: Said, metric: str) -> list[dict[str, Any]]:
    """The rows on which trials are furthest apart; by how many different answers, where a row has no value."""
    rows = next(iter(said.values()))
    scorer = METRICS[metric if not of_labels(metric) else "accuracy"]()
    if not scorer.per_row:
        return []
    values = np.stack([scorer.value(scorer.tally(one)) for one in said.values()])
    apart = values.max(axis=0) - values.min(axis=0)
    order = np.argsort(-apart, kind="stable")[:DISAGREEING]
    return [
        {"id": rows[i].id, "values": {name: float(v) for name, v in zip(said, values[:, i])}}
        for i in order.tolist()
        if apart[i] > 0
    ]


def _shown(e: Example, prompt: str) -> str:
    """The columns that the prompt shows, one after the other."""
    return "\n".join(e.fields[name] for name in columns_of(prompt) if name in e.fields)


def _mean(values: Any) -> float:
    found = [float(v) for v in values]
    return sum(found) / len(found) if found else 0.0
