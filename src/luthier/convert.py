"""Pickled weights -> safetensors, once, in a process that can do little harm.

A pickle can run code when it is opened. The child that opens it uses torch's weights-only reader, has bounded memory
and time, starts isolated from the user's site packages path, and writes tensors, nothing else.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from . import files
from .errors import UserError

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".th")
SECONDS = 3600
COMPANIONS = (".json", ".txt", ".model", ".jinja")


def convert(folder: Path, out: Path) -> list[Path]:
    """Write a copy of `folder` with safetensors in place of pickles; returns the files written.

    Raises:
        UserError: nothing to convert, an existing target, or a pickle that holds more than tensors.
    """
    pickles = sorted(p for p in folder.iterdir() if p.suffix in PICKLED and not p.name.startswith("training_args"))
    if not pickles:
        raise UserError(
            f"{folder} holds no pickled weights.", ", ".join(PICKLED), "name the folder that holds pytorch_model.bin"
        )
    if out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is not empty.", "a new folder", "choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for number, pickle in enumerate(pickles, 1):
        name = "model.safetensors" if len(pickles) == 1 else f"model-{number:05d}-of-{len(pickles):05d}.safetensors"
        _in_child(pickle, out / name)
        written.append(out / name)
    if len(pickles) > 1:
        _index(out, written)
    for companion in sorted(folder.iterdir()):
        if companion.suffix in COMPANIONS and not companion.name.endswith(".index.json"):
            files.write_bytes(out / companion.name, companion.read_bytes())
            written.append(out / companion.name)
    return written


def _in_child(pickle: Path, target: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-I", "-m", __name__, str(pickle), str(target)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["killed"])[-1]
        target.unlink(missing_ok=True)
        raise UserError(
            f"{pickle} cannot be converted: {reason[:300]}",
            "a state dict of tensors",
            "convert it where you trust its source",
        )


def _index(out: Path, shards: list[Path]) -> None:
    from safetensors import safe_open

    places, size = {}, 0
    for shard in shards:
        with safe_open(shard, "pt") as opened:
            places |= dict.fromkeys(opened.keys(), shard.name)
        size += shard.stat().st_size
    files.write_json(out / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": places})


def _child(pickle: Path, target: Path) -> None:
    import torch
    from safetensors.torch import save

    room = pickle.stat().st_size * 4 + (8 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    state = torch.load(pickle, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    tensors = {name: t.contiguous().clone() for name, t in state.items() if isinstance(t, torch.Tensor)}
    if not tensors:
        raise SystemExit(f"{pickle.name} holds no tensors")
    files.write_bytes(target, save(tensors, metadata={"format": "pt"}))


if __name__ == "__main__":
    _child(Path(sys.argv[1]), Path(sys.argv[2]))
