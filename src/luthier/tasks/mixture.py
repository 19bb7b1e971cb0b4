"""Which rows of many tasks are trained on, by a stated rule.

Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
arXiv:1910.10683, §3.5.2: examples-proportional mixing with a limit, and temperature-scaled mixing.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence

from ..errors import DataError
from ..records import Example
from ..spell import closest
from .instruct import Instruct

Examples = list[Example]


def shares(sizes: Mapping[str, int], cap: int, temperature: float) -> dict[str, int]:
    """Task -> rows to draw: as many in all as min(rows, cap) of every task together, dealt by that to 1/temperature.

    What rounding leaves over goes to the largest remainders, and every task keeps one row.
    """
    capped = {task: min(n, cap) for task, n in sizes.items()}
    total, weights = sum(capped.values()), {task: n ** (1 / temperature) for task, n in capped.items()}
    exact = {task: total * w / sum(weights.values()) for task, w in weights.items()}
    dealt = {task: max(1, int(x + 1e-9)) for task, x in exact.items()}
    for task in sorted(exact, key=lambda t: (dealt[t] - exact[t], t))[: max(0, total - sum(dealt.values()))]:
        dealt[task] += 1
    return dealt


def mixed(task: Instruct, rows: Examples, split: str) -> tuple[Examples, tuple[str, ...]]:
    """The rows of a split as the task wants them, in their order, and notes: train is drawn as a mixture, dev loses the
    held-out tasks, test keeps all.

    Raises:
        DataError: a row without a task, a held-out task that train never had, or nothing left to train on.
    """
    named: dict[str, list[int]] = {}
    for place, e in enumerate(rows):
        if not e.fields[task.by].strip():
            raise DataError(f"{split}: row {e.id!r} names no task in {task.by!r}.", "a name for each", "fill it in")
        named.setdefault(e.fields[task.by], []).append(place)
    if split == "test":
        return rows, (f"test: {len(named):,} tasks",)
    _check_names(task, named, split)
    kept = {name: own for name, own in named.items() if name not in task.held_out}
    if not kept:
        raise DataError(f"{split}: every task is held out.", ", ".join(sorted(named)), "hold out fewer")
    out, notes = sorted(set(named) - set(kept)), []
    if out:
        count = sum(len(named[name]) for name in out)
        notes.append(f"{split}: {count:,} rows of held-out tasks were left out ({', '.join(out)})")
    if split != "train":
        return [rows[place] for place in sorted(p for own in kept.values() for p in own)], tuple(notes)
    sizes = {name: len(own) for name, own in kept.items()}
    dealt = shares(sizes, task.cap, task.temperature)
    drawn = sorted(pair for name, own in kept.items() for pair in _drawn(own, dealt[name]))
    found = [dataclasses.replace(rows[p], id=f"{rows[p].id} again {turn}") if turn else rows[p] for p, turn in drawn]
    return found, (*notes, _told(task, sizes, dealt))


def _drawn(own: Sequence[int], wanted: int) -> list[tuple[int, int]]:
    """`wanted` places by seed 0, each with its turn; where there are fewer, all of them as often as it takes."""
    found: list[tuple[int, int]] = []
    for turn in range(-(-wanted // len(own))):
        left = min(len(own), wanted - len(found))
        found += [(place, turn) for place in random.Random(turn).sample(own, left)]
    return found


def _check_names(task: Instruct, named: Mapping[str, Sequence[int]], split: str) -> None:
    for name in task.held_out:
        if split == "train" and name not in named:
            raise DataError(
                f"Train has no task {name!r} that could be held out.",
                ", ".join(sorted(named)),
                closest(name, named) or "name one of these, or leave it out: what train lacks is never seen anyway",
            )


def _told(task: Instruct, sizes: Mapping[str, int], dealt: Mapping[str, int]) -> str:
    again = sum(max(0, dealt[n] - sizes[n]) for n in sizes)
    lost = sum(max(0, sizes[n] - dealt[n]) for n in sizes)
    rule = f"in proportion to rows, at most {task.cap:,} of a task"
    rule += f", to the power 1/{task.temperature:g}" * (task.temperature != 1)
    few, many = min(dealt.values()), max(dealt.values())
    return (
        f"train: a mixture of {len(dealt):,} tasks, {sum(dealt.values()):,} rows drawn {rule}: {few:,} to {many:,} a "
        f"task; {lost:,} rows were not drawn, {again:,} are there again"
    )
