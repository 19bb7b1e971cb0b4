"""Opening pretrained folders: the only file that imports `transformers`.

Weights come from safetensors or not at all, and code that lies beside a model never runs.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import DynamicLayer
from transformers.masking_utils import eager_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_PRETRAINING_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from . import bases
from .errors import Refused, UserError
from .families import Family
from .ops.attention import attention
from .ops.four_bit import by_hand, decoded
from .spell import closest

INTERFACE = "luthier"
QUANTISED = ("int8", "nf4")
"""Precisions in which linear weights are kept in fewer bits than they are computed with."""
BY_BATCH = (
    "int8: each batch chooses the columns that are multiplied in 16 bits, so its rows move each other's last bits"
)
"""Dettmers et al. 2022, arXiv:2208.07339, §3.2: an outlier in one row takes its column out of eight bits."""
ROOM = 32
"""Places of a cache behind those that are taken."""
RUNS_CODE = ("auto_map", "_attn_implementation_internal", "custom_pipelines")
"""Keys of a config that can make a loader import code that lies beside the weights."""


def _mask(*args: Any, **keywords: Any) -> Tensor:
    # An explicit mask always: a prefix adds open columns to it, and a skipped mask would silently mean "causal".
    return eager_mask(*args, **(keywords | {"allow_is_bidirectional_skip": False}))


transformers.utils.logging.disable_progress_bar()  # our own bars are on the same stream
logging.getLogger("transformers.modeling_utils").addFilter(  # what it finds missing is our error or caveat
    lambda record: record.levelno > logging.WARNING
)
AttentionInterface.register(INTERFACE, attention)
AttentionMaskInterface.register(INTERFACE, _mask)


def found(name: str) -> tuple[str, list[str]]:
    """`NAME + <x> + <y>` -> the path of NAME, and the new tokens."""
    plain, *new = [part.strip() for part in name.split(" + ")]
    return find(plain), new


def find(name: str) -> str:
    """A built-in name or a folder -> its path; anything that looks like a hub id stays as it is.

    Raises:
        UserError: a path that is not there, a folder without a config, pickled weights only.
    """
    if name in bases.names():
        return str(bases.folder(name))
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").exists():
            raise UserError(
                f"{path} holds no config.json.", "a folder that save_pretrained wrote", "name such a folder"
            )
        if not any(path.glob("*.safetensors")):
            pickles = [p.name for p in path.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".ckpt", ".th")]
            found = f"only pickled weights ({', '.join(pickles)})" if pickles else "no weights"
            raise UserError(
                f"{path} holds {found}.",
                "safetensors: a pickle can run code when it is opened",
                f"run: luthier convert {path}" if pickles else "name a folder with *.safetensors",
            )
        return str(path)
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError(
            f"There is no backbone folder {name}.",
            f"a folder, a hub id, or built-in: {', '.join(bases.names())}",
            closest(name, bases.names()),
        )
    return name


def open_config(path: str, name: str) -> Any:
    local = Path(path) / "config.json"
    if local.exists():
        raw: Mapping[str, Any] = json.loads(local.read_text(encoding="utf-8"))
        named = [key for key in RUNS_CODE if key in raw]
        if named:
            raise UserError(
                f"{local} asks to run code ({', '.join(named)}).",
                "plain transformers architectures",
                "remove the key if you trust the architecture it stands beside",
            )
    try:
        return transformers.AutoConfig.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as fault:
        offline = " (offline: HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise UserError(
            f"Backbone {name!r} was not found{offline}.",
            f"a folder, a hub id in reach, or built-in: {', '.join(bases.names())}",
            closest(name, bases.names()) or "check the name, or download it on a machine with a network",
        ) from fault


def loader_of(kind: str, model_type: str) -> Any:
    if kind == "encoder":  # BERT's pretraining class keeps its pooler; younger encoders have no such class
        known = model_type in MODEL_FOR_PRETRAINING_MAPPING_NAMES
        return transformers.AutoModelForPreTraining if known else transformers.AutoModelForMaskedLM
    return {"seq2seq": transformers.AutoModelForSeq2SeqLM, "causal": transformers.AutoModelForCausalLM}[kind]


def open_tokenizer(path: str) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError, TypeError) as fault:
        raise UserError(
            f"The tokenizer of {path} cannot be loaded: {str(fault).splitlines()[0]}",
            "tokenizer.json beside the weights; a sentencepiece file needs the extra hub",
            "save the tokenizer into the backbone's folder, or pip install 'luthier[hub]'",
        ) from fault


def quantisation(precision: str, compute: torch.dtype) -> dict[str, Any]:
    """How the loader is told to keep linear weights as `int8`, or as `nf4` with double quantisation.

    Source: Dettmers et al. 2022, "LLM.int8()", arXiv:2208.07339, §3; Dettmers et al. 2023, "QLoRA",
    arXiv:2305.14314, §3 (4-bit NormalFloat, double quantisation).

    Raises:
        UserError: bitsandbytes is not installed.
    """
    if find_spec("bitsandbytes") is None:
        raise UserError(
            f"--precision {precision} needs bitsandbytes, which is not installed.",
            "auto, fp32 or bf16 without it",
            "pip install luthier[quantised]",
        )
    if precision == "int8":
        how = transformers.BitsAndBytesConfig(load_in_8bit=True)
    else:
        how = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute,
        )
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of its fp16 casts once per product
    return {"quantization_config": how, "device_map": {"": "cuda" if torch.cuda.is_available() else "cpu"}}


def plain_matrix(module: nn.Module) -> Tensor:
    """A projection's weight as (out, in), dequantised where it is kept in fewer bits."""
    weight = module.weight
    if is_quantised(module):
        state = getattr(weight, "quant_state", None)
        if state is not None and by_hand(weight, state.shape[1]):
            return decoded(weight, state)
        from transformers.integrations.bitsandbytes import dequantize_bnb_weight  # its import takes seconds

        return dequantize_bnb_weight(weight, getattr(module, "state", None))
    return weight.T if type(module).__name__ == "Conv1D" else weight


