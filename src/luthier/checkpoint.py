"""A training's checkpoints: a folder per step, sealed; the older one is removed only after the newer one is whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from . import files, tensor_file
from .errors import Damaged

STATE, BEST = "state.safetensors", "best.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stood.

    Attributes:
        state: `Training.tensors()`. best: what would ship, as it was at the best evaluation so far.
        facts: plain JSON values, `step` among them.
    """

    state: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def keep(place: Path, found: Checkpoint) -> None:
    """Write a checkpoint below `place`, then remove the older ones."""
    folder = place / f"step-{found.facts['step']:08d}"
    for name, tensors in ((STATE, found.state), (BEST, found.best)):
        tensor_file.write(folder / name, tensors)
    files.seal(folder, dict(found.facts), (STATE, BEST))
    for older in sorted(place.iterdir()):
        if older != folder and older.is_dir():
            shutil.rmtree(older, ignore_errors=True)


def newest(place: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint below `place`, and a caveat for each that was not whole."""
    caveats = []
    for folder in sorted(place.glob("step-*"), reverse=True):
        try:
            facts = files.sealed(folder)
        except Damaged as fault:
            caveats.append(f"a checkpoint was not whole and was passed over: {fault}")
            continue
        if facts is not None:
            state, best = (tensor_file.read(folder / name) for name in (STATE, BEST))
            return Checkpoint(state, best, facts), caveats
    return None, caveats
