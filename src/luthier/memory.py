"""A training that fits into the memory there is: smaller passes first, then layers that are computed again.

Neither changes a result and both take time, so they are proposed and never done in silence. Nothing here runs a model.

Shapes: P passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from .backbone import Backbone
from .costs import Cost, Passes
from .records import Budget

SMALLER = (2048, 1024, 512)
"""Padded tokens of a pass; below the last, calls cost more than what they compute."""
SMALLEST = 256
AGAIN = 1.5
"""Seconds of a step whose layers are computed again, as a share of one without: two forward passes beside a backward
one that computes no gradient of frozen weights. Full fine-tuning, whose backward pass is twice as long, takes 1.33."""


def fitting(budget: Budget, peak: Callable[[Budget], float], free: float) -> Budget | None:
    """The budget nearest to `budget` whose peak, in bytes, is free; None where no pass is small enough."""
    return next((one for one in _rising(budget) if peak(one) <= free), None)


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