def is_quantised(module: nn.Module) -> bool:
    return getattr(getattr(module, "weight", None), "dtype", None) in (torch.int8, torch.uint8)


def open_model(
    path: str, config: Any, family: Family, dtype: torch.dtype, precision: str
) -> tuple[nn.Module, tuple[str, ...]]:
    """The weights of a checkpoint in their architecture, and what must be said of them.

    Raises:
        UserError: a tensor is missing or has another shape, or one of a block that config.json does not have is left
            over. Nothing is ever filled with random numbers, except what is not read (an encoder's word head).
    """
    how = {"config": config, "dtype": dtype, **(quantisation(precision, dtype) if precision in QUANTISED else {})}
    model, report = _from_folder(loader_of(family.kind, config.model_type), path, how)
    poolers = sum("pooler" in name for name in report["missing_keys"])
    if poolers:  # a random pooler is no part of a pretrained model; this class has none, and a head brings its own
        model, report = _from_folder(transformers.AutoModelForMaskedLM, path, how)
    told = (*_told(path, family, report), *((BY_BATCH,) if precision == "int8" else ()))
    if any(SENTENCE_PAIRS not in name for name in report["missing_keys"]):
        model.get_output_embeddings().register_forward_pre_hook(_no_word_head)
    if poolers:
        told = (f"{poolers} tensors of a pooler are not in the checkpoint: class heads read the first token", *told)
    return model, told


