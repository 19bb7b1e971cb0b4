"""Why a method wins, in words and small tables, from the `why` of `results.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier import humane
from luthier.metrics import direction

from .summary import Entry, Results, Sentence, primary

NOTABLE = 0.005
"""Half a point: what a change must be to be put into words."""

HALF = 0.5
TURNS = {"input": "why_turns_input", "reference": "why_turns_reference", "label": "why_turns_label"}
"""What the rows are divided by -> the sentence."""

UNITS = {"words": {"en": "words", "zh": "个词"}, "characters": {"en": "characters", "zh": "个字"}}
"""What an answer's length is counted in."""

COPIES = 1.25
"""Times what people copy."""


@dataclass(frozen=True)
class Reasons:
    """What the section shows; `texts` and `labels` are tables, one of them empty."""

    said: Sequence[Sentence]
    texts: Sequence[tuple[Entry, Mapping[str, Any]]]
    labels: Sequence[tuple[Entry, Mapping[str, Mapping[str, Any]]]]
    slices: Sequence[Mapping[str, Any]]
    why: Mapping[str, Any]


def reasons(results: Results, entries: Sequence[Entry]) -> Reasons | None:
    """None where the study holds nothing to explain."""
    why = results.get("why") or {}
    known = [e for e in entries if e.id in (why.get("trials") or {})]
    if not known:
        return None
    facts = [(e, why["trials"][e.id]) for e in known]
    said = [*_lengths(results, known, why), *_precision(known, why), *_copying(known, why), *_turns(known, why)]
    said += _moved(known, why)
    texts = [(e, f) for e, f in facts if "length" in f]
    labels = [(e, f["labels"]) for e, f in facts if "labels" in f]
    return Reasons(said, texts, labels, why.get("slices") or (), why)


def _lengths(results: Results, known: Sequence[Entry], why: Mapping[str, Any]) -> list[Sentence]:
    """What is left of scores and leads when all answers are cut to one length."""
    if "cut" not in why:
        return []
    metric, cut, named = primary(results), why["cut"], {e.id: e for e in known}
    gains = [(e, why["trials"][e.id]["cut"]["mean"] - (e.mean(metric) or 0.0)) for e in known]
    # untrained ones ramble, which surprises nobody; the best ones are worth the words
    raised = [(e, gain) for e, gain in gains if gain > NOTABLE]
    said: list[Sentence] = []
    if raised:
        parts = [
            f"{e.name} {humane.points(metric, e.mean(metric))} → "
            f"{humane.points(metric, why['trials'][e.id]['cut']['mean'])}"
            for e, _ in raised
        ]
        word = "why_cut_characters" if why["unit"] == "characters" else "why_cut_words"
        said.append((word, {"cut": cut, "parts": "; ".join(parts), "metric": metric}))
    unit = UNITS[why["unit"]]
    bought, kept = [], []
    for pair in why.get("pairs") or ():  # of several seeds one is explained, in which the best need not lead
        if direction(metric) * pair["difference"] > NOTABLE and pair["b"] in named:
            left = pair["cut_difference"] / pair["difference"]
            (bought if left < HALF else kept).append((named[pair["b"]].name, pair))
    best = known[0].name
    for name, pair in bought:
        points = [humane.signed(metric, pair[k]) for k in ("difference", "cut_difference")]
        said.append(
            (
                "why_bought",
                {"best": [best], "name": [name], "whole": points[0], "left": points[1], "cut": cut, "unit": unit},
            )
        )
    if kept:
        said.append(("why_kept", {"best": [best], "names": [name for name, _ in kept], "cut": cut, "unit": unit}))
    return said


def _precision(known: Sequence[Entry], why: Mapping[str, Any]) -> list[Sentence]:
    """Precision and recall of the best against the next."""
    if len(known) < 2 or "precision" not in why["trials"][known[0].id]:
        return []
    one, two = (why["trials"][e.id] for e in known[:2])
    changes = {side: humane.signed("", one[side] - two[side]) for side in ("precision", "recall")}
    return [("why_precision", {"best": [known[0].name], "name": [known[1].name], **changes})]


def _copying(known: Sequence[Entry], why: Mapping[str, Any]) -> list[Sentence]:
    people = why.get("reference_copied")
    if not people:
        return []
    much = [e.name for e in known if why["trials"][e.id].get("copied", 0) > COPIES * people]
    shares = [100 * why["trials"][e.id]["copied"] for e in known if e.name in much]
    if not much:
        return []
    span = f"{min(shares):.0f}–{max(shares):.0f} %" if len(much) > 1 else f"{shares[0]:.0f} %"
    return [("why_copies", {"names": much, "share": span, "people": f"{100 * people:.0f} %"})]


def _moved(known: Sequence[Entry], why: Mapping[str, Any]) -> list[Sentence]:
    """What a method behind the best one did not use of what it may change."""
    named, said = {e.id: e.name for e in known[1:]}, []
    for id, found in (why.get("unmoved") or {}).items():
        if id in named and "share" in found:
            said.append(("why_unmoved", {"name": [named[id]], "share": f"{100 * found['share']:.2g} %"}))
        if id in named and "dead" in found:
            said.append(("why_dead", {"name": [named[id]], "dead": found["dead"], "all": found["all"]}))
    return said


def _turns(known: Sequence[Entry], why: Mapping[str, Any]) -> list[Sentence]:
    """Slices on which another method is ahead of the best; one that says the same to every row is so by its label."""
    best, metric, said = known[0], why.get("slice_metric", ""), []
    telling = [best, *(e for e in known[1:] if not _says_one_label(why["trials"][e.id]))]
    for part in why.get("slices") or ():
        means = part["means"]
        top = max(telling, key=lambda e: direction(metric) * means[e.id])
        least = NOTABLE * (means[best.id] if metric in humane.UNBOUNDED else 1)
        if abs(means[top.id] - means[best.id]) > least and top.method != best.method:
            lead = humane.signed(metric, means[top.id] - means[best.id])
            values = {"part": part["name"], "name": [top.name], "best": [best.name], "lead": lead}
            said.append((TURNS.get(part["by"], "why_turns_column"), values | {"by": part["by"]}))
    return said


def _says_one_label(facts: Mapping[str, Any]) -> bool:
    return "labels" in facts and sum(label["said"] > 0 for label in facts["labels"].values()) < 2
