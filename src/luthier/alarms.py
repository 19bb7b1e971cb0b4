"""What is wrong with a finished trial though no error said so: found in its files, printed as caveats.

Every alarm is a sentence with the figures that set it off. A fact that a trial does not have sets off nothing.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from . import humane
from .metrics import direction, of_labels
from .metrics.words import CJK, tokens
from .records import Prediction

COLLAPSED = 0.95
"""Share of one label among the answers, where the references have at least 5 % less of it."""

UNMOVED_LOSS = 0.99
"""The last fifth of the losses against the first fifth."""

ROSE_AGAIN = 1.05
"""The last development loss against the lowest."""

SPIKE = 1.5
"""The last fifth of the losses against the lowest fifth."""

STILL_RISING = 0.02
"""Gain of the last evaluation, as a share of the score."""

FIRST = 100
"""Characters that tell a text's script."""

UNSPACED = ("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
"""Scripts without spaces whose words ROUGE cannot tell apart."""


def alarms(trial: Mapping[str, Any], losses: Sequence[float], said: Sequence[Prediction], metric: str) -> list[str]:
    """The caveats of one finished trial, beyond those it wrote itself.

    Args:
        trial: its facts; `update_norm` (norm of everything learned), `dead_tokens` and `virtual_tokens` where known.
        losses: training losses, step by step; empty where nothing was trained.
        said: its answers to the test rows.
        metric: the one that decides.
    """
    return [*_learning(trial, losses), *_development(trial.get("dev") or ()), *_answers(said, metric)]


def prompts(trials: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Trial -> a caveat, where its test prompts are not those of most trials; one that does not tell is passed over."""
    marks = Counter(t["prompts"] for t in trials if t.get("prompts"))
    if len(marks) < 2:
        return {}
    common = marks.most_common(1)[0][0]
    others = f"{marks[common]} other trial{'s' if marks[common] > 1 else ''}"
    said = f"its test prompts differ from those of {others}: part of a difference may come from what was asked"
    return {t["id"]: said for t in trials if t.get("prompts") not in (None, common)}


def _learning(trial: Mapping[str, Any], losses: Sequence[float]) -> Iterator[str]:
    moved = trial.get("update_norm")
    if moved is not None and moved < 1e-8:
        yield f"the trained parameters never moved: all of the update has norm {moved:.3g}"
    dead, tokens_trained = trial.get("dead_tokens"), trial.get("virtual_tokens")
    if dead:
        of = f" of {tokens_trained}" if tokens_trained else ""
        yield f"dead virtual tokens: {dead}{of} are where they started"
    if len(losses) < 10:
        return
    size = len(losses) // 5
    fifths = [sum(losses[i : i + size]) / size for i in range(0, size * 5, size)]
    if fifths[-1] >= UNMOVED_LOSS * fifths[0] and max(fifths) <= SPIKE * min(fifths):
        first, last = fifths[0], fifths[-1]
        yield f"the training loss never moved: {first:.3g} in the first fifth of the steps, {last:.3g} in the last"
    elif fifths[-1] > SPIKE * min(fifths):
        yield f"the training loss rose again, from {min(fifths):.3g} to {fifths[-1]:.3g}: the learning rate is too high"


def _development(dev: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    known = [d for d in dev if d.get("loss") is not None and math.isfinite(d["loss"])]
    if len(known) < 2:
        return
    lowest = min(known, key=lambda d: d["loss"])
    if known[-1]["loss"] > ROSE_AGAIN * lowest["loss"]:
        yield (
            f"over-fitted after epoch {lowest['epoch']:g}: the development loss rose from {lowest['loss']:.3g} to "
            f"{known[-1]['loss']:.3g}"
        )
    metric = known[-1].get("metric", "")
    sign = direction(metric)
    before, last = known[-2]["mean"], known[-1]["mean"]
    if sign * last == max(sign * d["mean"] for d in known) and sign * (last - before) > STILL_RISING * abs(last):
        yield (
            f"still improving when the budget ended: {humane.signed(metric, last - before)} on {metric} in the last "
            "epoch, so a larger budget may change its rank"
        )


def _answers(said: Sequence[Prediction], metric: str) -> Iterator[str]:
    if not said:
        return
    wanted = [p.references[0] for p in said]
    if of_labels(metric):
        yield from _collapse(said, wanted)
        return
    other = sum(_script(p.prediction) != _script(p.references[0]) for p in said if p.prediction.strip())
    if other > 0.05 * len(said):
        yield f"{other} of {len(said)} answers are written in another script than their references"
    if metric.startswith("rouge"):
        yield from _unseen(wanted)


def _collapse(said: Sequence[Prediction], wanted: Sequence[str]) -> Iterator[str]:
    label, count = Counter(p.prediction for p in said).most_common(1)[0]
    share, fair = count / len(said), wanted.count(label) / len(said)
    if 1 > share >= COLLAPSED and fair <= share - 0.05:
        yield f"collapsed: {count} of {len(said)} answers are {label!r}, which is right for {fair:.0%} of the rows"
    commonest = max(Counter(wanted).values()) / len(said)
    right = sum(p.prediction == w for p, w in zip(said, wanted)) / len(said)
    if right <= commonest:
        yield f"no better than always saying the commonest label: {right:.1%} right against {commonest:.1%}"


def _unseen(wanted: Sequence[str]) -> Iterator[str]:
    blind = sum(not tokens(text) for text in wanted)
    if blind:
        yield f"{blind} of {len(wanted)} references have no word that ROUGE can see, and score 0 whatever is said"
    unspaced = sum(_script(text) in UNSPACED for text in wanted)
    if unspaced > 0.05 * len(wanted):
        yield (
            f"{unspaced} of {len(wanted)} references are in a script without spaces, whose sentences ROUGE takes for "
            "single words: read its figures as a lower bound"
        )


@lru_cache(maxsize=1 << 15)
def _script(text: str) -> str:
    """`CJK`, `LATIN`, `THAI` …: what most of a text's first letters are; empty without letters."""
    letters = [c for c in text[:FIRST] if c.isalpha()]
    if text.isascii():
        return "LATIN" if letters else ""
    found = Counter("CJK" if CJK.match(c) else unicodedata.name(c, "").split(" ")[0] for c in letters)
    return found.most_common(1)[0][0] if found else ""
