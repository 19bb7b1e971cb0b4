"""Deltas on disk: the PEFT layout where that library knows the method, ours elsewhere.

`adapter_config.json` + `adapter_model.safetensors` load in `PeftModel.from_pretrained` with equal logits (test);
`delta.json` + `delta.safetensors` hold the same facts for methods that have no PEFT form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from . import __version__, files
from .backbone import Backbone
from .delta import Delta
from .errors import Damaged, Refused, UserError
from .methods import METHODS, Method
from .spell import parse

PROMPTS = ("PROMPT_TUNING", "P_TUNING")
NO_SITES = (*PROMPTS, "PREFIX_TUNING")
"""PEFT's methods that replace no module: a saved head has a shorter name beside them."""
HEAD_NAMES = {"encoder": "classifier", "causal": "score"}
HEAD_ENDS = (
    ".classifier.weight",
    ".score.weight",
    ".classifier.out_proj.weight",
    "head.out.weight",
    "head.out_proj.weight",
)
"""Of the tensor that has a row per label, in PEFT's layout and in ours."""


def save(folder: Path, backbone: Backbone, method: Method, delta: Delta) -> int:
    """Write a delta; returns the bytes it takes."""
    config = method.adapter_config(backbone)
    if config is None:
        facts = {"method": repr(method), "backbone": backbone.facts(), "luthier": __version__}
        files.write_json(folder / "delta.json", facts)
        files.write_bytes(folder / "delta.safetensors", tensor_bytes(_plain(delta.shipped())))
    else:
        names = HEAD_NAMES.get(backbone.kind)
        saved = [names] if delta.head is not None else None
        if saved:
            config = config | {"task_type": "SEQ_CLS"}
        elif backbone.kind == "encoder":
            config = config | {"task_type": None}
        files.write_json(
            folder / "adapter_config.json",
            config | {"base_model_name_or_path": backbone.name, "inference_mode": True, "modules_to_save": saved},
        )
        files.write_bytes(
            folder / "adapter_model.safetensors", tensor_bytes(_plain(_to_peft(config["peft_type"], delta, backbone)))
        )
    return sum(p.stat().st_size for p in folder.iterdir() if p.is_file())


def load(folder: Path, backbone: Backbone, method: Method, labels: int = 0) -> Delta:
    """Rebuild the delta that `save` wrote.

    Args:
        labels: width of the class head, 0 where the task has none.
    """
    delta = method.delta(backbone)
    if labels:
        delta.head = backbone.new_head(labels, seed=0)
    _fill(folder, backbone, delta)
    return delta.to(backbone.device).eval()


def open_adapter(folder: Path | str, backbone: Backbone) -> tuple[Method, Delta]:
    """A PEFT adapter folder or a delta folder from anywhere, for this backbone.

    Raises:
        Refused: a PEFT method that has no counterpart here.
        UserError: no adapter in the folder, or its tensors do not fit the backbone.
    """
    folder = Path(folder)
    if (folder / "delta.json").exists():
        method = parse(files.read_json(folder / "delta.json")["method"], METHODS)
    elif (folder / "adapter_config.json").exists():
        config = files.read_json(folder / "adapter_config.json")
        found = (cls.from_adapter(config, backbone) for cls in METHODS.values())
        method = next((m for m in found if m is not None), None)
        if method is None:
            raise Refused(
                f"{folder} holds a {config.get('peft_type')} adapter.",
                "LoRA, DoRA, IA3, prompt, P-tuning, prefix, layer norm",
                "use peft itself for this one",
            )
    else:
        raise UserError(
            f"{folder} holds no adapter.", "adapter_config.json or delta.json", "name the folder that holds one of them"
        )
    delta = method.delta(backbone)
    delta.virtual_first = (folder / "adapter_config.json").exists()
    width = next((t.shape[0] for n, t in _tensors(folder).items() if n.endswith(HEAD_ENDS)), 0)
    if width:
        delta.head = backbone.new_head(width, seed=0)
    _fill(folder, backbone, delta)
    return method, delta.to(backbone.device).eval()


