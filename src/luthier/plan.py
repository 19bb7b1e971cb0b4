"""What a study will take: seconds, memory and disk of every trial, before anything is spent.

Steps, passes and padded tokens are counted, because they are functions of the token plan; how long answers get is
taken from the references. What a pass costs says `costs`, from what `probe` measured of this backbone on this machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from . import calibrate, cores, probe
from .backbone import Backbone
from .batches import Queue, micro_batches, steps_per_epoch, total_steps
from .costs import Cost, Decode, Passes, Widths
from .machine import SHAPES_KEPT
from .memory import AGAIN, OPEN, ROOM, bytes_again, fitting, said, would_fit
from .methods import METHODS
from .ops.compiled import has_matrix_unit
from .records import Budget
from .search import DEV_ROWS, schedule
from .spell import parse
from .work import Asked, Sizes, Work

RUNAWAY = 0.05
"""Share of a tuned method's answers that are taken to run to the limit, as small backbones' do; the others are
as long as the references. Untuned ones are taken to run to the limit."""
RESIDENT = (1.55, 0.45)
"""Memory of a CPU for a byte of tensors alive, in training and when answering follows: freed blocks that the system's
allocator cannot hand out again. Measured on seedling-t5. A GPU's own allocator is asked what tensors held."""
STATE = 16
"""Bytes for a trained parameter beside its gradient: itself, AdamW's two moments, the copy of the best."""
COMPILED = 2 * 2**20
"""Bytes that a CPU keeps for every shape it compiled in bf16, measured from 4.7 M to 248 M weights."""
FORWARD = 4
"""What answering alone compiles is this many times less: it never goes backward, and few numbers of rows come up. So
it is where products are luthier's own, of any shape: on a matrix unit."""
CROWDED = 1.5
"""Processes a core from which a forecast says so."""
SCORING = 0.001
"""Seconds to score an answer."""


# -- a trial --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Forecast:
    """What one trial will take.

    Attributes:
        search_seconds, evaluate_seconds: for its learning rate; of its development evaluations.
        seconds: all of it, with loading and scoring.
        peak_bytes: highest memory of its process. disk_bytes: most that it holds on disk at a time.
        shipped_bytes: what stays of that.
        batch_tokens, recompute: of its training.
        fitted: why these are not what was asked for, in words.
    """

    search_seconds: float
    train_seconds: float
    evaluate_seconds: float
    predict_seconds: float
    seconds: float
    peak_bytes: int
    disk_bytes: int
    shipped_bytes: int
    batch_tokens: int
    recompute: bool
    fitted: str = ""


