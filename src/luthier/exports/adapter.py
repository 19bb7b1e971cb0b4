"""A folder in PEFT's format."""

from __future__ import annotations

from pathlib import Path

from .. import files, store
from ..errors import Refused
from . import contents
from .learned import Learned

INSTEAD = {
    "prompt": "PEFT puts an encoder's learned rows before [CLS], where the classifier reads",
    "ptuning": "PEFT puts an encoder's learned rows before [CLS], where the classifier reads",
    "prefix": "PEFT's prefix reaches the decoder only, and no encoder",
    "lora": "PEFT has no low-rank change of a slice of a fused projection",
    "dora": "PEFT has no low-rank change of a slice of a fused projection",
    "ia3": "PEFT cannot scale a slice of a fused projection",
    "peft": "what that library injected here is kept in a layout of luthier's own",
}
"""Word of a method -> why PEFT cannot hold it on the backbones where it cannot; the others it does not know at all."""
MERGEABLE = ("lora", "dora", "ia3", "bitfit", "layernorm", "full")
LOW_RANK = ("lora", "dora", "ia3", "full")
"""Methods that change the matrices which a low-rank adapter can change."""


def check(learned: Learned) -> None:
    """Refuse what PEFT has no form for, and say what there is instead.

    Raises:
        Refused: see above.
    """
    if has_form(learned):
        return
    word, taught = learned.method.word, learned.backbone.new_tokens()
    reason = INSTEAD.get(word, f"that library does not know {word}")
    if taught and learned.method.adapter_config(learned.backbone) is not None:
        reason = f"only its LoRA and DoRA hold the rows of new tokens ({', '.join(taught)}) too"
    possible = []
    if word in LOW_RANK:
        possible.append("export adapter --as lora --rank N, with its loss measured")
    if word in MERGEABLE and not getattr(learned.method, "everywhere", False):  # new biases have no place in the base
        possible.append("export merged")
    raise Refused(
        f"{learned.method!r} on {learned.backbone.name} has no PEFT form: {reason}.",
        "; ".join([*possible, "export docker, which serves it as it was trained"]),
        f"luthier {possible[-1]} …" if possible else "luthier export docker …",
    )


def has_form(learned: Learned) -> bool:
    """PEFT can hold this delta."""
    config = learned.method.adapter_config(learned.backbone)
    return config is not None and (not learned.backbone.taught or config["peft_type"] == "LORA")


def write(learned: Learned, folder: Path, *, with_base: bool = False) -> None:
    """The adapter, its tokenizer and task; a built-in backbone, or any `with_base`, lies in `base/`."""
    check(learned)
    store.save(folder, learned.backbone, learned.method, learned.delta)
    inside = with_base or learned.origin.built_in
    config = files.read_json(folder / "adapter_config.json")
    config["base_model_name_or_path"] = "base" if inside else learned.origin.name
    config["revision"] = None if inside else learned.origin.revision
    files.write_json(folder / "adapter_config.json", config)
    contents.write(learned, folder, adapter=True)
    if inside:
        learned.origin.copy_model(folder / "base")
