"""What this machine does in a second: products, memory traffic, single operations, the disk.

Measured in about a second, kept per machine, torch version and number of threads in the user's cache folder
(`LUTHIER_CACHE` names another one).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from . import files
from .errors import Damaged, UserError
from .machine import cache_folder, cpu_name, memory_bytes
from .ops.compiled import build
from .records import dumps, from_json, to_json

ROWS = (8, 64, 512, 2048)
"""Rows of the products: a decoding step, small and large passes."""
WIDTH = 768
STREAM_BYTES = 32 << 20
"""Larger than the caches of one core, small beside any memory."""
DISK_BYTES = 16 << 20
PATIENCE = 0.08
"""Seconds for each figure."""
SLOW = 0.3
"""Products that would take longer are not measured."""


@dataclass(frozen=True)
class Machine:
    """This machine with the threads it has now.

    Attributes:
        products: precision -> rows -> FLOP/s of (rows, 768) x (768, 768).
        stream: bytes/s read and written by an addition of large tensors.
        operation: seconds of an operation on a handful of numbers.
        disk: bytes/s of a durable write.
    """

    products: Mapping[str, Mapping[str, float]]
    stream: float
    operation: float
    disk: float
    threads: int
    device: str
    date: str

    def peak(self, precision: str) -> float:
        """The best product rate of a precision, FLOP/s."""
        return max(self.products[precision].values())


def machine(fresh: bool = False) -> Machine:
    """This machine's figures, measured where they are not known yet (or `fresh`)."""
    found = None if fresh else recall("machine", key())
    if found is None:
        found = to_json(measured())
        remember("machine", key(), found)
    return from_json(Machine, found)


def measured() -> Machine:
    """Measure now."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    small = torch.ones(8, device=device)
    large = torch.ones(STREAM_BYTES // 4, device=device)
    into = torch.empty_like(large)
    return Machine(
        {name: _products(kind, device) for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16))},
        stream=3 * STREAM_BYTES / seconds(lambda: torch.add(large, large, out=into)),
        operation=seconds(lambda: [small.add_(1) for _ in range(200)]) / 200,
        disk=_disk(),
        threads=torch.get_num_threads(),
        device=device_name(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _products(kind: torch.dtype, device: torch.device) -> dict[str, float]:
    weight = torch.randn(WIDTH, WIDTH, device=device).to(kind)
    rates = {}
    for rows in ROWS:
        work = 2 * rows * WIDTH * WIDTH
        if rates and work / min(rates.values()) > SLOW:
            break  # a precision that is emulated here: its rate does not grow with the rows
        x = torch.randn(rows, WIDTH, device=device).to(kind)
        rates[str(rows)] = work / seconds(lambda x=x: x @ weight)
    return rates


def _disk() -> float:
    place, content = cache_folder() / "disk", os.urandom(DISK_BYTES)
    try:
        started = time.perf_counter()
        files.write_bytes(place, content)
        return DISK_BYTES / (time.perf_counter() - started)
    except UserError:  # a cache folder that cannot be written costs the cache, not the forecast
        return 1e8
    finally:
        place.unlink(missing_ok=True)


def seconds(work: Callable[[], Any], patience: float = PATIENCE) -> float:
    """Duration of `work` on a machine left alone: the shortest of two runs or more, within `patience` seconds."""
    taken: list[float] = []
    while len(taken) < 2 or (sum(taken) < patience and len(taken) < 100):
        watch = Watch()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(watch.seconds())
    return min(taken)


class Watch:
    """Times what this process does as if it had its cores for itself.

    Beside others a process waits for a core: its wall time grows, its processor time hardly does. Where several
    threads share the work, processor time is the larger one, and wall time is taken.
    """

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def seconds(self) -> float:
        wall, processor = time.perf_counter() - self._wall, time.process_time() - self._processor
        return wall if torch.cuda.is_available() else min(wall, processor)


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Measure with so many threads; None leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def crowd() -> float:
    """Processes that want to run for each core, over the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0


def device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else cpu_name()


def free_bytes() -> int:
    """Memory that a new process may take now: of the device where there is one."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # what this process had and no longer has is free
        return torch.cuda.mem_get_info()[0]
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return memory_bytes() or 1 << 40  # a system that does not tell is not a reason to refuse


def key(*more: Any) -> str:
    """Name of what was measured: equal on the same machine, with the same torch, loops, threads and `more`."""
    facts = [device_name(), torch.__version__, build(), torch.get_num_threads(), *more]
    return hashlib.sha256(dumps(facts).encode()).hexdigest()[:16]


# -- the cache ------------------------------------------------------------------------------------------------------


def recall(kind: str, name: str) -> Any:
    """What was remembered, or None; a torn file counts as none, because it can be measured again."""
    try:
        return files.read_json(cache_folder() / kind / f"{name}.json")
    except (OSError, Damaged):
        return None


def remember(kind: str, name: str, value: Any) -> None:
    """Keep a measurement; where nothing can be written, it is made again next time."""
    try:
        files.write_json(cache_folder() / kind / f"{name}.json", value)
    except UserError:
        return
