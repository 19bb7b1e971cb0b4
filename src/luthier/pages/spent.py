"""What the search for settings cost and chose, and what was forecast against what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier import humane

from .summary import Entry


@dataclass(frozen=True)
class Spent:
    """One trial's line; a text is empty where nothing is known."""

    entry: Entry
    tokens: str
    seconds: str
    candidates: str
    chosen: str
    time: str
    memory: str


def spent(entries: Sequence[Entry]) -> list[Spent]:
    """The trials that searched or were forecast, in the report's order."""
    found = []
    for e in entries:
        search = e.facts.get("search") or {}
        measured = sum(e.facts[k] for k in ("train_seconds", "predict_seconds") if humane.known(e.facts.get(k)))
        time = _against(e.facts.get("predicted_seconds"), measured or None, humane.duration)
        memory = _against(e.facts.get("predicted_peak_bytes"), e.facts.get("peak_bytes"), humane.size)
        if not search and not time and not memory:
            continue
        searched = bool(search.get("candidates"))
        found.append(
            Spent(
                e,
                humane.count(search.get("tokens")) if searched else "",
                humane.duration(search.get("seconds")) if searched else "",
                ", ".join(_probe(p) for p in _longest(search.get("candidates") or ())),
                humane.rate(search.get("chosen")) if search else "",
                time,
                memory,
            )
        )
    return found


def _longest(probes: Sequence[Any]) -> list[Any]:
    """Each learning rate once, with the probe that went furthest, in rising order."""
    if not all(isinstance(p, Mapping) for p in probes):
        return list(probes)
    last = {p.get("learning_rate"): p for p in sorted(probes, key=lambda p: p.get("steps") or 0)}
    return [last[rate] for rate in sorted(last, key=lambda rate: rate or 0)]


def _probe(p: Any) -> str:
    """`3e-4 → 2.71`: a learning rate and the development loss it led to."""
    if not isinstance(p, Mapping):
        return humane.rate(p) if humane.known(p) else str(p)
    loss = p.get("dev_loss")
    return f"{humane.rate(p.get('learning_rate'))} → {f'{loss:.3g}' if humane.known(loss) else '×'}"


def _against(expected: Any, measured: Any, written: Any) -> str:
    """`60 s → 71 s (+18 %)`"""
    if not humane.known(expected):
        return ""
    if not humane.known(measured) or not expected:
        return f"{written(expected)} → {written(measured)}"
    error = f"{100 * (measured / expected - 1):+.0f} %".replace("-", "−")
    return f"{written(expected)} → {written(measured)} ({error})"
