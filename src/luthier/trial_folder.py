"""A trial in its folder: Backbone x Method x Task x Budget x seed, what it reads, and where it starts."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from . import files, memory
from .backbone import Backbone
from .decode import Decoding
from .delta import Delta
from .encode import Plan, plan_on_disk, uses_head, uses_slots
from .errors import Damaged, Refused
from .methods import METHODS, Method
from .records import Budget, Example, dumps, from_json, to_json
from .seeding import seeded
from .slots import pieces
from .spell import parse
from .tasks import parse_task

Tell = Callable[[dict[str, Any]], None]
"""Receives progress: `{"phase": "train", "done": 3, "total": 40, …}`."""


@dataclass(frozen=True)
class Trial:
    """What is run; equal trials have equal ids, and the id is the folder's name."""

    backbone: str
    precision: str
    fingerprint: str
    """Of the backbone's weights: the same name with other weights is another trial."""
    method: str
    task: str
    budget: Budget
    seed: int
    data: str
    """Fingerprint of the examples."""

    @property
    def id(self) -> str:
        digest = hashlib.sha256(dumps(to_json(self) | {"backbone": ""}).encode()).hexdigest()[:8]
        words = re.sub(r"[^A-Za-z0-9.]+", "-", self.method).strip("-")[:48]
        return f"{words}.s{self.seed}.{digest}"


class Interrupted(Exception):
    """The trial was asked to stop; it left a checkpoint, or the finished probes of its search."""


class TrialFolder:
    """A trial in its study's folder: what it is, what it reads, and whom it tells."""

    def __init__(self, folder: Path, tell: Tell, stopping: Callable[[], bool] = lambda: False) -> None:
        self.folder, self.study, self.tell, self.stopping = folder, folder.parent, tell, stopping
        value = files.read_json(folder / "trial.json")
        self.trial = from_json(Trial, value | {"budget": from_json(Budget, value["budget"])})
        self.budget, self.caveats = memory.kept(self.study, folder.name, self.trial.budget)
        self.method = trained_method(folder, self.trial)
        self.task = as_asked(self.method, parse_task(self.trial.task))
        self.search: dict[str, Any] | None = None

    @cached_property
    def backbone(self) -> Backbone:
        return Backbone(self.trial.backbone, self.trial.precision)

    @property
    def decoding(self) -> Decoding:
        return Decoding(max_new_tokens=min(self.task.max_new_tokens, self.budget.max_answer_tokens))

    def examples(self, split: str) -> list[Example]:
        return read_examples(self.study / "examples" / f"{split}.jsonl")

    def plan(self, split: str, examples: list[Example], shots: list[Example] | None = None) -> Plan:
        return plan_on_disk(self.study / "tokens", self.backbone, self.task, examples, self.budget, shots or ())

    def shots(self) -> list[Example]:
        """What the method's prompts show; the training rows are only read where it shows some."""
        if not self.method.shots:
            return []
        return demonstrations(self.method, self.task, self.examples("train"), self.trial.seed)


def trained_method(folder: Path, trial: Trial) -> Method:
    """A trial's method as it was trained: with the structure that its search chose, once it is finished."""
    try:
        facts = files.read_json(folder / files.MANIFEST) if (folder / files.MANIFEST).exists() else {}
    except Damaged:
        facts = {}
    return parse(facts.get("method") or trial.method, METHODS)


def fresh_delta(backbone: Backbone, method: Method, task: Any, seed: int) -> Delta:
    """A method's delta with its head, where the task needs one; the same seed gives the same start.

    Raises:
        Refused: an untrained method would need a trained head.
    """
    if task.kind == "read" and (method.shots or method.lead):
        raise Refused(
            f"{method!r} puts words before a question, and a text that is read asks none.",
            "zero_shot and methods that train",
            f"leave {method!r} out for --task read",
        )
    task = headless(method, task)
    if uses_slots(backbone, task):
        pieces(backbone, task)  # words that this backbone cannot say are refused before anything is trained
    needs_head = uses_head(backbone, task)
    if needs_head and not method.trains:
        raise Refused(
            f"{method!r} has no trained class head, and a random one would measure nothing.",
            "methods that train",
            f"leave {method.word} out for {task.word} on {backbone.kind} backbones",
        )
    with seeded(seed):
        delta = method.delta(backbone)
    if backbone.taught and method.trains and not method.replaces_backbone:
        backbone.teach(delta)
    if needs_head:
        delta.head = backbone.new_head(len(task.labels), seed)
    return delta.to(backbone.device)


def as_asked(method: Method, task: Any) -> Any:
    """The task as a method answers it: with the method's own words before it, and without a head where it has none."""
    return headless(method, task.preceded(method.lead) if method.lead else task)


def headless(method: Method, task: Any) -> Any:
    """The task without a class head where the method trains nothing: it reads label words."""
    if task.kind == "label" and task.head is None and not method.trains:
        return dataclasses.replace(task, head=False)
    return task


def demonstrations(method: Method, task: Any, train: Sequence[Example], seed: int) -> list[Example]:
    """What few-shot prompting shows, drawn by the seed from the shorter half of the training rows."""
    by_length = sorted(range(len(train)), key=lambda i: (len(task.prompt_text(train[i])), i))
    half = by_length[: max(method.shots, len(train) // 2)]
    draw = torch.randperm(len(half), generator=torch.Generator().manual_seed(seed))[: method.shots]
    return [train[half[i]] for i in draw.tolist()]


def read_examples(path: Path) -> list[Example]:
    return [from_json(Example, value) for value in files.read_jsonl(path)]
