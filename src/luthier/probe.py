"""A backbone and its methods, measured on this machine: a few real steps at a few shapes.

Counting alone misses what kernels, caches and Python cost. So the real training step, the real evaluation pass and
the real decoder run for some seconds on random tokens, in a process of their own (`python -m luthier.probe`), and
what they took is kept per machine, backbone and precision. `plan` fits its rates to these figures.

Two things that made forecasts too low: a CPU compiles its bf16 products for every shape anew, so each measured pass
has lengths of its own, as real ones mostly have; and trials beside each other slow each other down, most of all where
cores are two threads of one, so as many probes run beside each other.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from . import calibrate
from .backbone import Backbone
from .batches import Layout, collate
from .delta import Delta, attach
from .encode import LABEL, Plan
from .errors import UserError
from .flow import start
from .machine import share_cores
from .methods import METHODS
from .methods.bitfit import Offset
from .records import Budget
from .spell import parse
from .train import Training, loss_sum, mean_loss, peak_bytes

VERSION = 5
"""Of what a measurement holds; a newer one is measured again."""


class ProbeFailed(UserError):
    """A backbone or method that could not be measured; there is no forecast of it."""


@dataclass(frozen=True)
class Shape:
    """Rows of a pass, and the tokens of each: inputs and answers."""

    rows: int
    inputs: int
    answers: int


SHAPES = (Shape(2, 24, 8), Shape(6, 64, 16), Shape(3, 224, 32), Shape(8, 288, 48))
"""Tiny, short, long, large: they tell the cost of a call, of a token and of attention apart."""
DECODING = (Shape(2, 32, 0), Shape(48, 32, 0), Shape(24, 384, 0))
COMMAND = (sys.executable, "-m", "luthier.probe")
NEARBY = (2, -1, 1, -2, 0)
"""Added to a shape's lengths, pass by pass; the first one warms up, if it is not `LONG`."""
STEPS = 5
"""Tokens decoded for a figure."""
PATIENCE = 0.15
"""Seconds spent on a figure."""
LONG = 1.0
"""Seconds of a pass that is measured once: beside them, what a first one costs more is little."""
LARGEST = 6.0
"""Seconds that the largest step may take; larger backbones are probed with fewer rows."""
FEWER = 3
"""The other shapes have so many times fewer rows there. One must be large: few rows run below the pace of a real pass,
and on the shape of Flan-T5-base two rows made forecasts 40 % too high."""


def bare(backbone: Backbone, labels: int) -> Delta:
    """Next to nothing at the first embedding: gradients flow through the whole frozen backbone, and that is all.

    Args:
        labels: classes of the head, 0 for none.
    """
    site = next(iter(backbone.embeddings().values()))
    delta = Delta({site: Offset(site)})
    if labels:
        delta.head = backbone.new_head(labels, 0)
    return delta.to(backbone.device)


def measure(backbone: Backbone, methods: Sequence[str], labels: int, size: float = 1.0) -> dict[str, Any]:
    """Everything `plan` needs to know of a loaded backbone, and of some methods on it."""
    plain, fewer = bare(backbone, labels), size if size == 1.0 else size / FEWER
    shapes = scaled(SHAPES[:-1], fewer, 1) + scaled(SHAPES[-1:], size, 1)
    decoding = scaled(DECODING, fewer, 8)
    facts: dict[str, Any] = {
        "train": [_bytes(backbone, plain, s) | _step(backbone, plain, s) for s in shapes],
        "infer": [_pass(backbone, plain, s) | _pass_bytes(backbone, plain, s) for s in shapes],
        "decode": [] if labels else [_decoding(backbone, plain, s) for s in decoding],
    }
    facts["methods"] = {word: _method(backbone, word, labels, (shapes, decoding)) for word in methods}
    for found in facts["methods"].values():  # bytes do not waver: the bare backbone's are measured already
        found["bytes"] = list(zip(facts["train"][1:3], found["bytes"]))
    return facts


def _method(backbone: Backbone, word: str, labels: int, where: Sequence[Sequence[Shape]]) -> dict[str, Any]:
    """A method beside the bare backbone: one right after the other, because what the machine does beside wavers.

    At the smallest shape and the largest: whatever else wavers would be stretched to the size of a real pass.
    """
    shapes, decoding = where
    ends = [shapes[0], shapes[-1]]
    method, plain = parse(word, METHODS), bare(backbone, labels)
    delta = method.delta(backbone)
    if labels:
        delta.head = backbone.new_head(labels, 0)
    delta.to(backbone.device)

    def both(figure: Any, where: Sequence[Shape]) -> list[Any]:
        return [[figure(backbone, one, s) for one in (plain, delta)] for s in where]

    return {
        "virtual": delta.virtual_tokens,
        "prefix": delta.prefix_tokens,
        "trained": delta.trainable_parameters,
        "train": both(_step, ends) if method.trains else [],
        "bytes": [_bytes(backbone, delta, s) for s in shapes[1:3]] if method.trains else [],
        "infer": both(_pass, ends) if method.trains else [],
        "decode": both(_decoding, decoding[:2]) if method.trains and not labels else [],
    }


