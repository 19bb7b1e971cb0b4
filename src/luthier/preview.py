"""The exact tokens of a few rows, and which of them count in the loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from .backbone import Backbone
from .batches import Layout, collate
from .encode import plan
from .records import Budget, Example
from .tasks import Task

ENDLESS = 1 << 30
"""A limit that no row reaches."""


def preview(backbone: Backbone, task: Task, examples: Sequence[Example], budget: Budget) -> list[dict[str, Any]]:
    """What a model reads and must say for each example, token by token, as the batches of a training hold it.

    A row has `id`, `prompt` (the text), `input` and `answer`, lists of `{"id", "token", "text", "loss"}` (the token
    as the vocabulary spells it, and as text), and `cut`, the tokens that its input lost to the limit. Where a class
    head answers, `answer` is empty and `label` is the class. Virtual tokens belong to a method and are not shown.

    The backbone may be a sketch: no weights are needed.
    """
    made = plan(backbone, task, examples, budget)
    whole = plan(backbone, task, examples, dataclasses.replace(budget, max_input_tokens=ENDLESS))
    start = backbone.decoder_start() if backbone.kind == "seq2seq" else 0
    layout = Layout(backbone.kind, backbone.tokenizer.pad_token_id, start)
    rows = []
    for i, example in enumerate(examples):
        row = made.owner.tolist().index(i)  # of a document that is read in several, the first
        labels = [] if not len(made.answers[row]) else collate(made, [row], layout).labels_N.tolist()
        rows.append(
            {
                "id": example.id,
                "prompt": task.prompt_text(example),
                "input": _tokens(backbone, made.inputs[row].tolist(), loss=False),
                "answer": _tokens(backbone, labels, loss=True),
                "cut": 0 if task.kind == "read" else len(whole.inputs[i]) - len(made.inputs[i]),
                "label": example.references[0] if task.kind == "label" else None,
            }
        )
    return rows


def _tokens(backbone: Backbone, ids: Iterable[int], loss: bool) -> list[dict[str, Any]]:
    ids = list(ids)
    pieces = backbone.tokenizer.convert_ids_to_tokens(ids)
    return [{"id": i, "token": p, "text": _text(backbone, i, p), "loss": loss} for i, p in zip(ids, pieces)]


def _text(backbone: Backbone, token: int, piece: str) -> str:
    """What a token says alone; a part of a character, which says nothing alone, as the vocabulary spells it."""
    text = backbone.tokenizer.decode([token])
    return piece if "\ufffd" in text or not text else text