def _from_folder(loader: Any, path: str, how: Mapping[str, Any]) -> tuple[nn.Module, Mapping[str, Any]]:
    try:
        return loader.from_pretrained(
            path,
            **how,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=INTERFACE,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as fault:
        raise UserError(
            f"The weights of {path} cannot be loaded: {str(fault).strip().splitlines()[0]}",
            "safetensors weights in the shapes that config.json says",
            f"if they are pickled, run: luthier convert {path}",
        ) from fault


SENTENCE_PAIRS = "seq_relationship"
"""BERT's head for its second pretraining task, which nobody reads here."""


def _no_word_head(head: nn.Module, _: Any) -> None:
    raise Refused(
        f"The checkpoint holds no weights of its masked-word head ({type(head).__name__}): it cannot read label words.",
        "a class head, or a checkpoint with its pretraining head",
        "leave head=False out, and zero_shot and few_shot",
    )


def _told(path: str, family: Family, report: Mapping[str, Any]) -> tuple[str, ...]:
    """Caveats about tensors that were missing or left over.

    Raises:
        UserError: the model would not be the one that was pretrained.
    """
    missing, over = sorted(report["missing_keys"]), sorted(report["unexpected_keys"])
    unread = [k for k in missing if family.kind == "encoder" and not _of_body(k, family)]
    lost = [k for k in missing if k not in unread]
    if lost:
        raise UserError(
            f"{path} lacks {len(lost)} tensors of its own architecture, first {lost[0]}.",
            "a whole checkpoint",
            "download it again",
        )
    blocks = [k for k in over if _of_block(k, family)]
    if blocks:
        raise UserError(
            f"{path} holds {len(blocks)} tensors of blocks that its config.json does not have, first {blocks[0]}.",
            "a config.json that was saved with these weights",
            "check the number of layers in config.json",
        )
    told = []
    if unread:
        told.append(f"{len(unread)} tensors of heads are not in the checkpoint and are not read, first {unread[0]}")
    if over:
        told.append(f"the model has no place for {len(over)} of the checkpoint's tensors, first {over[0]}")
    return tuple(told)


def _of_body(name: str, family: Family) -> bool:
    """A tensor of what every task reads: blocks, norms, embeddings."""
    roots = {path.split(".", 1)[0] for path in family.embeddings.values()}
    return name.split(".", 1)[0] in roots


def _of_block(name: str, family: Family) -> bool:
    """A weight of a block's projection, with or without the body's own prefix."""
    for path in (path for paths in family.roles.values() for path in paths):
        root, rest = re.escape(path).replace(r"\*", r"\d+").split(r"\.", 1)
        if re.fullmatch(rf"({root}\.)?{rest}\.(weight|bias)", name):
            return True
    return False


def sketch_model(config: Any, kind: str) -> nn.Module:
    """The model on the meta device: shapes without weights."""
    with torch.device("meta"):
        model = loader_of(kind, config.model_type).from_config(config, attn_implementation=INTERFACE)
        if not getattr(config, "scale_decoder_outputs", True):  # T5 1.1 and Flan-T5: the output head is no embedding
            model.lm_head.weight = nn.Parameter(torch.empty_like(model.lm_head.weight))
    return model


def sketch_classifier(config: Any) -> nn.Module | None:
    """The library's own classifier of this architecture without weights; None where it has none."""
    if config.model_type not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        return None
    with torch.device("meta"):
        return transformers.AutoModelForSequenceClassification.from_config(config)


def generation_config(**settings: Any) -> Any:
    """The library's settings of `generate`, nothing taken from a checkpoint."""
    return transformers.GenerationConfig(**settings)


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, (B, H, K, D), with room behind them: a token is written there, and what is kept is
    copied only when the room is spent, or rows or positions were left out."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._rooms: dict[str, tuple[Tensor, Tensor]] = {}
        """Of keys and values: what was handed out last, and what that is the start of."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys, self.values = self._behind("keys", key_states), self._behind("values", value_states)
        return self.keys, self.values

    def _behind(self, name: str, new: Tensor) -> Tensor:
        kept = getattr(self, name)
        before = kept.shape[2] if kept.numel() else 0
        end = before + new.shape[2]
        handed, room = self._rooms.get(name, (None, new))
        if handed is not kept or end > room.shape[2]:
            room = new.new_empty(*new.shape[:2], end + ROOM, new.shape[3])
            if before:
                room[:, :, :before] = kept
        room[:, :, before:end] = new
        self._rooms[name] = room[:, :, :end], room
        return self._rooms[name][0]


def whole_cache() -> Any:
    """A decoder's cache that keeps every position: sliding windows are left to the mask, so that rows may be dropped,
    joined and shifted without a layer losing count of what it threw away."""
    cache = transformers.DynamicCache()
    cache.layer_class_to_replicate = RoomyLayer
    return cache


def paired_cache() -> Any:
    """The same for a decoder that also looks at what an encoder read, which gets no longer."""
    return transformers.EncoderDecoderCache(whole_cache(), transformers.DynamicCache())


def use_interface(model: nn.Module) -> None:
    for module in model.modules():
        if hasattr(module, "config") and hasattr(module.config, "_attn_implementation"):
            module.config._attn_implementation = INTERFACE


@contextmanager
def recomputed(model: nn.Module) -> Iterator[None]:
    """Inside, a pass in training mode keeps what enters each layer and computes the layer again for its gradient, with
    the same dropout masks.

    Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174, §4.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    for layer in layers:
        layer.gradient_checkpointing, layer._gradient_checkpointing_func = True, _computed_again
    try:
        yield
    finally:
        for layer in layers:
            del layer.gradient_checkpointing, layer._gradient_checkpointing_func


def _computed_again(layer: Callable[..., Any], *inputs: Any) -> Any:
    # To its end, although less would do: whoever entered a module must see it leave.
    with set_checkpoint_early_stop(False):
        return checkpoint(layer, *inputs, use_reentrant=False)