def scaled(shapes: Sequence[Shape], size: float, least: int) -> list[Shape]:
    """The shapes with `size` times the rows, but no fewer than `least` where there are as many."""
    return [Shape(max(min(s.rows, least), round(s.rows * size)), s.inputs, s.answers) for s in shapes]


def rows(backbone: Backbone, shape: Shape, classes: bool) -> Plan:
    """Random tokens of this shape."""
    draw, top = np.random.default_rng(0), len(backbone.tokenizer)
    inputs = tuple(draw.integers(0, top, shape.inputs, dtype=np.int32) for _ in range(shape.rows))
    answers = tuple(draw.integers(0, top, 0 if classes else shape.answers, dtype=np.int32) for _ in range(shape.rows))
    return Plan(inputs, answers, np.full(shape.rows, 0 if classes else LABEL, np.int32))


def _step(backbone: Backbone, delta: Delta, shape: Shape) -> dict[str, Any]:
    """A training step: its seconds."""
    budget = Budget(steps=1, batch_size=shape.rows, batch_tokens=1 << 30)

    def ready(made: Plan) -> Callable[[], Any]:
        # A rate of zero leaves the delta as it is, so that one can be used at several shapes.
        return partial(next, Training(backbone, delta, made, budget, 0.0, 0).steps())

    return _seconds(backbone, delta, shape, ready)


def _seconds(
    backbone: Backbone, delta: Delta, shape: Shape, ready: Callable[[Plan], Callable[[], Any]]
) -> dict[str, Any]:
    """Those of what is `ready` for its rows, the middle one of several lengths around a shape."""
    taken: list[float] = []
    for more in NEARBY:
        nearby = replace(shape, inputs=shape.inputs + more, answers=shape.answers + more)
        work = ready(rows(backbone, nearby, delta.head is not None))
        watch = calibrate.Watch()
        work()
        taken.append(watch.seconds())
        if sum(taken) > (PATIENCE if len(taken) > 1 else LONG):
            break
    return {"shape": vars(shape), "seconds": statistics.median(taken[1:] or taken)}


def _bytes(backbone: Backbone, delta: Delta, shape: Shape) -> dict[str, Any]:
    """The most bytes of tensors alive in a training pass, the gradients of its weights included."""
    made = rows(backbone, shape, delta.head is not None)
    return {"shape": vars(shape), "bytes": _alive(lambda: _backward(backbone, delta, made))}


def _backward(backbone: Backbone, delta: Delta, made: Plan) -> None:
    backbone.model.train()
    delta.train()
    try:
        with attach(backbone.model, delta):
            batch = collate(made, range(len(made)), Layout.of(backbone, delta), backbone.device)
            loss_sum(backbone, delta, batch).backward()
    finally:
        backbone.model.eval()
        delta.eval()
        for weight in delta.trained().values():
            weight.grad = None


def _pass(backbone: Backbone, delta: Delta, shape: Shape) -> dict[str, Any]:
    """An evaluation pass: its seconds."""
    return _seconds(backbone, delta, shape, partial(_evaluation, backbone, delta))


def _pass_bytes(backbone: Backbone, delta: Delta, shape: Shape) -> dict[str, Any]:
    """The most bytes of tensors alive in it."""
    made = rows(backbone, shape, delta.head is not None)
    return {"shape": vars(shape), "bytes": _alive(_evaluation(backbone, delta, made))}


def _evaluation(backbone: Backbone, delta: Delta, made: Plan) -> Callable[[], Any]:
    return partial(mean_loss, backbone, delta, made, Budget(batch_tokens=1 << 30))


def _decoding(backbone: Backbone, delta: Delta, shape: Shape) -> dict[str, Any]:
    """One decoded token for every row, without what comes before the first."""
    layout, taken = Layout.of(backbone, delta), []
    inputs = [layout.row(ids) for ids in rows(backbone, shape, True).inputs]
    with torch.inference_mode(), attach(backbone.model, delta):
        flow = start(backbone, layout, inputs)
        flow.append(flow.next().argmax(-1))
        for _ in range(STEPS):
            watch = calibrate.Watch()
            chosen_B = flow.next().argmax(-1)
            chosen_B.cpu()
            flow.append(chosen_B)
            taken.append(watch.seconds())
    # Steps this short waver, and a decoding is hundreds of them: the middle one, not the luckiest.
    return {"shape": vars(shape), "seconds": statistics.median(taken)}


