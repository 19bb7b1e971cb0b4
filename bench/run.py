"""luthier beside its rivals: the same work on every side, in separate processes, in turns.

    python bench/run.py [--full] [--only NAME] [--threads N] [--rounds N] [--json]

Writes bench/RESULTS.md, or bench/out/NAME.md for a part. See bench/README.md.

Torch is imported inside functions: how its threads wait has to be settled before it is loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import ceiling
import comparison
import page
import table
from job import SIDES, Facts, Job
from launch import launch_largest, settings
from prepare import prepare
from workloads import BY_NAME, WORKLOADS, Workload

from luthier import files
from luthier.errors import UserError
from luthier.machine import environment, installed, share_cores

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
QUICK_MINUTES = 14.2
WHOLE = "compare"
"""`--only` word of the whole comparison; `ops` is the other one that is no workload."""


@dataclass
class Bench:
    """A benchmark under way."""

    options: argparse.Namespace
    peak: Facts
    until: float
    log: files.Appender
    """Keeps what was measured if the benchmark itself is ended."""
    runs: list[Facts] = field(default_factory=list)
    works: dict[str, Facts] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds of the allowance."""
        return self.until - time.monotonic()

    def measure(self, workload: Workload, reserve: float) -> None:
        """All rounds of a workload; a round after the first must leave `reserve` seconds for what comes behind."""
        if self.left < workload.round_seconds:
            self.left_out.append(
                f"{workload.name}: not run, the time was spent; `make bench-full` or --only {workload.name}"
            )
            return
        with tempfile.TemporaryDirectory(prefix="luthier-bench-") as folder:
            job, self.works[workload.name] = prepare(workload, Path(folder), self.options, self.peak)
            at_once = dict.fromkeys(SIDES, job.at_once)
            for number in range(1, self.options.rounds + 1):
                started = time.monotonic()
                for side in ("luthier", *reversed(workload.rivals)):  # what the time runs out for is the practice
                    self.take(replace(job, side=side, at_once=at_once[side]), number, at_once)
                if number < self.options.rounds and self.left - (time.monotonic() - started) < reserve:
                    self.left_out.append(
                        f"{workload.name}: {number} of {self.options.rounds} rounds, the time was spent"
                    )
                    return

    def compare(self) -> Facts | None:
        """The real comparison, where its share of the time is there."""
        if self.left < comparison.EXPECTED_SECONDS[self.options.full]:
            self.left_out.append(f"the real comparison: not run, the time was spent; --only {WHOLE}")
            return None
        return comparison.real(self.options, self.left)

    def take(self, job: Job, number: int, at_once: dict[str, int]) -> None:
        """One run; a pass that did not fit is not tried again in later rounds."""
        limit = min(self.options.limit, max(5.0, self.left))
        facts, at_once[job.side] = launch_largest(job, limit)
        self.runs.append(facts | {"round": number})
        self.log.append(self.runs[-1])
        spent = f"{facts['wall_seconds']:6.1f} s ({facts['cpu_seconds']:.1f} s of processor time)"
        said = f"{job.workload:9} round {number}: {job.side:11} {spent} {facts['fault'] or ''} {facts.get('note', '')}"
        print(said.rstrip(), file=sys.stderr, flush=True)


def measure_ops(options: argparse.Namespace, limit_seconds: float) -> list[Facts] | str:
    """The rows of bench/ops.py, in a process of its own, or why there are none."""
    try:
        done = subprocess.run(
            [sys.executable, "ops.py", "--json", "--rounds", "5", "--threads", str(options.threads)],
            cwd=HERE,
            env=settings(options.threads, options.device),
            capture_output=True,
            text=True,
            timeout=limit_seconds,
            check=True,
        )
        return json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as fault:
        return f"bench/ops.py gave no rows: {str(fault)[:200]}"


