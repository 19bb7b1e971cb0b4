"""Write docs/families.md: what `luthier bases --families` finds here. A test tries a sample of its cells again."""

from __future__ import annotations

import sys
from pathlib import Path

from luthier import capability, files
from luthier.methods import METHODS
from luthier.spell import parse_list

PAGE = Path(__file__).with_name("families.md")
HEAD = """# What works with what

Written by `python docs/make_families.py` from what `luthier bases --families` saw: every method on a tiny model of
every family in every precision, tried and not guessed. A method works where its answers are finite, every trained
weight and no other has a gradient, a saved delta reloads to the same logits, a row alone says what it says in a
batch, every row is answered, and the backbone is bit for bit what it was. Tried with {software}.
"""


def page(cells: list[capability.Cell]) -> str:
    """The whole page."""
    found = ", ".join(f"{name} {value or 'not installed'}" for name, value in capability.software().items())
    return f"{HEAD.format(software=found)}\n{capability.page(cells)}"


def tell(family: str, precision: str, cells: object) -> None:
    """One line on the error stream."""
    sys.stderr.write(f"{family} {precision}\n")


if __name__ == "__main__":
    files.write_text(PAGE, page(capability.matrix(parse_list(", ".join(capability.words()), METHODS), tell=tell)))
    sys.stdout.write(f"{PAGE}\n")