# -- memory ---------------------------------------------------------------------------------------------------------


class Alive(TorchDispatchMode):
    """Inside, `most` is the largest sum of bytes that new tensors held at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in args:
            if isinstance(tensor, torch.Tensor):  # a view of what was there before holds no new bytes
                self._known.add(tensor.untyped_storage()._cdata)
        said = function(*args, **(kwargs or {}))
        for tensor in said if isinstance(said, (tuple, list)) else (said,):
            if isinstance(tensor, torch.Tensor):
                self._note(tensor.untyped_storage())
        return said

    def _note(self, storage: Any) -> None:
        if (name := storage._cdata) in self._known:
            return
        size = storage.nbytes()
        self._known.add(name)
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._forget, name, size)

    def _forget(self, name: int, size: int) -> None:
        self._known.discard(name)
        self.now -= size


def _alive(work: Callable[[], Any]) -> int:
    gc.collect()
    with Alive() as tally:
        work()
    return tally.most


# -- asked from elsewhere -------------------------------------------------------------------------------------------


def known(
    backbone: Mapping[str, Any], methods: Sequence[str], labels: int, fresh: bool = False, at_once: int = 1
) -> dict[str, Any]:
    """The measurements of a backbone and of `methods`, made in other processes where they are not known yet.

    Args:
        backbone: `Backbone.facts()`.
        at_once: trials that will run beside each other.

    Raises:
        ProbeFailed: a process that measures ended badly.
    """
    name = calibrate.key(VERSION, backbone["fingerprint"], backbone["precision"], labels, at_once)
    found = (None if fresh else calibrate.recall("probe", name)) or {}
    missing = [m for m in dict.fromkeys(methods) if m not in found.get("methods", {})]
    if found and not missing:
        return found
    asked = {"name": backbone["name"], "precision": backbone["precision"], "labels": labels, "methods": missing}
    new = _mean(_asked(asked, at_once))
    found = new | {"methods": found.get("methods", {}) | new["methods"]}
    calibrate.remember("probe", name, found)
    return found


def _asked(asked: Mapping[str, Any], at_once: int) -> list[dict[str, Any]]:
    """What as many processes beside each other say, all asked the same."""
    share_cores()
    env = os.environ | {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": str(torch.get_num_threads())}
    words, pipe, running = [*COMMAND, json.dumps(asked)], subprocess.PIPE, []
    with ExitStack() as held:
        for _ in range(at_once):
            one = held.enter_context(subprocess.Popen(words, stdout=pipe, stderr=pipe, encoding="utf-8", env=env))
            held.callback(one.kill)  # nothing happens to one that has ended
            running.append(one)
        return [_answered(asked["name"], one) for one in running]


def _answered(name: str, one: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = one.communicate()
    if one.returncode:
        last = err.strip().splitlines()[-1:] or ["no message"]
        possible = "a backbone that computes here"
        raise ProbeFailed(f"{name} could not be probed: {last[0]}", possible, "see luthier doctor")
    return json.loads(out.splitlines()[-1])


def _mean(said: Sequence[Any]) -> Any:
    """One answer of several that differ in seconds."""
    first = said[0]
    if isinstance(first, dict):
        return {
            key: statistics.fmean(one[key] for one in said) if key == "seconds" else _mean([one[key] for one in said])
            for key in first
        }
    return [_mean(each) for each in zip(*said)] if isinstance(first, list) else first


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Measure, and say what starting and loading took and how much memory there is before the first pass."""
    start, watch = time.process_time(), calibrate.Watch()
    backbone = Backbone(asked["name"], asked["precision"])
    load, floor = watch.seconds(), peak_bytes()
    size = min(1.0, LARGEST * calibrate.machine().peak(backbone.precision) / _cost(backbone))
    facts = measure(backbone, asked["methods"], asked["labels"], size)
    return facts | {"start": start, "load": load, "floor": floor}


def _cost(backbone: Backbone) -> float:
    """FLOPs of a step at the largest shape, with what the rest of the step costs beside its products."""
    most = SHAPES[-1]
    return 4 * 2.5 * backbone.parameters * most.rows * (most.inputs + most.answers)


if __name__ == "__main__":
    print(json.dumps(answer(json.loads(sys.argv[1]))))
