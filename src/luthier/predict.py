"""Generate or classify with any delta attached.

Greedy decoding is our own loop (`decode`): it equals the library's greedy `generate` token for token in fp32 (test).
Beams and sampling go through the library.

Shapes: B rows, S input positions, V vocabulary, L labels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .backbone import Backbone
from .batches import TOGETHER, Layout, Queue, collate, micro_batches, pad
from .decode import Answer, Decoding, answers
from .delta import Call, Delta, attach
from .encode import Plan, answer_ids, uses_head, word_of
from .records import Budget, Example, Prediction
from .slots import pieces
from .train import class_logits, label_logits, slot_scores

LOGITS = 1 << 25
"""Logits at hand where every token of a text has its own: 128 MB in fp32."""


def predict(
    backbone: Backbone, delta: Delta, task: Any, examples: Sequence[Example], made: Plan, decoding: Decoding
) -> Iterator[Prediction]:
    """One `Prediction` per example, in the order of the work (long inputs first), not of the examples."""
    if task.kind == "read":
        yield from _read(backbone, delta, examples, made)
        return
    order = sorted(range(len(made)), key=lambda r: -len(made.inputs[r]))
    with torch.inference_mode(), attach(backbone.model, delta) as call:
        answering = (
            _classes(backbone, delta, task, made, order)
            if task.kind == "label"
            else _texts(backbone, delta, made, order, decoding, call)
        )
        for row, text, tokens, shares, seconds in answering:
            e = examples[row]
            yield Prediction(e.id, e.group, text, e.references, tokens, round(seconds * 1000, 3), shares)


Said = tuple[int, str, int, dict[str, float] | None, float]
"""Row, text, tokens, the labels' probabilities, seconds."""


def told(made: Plan, said: Sequence[Prediction]) -> list[str]:
    """What a reader must know of answers to all rows of a plan, in the plan's order."""
    if any(p.nats is not None for p in said):
        split = int((np.bincount(made.owner) > 1).sum())
        return [f"{split} of {len(said)} documents were read in windows, {len(made)} rows in all"] if split else []
    found, empty = [], sum(not p.prediction for p in said)
    if empty:
        found.append(f"{empty} of {len(said)} answers are empty")
    if len({p.prediction for p in said}) == 1 and len(said) > 1:
        found.append("degenerate: the same answer for every test row")
    return found


