"""Backbones that ship with the package, and the recipe that makes them.

Each base is a folder in the ordinary transformers layout, so the same path works
here, in transformers itself and in anything else that reads such folders. This
module only knows names and places: it needs nothing beyond the standard library.
"""

from __future__ import annotations

from pathlib import Path

NAMES: tuple[str, ...] = ("seedling-t5",)
"""The bases that are shipped."""


def names() -> tuple[str, ...]:
    """The names of the built-in bases."""
    return NAMES


def folder(name: str) -> Path:
    """Where the files of a built-in base lie."""
    if name not in NAMES:
        raise KeyError(f"there is no built-in base {name!r}; there are: {', '.join(NAMES)}")
    return Path(__file__).resolve().parent / name
