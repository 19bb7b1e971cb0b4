"""Tensors in safetensors files, without a copy of them in memory: a training's state may be most of what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from . import files
from .errors import Damaged

NAMES = {
    torch.int64: "I64",
    torch.float64: "F64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""The format's names, in the order in which the library lays tensors out."""


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Replace `path` by these tensors, whole or not at all; the same bytes as the library's `save`.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    files.write_pieces(path, _pieces(tensors, metadata))


def _pieces(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> Iterator[Any]:
    """The file's header, and the bytes of each tensor where it lies."""
    kinds = list(NAMES)
    order = sorted(tensors, key=lambda name: (kinds.index(tensors[name].dtype), name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name in order:
        tensor = tensors[name]
        end = at + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    told = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    told += b" " * (-len(told) % 8)
    yield len(told).to_bytes(8, "little") + told
    for name in order:
        yield tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy()


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file; memory is taken as they are read.

    Raises:
        Damaged: it is no whole safetensors file.
    """
    try:
        return load_file(path)
    except SafetensorError as fault:
        raise Damaged(f"{path} is no whole safetensors file ({fault})") from fault
