"""The dialogue-summary lab alone: LoRA training and generation of an encoder-decoder beside its two rivals.

    python bench/lab.py [--shape small|base] [options of run.py]

The same as `python bench/run.py --only seedling`, or with `--shape base` as `--only t5`.
"""

from __future__ import annotations

import argparse
import sys

import run

NAMES = {"small": "seedling", "base": "t5"}


def main(words: list[str] | None = None) -> int:
    """Options that are not this file's own are run.py's."""
    parser = argparse.ArgumentParser(description="The dialogue-summary lab alone.", add_help=False)
    parser.add_argument("--shape", choices=tuple(NAMES), default="small")
    mine, rest = parser.parse_known_args(words)
    return run.main(["--only", NAMES[mine.shape], *rest])


if __name__ == "__main__":
    sys.exit(main())
