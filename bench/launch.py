"""Jobs in fresh processes, and what ended them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

from job import Facts, Job

from luthier import files
from luthier.machine import COMPILED

HERE = Path(__file__).resolve().parent
NO_MEMORY = ("can't allocate memory", "not enough memory", "Cannot allocate memory", "MemoryError", "bad_alloc")
OUT_OF_MEMORY = "out of memory"


def settings(threads: int, device: str) -> dict[str, str]:
    """What the environment says to every process, ours and the rivals'; what luthier sets for itself is left out."""
    said = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"),
        "TOKENIZERS_PARALLELISM": "false",
    }
    seen = "" if device == "cpu" else os.environ.get("CUDA_VISIBLE_DEVICES", "0")  # Trainer would take all there are
    given = {name: value for name, value in os.environ.items() if name not in COMPILED}
    return given | said | {"CUDA_VISIBLE_DEVICES": seen}


def launch(job: Job, limit_seconds: float) -> Facts:
    """Run a job in a fresh process: its facts by stage, and under `fault` what kept it from finishing."""
    with tempfile.TemporaryDirectory() as folder:
        job_file, facts_file = Path(folder) / "job.json", Path(folder) / "facts.jsonl"
        files.write_json(job_file, asdict(job))
        started, busy = time.perf_counter(), busy_seconds()
        fault = finish(
            [sys.executable, str(HERE / "job.py"), str(job_file), str(facts_file)],
            settings(job.threads, job.device),
            limit_seconds,
        )
        stages = {f["stage"]: f for f in files.read_jsonl(facts_file)} if facts_file.exists() else {}
    spent = {"wall_seconds": time.perf_counter() - started, "cpu_seconds": busy_seconds() - busy}
    said = {"note": stages["start"]["note"]} if "note" in stages.get("start", {}) else {}
    return {"side": job.side, "workload": job.workload, "fault": fault, **spent, **stages, **said}


def busy_seconds() -> float:
    """Processor time of all children that have ended: what a run costs whatever else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def launch_largest(job: Job, limit_seconds: float) -> tuple[Facts, int]:
    """Run a job with the largest pass that fits: (facts, rows of that pass); what did not fit is kept in `note`."""
    until, tried = time.monotonic() + limit_seconds, []
    while True:
        facts = launch(job, max(1.0, until - time.monotonic()))
        if tried:
            facts["note"] = f"{', '.join(map(str, tried))} rows at once: out of memory; {job.at_once} used"
        chosen = job.side in ("practice", "expert")
        if not (chosen and facts["fault"] == OUT_OF_MEMORY and "train" not in facts and job.at_once > 1):
            return facts, job.at_once
        tried.append(job.at_once)
        job = replace(job, at_once=job.at_once // 2)


def finish(command: list[str], environment: dict[str, str], limit_seconds: float) -> str | None:
    """Wait for a process; None, or what ended it."""
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=limit_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"over time ({limit_seconds:.0f} s)"
    return fault_of(done.returncode, done.stderr)


def fault_of(code: int, said: str) -> str | None:
    """What ended a run, in words for the table; None where it finished."""
    if code == 0:
        return None
    if code == -9 or OUT_OF_MEMORY in said or any(sign in said for sign in NO_MEMORY):
        return OUT_OF_MEMORY
    last = (said.strip().splitlines() or [f"exit code {code}"])[-1][:200]
    if last.startswith("ModuleNotFoundError: ") and "not installed" in last:
        return last.removeprefix("ModuleNotFoundError: ")
    return f"failed: {last}"
