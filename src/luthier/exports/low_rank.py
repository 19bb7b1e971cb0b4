"""Any change of weights as a low-rank adapter that other servers can load, and what that loses."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from ..errors import Refused, UserError
from ..methods.lora import LoRA
from ..tokens import taught
from .learned import Learned
from .weights import Weights, merged

EXACT = 1024
"""Matrices with a smaller side up to this are decomposed exactly, larger ones by random projection."""
SPARE, ROUNDS = 16, 6
"""Extra directions and power rounds of the random projection (Halko et al. 2011, arXiv:0909.4061, §4.4)."""


@torch.no_grad()
def as_lora(learned: Learned, rank: int) -> Learned:
    """The same trial with its delta replaced by the nearest LoRA of this rank (truncated singular values, Eckart and
    Young 1936); `conversion` says how much of the change is kept. A class head stays as it is.

    Raises:
        Refused: the method changes no projection; UserError: a rank below 1.
    """
    if rank < 1:
        raise UserError(f"--rank is {rank}.", "1 or more", "8 is a usual one")
    backbone = learned.backbone
    new = merged(backbone, learned.delta, learned.method.word, tokens=False)
    before, after = Weights(backbone), Weights(backbone)
    after.new = new
    sites = [site for site in backbone.sites("all") if before.name(site, "weight") in new]
    if not sites:
        raise Refused(
            f"{learned.method!r} changes {len(new)} vectors and no projection, so a LoRA would hold nothing of it.",
            "lora, dora, ia3, full",
            "luthier export merged …",
        )
    method = LoRA(rank=rank, targets=",".join(dict.fromkeys(site.role for site in sites)))
    delta = method.delta(backbone)
    changes = {before.name(site, "weight"): after.matrix(site) - before.matrix(site) for site in sites}
    total = kept = 0.0
    for site, actor in zip(delta.sites, delta.actors):
        actor.a.zero_()
        actor.b.zero_()
        if (change_oi := changes.get(before.name(site, "weight"))) is not None:
            kept += _fit(actor, change_oi, rank)
            total += change_oi.square().sum().item()
    delta.head = learned.delta.head
    for site, actor in taught(learned.delta).items():
        delta.also(site, actor)
    if backbone.taught and not taught(delta):  # weights that all changed hold the new tokens' rows among the others
        backbone.teach(delta)
        for site, actor in taught(delta).items():
            for rows_kd in actor.parameters():
                rows_kd.copy_(new[before.name(site, "weight")][list(actor.ids)])
    left = {name: t for name, t in new.items() if name not in changes}
    facts = {
        "from": repr(learned.method),
        "rank": rank,
        "share_of_change_kept": kept / total if total else 1.0,
        "tensors_left_out": len(left),
        "share_of_change_left_out": _left_out(learned, left, total),
    }
    return dataclasses.replace(learned, method=method, delta=delta.to(backbone.device).eval(), conversion=facts)


def _fit(actor: Any, change_oi: Tensor, rank: int) -> float:
    """Fill a low-rank actor of scale 1; returns the sum of squares that it holds."""
    u, s, v = _largest(change_oi, rank)
    actor.a[: len(s)] = v.T
    actor.b[:, : len(s)] = u * s
    return s.square().sum().item()


def _largest(matrix_oi: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The `rank` largest singular values: U (o, r), S (r,), V (i, r)."""
    if min(matrix_oi.shape) <= EXACT:
        u, s, vh = torch.linalg.svd(matrix_oi, full_matrices=False)
        v = vh.T
    else:
        with torch.random.fork_rng():  # of all devices: the draw is made where the matrix is
            torch.manual_seed(0)
            u, s, v = torch.svd_lowrank(matrix_oi, q=min(rank + SPARE, min(matrix_oi.shape)), niter=ROUNDS)
    return u[:, :rank], s[:rank], v[:, :rank]


def _left_out(learned: Learned, left: dict[str, Tensor], inside: float) -> float:
    """Share of all squared change that lies in weights which are no projections."""
    old = learned.backbone.model.state_dict()
    outside = sum((t - old[name].float()).square().sum().item() for name, t in left.items())
    return outside / (outside + inside) if outside + inside else 0.0
