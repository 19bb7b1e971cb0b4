"""A training that fits into the memory there is: smaller passes first, then layers that are computed again.

Neither changes what is trained and both take time, so they are done where it would not fit otherwise, and it is said.
Fewer bits for the backbone would change the model: they are proposed, never chosen. Nothing here runs a model.

Shapes: P passes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import files, humane
from .backbone import Backbone
from .costs import Cost, Passes
from .errors import UserError
from .records import Budget

SMALLER = (2048, 1024, 512)
"""Padded tokens of a pass; below the last, calls cost more than what they compute."""
SMALLEST = 256
AGAIN = 1.5
"""Seconds of a step whose layers are computed again, as a share of one without: two forward passes beside a backward
one that computes no gradient of frozen weights. Full fine-tuning, whose backward pass is twice as long, takes 1.33."""
ROOM = 0.9
"""Share of the free memory that a choice may fill: a forecast may be wrong, and other programs go on."""
OPEN = ("batch_tokens", "recompute")
"""What of a budget may be chosen."""
BYTES = {"fp32": 4.0, "bf16": 2.0, "int8": 1.0, "nf4": 0.55}
"""Of a weight; nf4 with double quantisation keeps 4.13 bits for most and more for the few that stay as they were."""


def fitting(budget: Budget, peak: Callable[[Budget], float], free: float, fixed: Collection[str] = ()) -> Budget | None:
    """The budget nearest to `budget` whose peak, in bytes, leaves a share of `free`, or is free at all; None where no
    pass is small enough.

    Args:
        fixed: fields that stay as they are.
    """
    for room in (ROOM * free, free):
        for one in _rising(budget):
            if all(getattr(one, name) == getattr(budget, name) for name in fixed) and peak(one) <= room:
                return one
    return None


def _rising(budget: Budget) -> Iterator[Budget]:
    """From what was asked for to what needs least, the cheaper in time first."""
    passes = [n for n in SMALLER if n < budget.batch_tokens]
    for again in {False: (False, True), True: (True,)}[budget.recompute]:
        yield replace(budget, recompute=again)
        for tokens in (*passes, *([SMALLEST] if again and budget.batch_tokens > SMALLEST else [])):
            yield replace(budget, recompute=again, batch_tokens=tokens)


def words(asked: Budget, chosen: Budget) -> str:
    """What to type so that it is done, as on a command line; empty where nothing was changed."""
    passes = [] if chosen.batch_tokens == asked.batch_tokens else [f"--batch-tokens {chosen.batch_tokens}"]
    return " ".join([*passes, *["--recompute"] * (chosen.recompute and not asked.recompute)])


def said(asked: Budget, chosen: Budget, needed: float, free: float) -> str:
    """What was chosen and why, for the forecast and beside the trial's result; empty where nothing was changed."""
    if chosen == asked:
        return ""
    smaller = chosen.batch_tokens != asked.batch_tokens
    parts = [f"in passes of {chosen.batch_tokens} tokens"] * smaller
    parts += ["with layers computed again"] * (chosen.recompute != asked.recompute)
    ways = " ".join(parts)
    masks = "; smaller passes draw other dropout masks" if smaller else ""
    return (
        f"trained {ways}, because {humane.size(needed)} of memory would be needed and {humane.size(free)} were free, "
        f"of which a tenth should stay free: the same rows in every step, and more time for it{masks}"
    )


def would_fit(budget: Budget, peak: Callable[[Budget], float], free: float, precision: str, frozen: float) -> str:
    """What would make a trial fit into so many free bytes, in words.

    Args:
        budget: what the user asked for, who may have closed to us what would fit.
        frozen: weights that are only read; fewer bits are no help where all are trained.
    """
    chosen = fitting(budget, peak, free)
    if chosen is not None:
        return f"{words(budget, chosen)}: the same rows in every step in less memory, a little slower"
    if precision == "fp32" and peak(budget) < 1.6 * free:
        return "--precision bf16"
    least = peak(list(_rising(budget))[-1])
    for fewer in ("int8", "nf4"):
        saved = frozen * (BYTES[precision] - BYTES[fewer])
        if saved > 0 and least - saved <= free:
            return f"--precision {fewer}, which may fit; it rounds the backbone's weights and so is another model"
    return "nothing here: leave the method out, or take a smaller backbone"


def refuse_too_large(forecast: Mapping[str, Any]) -> None:
    """Refuse a study that would be killed for its memory.

    Raises:
        UserError: a trial needs more than is free; says what would fit.
    """
    for trial in forecast.get("too_large", ()):
        raise UserError(
            f"{trial['method']} needs about {humane.size(trial['peak_bytes'])} of memory, "
            f"and {humane.size(forecast['free_bytes'])} are free.",
            trial["would"],
            "change that, or --no-forecast to try it all the same",
        )


def kept(study: Path, trial: str, asked: Budget) -> tuple[Budget, list[str]]:
    """A trial's budget with what the study's forecast chose for it, and what is to be said of that."""
    path = study / "study.json"
    forecast: Mapping[str, Any] = files.read_json(path).get("forecast", {}) if path.exists() else {}
    found = forecast.get("trials", {}).get(trial, {})
    if not found.get("fitted"):
        return asked, []
    return replace(asked, **{name: found[name] for name in OPEN}), [found["fitted"]]


def bytes_again(cost: Cost, passes: Passes, backbone: Backbone) -> np.ndarray:
    """Bytes alive at the peak of each pass where layers are computed again, (P): what enters every layer, all of one
    layer, and the logits.

    Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174, §4.
    """
    layers = sum(len(backbone.paths(pattern)) for pattern in backbone.family.roles["attention.output"])
    seen_PF = passes.features_PF(cost.widths, cost.virtual, cost.prefix)
    inside_P = seen_PF[:, 1:3] @ cost.bytes_F[1:3] + cost.more_bytes[0] + cost.more_bytes[1] * passes.tokens_P
    width = next(iter(backbone.embeddings().values())).features_out
    kept_P = passes.tokens_P * width * layers * backbone.model.dtype.itemsize
    return inside_P / layers + kept_P + seen_PF[:, 3] * cost.bytes_F[3]
