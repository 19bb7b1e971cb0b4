"""The same test rows under every method: which to show, and in which order."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from luthier.errors import SpellingError
from luthier.metrics import METRICS
from luthier.records import Example, Prediction
from luthier.tasks.template import columns_of

ROWS = 200
CHARACTERS = 2000
GIST = 110
PICKED = 8
"""Rows in each of `disagree`, `worst`, `top`, `random`."""


@dataclass(frozen=True)
class Said:
    """One trial and what it said; `values` are its scores by row id, empty where a row has none."""

    name: str
    mark: int
    predictions: Sequence[Prediction]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Voice:
    """One trial that gave an answer; its score there, and the probability it gave the label."""

    name: str
    mark: int
    value: float | None
    probability: float | None


@dataclass(frozen=True)
class Answer:
    """A text and everyone who said exactly that."""

    text: str
    voices: tuple[Voice, ...]


@dataclass(frozen=True)
class Row:
    """One test row. `picks` says for which buttons it was chosen, and at which place."""

    id: str
    fields: Mapping[str, str]
    references: tuple[str, ...]
    answers: tuple[Answer, ...]
    picks: Mapping[str, int]

    @property
    def voices(self) -> list[Voice]:
        """Every trial of the row, in the study's order of marks."""
        return sorted((v for a in self.answers for v in a.voices), key=lambda v: (v.mark, v.name))

    @property
    def gist(self) -> str:
        """The first words of the input, or of the reference where there is no input."""
        text = " ".join(next(iter((*self.fields.values(), *self.references)), "").split())
        return text if len(text) <= GIST else text[:GIST] + "…"


@dataclass(frozen=True)
class Beside:
    """The rows of the page: at most `ROWS` of `total`; `cut` texts were shortened to `CHARACTERS`."""

    rows: tuple[Row, ...] = ()
    total: int = 0
    cut: int = 0
    picks: tuple[str, ...] = ()
    scored: bool = False


def row_metric(metric: str, predictions: Sequence[Prediction]) -> str:
    """The metric whose value a single row can have: the primary one, else accuracy where labels were chosen."""
    found = METRICS.get(metric)
    chosen = bool(predictions) and predictions[0].probabilities is not None
    return "accuracy" if chosen and not (found and found.per_row) else metric


def row_values(metric: str, predictions: Sequence[Prediction]) -> Mapping[str, float]:
    """Row id -> its value; empty where only all rows together have one."""
    found = METRICS.get(row_metric(metric, predictions))
    if not predictions or found is None or not found.per_row:
        return {}
    scorer = found()
    return dict(zip((p.id for p in predictions), map(float, scorer.value(scorer.tally(predictions)))))


def side_by_side(said: Sequence[Said], examples: Mapping[str, Example], prompt: str, lower_is_better: bool) -> Beside:
    """Choose and cut rows: those the methods disagree on most, the worst, the best, and some by chance (seed 0)."""
    answers: dict[str, list[tuple[Said, Prediction]]] = {}
    for one in said:
        for p in one.predictions:
            answers.setdefault(p.id, []).append((one, p))
    if not answers:
        return Beside()
    picks = _picks(answers, lower_is_better)
    chosen = list(dict.fromkeys(i for ids in picks.values() for i in ids[:PICKED]))
    rest = [i for i in _shuffled(answers) if i not in set(chosen)]
    kept = (chosen + rest)[:ROWS]
    cutter = _Cutter()
    places = {i: {pick: ids.index(i) for pick, ids in picks.items() if i in ids[:PICKED]} for i in kept}
    rows = tuple(_row(i, answers[i], examples.get(i), prompt, places[i], cutter) for i in kept)
    return Beside(rows, len(answers), cutter.count, tuple(picks), any(one.values for one in said))


def _picks(answers: Mapping[str, list[tuple[Said, Prediction]]], lower_is_better: bool) -> dict[str, list[str]]:
    values = {i: [one.values[i] for one, _ in pairs if i in one.values] for i, pairs in answers.items()}
    scored = {i: v for i, v in values.items() if v}
    picks: dict[str, list[str]] = {}
    if scored and max(len(v) for v in scored.values()) > 1:
        picks["disagree"] = sorted(scored, key=lambda i: min(scored[i]) - max(scored[i]))
    elif not scored and max(len(pairs) for pairs in answers.values()) > 1:
        picks["disagree"] = sorted(answers, key=lambda i: -len({p.prediction for _, p in answers[i]}))
    if scored:
        sign = -1 if lower_is_better else 1
        picks["worst"] = sorted(scored, key=lambda i: sign * float(np.mean(scored[i])))
        picks["top"] = picks["worst"][::-1]
    picks["random"] = _shuffled(answers)
    return picks


def _shuffled(ids: Mapping[str, object]) -> list[str]:
    order = sorted(ids)
    random.Random(0).shuffle(order)
    return order


class _Cutter:
    """Shortens texts and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, text: str) -> str:
        if len(text) <= CHARACTERS:
            return text
        self.count += 1
        return text[:CHARACTERS] + " …"


def _row(
    id: str,
    pairs: list[tuple[Said, Prediction]],
    example: Example | None,
    prompt: str,
    picks: Mapping[str, int],
    cut: _Cutter,
) -> Row:
    fields = {k: cut(str(v)) for k, v in shown_fields(example.fields, prompt).items()} if example else {}
    references = tuple(cut(r) for r in pairs[0][1].references)
    voices: dict[str, list[Voice]] = {}
    for one, p in pairs:
        voice = Voice(one.name, one.mark, one.values.get(id), (p.probabilities or {}).get(p.prediction))
        voices.setdefault(p.prediction, []).append(voice)
    answers = tuple(Answer(cut(text), tuple(spoken)) for text, spoken in voices.items())
    return Row(id, fields, references, answers, picks)


def shown_fields(fields: Mapping[str, str], prompt: str) -> Mapping[str, str]:
    """The columns that the prompt names, or all of them where it names none that are there."""
    try:
        named = columns_of(prompt)
    except SpellingError:  # a prompt with a stray brace names nothing for certain
        named = ()
    return {name: fields[name] for name in named if name in fields} or fields
