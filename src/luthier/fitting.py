"""The training half of a trial: its search, its steps, development evaluations, checkpoints, and the best delta."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import torch
from torch import Tensor

from . import checkpoint, files, racing, store
from .batches import steps_per_epoch
from .encode import Plan
from .errors import TrialFailed
from .methods import METHODS
from .metrics import direction
from .moved import moved
from .ops.compiled import kernels
from .predict import predict
from .records import Prediction, to_json
from .score import scores
from .search import DEV_ROWS, SEED, Ground, Settled, settle
from .spell import parse
from .train import Training, mean_loss
from .trial_folder import Interrupted, TrialFolder, fresh_delta


class Fitting:
    """One training from its search to its best delta, which is left in `delta`."""

    def __init__(self, run: TrialFolder) -> None:
        self.run = run
        made = run.plan("train", run.examples("train"))
        for cut, what in ((made.cut_inputs, "inputs"), (made.cut_answers, "answers")):
            if cut:
                run.caveats.append(f"{cut} of {len(made)} training {what} were cut to the length limit")
        if run.trial.budget.recompute:
            run.caveats.append(
                "--recompute: layers were computed again for the gradient; its seconds are higher for that"
            )
        self.dev = run.examples("dev")[: run.budget.dev_rows]
        self.dev_plan = run.plan("dev", self.dev)
        self.threads = self._same_threads()
        self.settled = self._settle(made)
        run.method = self.settled.method
        self.delta = fresh_delta(run.backbone, run.method, run.task, run.trial.seed)
        rate, budget = self.settled.rate, self.settled.budget
        self.training = Training(run.backbone, self.delta, made, budget, rate, run.trial.seed)
        self.per_epoch = steps_per_epoch(len(made), run.budget)
        self.every = max(1, self.per_epoch // run.budget.evaluations)
        self.race = self._race()
        self.raced: dict[str, Any] | None = None
        self.looks: list[dict[str, Any]] = []
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_at = -1

    def whole(self) -> dict[str, Any]:
        """Train to the end and leave the best weights in the delta."""
        with closing(files.Appender(self.run.folder / "steps.jsonl")) as log:
            self._train(log)
        if not store.finite(self.best):
            raise TrialFailed("diverged: a trained weight is not a number")
        self.delta.load_shipped(self.best)
        if self.looks:
            files.write_jsonl(self.run.folder / racing.LOOKS, self.looks)
        lines = files.read_jsonl(self.run.folder / "steps.jsonl")
        self._refuse_worse_than_guessing([line["loss"] for line in lines])
        if self.history and self._above(self.history[self.best_at]["mean"], self.history[-1]["mean"]):
            self.run.caveats.append(f"best at epoch {self.history[self.best_at]['epoch']:g}, later epochs were worse")
        return {
            "learning_rate": self.settled.rate,
            "search": self.run.search,
            "pace": self.settled.pace and to_json(self.settled.pace),
            "threads": self.threads,
            "kernels": kernels(),
            "train_seconds": round(sum(s["seconds"] for s in lines), 3),
            "dev": self.history,
            "tokens": sum(s["tokens"] for s in lines),
            "best_epoch": self.history[self.best_at]["epoch"],
            "steps": len(lines),
            "final_loss": lines[-1]["loss"],
            **({"raced": self.raced} if self.race else {}),
            **self._moved(),
        }

    def _moved(self) -> dict[str, Any]:
        run = self.run
        del self.training  # the optimiser's memory makes room for the start
        return moved(fresh_delta(run.backbone, run.method, run.task, run.trial.seed), self.delta)

    def _race(self) -> racing.Race | None:
        """What this trial runs against; None where no race was asked for."""
        run = self.run
        if not run.budget.race:
            return None
        others = [name for name in files.read_json(run.study / "study.json")["trials"] if name != run.trial.id]
        own = {name: files.read_json(run.study / name / "trial.json") for name in others}
        same = [n for n, t in own.items() if t["seed"] == run.trial.seed and parse(t["method"], METHODS).trains]
        looks = max(1, -(-self.training.total // self.every) - 1)
        finished = {name: found for name in same if (found := racing.looked(run.study / name))}
        return racing.Race(finished, max(1, len(same)), looks, self.metric, direction(self.metric))

    @property
    def metric(self) -> str:
        """What a race is decided by: a value for every row."""
        return "accuracy" if self.run.task.kind == "label" else self.run.task.best_by

    def _above(self, one: float, other: float) -> bool:
        """Whether a score is better than another on the metric that picks the checkpoint."""
        sign = direction(self.run.task.best_by)
        return sign * one > sign * other

    def _settle(self, made: Plan) -> Settled:
        """Steps and learning rate, the same for all seeds of the method; found with the first of them."""
        run, first = self.run, dataclasses.replace(self.run.trial, seed=SEED)

        def watch(done: int, total: int) -> None:
            run.tell({"phase": "search", "done": done, "total": total})
            if run.stopping():
                raise Interrupted(run.trial.id)

        ground = Ground(
            run.backbone,
            lambda method: fresh_delta(run.backbone, method, run.task, SEED),
            made,
            run.plan("dev", self.dev[:DEV_ROWS]),
            run.budget,
            watch,
        )
        settled = settle(ground, run.method, run.study / "probes" / first.id)
        run.caveats += settled.caveats
        run.search = settled.search
        if run.search and run.trial.seed != SEED:  # counted once, where it was spent
            run.search = run.search | {"tokens": 0, "seconds": 0.0, "candidates": [], "note": f"found by {first.id}"}
        return settled

    def _same_threads(self) -> int:
        """Go on with as many threads as at the trial's first start: another number changes the last bit of a sum."""
        path = self.run.folder / "checkpoint" / "start.json"
        if not path.exists():
            files.write_json(path, {"threads": torch.get_num_threads()})
        begun, cores = files.read_json(path)["threads"], os.cpu_count() or 1
        if begun != torch.get_num_threads():
            torch.set_num_threads(begun)
        if begun > cores:
            self.run.caveats.append(
                f"begun on {begun} threads and gone on with where there are {cores} cores: the last bits may differ"
            )
        return begun

    def _refuse_worse_than_guessing(self, losses: list[float]) -> None:
        """A loss that ends far above that of equal odds is a divergence, even where every number is finite."""
        choices = len(self.run.task.labels) if self.delta.head is not None else len(self.run.backbone.tokenizer)
        if losses[-1] > max(losses[0], 2 * math.log(choices)):
            raise TrialFailed(
                f"diverged: the loss rose from {losses[0]:.3g} to {losses[-1]:.3g}, guessing is {math.log(choices):.3g}"
            )

    def _train(self, log: files.Appender) -> None:
        """Every step that is left, with its log line, evaluations and checkpoints."""
        self._resume()
        log.cut(self.training.step)
        saved = time.perf_counter()
        for step in self.training.steps():
            log.append(to_json(step))
            self.run.tell({"phase": "train", "done": step.step, "total": self.training.total, "loss": step.loss})
            if step.step % self.every == 0 or step.step == self.training.total:
                self._evaluate(step.step)
            if self.raced:
                break
            stop = self.run.stopping()
            if stop or time.perf_counter() - saved > self.run.budget.checkpoint_seconds:
                log.sync()
                self._checkpoint()
                saved = time.perf_counter()
            if stop:
                raise Interrupted(self.run.trial.id)
        log.sync()

    def _evaluate(self, step: int) -> None:
        run = self.run
        said = list(predict(run.backbone, self.delta, run.task, self.dev, self.dev_plan, run.decoding))
        score = scores(said, [run.task.best_by], draws=10)[0]
        if self.race:
            self._look(step, said)
        loss = mean_loss(run.backbone, self.delta, self.dev_plan, run.budget)
        if not math.isfinite(loss):
            raise TrialFailed(f"diverged: the development loss is {loss} at step {step}")
        self.history.append(
            {"epoch": step / self.per_epoch, "metric": run.task.best_by, "mean": score.mean, "loss": loss}
        )
        run.tell({"phase": "dev", "done": step, "total": self.training.total, run.task.best_by: score.mean})
        if self.best_at < 0 or self._above(score.mean, self.history[self.best_at]["mean"]):
            self.best_at = len(self.history) - 1
            self.best = {n: t.detach().cpu().clone() for n, t in self.delta.shipped().items()}

    def _look(self, step: int, said: Sequence[Prediction]) -> None:
        """Note what the groups score at this step, and stop where another trial is surely ahead."""
        assert self.race is not None, "asked by the caller"
        known = {p.id: p for p in said}
        values = scores([known[e.id] for e in self.dev], [self.metric], draws=10)[0].values
        if not racing.usable(values):
            self.race = None
            self.run.caveats.append(
                f"--race: {self.metric} has no value between 0 and 1 for every row, nothing was raced"
            )
            return
        self.looks.append({"step": step, "values": list(values)})
        self.raced = self.race.behind(step, values) if step < self.training.total else None
        if self.raced:
            self.run.caveats.append(racing.caveat(self.raced, self.training.total))

    def _checkpoint(self) -> None:
        facts = {"step": self.training.step, "dev": self.history, "best_at": self.best_at, "looks": self.looks}
        found = checkpoint.Checkpoint(self.training.tensors(), self.best, facts)
        checkpoint.keep(self.run.folder / "checkpoint", found)

    def _resume(self) -> None:
        found, caveats = checkpoint.newest(self.run.folder / "checkpoint")
        self.run.caveats += caveats
        if found:
            self.training.restore(found.facts["step"], found.state)
            self.best, self.history = dict(found.best), found.facts["dev"]
            self.best_at, self.looks = found.facts["best_at"], found.facts.get("looks", [])
