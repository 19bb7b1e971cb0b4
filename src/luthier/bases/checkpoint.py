"""Save and resume a pretraining run without pickle: tensors as safetensors, numbers as JSON."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


@dataclass
class Progress:
    """How far a run has come, across interruptions."""

    step: int = 0
    seconds: float = 0.0
    """Processor time a thread."""
    tokens: int = 0
    task_steps: int = 0
    """Steps on supervised tasks, whose rows come in a fixed order."""


def save(folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer], progress: Progress) -> None:
    """Write beside the old checkpoint first, so that a crash leaves one whole copy."""
    fresh = folder.with_name(folder.name + ".new")
    stale = folder.with_name(folder.name + ".old")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file({name: value.contiguous() for name, value in model.named_parameters()}, fresh / "model.safetensors")
    save_file(_optimizer_tensors(optimizers), fresh / "optimizer.safetensors")
    (fresh / "progress.json").write_text(json.dumps(asdict(progress)), encoding="utf-8")
    shutil.rmtree(stale, ignore_errors=True)
    if folder.exists():
        os.replace(folder, stale)
    os.replace(fresh, folder)
    shutil.rmtree(stale, ignore_errors=True)


def resume(folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> Progress:
    """Load a checkpoint into the model and optimisers; a fresh start when there is none."""
    stale = folder.with_name(folder.name + ".old")
    if not folder.exists() and stale.exists():
        os.replace(stale, folder)
    if not folder.exists():
        return Progress()
    weights = load_file(folder / "model.safetensors")
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(weights[name])
    _restore_optimizers(optimizers, load_file(folder / "optimizer.safetensors"))
    return Progress(**json.loads((folder / "progress.json").read_text(encoding="utf-8")))


def _optimizer_tensors(optimizers: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Every state tensor, keyed by optimiser, parameter and state name."""
    flat = {}
    for number, optimizer in enumerate(optimizers):
        for parameter, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                flat[f"{number}/{parameter}/{name}"] = torch.as_tensor(value).contiguous()
    return flat


def _restore_optimizers(optimizers: list[torch.optim.Optimizer], flat: dict[str, Tensor]) -> None:
    for number, optimizer in enumerate(optimizers):
        whole = optimizer.state_dict()
        whole["state"] = {}
        for key, value in flat.items():
            owner, parameter, name = key.split("/")
            if int(owner) == number:
                whole["state"].setdefault(int(parameter), {})[name] = value
        optimizer.load_state_dict(whole)