def _read(backbone: Backbone, delta: Delta, examples: Sequence[Example], made: Plan) -> Iterator[Prediction]:
    """How likely every document is; the end token, which belongs to no text, is not counted beside other tokens."""
    layout, owner = Layout.of(backbone, delta), made.owner
    lengths = made.lengths[:, 1] - np.append(owner[1:] != owner[:-1], True)
    lengths[(np.bincount(owner, lengths) == 0)[owner]] = 1
    most = max(256, LOGITS // len(backbone.tokenizer))
    with torch.inference_mode(), attach(backbone.model, delta):
        for first in range(0, len(examples), TOGETHER):
            started, held = time.perf_counter(), examples[first : first + TOGETHER]
            rows = np.flatnonzero((owner >= first) & (owner < first + TOGETHER))
            nats, tokens = np.zeros(len(held)), np.zeros(len(held), np.int64)
            for part in micro_batches(made, rows, most):
                batch = collate(made, part, layout, backbone.device)
                likely_N = (
                    label_logits(backbone, batch).float().log_softmax(-1).gather(1, batch.labels_N[:, None])[:, 0]
                )
                for row, likely in zip(part, np.split(likely_N.cpu().numpy(), np.cumsum(made.lengths[part, 1])[:-1])):
                    nats[owner[row] - first] -= likely[: lengths[row]].sum(dtype=np.float64)
                    tokens[owner[row] - first] += lengths[row]
            each = round((time.perf_counter() - started) * 1000 / len(held), 3)
            for e, said, length in zip(held, nats.tolist(), tokens.tolist()):
                yield Prediction(e.id, e.group, "", e.references, length, each, nats=said)


def _texts(
    backbone: Backbone, delta: Delta, made: Plan, order: Sequence[int], decoding: Decoding, call: Call
) -> Iterator[Said]:
    layout = Layout.of(backbone, delta)
    inputs = [layout.row(ids) for ids in made.inputs]
    layout.check_room(max(map(len, inputs), default=0) + (decoding.max_new_tokens if backbone.kind == "causal" else 0))
    found = (
        answers(backbone, layout, inputs, order, decoding, call)
        if decoding.greedy
        else searches(backbone, layout, inputs, order, decoding)
    )
    for one in found:
        text = backbone.tokenizer.decode(one.ids, skip_special_tokens=True).strip()
        yield one.row, text, len(one.ids), None, one.seconds


def searches(
    backbone: Backbone,
    layout: Layout,
    inputs: Sequence[np.ndarray],
    order: Sequence[int],
    decoding: Decoding,
) -> Iterator[Answer]:
    """As `decode.answers`, by beams or sampling."""
    for rows in Queue([len(ids) for ids in inputs], order).groups():
        started = time.perf_counter()
        said = searched(backbone, layout, [inputs[r] for r in rows], decoding)
        each = (time.perf_counter() - started) / len(rows)
        yield from (Answer(row, ids, each) for row, ids in zip(rows, said))


def searched(backbone: Backbone, layout: Layout, inputs: Sequence[np.ndarray], decoding: Decoding) -> list[list[int]]:
    """Beams or sampling by the library's `generate`, which never sees a virtual id."""
    config = backbone.plain_generation(
        decoding.max_new_tokens,
        decoding.min_new_tokens,
        num_beams=decoding.beams,
        do_sample=decoding.temperature > 0,
        temperature=decoding.temperature or None,
        top_p=decoding.top_p if decoding.temperature else None,
    )
    ids, mask = pad(inputs, layout, left=backbone.kind == "causal")
    ids, mask = ids.to(backbone.device), mask.to(backbone.device)
    if backbone.kind == "seq2seq":
        hidden = backbone.model.get_encoder()(input_ids=ids, attention_mask=mask, return_dict=True)
        out = backbone.model.generate(encoder_outputs=hidden, attention_mask=mask, generation_config=config)[:, 1:]
    else:
        vectors = backbone.model.get_input_embeddings()(ids)
        with _positions_moved(backbone.model, layout.offset if layout.positions else 0):
            out = backbone.model.generate(inputs_embeds=vectors, attention_mask=mask, generation_config=config)
    end = backbone.tokenizer.eos_token_id
    return [row[: row.index(end) + 1] if end in row else row for row in out.tolist()]


@contextmanager
def _positions_moved(model: Any, offset: int) -> Iterator[None]:
    """Inside, every position that the library counts starts at `offset`: it does not know of a prefix."""

    def move(_: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        return args, keywords | {"position_ids": keywords["position_ids"] + offset}

    handle = model.register_forward_pre_hook(move, with_kwargs=True) if offset else None
    try:
        yield
    finally:
        if handle:
            handle.remove()


def _classes(backbone: Backbone, delta: Delta, task: Any, made: Plan, order: Sequence[int]) -> Iterator[Said]:
    """The most likely label of each row, with all labels' probabilities."""
    for rows in Queue(made.lengths[:, 0].tolist(), order).groups():
        started = time.perf_counter()
        if uses_head(backbone, task):
            batch = collate(made, rows, Layout.of(backbone, delta), backbone.device)
            scores_BL = class_logits(backbone, delta, batch)
        else:
            scores_BL = word_scores(backbone, delta, label_ids(backbone, task), made, rows)
        shares_BL = scores_BL.float().softmax(-1).cpu().numpy()
        each = (time.perf_counter() - started) / len(rows)
        for row, shares_L in zip(rows, shares_BL):
            shares = {label: float(share) for label, share in zip(task.labels, shares_L)}
            yield row, task.labels[int(shares_L.argmax())], 0, shares, each


def label_ids(backbone: Backbone, task: Any) -> Any:
    """What the tokenizer makes of the labels' words: the pieces at an encoder's masks, else the ids of each."""
    if backbone.kind == "encoder":
        return pieces(backbone, task)
    return [np.array(answer_ids(backbone, word_of(task, label)), np.int32) for label in task.labels]


def word_scores(backbone: Backbone, delta: Delta, words: Any, made: Plan, rows: Sequence[int]) -> Tensor:
    """Log-probability of every label (`words`: its `label_ids`) after every row's prompt, or at its masks, (B, L)."""
    if backbone.kind == "encoder":
        batch = collate(made, rows, Layout.of(backbone, delta), backbone.device)
        return slot_scores(backbone, batch, torch.from_numpy(words).to(backbone.device))
    inputs = tuple(made.inputs[r] for r in rows for _ in words)
    answers = tuple(w for _ in rows for w in words)
    crossed = Plan(inputs, answers, np.full(len(inputs), -1, np.int32))
    layout = Layout.of(backbone, delta)
    scores = torch.zeros(len(inputs))
    for part in micro_batches(crossed, np.arange(len(inputs)), Budget().batch_tokens):
        batch = collate(crossed, part, layout, backbone.device)
        likely_N = label_logits(backbone, batch).float().log_softmax(-1).gather(1, batch.labels_N[:, None])[:, 0]
        owner_N = torch.repeat_interleave(torch.from_numpy(part), torch.tensor([len(answers[i]) for i in part]))
        scores.index_add_(0, owner_N, likely_N.cpu())
    return scores.view(len(rows), len(words))
