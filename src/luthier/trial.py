"""One trial: Backbone x Method x Task x Budget x seed, and the folder that holds all it leaves.

    <trial-id>/trial.json  steps.jsonl  checkpoint/  delta/  predictions.jsonl  scores.json  manifest.json
    probes/<id of the method's first seed>/…   what all seeds of a method share: its search, its pace

`run` does whatever is not there yet: a sealed folder is never computed again, a half one goes on from its newest
whole checkpoint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from . import files, store
from .backbone import Backbone
from .batches import steps_per_epoch
from .delta import Delta
from .encode import Plan, plan_on_disk, uses_head
from .errors import Damaged, Refused, TrialFailed
from .methods import METHODS, Method
from .predict import Decoding, predict
from .records import Budget, Example, dumps, from_json, to_json
from .score import scores
from .search import DEV_ROWS, SEED, Ground, Settled, settle
from .spell import parse
from .tasks import parse_task
from .train import Training, mean_loss, peak_bytes

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


class Run:
    """A trial being run in its study's folder."""

    def __init__(self, folder: Path, tell: Tell, stopping: Callable[[], bool] = lambda: False) -> None:
        self.folder, self.study, self.tell, self.stopping = folder, folder.parent, tell, stopping
        value = files.read_json(folder / "trial.json")
        self.trial = from_json(Trial, value | {"budget": from_json(Budget, value["budget"])})
        self.budget = self.trial.budget
        self.task = parse_task(self.trial.task)
        self.method: Method = parse(self.trial.method, METHODS)
        self.caveats: list[str] = []
        self.search: dict[str, Any] | None = None

    @cached_property
    def backbone(self) -> Backbone:
        return Backbone(self.trial.backbone, self.trial.precision)

    def whole(self) -> None:
        """Train, predict, score and seal; a trial that fails is sealed with its reason.

        Raises:
            UserError: the disk is full or the input is unusable; Interrupted: asked to stop.
        """
        try:
            if files.sealed(self.folder) is not None:
                return
        except Damaged as fault:
            (self.folder / files.MANIFEST).unlink()
            self.caveats.append(f"computed again: {fault}")
        try:
            facts = self._work()
        except (TrialFailed, Refused) as fault:
            status = "refused" if isinstance(fault, Refused) else "diverged" if "diverged" in str(fault) else "failed"
            shutil.rmtree(self.folder / "delta", ignore_errors=True)
            facts = {"status": status, "error": str(fault), "search": self.search}
            facts |= {"caveats": self.caveats, "peak_bytes": peak_bytes()}
        shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)
        files.seal(self.folder, {"id": self.trial.id} | facts)

    def _work(self) -> dict[str, Any]:
        if self.backbone.fingerprint != self.trial.fingerprint:
            raise TrialFailed(f"backbone {self.trial.backbone} changed since the study began")
        delta = fresh_delta(self.backbone, self.method, self.task, self.trial.seed)
        facts: dict[str, Any] = {
            "trainable_parameters": delta.trainable_parameters,
            "learning_rate": None,
            "search": None,
            "pace": None,
            "train_seconds": 0.0,
            "tokens": 0,
            "total_parameters": total_parameters(self.backbone, self.method, delta),
            "shipped_bytes": 0,
            "dev": [],
            "best_epoch": None,
        }
        if self.method.trains:
            facts |= Fitting(self, delta).whole()
            facts["shipped_bytes"] = store.save(self.folder / "delta", self.backbone, self.method, delta)
        facts |= self._answer(delta)
        self.backbone.check_untouched()
        return {"status": "done", "error": None} | facts | {"caveats": self.caveats, "peak_bytes": peak_bytes()}

    def _answer(self, delta: Delta) -> dict[str, Any]:
        """Predict the test rows and score them."""
        examples = self.examples("test")
        shots = self.shots()
        made = self.plan("test", examples, shots)
        if made.cut_inputs:
            self.caveats.append(f"{made.cut_inputs} of {len(made)} test inputs were cut to the length limit")
        started, said = time.perf_counter(), {}
        for prediction in predict(self.backbone, delta, self.task, examples, made, self.decoding):
            said[prediction.id] = prediction
            self.tell({"phase": "predict", "done": len(said), "total": len(examples)})
        seconds = time.perf_counter() - started
        ordered = [said[e.id] for e in examples]
        files.write_jsonl(self.folder / "predictions.jsonl", map(to_json, ordered))
        measured = scores(ordered, self.task.metrics)
        files.write_json(self.folder / "scores.json", to_json(measured))
        empty = sum(not p.prediction for p in ordered)
        if empty:
            self.caveats.append(f"{empty} of {len(ordered)} answers are empty")
        if len({p.prediction for p in ordered}) == 1 and len(ordered) > 1:
            self.caveats.append("degenerate: the same answer for every test row")
        kept = {s.metric: {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n} for s in measured}
        return {"metrics": kept, "predict_seconds": round(seconds, 3)}

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


