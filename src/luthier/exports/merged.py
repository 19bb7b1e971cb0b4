"""An ordinary transformers folder that holds backbone and delta as one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import files, tensor_file
from ..errors import Refused
from ..store import HEAD_NAMES
from . import contents
from .learned import Learned
from .weights import merged

SHARD_BYTES = 4 << 30
FORMAT = {"format": "pt"}
"""What transformers asks a file of weights for."""
HEAD = "head.safetensors"
"""A class head that the model library has no place for; `standalone/loaded.py` reads it."""


def write(learned: Learned, folder: Path) -> None:
    """Weights, config, tokenizer and task.

    Raises:
        Refused: the method has no merged form.
    """
    _write_weights(folder, state(learned))
    if learned.own_head:
        tensor_file.write(folder / HEAD, learned.delta.head.state_dict())
    files.write_json(folder / "config.json", _config(learned))
    contents.write(learned, folder, adapter=False)


@torch.no_grad()
def state(learned: Learned) -> dict[str, Tensor]:
    """All tensors of the merged model under the library's names, tied ones once, in the precision of the trial.

    Raises:
        Refused: the method has no merged form, or changes one of two tied weights alone.
    """
    model = learned.backbone.model
    new = merged(learned.backbone, learned.delta, learned.method.word)
    body = _body(learned) if learned.head else ""
    kept: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        first = names.setdefault(id(tensor), name)
        if first == name and name.startswith(body):
            kept[name] = new.get(name, tensor).detach().to(model.dtype if tensor.is_floating_point() else tensor.dtype)
    lost = sorted(set(new) - set(kept))
    if lost:
        raise Refused(
            f"{learned.method!r} changes {lost[0]}, which is tied to {names.get(id(model.get_parameter(lost[0])))}.",
            "export docker, which serves it as it was trained",
            "luthier export docker …",
        )
    if learned.classifier is not None:
        start = HEAD_NAMES[learned.backbone.kind]
        kept |= {f"{start}.{n.removeprefix('out.')}": t.detach() for n, t in learned.delta.head.state_dict().items()}
    return kept


def _body(learned: Learned) -> str:
    """Where the names of the model without its word head start."""
    model = learned.backbone.model
    return next(name for name, module in model.named_modules() if module is model.base_model) + "."


def _config(learned: Learned) -> dict[str, Any]:
    """The backbone's own config, with what the merged folder is."""
    config = json.loads((learned.origin.folder / "config.json").read_text(encoding="utf-8"))
    config.pop("torch_dtype", None)
    config |= {"architectures": [_architecture(learned)], "dtype": learned.computed}
    config["vocab_size"] = learned.backbone.model.get_input_embeddings().weight.shape[0]
    if learned.head:
        names = dict(enumerate(learned.task.labels))
        config |= {
            "id2label": {str(n): name for n, name in names.items()},
            "label2id": {name: n for n, name in names.items()},
            "num_labels": len(names),
            "problem_type": "single_label_classification",
            "pad_token_id": learned.backbone.tokenizer.pad_token_id,
        }
    return config


def _architecture(learned: Learned) -> str:
    if not learned.head:
        return next(
            c.__name__ for c in type(learned.backbone.model).__mro__ if c.__module__.startswith("transformers.")
        )
    return type(learned.classifier or learned.backbone.model.base_model).__name__


def _write_weights(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    shards = list(_shards(tensors))
    if len(shards) == 1:
        tensor_file.write(folder / "model.safetensors", shards[0], FORMAT)
        return
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensor_file.write(folder / name, shard, FORMAT)
        places |= dict.fromkeys(shard, name)
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    files.write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": places})


def _shards(tensors: Mapping[str, Tensor], most: int = SHARD_BYTES) -> Iterator[dict[str, Tensor]]:
    """The tensors in groups of at most `most` bytes (one may be larger)."""
    group: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        own = tensor.numel() * tensor.element_size()
        if group and size + own > most:
            yield group
            group, size = {}, 0
        group[name], size = tensor, size + own
    yield group