def whole(options: argparse.Namespace) -> Facts:
    """Everything that was asked for, measured."""
    began, minutes = time.monotonic(), options.minutes or float("inf")
    log = HERE / "out" / "runs.jsonl"
    log.unlink(missing_ok=True)
    peak = ceiling.measure(options.threads, options.device)
    bench = Bench(options, peak, began + minutes * 60, files.Appender(log))
    chosen = [w for w in WORKLOADS if w.name in options.only or (not options.only and (options.full or w.quick))]
    more = {w for w in (WHOLE, "ops") if w in options.only or not options.only}
    result: Facts = {"real": None, "ops": None}
    if WHOLE in more:  # before the large shapes, which take what time there is
        result["real"] = bench.compare()
    for number, workload in enumerate(chosen):
        bench.measure(workload, sum(w.round_seconds for w in chosen[number + 1 :]))
    bench.log.close()
    if "ops" in more and bench.left > 60:
        result["ops"] = measure_ops(options, min(600.0, bench.left))
    elif "ops" in more:
        bench.left_out.append("ops: not run, the time was spent; --only ops")
    return result | {
        "environment": environment(),
        "ctranslate2": installed("ctranslate2"),
        "full": options.full,
        "device": options.device,
        "threads": options.threads,
        "precision": options.precision,
        "data": "the data folder" if options.data else "the built-in dialogues",
        "ceiling": bench.peak,
        "load_after": os.getloadavg()[0],
        "minutes": (time.monotonic() - began) / 60,
        "works": bench.works,
        "lines": table.lines(bench.runs),
        "shares": table.share_of_peak(bench.runs, bench.works, bench.peak),
        "built": comparison.built(bench.runs, bench.works),
        "unequal": table.unequal(bench.runs, bench.works),
        "left_out": bench.left_out,
        "runs": bench.runs,
    }


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    known = (*BY_NAME, WHOLE, "ops")
    parser = argparse.ArgumentParser(description="luthier beside Trainer with PEFT, and beside CTranslate2.")
    parser.add_argument("--full", action="store_true", help="every workload, more steps and rows; takes hours")
    parser.add_argument("--only", action="append", choices=known, default=[], help="one part; may be given again")
    parser.add_argument(
        "--data", type=Path, help="folder of data sets; default: ../shared/data, else built-in dialogues"
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("auto", "fp32"), default="auto", help="fp32: bf16 on no side")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, help="how often every side runs; default 2, full 3")
    parser.add_argument("--minutes", type=float, help=f"what all may take; default {QUICK_MINUTES}, full: no limit")
    parser.add_argument("--seconds", type=float, help="training time the practice should need; default 20, full 240")
    parser.add_argument("--limit", type=float, help="seconds one process may take; default 240, full 3600")
    parser.add_argument("--steps", type=int, help="optimiser steps, instead of what the time allows")
    parser.add_argument("--batch", type=int, help="rows of a step")
    parser.add_argument("--rows", type=int, help="answers to generate")
    parser.add_argument("--json", action="store_true", help="print the whole result")
    options = parser.parse_args(words)
    defaults = {"rounds": (2, 3), "minutes": (QUICK_MINUTES, None), "seconds": (20.0, 240.0), "limit": (240.0, 3600.0)}
    for name, values in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, values[options.full])
    if options.only and options.minutes == QUICK_MINUTES:
        options.minutes = None
    given = [v for v in (options.rounds, options.threads, options.steps, options.batch, options.rows) if v is not None]
    if min(given) < 1:
        parser.error("rounds, threads, steps, batch and rows are at least 1")
    if options.data is None and DATA.is_dir():
        options.data = DATA
    elif options.data is not None and not options.data.is_dir():
        parser.error(f"--data {options.data} is no folder")
    return options


def main(words: list[str] | None = None) -> int:
    """Exit code 1: a run failed (a lack of memory or time is a result), or sides did not do the same work."""
    options = parsed(words)
    share_cores()
    try:
        result = whole(options)
    except UserError as fault:
        print(fault, file=sys.stderr)
        return 2
    name = "-".join(options.only) or "results"
    text = page.page(result)
    files.write_json(HERE / "out" / f"{name}.json", result)
    files.write_text(HERE / "out" / f"{name}.md" if options.only else HERE / "RESULTS.md", text)
    print(json.dumps(result, ensure_ascii=False, indent=1) if options.json else text)
    every = [*result["runs"], *(result["real"] or {"runs": []})["runs"]]
    failed = [r for r in every if "failed: " in (r["fault"] or "")]
    return int(bool(failed or result["unequal"]))


if __name__ == "__main__":
    sys.exit(main())
