"""What the planner plans: a study counted in tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .backbone import Backbone
from .batches import batch_rows, micro_batches, steps_per_epoch
from .cores import Cores
from .costs import Passes
from .encode import plan, plan_on_disk, uses_head, uses_slots
from .methods import METHODS
from .records import Budget, Example
from .spell import parse
from .trial_folder import as_asked, demonstrations


class Sizes:
    """The lengths of a token plan, (rows, 2), made once: a plan counts them anew each time it is asked."""

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths
        self.classes = not self.lengths[:, 1].any()
        self._epochs: dict[tuple[int, int], Passes] = {}

    def __len__(self) -> int:
        return len(self.lengths)

    def some(self, rows: int) -> Sizes:
        """As if fewer rows had been drawn."""
        if rows >= len(self):
            return self
        drawn = np.random.default_rng(0).permutation(len(self))[:rows]
        return Sizes(self.lengths[drawn])

    def epoch(self, budget: Budget) -> Passes:
        """The training passes of the first epoch; the others are drawn from the same rows."""
        kind = (budget.batch_size, budget.batch_tokens)
        if kind not in self._epochs:
            groups: list[Any] = []
            for step in range(steps_per_epoch(len(self), budget)):
                batch = batch_rows(self, budget, 0, step)
                groups += micro_batches(self, batch, budget.batch_tokens)
            self._epochs[kind] = self.passes(groups)
        return self._epochs[kind]

    def passes(self, groups: Sequence[Sequence[int]], answers: bool = True) -> Passes:
        shapes = []
        for group in groups:
            cut = self.lengths[np.asarray(group)]
            labels = int(cut[:, 1].sum()) if answers else 0
            shapes.append((len(cut), int(cut[:, 0].max()), int(cut[:, 1].max()) if answers else 0, labels))
        return Passes.of(shapes)


@dataclass(frozen=True)
class Work:
    """What is to be run, as token counts.

    Attributes:
        train, dev, test: lengths per split; dev is what an evaluation reads.
        shots: lengths of the test split with demonstrations or a fixed text before it, by spelled method.
        limit: most tokens of an answer, 0 where a label is chosen.
        labels: how many labels, 0 where answers are text.
    """

    train: Sizes
    dev: Sizes
    test: Sizes
    shots: Mapping[str, Sizes]
    limit: int
    labels: int

    def less(self, rows: int, dev_rows: int) -> Work:
        """The same with fewer training and development rows."""
        return replace(self, train=self.train.some(rows), dev=self.dev.some(dev_rows))


@dataclass(frozen=True)
class Asked:
    """A study as the planner sees it.

    Attributes:
        backbone: a sketch of it is enough; facts: `Backbone.facts()` of the real one.
        methods: trial -> its method as it is spelled.
        tokens: folder that keeps token plans for the trials; None keeps none.
        fixed: what of the budget is not to be changed where it does not fit.
        cores: what the trials run on, where the memory allows it.
    """

    backbone: Backbone
    facts: Mapping[str, Any]
    task: Any
    splits: Mapping[str, Sequence[Example]]
    budget: Budget
    methods: Mapping[str, str]
    tokens: Path | None = None
    fixed: Sequence[str] = ()
    cores: Cores = Cores()  # noqa: RUF009 (frozen)

    @property
    def classes(self) -> int:
        """Classes that one pass tells apart, by a head or at an encoder's masks; 0 where answers are written."""
        chosen = uses_head(self.backbone, self.task) or uses_slots(self.backbone, self.task)
        return len(self.task.labels) if chosen else 0

    def work(self) -> Work:
        """Tokenise the splits and keep their lengths."""
        task, budget = self.task, self.budget
        tokenised = partial(plan_on_disk, self.tokens) if self.tokens else plan
        read = {**self.splits, "dev": self.splits["dev"][: budget.dev_rows]}
        sizes = {
            name: Sizes(tokenised(self.backbone, task, read[name], budget).lengths) for name in ("train", "dev", "test")
        }
        shots = {}
        for word in self.methods.values():
            method = parse(word, METHODS)
            if (method.shots or method.lead) and word not in shots:
                shown = demonstrations(method, task, self.splits["train"], seed=0) if method.shots else ()
                asked = as_asked(method, task)
                shots[word] = Sizes(tokenised(self.backbone, asked, self.splits["test"], budget, shown).lengths)
        text = task.kind != "label"
        limit = min(task.max_new_tokens, budget.max_answer_tokens) if text else 0
        return Work(**sizes, shots=shots, limit=limit, labels=0 if text else len(task.labels))
