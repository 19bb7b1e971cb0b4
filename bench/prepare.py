"""What a workload needs on disk, and its size in numbers."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import rows
import shapes
from job import SIDES, Facts, Job, answer_lengths
from workloads import LOSS_ROWS, Workload

LEAST_STEPS = 2


def prepare(workload: Workload, folder: Path, options: argparse.Namespace, peak: Facts) -> tuple[Job, Facts]:
    """Write the backbone and the tokens; returns the job without its side, and the work in numbers."""
    from luthier.backbone import Backbone

    quick = not options.full
    path = shapes.make(workload.shape, folder / "backbone")
    sketch = Backbone.sketch(path)
    weights = shapes.weights_of(sketch.model, sketch.kind, workload.classes)
    batch = options.batch or workload.batch[quick]
    steps = options.steps or affordable_steps(
        workload, padded_flops(workload, weights, sketch.kind) * batch, options, peak
    )
    generated = (options.rows or workload.generated[quick]) if any(workload.generated) else 0
    rows.write(workload, sketch, options.data, {"train": steps * batch, "test": max(generated, LOSS_ROWS)}, folder)
    job = Job(
        side="",
        workload=workload.name,
        backbone=path,
        plans=str(folder),
        steps=steps,
        batch=batch,
        at_once=batch,
        generated=generated,
        threads=options.threads,
        device=options.device,
        precision=options.precision,
    )
    inputs, answers = (int(n) for n in job.plan("train").lengths.sum(0))
    trained = "" if workload.method == "decode" else f"; {steps} steps of {batch} rows"
    mean = f"{inputs / (steps * batch):.0f} + {answers / (steps * batch):.0f} tokens a row"
    said = f"{sketch.parameters:,} parameters{trained}; {mean}"
    return job, {
        "steps": steps,
        "batch": batch,
        "generated_tokens": {s: sum(answer_lengths(replace(job, side=s).plan("test"))) for s in SIDES},
        "mean_answer": np.mean(answer_lengths(job.plan("test"))) if generated else 0.0,
        "mean_tokens": (inputs + answers) / (steps * batch),
        "flops_per_token": weights.flops(shapes.passes(workload.method), inputs, answers) / (inputs + answers),
        "said": said + (f"; {generated} answers generated" if generated else ""),
    }


def padded_flops(workload: Workload, weights: shapes.Weights, kind: str) -> float:
    """FLOPs of a row as the practice trains it: padded, with logits at every position."""
    answers = workload.width if kind == "seq2seq" else 0
    heads = 0 if workload.classes else workload.width
    return weights.flops(shapes.passes(workload.method), workload.width, answers, heads)


def affordable_steps(workload: Workload, step_flops: float, options: argparse.Namespace, peak: Facts) -> int:
    """As many as the practice should get done in its time at half of the measured fp32 peak, at least 2."""
    if workload.method == "decode":
        return 1
    found = int(options.seconds * peak["fp32_gflops"] * 1e9 / 2 / step_flops)
    return max(LEAST_STEPS, min(workload.most_steps, found))
