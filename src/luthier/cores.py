"""How many trials run beside each other, and on how many threads each.

The products of a small backbone are too small to be shared out: a second thread waits for the first most of the time,
and a second trial does not. A large one keeps all cores busy by itself.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SMALL = 60_000_000
"""Parameters of a backbone below which a core of its own serves a trial better than a share of all cores."""
UNFORESEEN = 2 << 30
"""Bytes that a trial is taken to need where nothing was forecast: what a small backbone does, with room."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of processor time in a period, and the period: what a container may use."""


@dataclass(frozen=True)
class Cores:
    """What the trials of a study run on.

    Attributes:
        at_once: trials beside each other.
        threads: of each; None leaves the choice to torch.
    """

    at_once: int = 1
    threads: int | None = None

    def fewer(self, at_once: int) -> Cores:
        """The same cores for fewer trials."""
        return self if at_once >= self.at_once else shared(at_once)


def shared(at_once: int) -> Cores:
    """All cores in equal parts; where the user gave a number of threads, each trial has as many."""
    if at_once == 1 or "OMP_NUM_THREADS" in os.environ:
        return Cores(at_once)
    return Cores(at_once, max(1, available() // at_once))


def chosen(trials: int, parameters: int) -> Cores:
    """What serves a study best: a trial a core over a small backbone, else one trial after the other.

    A user who sets OMP_NUM_THREADS has shared out the cores, and a device is not shared.
    """
    if parameters >= SMALL or "OMP_NUM_THREADS" in os.environ:
        return Cores()
    return shared(max(1, min(available(), trials)))


def answering(parameters: int) -> int | None:
    """Threads of a server: one over a small backbone, else what torch chooses.

    A token is hundreds of small products, and waking a second core for each costs more than it computes: on a machine
    with nothing else to do, eight kinds of delta in a batch made 8 answers a second on two threads and 17 on one.
    """
    return 1 if parameters < SMALL and "OMP_NUM_THREADS" not in os.environ else None


def available() -> int:
    """Cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        time, period = QUOTA.read_text().split()
        return max(1, min(cores, int(time) // int(period)))
    except (OSError, ValueError):  # no such file, or the word max: no quota
        return cores


def seconds(each: Sequence[float], at_once: int) -> float:
    """When all are done that take `each` seconds, begun in this order, so many beside each other."""
    ends = [0.0] * max(1, at_once)
    for one in each:
        heapq.heapreplace(ends, ends[0] + one)
    return max(ends)


def fit(peaks: Sequence[float], free: float, at_once: int) -> int:
    """How many of them fit beside each other, whichever they are; at least one."""
    ranked = sorted(peaks, reverse=True)
    return next((n for n in range(at_once, 1, -1) if sum(ranked[:n]) <= free), 1)


def unforeseen(cores: Cores, free: float) -> Cores:
    """The cores for trials whose memory was not forecast."""
    return cores.fewer(fit([UNFORESEEN] * cores.at_once, free, cores.at_once))