class Fitting:
    """The training half of a trial: steps, development evaluations, checkpoints, the best delta."""

    def __init__(self, run: Run, delta: Delta) -> None:
        self.run, self.delta = run, delta
        made = run.plan("train", run.examples("train"))
        for cut, what in ((made.cut_inputs, "inputs"), (made.cut_answers, "answers")):
            if cut:
                run.caveats.append(f"{cut} of {len(made)} training {what} were cut to the length limit")
        self.dev = run.examples("dev")[: run.budget.dev_rows]
        self.dev_plan = run.plan("dev", self.dev)
        self.threads = self._same_threads()
        self.settled = self._settle(made)
        rate, budget = self.settled.rate, self.settled.budget
        self.training = Training(run.backbone, delta, made, budget, rate, run.trial.seed)
        self.per_epoch = steps_per_epoch(len(made), run.budget)
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
        lines = files.read_jsonl(self.run.folder / "steps.jsonl")
        self._refuse_worse_than_guessing([line["loss"] for line in lines])
        if self.history and self.history[-1]["mean"] < self.history[self.best_at]["mean"]:
            self.run.caveats.append(f"best at epoch {self.history[self.best_at]['epoch']:g}, later epochs were worse")
        return {
            "learning_rate": self.settled.rate,
            "search": self.run.search,
            "pace": self.settled.pace and to_json(self.settled.pace),
            "threads": self.threads,
            "train_seconds": round(sum(s["seconds"] for s in lines), 3),
            "dev": self.history,
            "tokens": sum(s["tokens"] for s in lines),
            "best_epoch": self.history[self.best_at]["epoch"],
            "steps": len(lines),
            "final_loss": lines[-1]["loss"],
        }

    def _settle(self, made: Plan) -> Settled:
        """Steps and learning rate, the same for all seeds of the method; found with the first of them."""
        run, first = self.run, dataclasses.replace(self.run.trial, seed=SEED)

        def watch(done: int, total: int) -> None:
            run.tell({"phase": "search", "done": done, "total": total})
            if run.stopping():
                raise Interrupted(run.trial.id)

        ground = Ground(
            run.backbone,
            lambda: fresh_delta(run.backbone, run.method, run.task, SEED),
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
            if (
                step.step % max(1, self.per_epoch // self.run.budget.evaluations) == 0
                or step.step == self.training.total
            ):
                self._evaluate(step.step)
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
        loss = mean_loss(run.backbone, self.delta, self.dev_plan, run.budget)
        if not math.isfinite(loss):
            raise TrialFailed(f"diverged: the development loss is {loss} at step {step}")
        self.history.append(
            {"epoch": step / self.per_epoch, "metric": run.task.best_by, "mean": score.mean, "loss": loss}
        )
        run.tell({"phase": "dev", "done": step, "total": self.training.total, run.task.best_by: score.mean})
        if self.best_at < 0 or score.mean > self.history[self.best_at]["mean"]:
            self.best_at = len(self.history) - 1
            self.best = {n: t.detach().cpu().clone() for n, t in self.delta.shipped().items()}

    # -- checkpoints: a folder per step, sealed, the older one removed only after the newer one is whole --------------

    def _checkpoint(self) -> None:
        place = self.run.folder / "checkpoint"
        folder = place / f"step-{self.training.step:08d}"
        files.write_bytes(folder / "state.safetensors", tensor_bytes(_contiguous(self.training.tensors())))
        files.write_bytes(folder / "best.safetensors", tensor_bytes(_contiguous(self.best)))
        names = ("state.safetensors", "best.safetensors")
        files.seal(folder, {"step": self.training.step, "dev": self.history, "best_at": self.best_at}, names)
        for older in sorted(place.iterdir()):
            if older != folder and older.is_dir():
                shutil.rmtree(older, ignore_errors=True)

    def _resume(self) -> None:
        place = self.run.folder / "checkpoint"
        for folder in sorted(place.glob("step-*"), reverse=True):
            try:
                facts = files.sealed(folder)
            except Damaged as fault:
                self.run.caveats.append(f"a checkpoint was not whole and was passed over: {fault}")
                continue
            if facts is None:
                continue
            self.training.restore(facts["step"], read_tensors((folder / "state.safetensors").read_bytes()))
            self.best = read_tensors((folder / "best.safetensors").read_bytes())
            self.history, self.best_at = facts["dev"], facts["best_at"]
            return


def fresh_delta(backbone: Backbone, method: Method, task: Any, seed: int) -> Delta:
    """A method's delta with its head, where the task needs one; the same seed gives the same start.

    Raises:
        Refused: an untrained method would need a trained head.
    """
    needs_head = uses_head(backbone, task)
    if needs_head and not method.trains:
        raise Refused(
            f"{method!r} has no trained class head, and a random one would measure nothing.",
            "methods that train",
            f"leave {method.word} out for {task.word} on {backbone.kind} backbones",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        delta = method.delta(backbone)
    if needs_head:
        delta.head = backbone.new_head(len(task.labels), seed)
    return delta.to(backbone.device)


def total_parameters(backbone: Backbone, method: Method, delta: Delta) -> int:
    """Parameters of backbone and delta together; full fine-tuning replaces the backbone's, it adds none."""
    if method.replaces_backbone:
        return delta.trainable_parameters
    return backbone.parameters + delta.trainable_parameters


def demonstrations(method: Method, task: Any, train: Sequence[Example], seed: int) -> list[Example]:
    """What few-shot prompting shows, drawn by the seed from the shorter half of the training rows."""
    by_length = sorted(range(len(train)), key=lambda i: (len(task.prompt_text(train[i])), i))
    half = by_length[: max(method.shots, len(train) // 2)]
    draw = torch.randperm(len(half), generator=torch.Generator().manual_seed(seed))[: method.shots]
    return [train[half[i]] for i in draw.tolist()]


def read_examples(path: Path) -> list[Example]:
    return [from_json(Example, value) for value in files.read_jsonl(path)]


def trained_delta(run: Run) -> Delta:
    """What a finished trial learned, on its backbone; a method that learns nothing starts as it ended."""
    if not run.method.trains:
        return fresh_delta(run.backbone, run.method, run.task, run.trial.seed)
    labels = len(run.task.labels) if uses_head(run.backbone, run.task) else 0
    return store.load(run.folder / "delta", run.backbone, run.method, labels)


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}