class Planner:
    """One backbone on one machine: answers for any method and budget.

    Args:
        known: what `probe.known` says; disk: bytes/s of durable writes.
        free: bytes of memory that a trial may take. fixed: as in `Asked`.
    """

    def __init__(
        self,
        backbone: Backbone,
        known: Mapping[str, Any],
        disk: float,
        classes: int,
        free: float = math.inf,
        fixed: Sequence[str] = (),
    ) -> None:
        self.backbone, self.known, self.disk, self.free, self.fixed = backbone, known, disk, free, fixed
        widths = Widths.of(backbone)
        self.train = Cost.of(widths, known["train"], bool(classes))
        self.infer = Cost.of(widths, known["infer"], bool(classes))
        self.decode = Decode.of(known["decode"]) if known["decode"] else Decode(0.0, 0.0, 0.0)
        self.compiles = backbone.precision == "bf16" and not torch.cuda.is_available()

    def trial(self, word: str, work: Work, budget: Budget, extra_tokens: int = 0) -> Forecast:
        """Forecast a trial.

        Args:
            word: its method as it is spelled.
            extra_tokens: real tokens that are trained beside budget and search.
        """
        found, method = self.known["methods"][word], parse(word, METHODS)
        infer = self.infer.with_method(found, "infer")
        answering = Answering(infer, self.decode.with_method(found["decode"]), work, budget)
        predicting, alive = answering.whole(work.shots.get(word, work.test), method.trains)
        rest, passes = 1.5 * self.known["load"] + SCORING * len(work.test), [getattr(budget, name) for name in OPEN]
        if not method.trains:
            memory = self.known["floor"] + self._compiled() / FORWARD + self._resident(0.0, alive)
            return Forecast(0.0, 0.0, 0.0, predicting, predicting + rest, int(memory), 0, 0, *passes)
        cost = self.train.with_method(found, "train", "bytes")
        groups, epoch = work.train.epoch(budget), steps_per_epoch(len(work.train), budget)
        step = float(cost.seconds(groups).sum()) / epoch * (AGAIN if budget.recompute else 1.0)
        steps = total_steps(len(work.train), budget)
        if budget.equal == "seconds" and budget.seconds:
            steps = max(1, int(budget.seconds / step))
        once, dev_alive = answering.evaluation()
        extra = extra_tokens * epoch / max(1, int(work.train.lengths.sum()))
        probes, probe_steps = probed(method, self.backbone, steps, budget)
        search = step * (probe_steps + extra) + probes * answering.loss_seconds(DEV_ROWS)
        train = steps * step
        kept = 4 * found["trained"]
        train += 4 * kept / self.disk * (train / budget.checkpoint_seconds)
        evaluate = once * evaluations(steps, epoch, budget)
        memory = self.known["floor"] + self._compiled() + STATE * found["trained"]
        held_P = bytes_again(cost, groups, self.backbone) if budget.recompute else cost.bytes(groups)
        memory += self._resident(float(held_P.max()), max(alive, dev_alive))
        whole = search + train + evaluate + predicting + rest
        return Forecast(search, train, evaluate, predicting, whole, int(memory), 9 * kept, kept, *passes)

    @staticmethod
    def _resident(training: float, answering: float) -> float:
        """Memory for the most bytes of tensors alive in training, and in the answering that follows."""
        if torch.cuda.is_available():
            return max(training, answering)
        return RESIDENT[0] * training + RESIDENT[1] * answering if training else (1.0 + RESIDENT[1]) * answering

    def _compiled(self) -> float:
        """Bytes of products that torch compiles in training."""
        return COMPILED * int(SHAPES_KEPT) * self.compiles / (FORWARD if has_matrix_unit() else 1)

    def fitted(self, word: str, work: Work, budget: Budget) -> Forecast:
        """Forecast a trial with the passes that fit into the free memory; as asked where these do, or none would."""
        told = cache(partial(self.trial, word, work))
        needed = told(budget).peak_bytes
        if needed <= ROOM * self.free or not parse(word, METHODS).trains:
            return told(budget)
        chosen = fitting(budget, lambda one: told(one).peak_bytes, self.free, self.fixed) or budget
        return replace(told(chosen), fitted=said(budget, chosen, needed, self.free))

    def trials(self, methods: Mapping[str, str], work: Work, budget: Budget) -> dict[str, Forecast]:
        """Forecasts by trial; the first seed of a method searches its learning rate, the others take it."""
        found, first = {}, set()
        for name, word in methods.items():
            found[name] = self.fitted(word, work, replace(budget, search=0.0) if word in first else budget)
            first.add(word)
        return found


def probed(method: Any, backbone: Backbone, steps: int, budget: Budget) -> tuple[int, int]:
    """Probes of the search for a learning rate and a structure, and their steps."""
    rates, forms = method.candidates(backbone), method.forms()
    if not budget.search or len(rates) == len(forms) == 1:
        return 0, 0
    rounds = schedule(steps, len(rates), len(forms), budget.search)
    return sum(count for count, _ in rounds), sum(count * length for count, length in rounds)


