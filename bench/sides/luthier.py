"""luthier's own loop and generator, with its defaults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import torch
from job import Facts, Job, answer_lengths, ended, first, head_start, same_start, synchronised
from job import timed_generation as timed
from job import training_facts as facts_of

from luthier import decode, predict
from luthier.backbone import Backbone
from luthier.methods import METHODS
from luthier.methods.lora import LoRA
from luthier.records import Budget, Example
from luthier.spell import parse
from luthier.tasks import Summarise
from luthier.train import Training, mean_loss


def run(job: Job) -> Iterator[Facts]:
    started = time.perf_counter()
    backbone = Backbone(job.backbone, job.precision)
    delta = fresh_delta(job, backbone)
    yield {"stage": "start", "seconds": time.perf_counter() - started}
    if job.work.method != "decode":
        yield training(job, backbone, delta)
    if job.generated:
        yield generation(backbone, delta, job.plan("test"))


def fresh_delta(job: Job, backbone: Backbone) -> Any:
    """The workload's method at its start, with the class head of all sides."""
    work = job.work
    torch.manual_seed(job.seed)
    lora = LoRA(rank=work.rank, alpha=work.rank, dropout=work.dropout, targets=work.targets) if work.rank else None
    delta = (lora or parse(work.method, METHODS)).delta(backbone)
    if work.classes:
        delta.head = backbone.new_head(work.classes, job.seed)
        with torch.no_grad():
            delta.head.out.weight.copy_(head_start(*delta.head.out.weight.shape))
    same_start(job, delta.trained().values())
    return delta.to(backbone.device)


def training(job: Job, backbone: Backbone, delta: Any) -> Facts:
    """All steps, from the optimiser's creation to the last update."""
    made, loss_rows = job.plan("train"), job.plan("loss")
    budget = Budget(steps=job.steps, batch_size=job.batch, max_input_tokens=job.work.width, warmup=0.0)
    for _ in Training(backbone, delta, job.plan("start"), replace(budget, steps=1), 0.0, job.seed).steps():
        pass
    before = mean_loss(backbone, delta, loss_rows, budget)
    started = synchronised()
    steps = list(Training(backbone, delta, made, budget, job.work.learning_rate, job.seed).steps())
    seconds = synchronised() - started
    facts = facts_of(seconds, [s.tokens for s in steps], delta.trainable_parameters, backbone.precision, None)
    return facts | {"loss_before": before, "loss_after": mean_loss(backbone, delta, loss_rows, budget)}


def generation(backbone: Backbone, delta: Any, test: Any) -> Facts:
    """All test rows through `predict`, whose flow is told where each answer ends; the delta stays unmerged."""
    lengths, end = answer_lengths(test), backbone.tokenizer.eos_token_id
    length_of = {row.tobytes(): length for row, length in zip(test.inputs, lengths)}
    examples = [Example(str(i), str(i), {}, ("",)) for i in range(len(test))]
    decoding = decode.Decoding(max_new_tokens=max(lengths))
    start = decode.start

    def say(rows: int) -> list[int]:
        said = predict.predict(backbone, delta, Summarise(), examples[:rows], first(test, rows), decoding)
        return [p.tokens for p in said]

    def ending(backbone: Backbone, layout: Any, inputs: Any) -> Ending:
        return Ending(start(backbone, layout, inputs), [length_of[row.tobytes()] for row in inputs], end)

    with mock.patch.object(decode, "start", ending):
        return timed(say, len(test))


class Ending:
    """A flow of luthier's whose every answer ends at its own length."""

    def __init__(self, flow: Any, lengths: list[int], end: int) -> None:
        self.flow, self.left, self.end = flow, np.array(lengths), end

    def next(self) -> Any:
        self.left = self.left - 1
        logits_BV = self.flow.next()
        return ended(logits_BV, torch.from_numpy(self.left == 0).to(logits_BV.device), self.end)

    def append(self, chosen_B: Any) -> None:
        self.flow.append(chosen_B)

    def join(self, other: Ending) -> None:
        self.flow.join(other.flow)
        self.left = np.concatenate([self.left, other.left])

    def replace(self, seats: Any, other: Ending) -> None:
        self.flow.replace(seats, other.flow)
        self.left[seats.cpu().numpy()] = other.left

    @property
    def mask(self) -> Any:
        return self.flow.mask

    def select(self, stay: Any) -> None:
        self.flow.select(stay)
        self.left = self.left[stay.cpu().numpy()]
