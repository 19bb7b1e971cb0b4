"""Every recipe beside this file on the hub model that it names, with few rows: does it run at all?

    python examples/hub_check.py [NAME…] [--steps N] [--rows N] [--minutes N]

Needs a network, the extra hub, and disk for the models (nine recipes: about 12 GB). Each recipe runs in a process of
its own through the command line, so that a crash or a full memory takes down one. A line for each as it ends; the exit
code is 0 where all are done, 3 where one is not, 2 where a name is no recipe.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RECIPES = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
DONE, USER_FAULT, SOME_FAILED = 0, 2, 3

Run = Callable[[Sequence[str], float], subprocess.CompletedProcess[str]]
"""Runs words within seconds, and keeps what they print."""


def main(words: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Run the named recipes, all of them without a name; returns the exit code."""
    options = parser().parse_args(words)
    if unknown := [name for name in options.names if name not in RECIPES]:
        print(f"hub-check: there is no recipe {unknown[0]!r}; there are {', '.join(RECIPES)}", file=sys.stderr)
        return USER_FAULT
    out, failed = Path(tempfile.mkdtemp(prefix="hub-check-")), 0
    names = options.names or list(RECIPES)
    for name in names:
        began = time.monotonic()
        print(f"{name:24}", end=" ", flush=True)
        told = outcome(run or quietly, command(RECIPES[name], out / name, options), 60 * options.minutes)
        failed += told is not None
        print(f"{'done' if told is None else 'failed'}  {time.monotonic() - began:.0f} s  {told or ''}", flush=True)
    print(f"{len(names) - failed} of {len(names)} done; what they left is in {out}")
    return SOME_FAILED if failed else DONE


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    found.add_argument("names", metavar="NAME", nargs="*", help=f"{', '.join(RECIPES)}; all without a name")
    found.add_argument("--steps", type=int, default=2, help="optimiser steps of every method (default 2)")
    found.add_argument("--rows", type=int, default=16, help="training rows; half as many test rows (default 16)")
    found.add_argument("--minutes", type=float, default=60, help="longest time for one recipe (default 60)")
    return found


def command(recipe: Path, out: Path, options: argparse.Namespace) -> list[str]:
    """The words that run a recipe small."""
    few = str(max(2, options.rows // 2))
    words = [sys.executable, "-m", "luthier.cli", "compare", str(recipe), "--out", str(out), "--json", "--no-search"]
    words += ["--steps", str(options.steps), "--train-rows", str(options.rows)]
    return [*words, "--test-rows", few, "--dev-rows", few]


def quietly(words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(words), capture_output=True, text=True, timeout=seconds, check=False)


def outcome(run: Run, words: Sequence[str], seconds: float) -> str | None:
    """Why a recipe failed, in a line; None where it did not."""
    try:
        asked = run(words, seconds)
    except subprocess.TimeoutExpired:
        return f"not finished within {seconds / 60:g} minutes"
    if asked.returncode == DONE:
        return None
    if asked.returncode == SOME_FAILED:
        trials = [t for t in json.loads(asked.stdout)["trials"] if t["status"] != "done"]
        return "; ".join(f"{t['method']}: {t['error']}" for t in trials)
    said = [line.strip() for line in asked.stderr.splitlines() if line.strip()]
    what = [line for line in said if line.startswith("luthier: ")][-1:] or said[-1:]
    advice = [line for line in said if line.startswith("do: ")][-1:]
    return " · ".join([*what, *advice]).removeprefix("luthier: ") or f"ended with {asked.returncode} and said nothing"


if __name__ == "__main__":
    sys.exit(main())