def finite(tensors: Mapping[str, Tensor]) -> bool:
    """No NaN and no infinity anywhere."""
    return all(bool(torch.isfinite(t).all()) for t in tensors.values())


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / ("adapter_model.safetensors" if (folder / "adapter_config.json").exists() else "delta.safetensors")
    if not path.exists():
        raise UserError(
            f"{path} is missing.", "weights in safetensors", "pickled adapters are not opened; convert them first"
        )
    try:
        return read_tensors(path.read_bytes())
    except Exception as fault:  # the library raises its own class, which is no public name
        raise Damaged(f"{path} is no whole safetensors file ({fault})") from fault


def _fill(folder: Path, backbone: Backbone, delta: Delta) -> None:
    tensors = _tensors(folder)
    try:
        if (folder / "adapter_config.json").exists():
            config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
            tensors = _from_peft(config, tensors, delta, backbone)
        _all_read(tensors, delta.shipped())
        delta.load_shipped(tensors)
    except (KeyError, RuntimeError) as fault:
        raise UserError(
            f"{folder} does not fit {backbone.name}: {fault}",
            "a delta of the same backbone and method",
            "check which backbone it was trained on",
        ) from fault


def _to_peft(kind: str, delta: Delta, backbone: Backbone) -> dict[str, Tensor]:
    if kind in PROMPTS:
        rows_nI = delta.shipped()[f"{delta.sites[0].name}.rows"]
        # PEFT allocates rows for the decoder too and never reads them; the same rows again keep its loader content.
        named = {"prompt_embeddings": torch.cat([rows_nI, rows_nI]) if backbone.kind == "seq2seq" else rows_nI}
    elif kind == "PREFIX_TUNING":
        pairs = [t for actor in delta.actors for t in (actor.key, actor.value)]
        named = {"prompt_embeddings": torch.stack(pairs).permute(2, 0, 1, 3).flatten(1)}
    else:
        named = {}
        for site, actor in zip(delta.sites, delta.actors):
            named |= {f"base_model.model.{site.path}.{n}": t for n, t in actor.to_peft().items()}
    if delta.head is not None:
        named |= {_their_head(n, kind, backbone): t for n, t in delta.head.state_dict().items()}
    return named


def _from_peft(
    config: dict[str, Any], tensors: dict[str, Tensor], delta: Delta, backbone: Backbone
) -> dict[str, Tensor]:
    kind, mine = config["peft_type"], {}
    if kind in PROMPTS:
        mine = {f"{delta.sites[0].name}.rows": tensors["prompt_embeddings"][: delta.virtual_tokens]}
    elif kind == "PREFIX_TUNING":
        pairs = tensors["prompt_embeddings"].unflatten(1, (2 * len(delta.sites), -1, delta.actors[0].key.shape[-1]))
        for number, site in enumerate(delta.sites):
            key, value = (pairs[:, 2 * number + i].transpose(0, 1) for i in (0, 1))
            mine |= {f"{site.name}.key": key, f"{site.name}.value": value}
    else:
        for site, actor in zip(delta.sites, delta.actors):
            start = f"base_model.model.{site.path}."
            here = {n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}
            mine |= {f"{site.name}.{n}": t for n, t in actor.from_peft(here).items()}
    if delta.head is not None:
        for own in delta.head.state_dict():
            mine[f"head.{own}"] = tensors[_their_head(own, kind, backbone)]
    _all_read(tensors, _to_peft(kind, delta, backbone))
    return mine


def _all_read(found: Mapping[str, Tensor], read: Mapping[str, Tensor]) -> None:
    """A tensor that acts on nothing here would be a silent loss."""
    unread = set(found) - set(read)
    if unread:
        raise KeyError(f"{len(unread)} tensors act on nothing here, first {min(unread)}")


def _their_head(own: str, kind: str, backbone: Backbone) -> str:
    """Our head's tensor -> its name in PEFT's file over the library's sequence classifiers."""
    start = "base_model" if kind in NO_SITES else "base_model.model"
    return f"{start}.{HEAD_NAMES[backbone.kind]}.{own.removeprefix('out.')}"
