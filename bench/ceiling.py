"""What this machine could do at best, beside which every figure is read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from job import Facts

TRIES = 5


def measure(threads: int, device: str) -> Facts:
    """Best of five products of 2048×2048 matrices (8192 on a GPU), and of five copies of 256 MB (4 GB)."""
    import torch

    from luthier.machine import fast_precision
    from luthier.ops.compiled import kernels

    torch.set_num_threads(threads)
    side, floats = (8192, 2**30) if device == "cuda" else (2048, 2**26)

    def matmul(dtype: Any) -> float:
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        return 2 * side**3 / best(lambda: a @ b, device) / 1e9

    def copies() -> float:
        source, target = torch.zeros(floats, device=device), torch.empty(floats, device=device)
        return 2 * source.nbytes / best(lambda: target.copy_(source), device) / 1e9

    found = {
        "fp32_gflops": matmul(torch.float32),
        "bf16_gflops": matmul(torch.bfloat16) if fast_precision() == "bf16" else None,
        "bandwidth_gbytes": copies(),
        "load_average": os.getloadavg()[0],
        "kernels": kernels(),  # luthier's own loops; built now, if ever
    }
    if device == "cuda":
        torch.cuda.empty_cache()  # the runs need all of it
    return found


def best(work: Callable[[], Any], device: str) -> float:
    """Seconds of the fastest try, after one that is not timed."""
    import torch

    times = []
    for _ in range(TRIES + 1):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times[1:])
