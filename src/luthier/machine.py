"""What this machine and this installation are: the stamp that every study carries."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import __version__

PACKAGES = ("torch", "transformers", "peft", "safetensors", "tokenizers", "numpy")
COMPILED = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""What oneDNN and torch read before they start: for how many shapes each keeps what it compiled."""
SHAPES_KEPT = "128"
SPINS = "1000"
"""Looks of GNU's OpenMP for more work before a thread sleeps, 70 microseconds."""


def share_cores() -> None:
    """Let waiting threads soon sleep, and keep few compiled products; to be called before torch is loaded.

    Beside any other busy process, threads that spin for long take the cores from the ones they wait for: small products
    were measured 50 to 100 times slower on two cores. A thread that sleeps at once is woken too late for the next small
    product: those that say one token took 1.2 to 1.4 times as long. Unless something else was asked for.

    Left alone, oneDNN and torch keep 1,024 shapes each, which in bf16 is a gigabyte once rows of all lengths were seen.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    for variable in COMPILED:
        os.environ.setdefault(variable, SHAPES_KEPT)


def environment() -> dict[str, Any]:
    """Versions, hardware, commit and date, as plain JSON values; imports nothing heavy, and names a GPU where torch is
    there already."""
    return {
        "luthier": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "threads": os.cpu_count(),
        "memory_bytes": memory_bytes(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **{p: installed(p) for p in PACKAGES},
        **_gpu(),
    }


def _gpu() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return {}
    return {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}


def installed(package: str) -> str | None:
    """Version of an installed package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_name() -> str:
    """As the system calls it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def processor() -> str:
    """Its name, and what it can do: machines of one name need not run the same instructions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    able = next((line for line in lines if line.startswith(("flags", "Features"))), platform.version())
    return f"{platform.machine()} {cpu_name()} {able}"


def memory_bytes() -> int | None:
    """All of the machine's memory."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def most_resident_bytes() -> int:
    """Highest memory of this process so far, whatever the process that started it had before."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    import resource  # not everywhere

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def commit() -> str | None:
    """Commit of the checkout luthier runs from, where it runs from one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    asked = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


@cache
def fast_precision() -> str:
    """bf16 where the hardware multiplies it faster than fp32 (a GPU that has it, AMX), else fp32.

    AVX512-BF16 without AMX promises nothing: on an Intel processor products of bf16 took twice the time of fp32. There
    it is measured.
    """
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    fast = torch.cpu._is_amx_tile_supported() or (torch.cpu._is_avx512_bf16_supported() and _bf16_is_faster())
    return "bf16" if fast else "fp32"


def _bf16_is_faster() -> bool:
    """Than fp32, of the best tries of one product in turns. Draws no random numbers: seeds mean what they did."""
    import torch

    sides = {kind: torch.ones(512, 768, dtype=kind) for kind in (torch.float32, torch.bfloat16)}
    seconds: dict[torch.dtype, list[float]] = {kind: [] for kind in sides}
    for _ in range(5):
        for kind, side in sides.items():
            started = time.perf_counter()
            side @ side.t()
            seconds[kind].append(time.perf_counter() - started)
    return min(seconds[torch.bfloat16]) < min(seconds[torch.float32])


def cache_folder() -> Path:
    """`LUTHIER_CACHE`, or `luthier` in the user's cache folder."""
    chosen = os.environ.get("LUTHIER_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(chosen).expanduser() if chosen else home / "luthier"
