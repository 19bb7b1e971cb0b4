"""Backbones that ship with the package, and the recipe that makes them.

Each base is a folder in the ordinary transformers layout, so the same path works
here, in transformers itself and in anything else that reads such folders. This
module only knows names and places: it needs nothing beyond the standard library.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

PLACE = Path(__file__).resolve().parent
RECIPE_MINUTES = {
    "seedling-t5": 90,
    "seedling-t5-small": 12,
    "seedling-t5-large": 90,
    "seedling-bert": 25,
    "seedling-lm": 52,
}
"""Every base that has a recipe, and its minutes of one thread's processor time (`seedling-lm` and `seedling-t5-small`
with products in bf16); of `seedling-t5-large`, which does not ship, as planned: it was made once, in 55."""

NAMES: tuple[str, ...] = tuple(name for name in RECIPE_MINUTES if (PLACE / name / "model.safetensors").is_file())
"""The bases whose weights lie in this package."""


def names() -> tuple[str, ...]:
    """The names of the built-in bases."""
    return NAMES


def folder(name: str) -> Path:
    """Where the files of a built-in base lie."""
    if name not in NAMES:
        raise KeyError(f"there is no built-in base {name!r}; there are: {', '.join(NAMES)}")
    return PLACE / name


def rebuild() -> str:
    """The commands that make every base again."""
    made = [
        f"python -m luthier.bases.pretrain DATA_FOLDER --base {name} --out RUN --minutes {minutes} --threads 1\n"
        f"python -m luthier.bases.publish RUN {name}"
        for name, minutes in RECIPE_MINUTES.items()
    ]
    return "\n".join(made)


def facts() -> list[dict[str, Any]]:
    """Name, path, kind, parameters and bytes of every built-in base, read from its own files."""
    found = []
    for name in NAMES:
        place = folder(name)
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
        kind = _kind(config)
        found.append(
            {
                "name": name,
                "path": str(place),
                "kind": kind,
                "parameters": _parameters(place / "model.safetensors"),
                "bytes": sum(p.stat().st_size for p in place.iterdir() if p.is_file()),
            }
        )
    return found


def _parameters(weights: Path) -> int:
    """Numbers in a safetensors file, from its header alone."""
    with weights.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _kind(config: dict[str, Any]) -> str:
    if config.get("is_encoder_decoder"):
        return "seq2seq"
    return "causal" if any(name.endswith("CausalLM") for name in config["architectures"]) else "encoder"
