"""Opening pretrained folders: the only file that imports `transformers`.

Weights come from safetensors or not at all, and code that lies beside a model never runs.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.bitsandbytes import dequantize_bnb_weight
from transformers.masking_utils import eager_mask
from transformers.models.auto.modeling_auto import MODEL_FOR_PRETRAINING_MAPPING_NAMES

from . import bases
from .errors import UserError
from .ops.attention import attention
from .spell import closest

INTERFACE = "luthier"
QUANTISED = ("int8", "nf4")
"""Precisions in which linear weights are kept in fewer bits than they are computed with."""
RUNS_CODE = ("auto_map", "_attn_implementation_internal", "custom_pipelines")
"""Keys of a config that can make a loader import code that lies beside the weights."""


def _mask(*args: Any, **keywords: Any) -> Tensor:
    # An explicit mask always: a prefix adds open columns to it, and a skipped mask would silently mean "causal".
    return eager_mask(*args, **(keywords | {"allow_is_bidirectional_skip": False}))


transformers.utils.logging.disable_progress_bar()  # our own bars are on the same stream
AttentionInterface.register(INTERFACE, attention)
AttentionMaskInterface.register(INTERFACE, _mask)


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
            "tokenizer.json beside the weights",
            "save the tokenizer into the backbone's folder",
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
        return dequantize_bnb_weight(weight, getattr(module, "state", None))
    return weight.T if type(module).__name__ == "Conv1D" else weight


def is_quantised(module: nn.Module) -> bool:
    return getattr(getattr(module, "weight", None), "dtype", None) in (torch.int8, torch.uint8)


def open_model(path: str, config: Any, kind: str, dtype: torch.dtype, precision: str) -> nn.Module:
    try:
        model, report = loader_of(kind, config.model_type).from_pretrained(
            path,
            config=config,
            dtype=dtype,
            **(quantisation(precision, dtype) if precision in QUANTISED else {}),
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=INTERFACE,
            output_loading_info=True,
        )
    except (OSError, ValueError) as fault:
        raise UserError(
            f"The weights of {path} cannot be loaded: {str(fault).splitlines()[0]}",
            "safetensors weights",
            f"if they are pickled, run: luthier convert {path}",
        ) from fault
    body = [k for k in report["missing_keys"] if not k.startswith(("cls.", "lm_head.")) and "pooler" not in k]
    if body:
        raise UserError(
            f"{path} lacks {len(body)} tensors of its own architecture, first {body[0]}.",
            "a whole checkpoint",
            "download it again",
        )
    if any("pooler" in k for k in report["missing_keys"]):
        model.base_model.pooler = None  # a random pooler is no part of a pretrained model; the head brings its own
    return model


def sketch_model(config: Any, kind: str) -> nn.Module:
    """The model on the meta device: shapes without weights."""
    with torch.device("meta"):
        model = loader_of(kind, config.model_type).from_config(config, attn_implementation=INTERFACE)
        if not getattr(config, "scale_decoder_outputs", True):  # T5 1.1 and Flan-T5: the output head is no embedding
            model.lm_head.weight = nn.Parameter(torch.empty_like(model.lm_head.weight))
    return model


def generation_config(**settings: Any) -> Any:
    """The library's settings of `generate`, nothing taken from a checkpoint."""
    return transformers.GenerationConfig(**settings)


def whole_cache() -> Any:
    """A decoder's cache that keeps every position: sliding windows are left to the mask, so that rows may be dropped,
    joined and shifted without a layer losing count of what it threw away."""
    return transformers.DynamicCache()


def use_interface(model: nn.Module) -> None:
    for module in model.modules():
        if hasattr(module, "config") and hasattr(module.config, "_attn_implementation"):
            module.config._attn_implementation = INTERFACE
