"""One trial, and the folder that holds all it leaves.

    <trial-id>/trial.json  steps.jsonl  checkpoint/  delta/  predictions.jsonl  scores.json  manifest.json
    probes/<id of the method's first seed>/…   what all seeds of a method share: its search, its pace

`run` does whatever is not there yet: a sealed folder is never computed again, a half one goes on from its newest
whole checkpoint.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

from . import files, store
from .backbone import Backbone
from .delta import Delta
from .encode import uses_head
from .errors import Damaged, Refused, TrialFailed
from .fitting import Fitting
from .methods import Method
from .predict import predict, told
from .records import to_json
from .score import scores
from .train import peak_bytes
from .trial_folder import Interrupted, Trial, TrialFolder, demonstrations, fresh_delta, trained_method

__all__ = ["Interrupted", "Run", "Trial", "demonstrations", "fresh_delta", "total_parameters", "trained_delta"]


class Run(TrialFolder):
    """A trial being run."""

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
            self.method = trained_method(self.folder, self.trial)
        files.sweep(self.folder)
        (self.folder / "failure.json").unlink(missing_ok=True)  # of an earlier attempt
        try:
            facts = self._work()
        except (TrialFailed, Refused) as fault:
            status = "refused" if isinstance(fault, Refused) else "diverged" if "diverged" in str(fault) else "failed"
            shutil.rmtree(self.folder / "delta", ignore_errors=True)
            facts = {"status": status, "error": str(fault), "method": repr(self.method), "search": self.search}
            facts |= {"caveats": self.caveats, "peak_bytes": peak_bytes()}
        shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)
        files.seal(self.folder, {"id": self.trial.id} | facts)

    def _work(self) -> dict[str, Any]:
        if self.backbone.fingerprint != self.trial.fingerprint:
            raise TrialFailed(f"backbone {self.trial.backbone} changed since the study began")
        self.caveats += self.backbone.caveats
        fitting = Fitting(self) if self.method.trains else None
        delta = fitting.delta if fitting else fresh_delta(self.backbone, self.method, self.task, self.trial.seed)
        facts: dict[str, Any] = {
            "method": repr(self.method),
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
        if fitting:
            facts |= fitting.whole()
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
        self.caveats += told(made, ordered)
        kept = {s.metric: {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n} for s in measured}
        return {"metrics": kept, "predict_seconds": round(seconds, 3), "prompts": made.mark}


def total_parameters(backbone: Backbone, method: Method, delta: Delta) -> int:
    """Parameters of backbone and delta together; full fine-tuning replaces the backbone's, it adds none."""
    if method.replaces_backbone:
        return delta.trainable_parameters
    return backbone.parameters + delta.trainable_parameters


def trained_delta(run: Run) -> Delta:
    """What a finished trial learned, on its backbone; a method that learns nothing starts as it ended."""
    if not run.method.trains:
        return fresh_delta(run.backbone, run.method, run.task, run.trial.seed)
    labels = len(run.task.labels) if uses_head(run.backbone, run.task) else 0
    return store.load(run.folder / "delta", run.backbone, run.method, labels)
