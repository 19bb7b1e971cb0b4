"""What every export holds beside weights: the tokenizer, how answers are generated, what the task is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import files
from ..errors import Refused
from ..tasks import Chat
from ..tasks.template import SLOT, columns_of
from .learned import Learned

CONTINUED = 64
"""New tokens where the task writes no answers and a text is only continued."""


def write(learned: Learned, folder: Path, *, adapter: bool) -> None:
    """Tokenizer, `generation_config.json` where answers are written, and `task.json`."""
    learned.origin.copy_tokenizer(folder, learned.backbone)
    if not learned.head:
        files.write_json(folder / "generation_config.json", generation(learned))
    files.write_json(folder / "task.json", task_facts(learned) | {"adapter": adapter})


def check_readable(learned: Learned) -> None:
    """Refuse answers that no other library reads.

    Raises:
        Refused: label words at an encoder's masks.
    """
    if learned.backbone.kind == "encoder" and not learned.head:
        raise Refused(
            f"{learned.backbone.name} chooses between label words at its masks, which only luthier does.",
            "luthier export docker, which serves it as it was trained; a trial with a class head",
            "luthier export docker …",
        )


def generation(learned: Learned) -> dict[str, Any]:
    """The trial's own decoding: greedy, at least one token before the end."""
    plain = learned.run.decoding
    most = plain.max_new_tokens or CONTINUED
    config = learned.backbone.plain_generation(most, plain.min_new_tokens, do_sample=False, num_beams=1)
    return json.loads(config.to_json_string(use_diff=True))


def task_facts(learned: Learned) -> dict[str, Any]:
    """How a row becomes a prompt and how an answer is read, for programs that know nothing of luthier."""
    task, backbone, label = learned.task, learned.backbone, learned.task.kind == "label"
    return {
        "task": task.word,
        "kind": task.kind,
        "prompt": prompt_of(learned),
        "columns": columns(learned),
        "segments": list(task.segments) if learned.head else [],
        "chat": is_chat(learned),
        "labels": list(task.labels) if label else [],
        "words": list(task.words or task.labels) if label else [],
        "head": learned.head,
        "pooling": learned.backbone.pooling if learned.own_head else None,
        "max_input_tokens": learned.run.budget.max_input_tokens,
        "base": {
            "name": learned.origin.name,
            "id": learned.origin.id,
            "revision": learned.origin.revision,
            "fingerprint": backbone.fingerprint,
            "kind": backbone.kind,
            "dtype": learned.computed,
            "quantisation": backbone.precision if backbone.quantised else None,
            "vocabulary": backbone.model.get_input_embeddings().weight.shape[0],
        },
    }


def prompt_of(learned: Learned) -> str:
    """The template that is filled and read; a slot for a label's word is where reading ends, or nowhere."""
    before, _, behind = learned.task.prompt.partition(SLOT)
    return before + behind if learned.head else before


def columns(learned: Learned) -> list[str]:
    """The columns that are read."""
    apart = learned.task.segments if learned.head else ()
    return list(apart or columns_of(prompt_of(learned)))


def is_chat(learned: Learned) -> bool:
    """Prompts are written by the tokenizer's chat template."""
    return isinstance(learned.task, Chat) and bool(learned.backbone.tokenizer.chat_template)
