"""A study that must end in time: what of it can be had in so many minutes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from . import cores
from .errors import UserError
from .plan import settled
from .work import Asked

LEAST_ROWS, LEAST_DEV = 64, 20
"""Training and development rows below which a comparison says nothing."""


@dataclass(frozen=True)
class Choice:
    """What of a study can be had in the time there is."""

    epochs: float
    rows: int
    dev_rows: int

    def beside(self, asked: Asked) -> list[str]:
        """What is less than was asked for, in words."""
        most = {"epochs": asked.budget.epochs, "rows": len(asked.splits["train"]), "dev_rows": asked.budget.dev_rows}
        named = {"epochs": "epochs", "rows": "training rows", "dev_rows": "development rows"}
        mine = vars(self)
        return [f"{mine[k]:g} {named[k]} instead of {most[k]:g}" for k in named if mine[k] < most[k]]


def least(most: Choice) -> Choice:
    """The smallest choice that still says something."""
    return Choice(min(1.0, most.epochs), min(LEAST_ROWS, most.rows), min(LEAST_DEV, most.dev_rows))


def within(seconds: float, most: Choice, cost: Callable[[Choice], float]) -> Choice | None:
    """The largest choice that costs no more than `seconds`: fewer epochs first, then training rows, then development
    rows; None where not even the smallest fits. Test rows are no part of it: what is concluded hangs on them."""
    smallest = least(most)
    if cost(most) <= seconds:
        return most
    found = replace(most, epochs=smallest.epochs)
    if cost(found) <= seconds:
        fits = _largest(4 * smallest.epochs, 4 * most.epochs, lambda n: cost(replace(most, epochs=n / 4)) <= seconds)
        return replace(most, epochs=fits / 4)
    if cost(replace(found, rows=smallest.rows)) <= seconds:
        return replace(
            found, rows=_largest(smallest.rows, most.rows, lambda n: cost(replace(found, rows=n)) <= seconds)
        )
    found = replace(found, rows=smallest.rows)
    if cost(smallest) <= seconds:
        fits = _largest(smallest.dev_rows, most.dev_rows, lambda n: cost(replace(found, dev_rows=n)) <= seconds)
        return replace(found, dev_rows=fits)
    return None


def _largest(low: float, high: float, fits: Callable[[int], bool]) -> int:
    """The largest whole number from `low`, which fits, to `high`, which may not."""
    good, bad = int(low), int(high) + 1
    while bad - good > max(1, good // 50):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def fit_into(asked: Asked, minutes: float) -> tuple[Choice, float]:
    """What of a study fits into `minutes`, and the seconds it will take.

    Raises:
        UserError: not even the smallest study fits; says how long it takes and which methods to leave out.
    """
    work = asked.work()
    ours, asked = settled(asked, work)

    def cost(choice: Choice, without: Sequence[str] = ()) -> float:
        less, budget = work.less(choice.rows, choice.dev_rows), replace(asked.budget, epochs=choice.epochs)
        kept = {name: word for name, word in asked.methods.items() if word not in without}
        each = [told.seconds for told in ours.trials(kept, less, budget).values()]
        return ours.known["start"] + cores.seconds(each, asked.cores.at_once)

    most, seconds = Choice(asked.budget.epochs, len(work.train), asked.budget.dev_rows), 60 * minutes
    chosen = within(seconds, most, cost)
    if chosen is not None:
        return chosen, cost(chosen)
    smallest, words = least(most), list(dict.fromkeys(asked.methods.values()))
    alone = {word: cost(smallest, [other for other in words if other != word]) for word in words}
    words.sort(key=lambda word: -alone[word])
    fewer = (words[:n] for n in range(1, len(words)))
    dropped = next((some for some in fewer if cost(smallest, some) <= seconds), None)
    leave = f"leave out {', '.join(dropped)}" if dropped else "fewer methods and fewer --test-rows"
    raise UserError(
        f"{minutes:g} minutes are too few for these {len(words)} methods on {len(work.test)} test rows.",
        f"{math.ceil(cost(smallest) / 6) / 10:g} minutes, with 1 epoch of {smallest.rows} training rows",
        f"give --minutes more, or {leave}",
    )
