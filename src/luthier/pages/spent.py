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
                _chosen(search, e.facts.get("asked")) if search else "",
                time,
                memory,
            )
        )
    return found


def _chosen(search: Mapping[str, Any], asked: Any) -> str:
    """`3e-4`; with a structure that was searched, `3e-4, lora(rank=32)`."""
    rate, method = humane.rate(search.get("chosen")), search.get("method")
    return f"{rate}, {method}" if method and method != asked else rate


def _longest(probes: Sequence[Any]) -> list[Any]:
    """Each learning rate of each structure once, with the probe that went furthest: the card's structure first, rates
    in rising order."""
    if not all(isinstance(p, Mapping) for p in probes):
        return list(probes)
    last = {(p.get("method"), p.get("learning_rate")): p for p in sorted(probes, key=lambda p: p.get("steps") or 0)}
    forms = list(dict.fromkeys(p.get("method") for p in probes))
    shown = sorted(last, key=lambda key: (forms.index(key[0]), key[1] or 0))
    return [{**last[key], "method": key[0] if key[0] != forms[0] else None} for key in shown]


def _probe(p: Any) -> str:
    """`3e-4 → 2.71`: a learning rate and the development loss it led to; `lora(rank=32) 3e-4 → 2.65`."""
    if not isinstance(p, Mapping):
        return humane.rate(p) if humane.known(p) else str(p)
    loss, form = p.get("dev_loss"), f"{p['method']} " if p.get("method") else ""
    return f"{form}{humane.rate(p.get('learning_rate'))} → {f'{loss:.3g}' if humane.known(loss) else '×'}"


def _against(expected: Any, measured: Any, written: Any) -> str:
    """`60 s → 71 s (+18 %)`"""
    if not humane.known(expected):
        return ""
    if not humane.known(measured) or not expected:
        return f"{written(expected)} → {written(measured)}"
    error = f"{100 * (measured / expected - 1):+.0f} %".replace("-", "−")
    return f"{written(expected)} → {written(measured)} ({error})"