def evaluations(steps: int, epoch: int, budget: Budget) -> int:
    """Development evaluations of a training of so many steps."""
    every = max(1, epoch // budget.evaluations)
    return steps // every + (steps % every > 0)


@dataclass(frozen=True)
class Answering:
    """Evaluating and answering with one method."""

    infer: Cost
    decode: Decode
    work: Work
    budget: Budget

    def whole(self, sizes: Sizes, tuned: bool) -> tuple[float, float]:
        """Seconds and peak bytes of answering every row."""
        if not self.work.limit and not self.work.labels:  # a text that is read is all label
            passes = sizes.passes(micro_batches(sizes, np.arange(len(sizes)), Budget().batch_tokens))
            return float(self.infer.seconds(passes).sum()), float(self.infer.bytes(passes).max())
        order = sorted(range(len(sizes)), key=lambda r: -int(sizes.lengths[r, 0]))
        queue, decoding, kept = Queue(sizes.lengths[:, 0].tolist(), order), 0.0, 0.0
        if self.work.limit:
            draw = np.random.default_rng(0)
            lengths = np.minimum(sizes.lengths[:, 1], self.work.limit)
            lengths[(draw.random(len(lengths)) < RUNAWAY) | (not tuned)] = self.work.limit
            groups, decoding, kept = self._decoded(queue, lengths.clip(1).tolist())
        else:
            groups = list(queue.groups())
            if not sizes.classes:
                return self._words(sizes, groups)
        passes = sizes.passes(groups, answers=False)
        if self.infer.widths.joined and not sizes.classes:
            passes = Passes(passes.rows_P, passes.inputs_P, passes.answers_P, passes.rows_P)
        seconds = float(self.infer.seconds(passes).sum()) + decoding
        return seconds, float(self.infer.bytes(passes).max()) + kept

    def _decoded(self, queue: Queue, lengths: Sequence[int]) -> tuple[list[list[int]], float, float]:
        """(rows that begin together, seconds, most bytes of keys and values) until every row has its length: as
        `decode.answers` goes about it."""
        groups, seconds, kept, left = [], 0.0, 0.0, dict[int, int]()
        of_input, of_answer = self.infer.widths.kept
        while queue or left:
            new = queue.begin(list(left))
            if new:
                groups.append(new)
                left |= {row: lengths[row] for row in new}
            rows = new or list(left)
            steps = 1 if new else min(left.values())  # until the next one ends, nothing changes
            # In the mean, a token looks back at half of the answer before it.
            context = max(queue.widths[row] for row in rows) + sum(lengths[row] for row in rows) / len(rows) / 2
            seconds += steps * self.decode.seconds(len(rows), context)
            left |= {row: left[row] - steps for row in rows}
            widest, longest = max(queue.widths[row] for row in left), max(lengths[row] - n for row, n in left.items())
            kept = max(kept, len(left) * (of_input * widest + of_answer * longest))
            left = {row: n for row, n in left.items() if n}
        return groups, seconds, kept

    def _words(self, sizes: Sizes, groups: Sequence[Sequence[int]]) -> tuple[float, float]:
        """Labels told by their words: every row is read with every label behind it."""
        longest = int(sizes.lengths[:, 1].max())
        shapes = []
        for group in groups:
            width = int(sizes.lengths[group, 0].max()) + longest
            rows, most = len(group) * self.work.labels, max(1, Budget().batch_tokens // width)
            shapes += [(min(most, rows), width - longest, longest, min(most, rows) * longest)] * math.ceil(rows / most)
        passes = Passes.of(shapes)
        return float(self.infer.seconds(passes).sum()), float(self.infer.bytes(passes).max())

    def loss_seconds(self, rows: int) -> float:
        """Seconds to take the development loss of so many rows."""
        dev = self.work.dev
        first = np.arange(min(rows, len(dev)))
        passes = dev.passes(micro_batches(dev, first, self.budget.batch_tokens))
        return float(self.infer.seconds(passes).sum())

    def evaluation(self) -> tuple[float, float]:
        """Seconds and peak bytes of one development evaluation."""
        dev = self.work.dev
        seconds, peak = self.whole(dev, tuned=True)
        passes = dev.passes(micro_batches(dev, np.arange(len(dev)), self.budget.batch_tokens))
        seconds += self.loss_seconds(len(dev)) + SCORING * len(dev)
        return seconds, max(peak, float(self.infer.bytes(passes).max()))


# -- a study --------------------------------------------------------------------------------------------------------


def planner(asked: Asked, fresh: bool = False) -> Planner:
    """The planner for a study's backbone and methods; measures what this machine does not know yet."""
    free = calibrate.free_bytes()
    beside = cores.unforeseen(asked.cores, ROOM * free).at_once
    with calibrate.threads(asked.cores.threads):
        known = probe.known(asked.facts, list(asked.methods.values()), asked.classes, fresh, beside)
        disk = calibrate.machine(fresh).disk
    return Planner(asked.backbone, known, disk, asked.classes, free, asked.fixed)


def settled(asked: Asked, work: Work, fresh: bool = False) -> tuple[Planner, Asked]:
    """The planner, and the study with as many trials beside each other as fit into memory."""
    ours = planner(asked, fresh)
    peaks = [one.peak_bytes for one in ours.trials(asked.methods, work, asked.budget).values()]
    fits = asked.cores.fewer(cores.fit(peaks, ROOM * ours.free, asked.cores.at_once))
    return (ours, asked) if fits == asked.cores else settled(replace(asked, cores=fits), work)


def foresee(asked: Asked, fresh: bool = False) -> dict[str, Any]:
    """The forecast of a study as plain JSON values; `fresh` measures the machine and the backbone again."""
    work = asked.work()
    ours, asked = settled(asked, work, fresh)
    at_once, told = asked.cores.at_once, ours.trials(asked.methods, work, asked.budget)
    trials = {name: {"method": asked.methods[name], **asdict(forecast)} for name, forecast in told.items()}
    seconds = ours.known["start"] + cores.seconds([t["seconds"] for t in trials.values()], at_once)
    disk = sum(t["shipped_bytes"] for t in trials.values()) + max(t["disk_bytes"] for t in trials.values())
    changed = {t["method"]: f"{t['method']}: {t['fitted']}" for t in trials.values() if t["fitted"]}
    return {
        "seconds": round(seconds, 1),
        "at_once": at_once,
        "threads": asked.cores.threads,
        "peak_bytes": sum(sorted(t["peak_bytes"] for t in trials.values())[-at_once:]),
        "disk_bytes": disk,
        "free_bytes": ours.free,
        "notes": [*crowded(), *changed.values()],
        "trials": rounded(trials),
        "too_large": [
            {
                "trial": name,
                "method": t["method"],
                "peak_bytes": t["peak_bytes"],
                "would": what_would_fit(ours, work, asked, t["method"]),
            }
            for name, t in trials.items()
            if t["peak_bytes"] > ours.free
        ],
    }


def what_would_fit(ours: Planner, work: Work, asked: Asked, word: str) -> str:
    """What would make a method fit that does not, in words."""
    method = parse(word, METHODS)
    frozen = 0 if method.replaces_backbone else asked.facts["parameters"]
    peak = cache(lambda one: ours.trial(word, work, one).peak_bytes)
    return would_fit(asked.budget, peak, ours.free, asked.facts["precision"], frozen)


def crowded() -> list[str]:
    """What a reader must know of the moment: a forecast is for a machine that does nothing else."""
    crowd = calibrate.crowd()
    return [f"the machine is busy ({crowd:.1f} processes a core): it will take longer"] if crowd > CROWDED else []


def rounded(trials: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Seconds to a tenth: more digits would claim more than is known."""
    return {n: {k: round(v, 1) if isinstance(v, float) else v for k, v in t.items()} for n, t in trials.items()}
