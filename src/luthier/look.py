"""Inside what a trial learned: how far every tensor moved, and which words a soft prompt lies beside.

Learned rows are no words. Their nearest ones are shown beside two controls, without which any list looks like a
finding: the row that training began with, and rows that took a step as long in a random direction.

Shapes: n virtual tokens, V words, d width, o / i output / input features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .answers import opened
from .backbone import Backbone
from .delta import Delta
from .errors import Refused
from .exports.weights import merged
from .methods.prompt import VirtualRows
from .trial_folder import fresh_delta

NEAREST = 5
"""Words beside a learned row, as Lester et al. 2021, arXiv:2104.08691, §7, list them."""
STEPS = 20
"""Random steps beside every learned row."""
MOST = 0.9
"""Share of a change's energy that its counted directions hold."""
WIDEST = 2048
"""Matrices whose smaller side is longer are not taken apart: that takes minutes."""
CAUTION = (
    "A nearest word explains nothing by itself: prompts that solve a task can lie beside any text "
    "(Khashabi et al. 2022, arXiv:2112.08348)."
)


@dataclass(frozen=True)
class Row:
    """A learned row of a soft prompt.

    Attributes:
        began: the nearest word before training. moved: length of the step since then, in lengths of the first row.
        nearest: (word, cosine), nearest first.
        control: cosine to the nearest word after a random step of this length, the mean of `STEPS`.
    """

    token: int
    began: str
    moved: float
    nearest: tuple[tuple[str, float], ...]
    control: float


@dataclass(frozen=True)
class Change:
    """A tensor that training changed.

    Attributes:
        what: a weight of the backbone, or a tensor that the method added (its start is the method's own).
        length: of the change. change: the same in lengths of what was there; None where nothing was.
        directions: how many hold `MOST` of the energy of a matrix's change; None for vectors and very wide matrices.
    """

    name: str
    what: str
    shape: tuple[int, ...]
    length: float
    change: float | None
    directions: int | None


def look(trial: Path) -> dict[str, Any]:
    """What a finished trial learned: `method`, `rows` of a soft prompt, `changes` (largest first) and `notes`.

    Raises:
        UserError: no finished trial there; Refused: its method learns nothing.
    """
    run, delta = opened(trial)
    if not run.method.trains:
        raise Refused(
            f"{trial.name} is {run.method!r}: it learned nothing, so there is nothing to look into.",
            "trials of methods that train",
            "luthier list shows the studies; name another trial",
        )
    start = fresh_delta(run.backbone, run.method, run.task, run.trial.seed)
    rows = [row for now, was in _prompts(delta, start) for row in near(run.backbone, now, was)]
    changes = moved(run.backbone, delta, start, run.method.word)
    changes.sort(key=lambda one: -(one.length if one.change is None else one.change))
    return {
        "trial": trial.name,
        "method": repr(run.method),
        "backbone": run.trial.backbone,
        "rows": [asdict(row) for row in rows],
        "changes": [asdict(change) for change in changes],
        "notes": _notes(rows),
    }


def _prompts(delta: Delta, start: Delta) -> Iterator[tuple[Tensor, Tensor]]:
    for now, was in zip(delta.actors, start.actors):
        if isinstance(now, VirtualRows):
            yield now.vectors().detach().float().cpu(), was.vectors().detach().float().cpu()


@torch.no_grad()
def near(backbone: Backbone, now_nd: Tensor, was_nd: Tensor) -> list[Row]:
    """Each learned row beside its nearest words, with both controls; special tokens are no words."""
    tokenizer, table_Vd = backbone.tokenizer, backbone.model.get_input_embeddings().weight.detach().float().cpu()
    words = sorted(set(range(min(len(tokenizer), len(table_Vd)))) - set(tokenizer.all_special_ids))
    unit_Vd = F.normalize(table_Vd[words], dim=1)

    def beside(rows_nd: Tensor) -> tuple[Tensor, Tensor]:
        return (F.normalize(rows_nd, dim=1) @ unit_Vd.T).topk(min(NEAREST, len(words)))

    draw = torch.Generator().manual_seed(0)
    lengths_n1 = (now_nd - was_nd).norm(dim=1, keepdim=True)
    steps = [F.normalize(torch.randn(was_nd.shape, generator=draw), dim=1) * lengths_n1 for _ in range(STEPS)]
    control_n = torch.stack([beside(was_nd + step)[0][:, 0] for step in steps]).mean(0)
    cosines, found = beside(now_nd)
    began = beside(was_nd)[1][:, 0]
    said = [tokenizer.decode([one]).strip() or tokenizer.convert_ids_to_tokens(one) for one in words]
    share_n = (lengths_n1[:, 0] / was_nd.norm(dim=1).clamp_min(1e-12)).tolist()
    return [
        Row(
            number + 1,
            said[began[number]],
            round(share_n[number], 4),
            tuple((said[i], round(c, 4)) for i, c in zip(found[number].tolist(), cosines[number].tolist())),
            round(float(control_n[number]), 4),
        )
        for number in range(len(now_nd))
    ]


@torch.no_grad()
def moved(backbone: Backbone, delta: Delta, start: Delta, word: str) -> list[Change]:
    """Every tensor that changed: of the backbone where the change can be written into it, else the method's own."""
    try:
        weights = merged(backbone, delta, word)
    except Refused:
        return _compared(delta.shipped(), start.shipped(), "added")
    heads = [{n: t for n, t in one.shipped().items() if n.startswith("head.")} for one in (delta, start)]
    return [*_compared(weights, backbone.model.state_dict(), "backbone"), *_compared(*heads, "added")]


def _compared(now: Mapping[str, Tensor], was: Mapping[str, Tensor], what: str) -> list[Change]:
    return [_change(name, what, tensor.float().cpu(), was[name].float().cpu()) for name, tensor in now.items()]


def _change(name: str, what: str, now: Tensor, was: Tensor) -> Change:
    step, before = now - was, float(was.norm())
    length = float(step.norm())
    share, directions = length / before if before else None, _directions(step) if step.ndim == 2 and length else None
    return Change(name, what, tuple(now.shape), length, share, directions)


def _directions(step_oi: Tensor) -> int | None:
    if min(step_oi.shape) > WIDEST:
        return None
    narrow = step_oi if step_oi.shape[0] <= step_oi.shape[1] else step_oi.T
    energy = torch.linalg.eigvalsh((narrow @ narrow.T).double()).flip(0).clamp_min(0)
    return int((energy.cumsum(0) < MOST * energy.sum()).sum()) + 1


def _notes(rows: list[Row]) -> list[str]:
    if not rows:
        return []
    same = sum(row.began == row.nearest[0][0] for row in rows)
    nearer = sum(row.nearest[0][1] > row.control for row in rows)
    return [
        f"{same} of {len(rows)} rows still lie nearest to the word that they began beside",
        f"{nearer} of {len(rows)} lie nearer to a word than random steps of the same length end",
        CAUTION,
    ]
