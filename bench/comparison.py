"""A whole comparison: 8 methods, 1 epoch, 500 answers each; built from parts, and a small one run for real.

A rival has no comparison; its user runs one script for each method. luthier runs one command.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import rows
from job import Facts
from launch import HERE, busy_seconds, finish, settings
from shapes import BUILT_IN
from table import median
from workloads import DIALOGUES, RIVALS

from luthier import cores, files

METHODS = (
    "zero_shot",
    "full",
    "lora(rank=32)",
    "lora(rank=8)",
    "dora(rank=8)",
    "ia3",
    "prompt(tokens=20)",
    "prefix(tokens=20)",
)
PARTS = {"full": "t5-full", "dora(rank=8)": "t5-dora", "ia3": "t5-ia3", "prompt(tokens=20)": "t5-prompt"}
"""Method -> the workload that measures its training; the others, and those not measured, are given that of `t5`."""
TRAIN_ROWS, GENERATED = 12_460, 500
"""DialogSum."""
BATCH = 8
RUN = {False: ("zero_shot", "full", "lora(rank=32)", "prompt(tokens=20)"), True: METHODS}
"""Full run -> the methods of the real comparison."""
SIZES = {False: (16, 8), True: (256, 64)}
"""Full run -> (training rows, test rows) of the real comparison."""
EXPECTED_SECONDS = {False: 180.0, True: 1800.0}
MOST_SECONDS = {False: 300.0, True: 7200.0}
"""What all sides of it together may take."""


def built(runs: list[Facts], works: dict[str, Facts]) -> Facts | None:
    """The comparison on the Flan-T5-base shape, from the measured speeds of `t5` and of the workloads in `PARTS`.

    A method without a workload of its own has LoRA's speed, on all sides. Each method starts once, on all sides.
    """
    sides: dict[str, Facts] = {}
    present = [side for side in (*RIVALS, "luthier") if trained_at(runs, "t5", side)]
    parts = {method: name for method, name in PARTS.items() if all(trained_at(runs, name, side) for side in present)}
    for side in present:
        speed = trained_at(runs, "t5", side)
        said = speed_of(runs, "t5", side, "generate", "tokens_per_second")
        start = speed_of(runs, "t5", side, "start", "seconds")
        if not (speed and said and start):
            continue
        tokens = TRAIN_ROWS * works["t5"]["mean_tokens"]
        train = sum(tokens / (trained_at(runs, parts.get(m, "t5"), side) or speed) for m in METHODS if m != "zero_shot")
        generate = len(METHODS) * GENERATED * works["t5"]["mean_answer"] / said
        hours = (train + generate + len(METHODS) * start) / 3600
        sides[side] = {"train_hours": train / 3600, "generate_hours": generate / 3600, "hours": hours}
    if "luthier" not in sides:
        return None
    for facts in sides.values():
        facts["ratio"] = facts["hours"] / sides["luthier"]["hours"]
    return {
        "sides": sides,
        "said": f"{TRAIN_ROWS:,} rows, {works['t5']['mean_tokens']:.0f} tokens; {len(METHODS)} × {GENERATED} answers, "
        f"at the speeds of `t5`. Trained at speeds of their own: {', '.join(parts) or 'none'}; the other methods at "
        "the speed of LoRA, zero_shot without training.",
    }


def trained_at(runs: list[Facts], workload: str, side: str) -> float | None:
    return speed_of(runs, workload, side, "train", "tokens_per_second")


def speed_of(runs: list[Facts], workload: str, side: str, stage: str, fact: str) -> float | None:
    chosen = [r for r in runs if (r["workload"], r["side"]) == (workload, side) and stage in r]
    return median(r[stage][fact] for r in chosen)


def real(options: argparse.Namespace, limit_seconds: float) -> Facts:
    """`luthier compare` beside a sequence of scripts over the small backbone.

    luthier goes first: where the time is too short, it is a rival's last scripts that are missing.
    """
    until = time.monotonic() + min(limit_seconds, MOST_SECONDS[options.full])
    with tempfile.TemporaryDirectory(prefix="luthier-bench-") as name:
        folder = Path(name)
        words = prepare(folder, options)
        mine = ours(folder, words, options, until)
        others = [scripts(side, folder, words, options, until) for side in reversed(RIVALS)][::-1]
    return {
        "said": f"{BUILT_IN}, {words['train_rows']} training and {words['test_rows']} test rows, batch "
        f"{words['batch']}, 1 epoch: {', '.join(words['methods'])}. From the first import to the scores; answers end "
        "where the model ends them.",
        "runs": [*others, mine],
        "ratios": {r["side"]: r["seconds"] / mine["seconds"] for r in others if not (r["fault"] or mine["fault"])},
    }


def prepare(folder: Path, options: argparse.Namespace) -> Facts:
    """Write the rows as a data folder; returns what the scripts are told."""
    from luthier import bases, data, tasks

    train_rows, test_rows = SIZES[options.full]
    batch = options.batch or BATCH
    train_rows = options.steps * batch if options.steps else train_rows
    test_rows = options.rows or test_rows
    table = data.read(rows.source(options.data, DIALOGUES))
    task, _ = tasks.infer(table.splits["train"])
    table = data.complete(table, lambda row: tasks.input_keys(task, row))
    # The development rows have one summary each, on which all sides agree what the answer is.
    splits = {
        "train": table.splits["train"][:train_rows],
        "dev": table.splits["dev"][:1],
        "test": table.splits["dev"][1 : test_rows + 1],
    }
    for split, chosen in splits.items():
        texts = [{key: row[key] for key in ("dialogue", "summary")} for row in chosen]
        files.write_jsonl(folder / "data" / f"{split}.jsonl", texts)
    return {
        "backbone": str(bases.folder(BUILT_IN)),
        "data": str(folder / "data"),
        "prompt": task.prompt,
        "max_new_tokens": task.max_new_tokens,
        "train_rows": len(splits["train"]),
        "test_rows": len(splits["test"]),
        "batch": batch,
        "methods": RUN[options.full],
    }


def scripts(side: str, folder: Path, words: Facts, options: argparse.Namespace, until: float) -> Facts:
    """One script after the other, each in a process of its own as its user runs it."""
    started, busy, generated = time.perf_counter(), busy_seconds(), 0
    for number, method in enumerate(words["methods"]):
        told, answer = folder / f"{side}-{number}.json", folder / f"{side}-{number}-facts.json"
        facts = {"side": side, "method": method, "device": options.device, "precision": options.precision}
        files.write_json(told, words | facts | {"threads": options.threads})
        fault = finish(
            [sys.executable, str(HERE / "script.py"), str(told), str(answer)],
            settings(options.threads, options.device),
            max(1.0, until - time.monotonic()),
        )
        if fault:
            return {"side": side, "fault": f"{method}: {fault}", "trials": number}
        generated += files.read_json(answer)["generated_tokens"]
        print(f"compare {side}: {method} done after {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return {
        "side": side,
        "fault": None,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": busy_seconds() - busy,
        "trials": len(words["methods"]),
        "generated": generated,
    }


def ours(folder: Path, words: Facts, options: argparse.Namespace, until: float) -> Facts:
    """The same as one command."""
    out = folder / "study"
    command = [sys.executable, "-m", "luthier.cli", "compare", BUILT_IN, words["data"], ", ".join(words["methods"])]
    command += ["--epochs", "1", "--batch-size", str(words["batch"]), "--dev-rows", "1", "--out", str(out)]
    command += ["--no-search", "--no-forecast", "--precision", options.precision]
    environment = settings(options.threads, options.device)
    if options.threads == cores.available():
        del environment["OMP_NUM_THREADS"]  # luthier shares the same cores out among its trials
    started, busy = time.perf_counter(), busy_seconds()
    fault = finish(command, environment, max(1.0, until - time.monotonic()))
    seconds = time.perf_counter() - started
    print(f"compare luthier: {seconds:.0f} s {fault or ''}", file=sys.stderr, flush=True)
    if fault or not (out / "results.json").exists():
        return {"side": "luthier", "fault": fault or "no results", "trials": 0}
    trials: list[Any] = files.read_json(out / "results.json")["trials"]
    lines = [line for t in trials for line in files.read_jsonl(out / t["id"] / "predictions.jsonl")]
    undone = [t["method"] for t in trials if t["status"] != "done"]
    return {
        "side": "luthier",
        "fault": f"not done: {', '.join(undone)}" if undone else None,
        "seconds": seconds,
        "cpu_seconds": busy_seconds() - busy,
        "trials": len(trials),
        "generated": sum(line["tokens"] for line in lines),
    }
