"""How far a training moved what it trains, and which tokens of a soft prompt stayed where they were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .delta import Delta
from .methods.prefix import KeysAndValues
from .methods.prompt import VirtualRows

STILL = 1e-6
"""Share of its size by which a token must have changed to have moved."""


def moved(start: Delta, end: Delta) -> dict[str, Any]:
    """The facts of a trial on what it learned, a class head left out.

    Args:
        start: a delta as `end` was before its training.

    Returns:
        update_norm: ‖end − start‖ over everything that ships, as a share of ‖start‖; where all starts at zero, ‖end‖
        itself. virtual_tokens, dead_tokens: how many a soft prompt has, and how many of them did not move; 0 without.
    """
    before, after = start.shipped(), end.shipped()
    names = [n for n in after if n in before and not n.startswith("head.")]
    change = _norm(after[n].float() - before[n].float() for n in names)
    size = _norm(before[n].float() for n in names)
    facts: dict[str, Any] = {"update_norm": change / size if size else change, "virtual_tokens": 0, "dead_tokens": 0}
    first, last = _tokens(start), _tokens(end)
    if first is not None and last is not None:
        dead = (last - first).norm(dim=1) <= STILL * first.norm(dim=1)
        facts |= {"virtual_tokens": len(dead), "dead_tokens": int(dead.sum())}
    return facts


def _tokens(delta: Delta) -> Tensor | None:
    """All that a delta holds of each virtual token, (n, features); None where it has no soft prompt."""
    found = []
    for actor in delta.actors:
        if isinstance(actor, VirtualRows):
            found.append(actor.vectors())
        elif isinstance(actor, KeysAndValues):
            found.append(torch.cat([actor.key, actor.value], 2).transpose(0, 1).flatten(1))
    return torch.cat(found, 1).detach().float() if found else None


def _norm(tensors: Iterable[Tensor]) -> float:
    return float(sum(float(t.square().sum()) for t in tensors)) ** 0.5
