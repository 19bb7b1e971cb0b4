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
from torch import Tensor

from . import __version__, files, tensor_file, tokens
from .backbone import Backbone
from .delta import Delta
from .errors import Refused, UserError
from .methods import METHODS, Method
from .spell import parse

PROMPTS = ("PROMPT_TUNING", "P_TUNING")
NO_SITES = (*PROMPTS, "PREFIX_TUNING")
"""PEFT's methods that replace no module: a saved head has a shorter name beside them."""
NEW_TOKENS = "added_tokens.json"
"""Text -> id of the tokens that the backbone was given; the name is the model library's."""
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
    taught = tokens.taught(delta)
    if config is not None and taught and (config["peft_type"] != "LORA" or not tokens.in_peft(backbone.model, taught)):
        config = None  # LORA is the only type of PEFT that has taught tokens beside it
    if config is None:
        facts = {"method": repr(method), "backbone": backbone.facts(), "luthier": __version__}
        facts |= {"taught": list(next(iter(taught.values())).ids)} if taught else {}
        files.write_json(folder / "delta.json", facts)
        tensor_file.write(folder / "delta.safetensors", delta.shipped())
    else:
        names = HEAD_NAMES.get(backbone.kind)
        saved = [names] if delta.head is not None else None
        if saved:
            config = config | {"task_type": "SEQ_CLS"}
        elif backbone.kind == "encoder":
            config = config | {"task_type": None}
        if taught:
            indices = {path: list(actor.ids) for path, actor in tokens.peft_places(backbone.model, taught).items()}
            config = config | {"trainable_token_indices": indices}
        files.write_json(
            folder / "adapter_config.json",
            config | {"base_model_name_or_path": backbone.name, "inference_mode": True, "modules_to_save": saved},
        )
        tensor_file.write(folder / "adapter_model.safetensors", _to_peft(config["peft_type"], delta, backbone))
    if backbone.taught:
        files.write_json(folder / NEW_TOKENS, dict(zip(backbone.new_tokens(), backbone.taught)))
    return sum(p.stat().st_size for p in folder.iterdir() if p.is_file())


def load(folder: Path, backbone: Backbone, method: Method, labels: int = 0) -> Delta:
    """Rebuild the delta that `save` wrote.

    Args:
        labels: width of the class head, 0 where the task has none.
    """
    delta = method.delta(backbone)
    _teach(folder, backbone, delta)
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
    _teach(folder, backbone, delta)
    width = next((t.shape[0] for n, t in _tensors(folder).items() if n.endswith(HEAD_ENDS)), 0)
    if width:
        delta.head = backbone.new_head(width, seed=0)
    else:
        _check_no_head(folder)
    _fill(folder, backbone, delta)
    return method, delta.to(backbone.device).eval()


def _check_no_head(folder: Path) -> None:
    """A classifier without its saved head would answer at random.

    Raises:
        UserError: the adapter says that it has a head, and its weights do not hold one.
    """
    path = folder / "adapter_config.json"
    config = files.read_json(path) if path.exists() else {}
    if config.get("task_type") == "SEQ_CLS" and config.get("modules_to_save"):
        raise UserError(
            f"{folder} says that it saves {', '.join(config['modules_to_save'])}, and its weights hold no class head.",
            "an adapter that was saved with its head",
            "save it again with modules_to_save, or train the head anew",
        )


def finite(tensors: Mapping[str, Tensor]) -> bool:
    """No NaN and no infinity anywhere."""
    return all(bool(torch.isfinite(t).all()) for t in tensors.values())


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / ("adapter_model.safetensors" if (folder / "adapter_config.json").exists() else "delta.safetensors")
    if not path.exists():
        raise UserError(
            f"{path} is missing.", "weights in safetensors", "pickled adapters are not opened; convert them first"
        )
    return tensor_file.read(path)


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


def _teach(folder: Path, backbone: Backbone, delta: Delta) -> None:
    """Give the delta the places of the token rows that its folder holds.

    Raises:
        UserError: the backbone has other tokens than the one that the delta was trained on.
    """
    if (folder / NEW_TOKENS).exists():
        new = files.read_json(folder / NEW_TOKENS)
        have = dict(zip(backbone.new_tokens(), backbone.taught))
        if not new.items() <= {**backbone.tokenizer.get_vocab(), **have}.items():
            raise UserError(
                f"{folder} was trained with the new tokens {', '.join(new)}, and {backbone.name} lacks them.",
                "the same tokens in the same order",
                f"name the backbone as: {' + '.join([backbone.name.split(' + ')[0], *new])}",
            )
    if (folder / "delta.json").exists():
        ids = files.read_json(folder / "delta.json").get("taught")
        found = [(group, ids) for group in backbone.token_sites()] if ids else []
    else:
        config = files.read_json(folder / "adapter_config.json")
        found = tokens.from_peft(backbone.model, backbone.token_sites(), config, _tensors(folder))
    for group, ids in found:
        tokens.teach(backbone.model, delta, [group], ids)


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
        taught = tokens.taught(delta)
        for site, actor in zip(delta.sites, delta.actors):
            if site not in taught:
                named |= {f"base_model.model.{site.path}.{n}": t for n, t in actor.to_peft().items()}
        for path, actor in tokens.peft_places(backbone.model, taught).items():
            named[f"base_model.model.{path}.{tokens.PEFT_NAME}"] = actor.taught()
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
        taught = tokens.taught(delta)
        rows, tensors = tokens.rows_of(backbone.model, taught, tensors)
        mine |= rows
        for site, actor in zip(delta.sites, delta.actors):
            if site in taught:
                continue
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
