"""One run of the benchmark, in a process of its own: one side of one workload.

    python bench/job.py JOB.json FACTS.jsonl

Torch is imported inside functions: the process that prepares the jobs needs only their shape.
"""

from __future__ import annotations

import importlib
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from workloads import BY_NAME, LOSS_ROWS, Workload

from luthier import files
from luthier.machine import most_resident_bytes, share_cores

SIDES = ("practice", "expert", "ctranslate2", "luthier")
PAD = 0
"""Padding token of every backbone; the mask hides it."""
ALONE = 8
"""The practice gives one answer in so many: how fast it gives one after the other does not depend on their number."""
Facts = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One run of one side.

    Attributes:
        backbone: folder of the model and its tokenizer.
        plans: folder with the tokens: train.safetensors and test.safetensors.
        batch: rows of an optimiser step; at_once: rows of a forward pass, where the side does not choose itself.
        generated: answers after training; 0 for none.
        precision: `auto` or `fp32`.
    """

    side: str
    workload: str
    backbone: str
    plans: str
    steps: int
    batch: int
    at_once: int
    generated: int
    threads: int
    device: str = "cpu"
    precision: str = "auto"
    seed: int = 0

    @property
    def work(self) -> Workload:
        return BY_NAME[self.workload]

    @property
    def half(self) -> bool:
        """Whether this machine computes bf16 fast and may use it."""
        from luthier.machine import fast_precision

        return self.precision == "auto" and fast_precision() == "bf16"

    def plan(self, split: str) -> Any:
        """Tokens of `train`, of its longest step (`start`), of `test` (to generate) or of `loss` (its first rows)."""
        from luthier.encode import kept

        trained = split in ("train", "start")
        made = kept(Path(self.plans) / f"{'train' if trained else 'test'}.safetensors")
        if trained:
            return made if split == "train" else longest(made, self.batch)
        made = first(made, LOSS_ROWS if split == "loss" else self.generated)
        return spread(made) if split == "test" and self.side == "practice" else made


def first(made: Any, rows: int) -> Any:
    """The first rows of a plan."""
    return chosen(made, range(rows))


def longest(made: Any, rows: int) -> Any:
    """The longest rows of a plan."""
    return chosen(made, np.argsort(-made.lengths.sum(1), kind="stable")[:rows].tolist())


def spread(made: Any) -> Any:
    """One row in `ALONE`, short and long ones alike."""
    order = sorted(range(len(made)), key=lambda row: len(made.inputs[row]))
    return chosen(made, order[ALONE // 2 :: ALONE] or order[:1])


def chosen(made: Any, rows: Sequence[int]) -> Any:
    """Some rows of a plan."""
    inputs, answers = (tuple(part[row] for row in rows) for part in (made.inputs, made.answers))
    return type(made)(inputs, answers, made.classes[list(rows)])


def run(job: Job) -> Iterator[Facts]:
    """The facts of each stage as soon as it is over."""
    import torch

    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    yield from importlib.import_module(f"sides.{job.side}").run(job)


# -- what all sides share ---------------------------------------------------------------------------------------------


def answer_lengths(test: Any) -> list[int]:
    """Tokens that each generated answer has, the end token included; an answer has at least one word."""
    return [max(2, len(a)) for a in test.answers]


def ended(scores_BV: Any, last_B: Any, end: int) -> Any:
    """Scores under which rows in `last_B` end now and no other row does."""
    import torch

    scores_BV = scores_BV.clone()
    scores_BV[:, end] = torch.where(last_B, torch.inf, -torch.inf)
    return scores_BV


def head_start(classes: int, width: int) -> Any:
    """Weights of the class head at the start, (classes, width), the same on all sides; a soft prompt's too."""
    import torch

    return torch.randn(classes, width, generator=torch.Generator().manual_seed(0)) * 0.02


def same_start(job: Job, trained: Iterable[Any]) -> None:
    """A soft prompt, which every library draws in its own way, starts alike on all sides."""
    import torch

    if job.work.method.startswith("prompt"):
        (table,) = trained
        with torch.no_grad():
            table.copy_(head_start(*table.shape))


def synchronised() -> float:
    """The time, when everything that was asked of the device is done."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def training_facts(seconds: float, tokens: list[int], trained: int, precision: str, at_once: int | None) -> Facts:
    """Real tokens a second over all steps, after a start that changes no weight."""
    return {
        "stage": "train",
        "steps": len(tokens),
        "tokens": sum(tokens),
        "seconds": seconds,
        "tokens_per_second": sum(tokens) / seconds,
        "trained_parameters": trained,
        "precision": precision,
        "at_once": at_once,
        "peak_bytes": peak_bytes(),
    }


def timed_generation(say: Callable[[int], list[int]], rows: int) -> Facts:
    """Tokens a second of `say(rows)`, which returns the length of every answer, after a start with one row."""
    say(1)
    started = synchronised()
    said = say(rows)
    seconds = synchronised() - started
    return {
        "stage": "generate",
        "rows": rows,
        "tokens": sum(said),
        "seconds": seconds,
        "tokens_per_second": sum(said) / seconds,
        "peak_bytes": peak_bytes(),
    }


def peak_bytes() -> int:
    """Highest memory: of the device where there is one, else of this program's own process."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return most_resident_bytes()


def stay_below_the_free_memory() -> None:
    """A run that wants more than is free fails by itself, instead of bringing its neighbours down."""
    memory = Path("/proc/meminfo")
    if not memory.exists():
        return
    free = next(int(line.split()[1]) for line in memory.read_text().splitlines() if "MemAvailable" in line)
    wanted, allowed = free * 1024 * 9 // 10, resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed)
    resource.setrlimit(resource.RLIMIT_DATA, (most, allowed))
    Path("/proc/self/oom_score_adj").write_text("1000")


def child(job_file: Path, facts_file: Path) -> None:
    """What a run's process does: the job, and a line of facts after each stage."""
    job = Job(**files.read_json(job_file))
    if job.side == "luthier":
        share_cores()
    if job.device == "cpu":  # a GPU's driver maps far more than it uses
        stay_below_the_free_memory()
    log = files.Appender(facts_file)
    for facts in run(job):
        log.append(facts)


if __name__ == "__main__":
    child(Path(sys.argv[1]), Path(sys.argv[2]))
