"""The recipe of the built-in bases: corpus in, transformers folder out, on a few processor cores.

    python -m luthier.bases.pretrain DATA_FOLDER --base seedling-lm --out RUN_FOLDER --minutes 30

The run folder receives what is prepared once (tokenizer, encoded text, word directions, numbered tasks; `--prepared`
names a folder that several runs share), a checkpoint, the curve (`curve.jsonl`) and the finished model (`model/`).

The budget is paid in processor time: `--minutes` are those of a machine that does nothing else, so a run on a busy
machine takes longer and learns as much. The learning rate, the length of the windows and the share of supervised tasks
follow the share of the budget that is used up. Started again on the same folder, a run goes on where it stopped (with
fewer minutes it comes to its end sooner). Given `--steps`, two runs with one seed see the same batches and rates.

Products are computed in bf16 where the machine does that fast (`--precision fp32` forbids it); weights, sums and the
optimisers' memory are fp32.

On a machine that others use too, set OMP_WAIT_POLICY=PASSIVE: threads that spin while they wait for one another take
longer by far once another program holds a core, and what they waste would count.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from ..machine import fast_precision
from . import checkpoint, prepare
from .batch import Batch
from .examples import Example, ExampleStore, batches
from .measure import bits
from .publish import publish
from .rates import optimizers_for, rate_factor
from .recipes import RECIPES
from .text import LANGUAGES, Text
from .vectors import word_vectors

GRADIENT_LIMIT = 1.0
SECONDS_BETWEEN_SAVES = 60
STEPS_BETWEEN_MEASURES = 200
WINDOWS = ((0.15, 96), (0.45, 160), (1.0, 256))
"""Up to this share of the budget, windows of this length: short ones are quicker and teach the words first."""


class Run:
    """One training: a model, its optimisers, and the batches in their order."""

    def __init__(self, out: Path, prepared: Path, options: argparse.Namespace) -> None:
        self.out, self.options = out, options
        self.words = Tokenizer.from_file(str(prepared / "tokenizer.json"))
        self.recipe = RECIPES[options.base](self.words)
        self.batch_tokens = options.batch_tokens or self.recipe.batch_tokens
        self.text, self.unseen = Text(prepared / "text"), Text(prepared / "unseen")
        self.tasks = ExampleStore(prepared / "tasks")
        vectors = word_vectors(np.load(prepared / "directions.npy"), self.recipe.width, options.seed)
        self.model = self.recipe.fresh(options.seed, vectors)
        self.half = (fast_precision() if options.precision == "auto" else options.precision) == "bf16"
        self.optimizers = optimizers_for(self.model, self.recipe.rates, self.half)
        self.progress = checkpoint.resume(out / "checkpoint", self.model, self.optimizers)
        self.task_rows = self._task_rows()

    def _task_rows(self) -> Iterator[list[Example]]:
        rows = batches(self.tasks, self.batch_tokens, self.options.seed)
        for _ in range(self.progress.task_steps):
            next(rows)
        return rows

    @property
    def used(self) -> float:
        """The share of the budget that is spent, in steps when they are given, else in time."""
        if self.options.steps:
            return self.progress.step / self.options.steps
        return self.progress.seconds / (60 * self.options.minutes)

    def next_batch(self) -> Batch:
        """A function of the seed, the step and the share of the budget that is used."""
        rng = np.random.default_rng((self.options.seed, self.progress.step))
        if rng.random() < _stage(self.recipe.task_shares, self.used):
            self.progress.task_steps += 1
            return self.recipe.task_batch(next(self.task_rows), rng)
        return self.recipe.text_batch(self.text, _stage(WINDOWS, self.used), self.batch_tokens, rng)

    def learn(self) -> float:
        """One step; gives the batch's loss."""
        factor, batch = rate_factor(self.used, self.recipe.rates.decay_from), self.next_batch()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            loss = self.recipe.loss(self.model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_LIMIT)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        self.progress.tokens += batch.tokens
        return loss.item()

    def measure(self) -> dict[str, Any]:
        """Loss a token and bits a byte on unseen documents, by language, and what the products are computed in."""
        found = {lang: bits(self.recipe, self.model, self.words, self.unseen, lang) for lang in LANGUAGES}
        return found | {"products": "bf16" if self.half else "fp32"}

    def save(self) -> None:
        checkpoint.save(self.out / "checkpoint", self.model, self.optimizers, self.progress)


def train(run: Run) -> None:
    """Run, or go on with, the training until the budget is used up."""
    progress, recent = run.progress, []
    threads = run.options.threads
    started, saved = time.process_time() / threads - progress.seconds, progress.seconds
    with (run.out / "curve.jsonl").open("a", encoding="utf-8") as curve:
        while run.used < 1:
            recent.append(run.learn())
            progress.seconds = time.process_time() / threads - started
            if progress.step % 25 == 0:
                row = {**vars(progress), "loss": round(sum(recent) / len(recent), 4)}
                recent.clear()
                if progress.step % STEPS_BETWEEN_MEASURES == 0:
                    row |= run.measure()
                _note(curve, row)
            if progress.seconds - saved > SECONDS_BETWEEN_SAVES:
                run.save()
                saved = progress.seconds
        run.save()
        _note(curve, {**vars(progress), **run.measure()})


def _stage(stages: tuple[tuple[float, float], ...], used: float):
    return next(value for until, value in stages if used < until or until == 1.0)


def _note(curve, row: dict) -> None:
    line = json.dumps(row | {"seconds": round(row["seconds"], 1)})
    curve.write(line + "\n")
    curve.flush()
    print(line, flush=True)


def arguments() -> argparse.ArgumentParser:
    """The command line of the recipe."""
    parser = argparse.ArgumentParser(prog="python -m luthier.bases.pretrain", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the *.jsonl.gz shards")
    parser.add_argument("--base", choices=sorted(RECIPES), required=True)
    parser.add_argument("--out", type=Path, required=True, help="run folder; started again, the run goes on")
    parser.add_argument("--prepared", type=Path, help="folder of what is prepared once (default: RUN/prepared)")
    parser.add_argument("--minutes", type=float, default=20.0, help="processor time a thread, without the preparation")
    parser.add_argument("--steps", type=int, default=0, help="a budget in steps instead of minutes")
    parser.add_argument("--tasks", type=int, default=60_000, help="how many supervised examples are made")
    parser.add_argument("--batch-tokens", type=int, help="padded tokens a batch (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto", help="of the products")
    parser.add_argument("--threads", type=int, default=2)
    return parser


def main(given: list[str] | None = None) -> None:
    """Prepare, train, publish into the run folder."""
    options = arguments().parse_args(given)
    if options.minutes <= 0 and options.steps <= 0:
        raise SystemExit("the run needs a budget: --minutes or --steps above 0")
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    prepared = options.prepared or options.out / "prepared"
    options.out.mkdir(parents=True, exist_ok=True)
    prepare.prepare(options.data, prepared, options.tasks, options.seed)
    shutil.copyfile(prepared / "tokenizer.json", options.out / "tokenizer.json")
    run = Run(options.out, prepared, options)
    train(run)
    publish(run.recipe, run.model, run.words, options.out / "model")


if __name__ == "__main__":
    main()
