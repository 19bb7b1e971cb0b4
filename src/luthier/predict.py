"""Generate or classify with any delta attached.

Greedy decoding is our own loop: rows sorted by length, many at once, and a row that has ended leaves the batch
instead of being computed until the longest one ends. It equals the library's greedy `generate` token for token in
fp32 (test). Beams and sampling go through the library.

Shapes: B rows, S input positions, V vocabulary, L labels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .backbone import Backbone
from .batches import Layout, Layouts, chunks, collate, micro_batches, pad
from .delta import Call, Delta, attach
from .encode import Plan, answer_ids, uses_head, word_of
from .flow import start
from .records import Budget, Example, Prediction
from .slots import pieces
from .train import class_logits, label_logits, slot_scores

ROWS = 64
"""Rows decoded together: enough to amortise reading the weights, few enough for their keys and values."""
TOKENS = 12_288
"""Padded input tokens encoded together: bounds the attention scores of long inputs."""
LOGITS = 1 << 25
"""Logits at hand where every token of a text has its own: 128 MB in fp32."""
LEAVE = 8
"""Ended rows leave when they are more than one in `LEAVE`: selecting rows copies the keys and values of the rest."""


@dataclass(frozen=True)
class Decoding:
    """How an answer is chosen; greedy unless said otherwise."""

    max_new_tokens: int = 128
    min_new_tokens: int = 1
    """An empty answer is never right, so the end token is closed for the first one."""
    beams: int = 1
    temperature: float = 0.0
    """Above 0: sampling."""
    top_p: float = 1.0


def predict(
    backbone: Backbone, delta: Delta, task: Any, examples: Sequence[Example], made: Plan, decoding: Decoding
) -> Iterator[Prediction]:
    """One `Prediction` per example, in the order of the work (long inputs first), not of the examples."""
    if task.kind == "read":
        yield from _read(backbone, delta, examples, made)
        return
    order = sorted(range(len(made)), key=lambda r: -len(made.inputs[r]))
    by_class = task.kind == "label"
    with torch.inference_mode(), attach(backbone.model, delta) as call:
        for rows in chunks(made, order, ROWS, TOKENS):
            started = time.perf_counter()
            if by_class:
                said = _classes(backbone, delta, task, made, rows)
            else:
                said = [(text, tokens, None) for text, tokens in _texts(backbone, delta, made, rows, decoding, call)]
            each = (time.perf_counter() - started) * 1000 / len(rows)
            for row, (text, tokens, shares) in zip(rows, said):
                e = examples[row]
                yield Prediction(e.id, e.group, text, e.references, tokens, round(each, 3), shares)


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
        for first in range(0, len(examples), ROWS):
            started, held = time.perf_counter(), examples[first : first + ROWS]
            rows = np.flatnonzero((owner >= first) & (owner < first + ROWS))
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
    backbone: Backbone, delta: Delta, made: Plan, rows: list[int], decoding: Decoding, call: Call
) -> list[tuple[str, int]]:
    layout = Layout.of(backbone, delta)
    inputs = [layout.row(made.inputs[r]) for r in rows]
    layout.check_room(max(map(len, inputs)) + (decoding.max_new_tokens if backbone.kind == "causal" else 0))
    plain = decoding.beams == 1 and decoding.temperature == 0
    ids = (greedy if plain else searched)(backbone, layout, inputs, decoding, call)
    return [(backbone.tokenizer.decode(i, skip_special_tokens=True).strip(), len(i)) for i in ids]


def greedy(
    backbone: Backbone, layout: Layouts, inputs: Sequence[np.ndarray], decoding: Decoding, call: Call
) -> list[list[int]]:
    """Most likely next token until the end token, for every row; ids without padding, the end token included."""
    flow = start(backbone, layout, inputs)
    end = backbone.tokenizer.eos_token_id
    answers: list[list[int]] = [[] for _ in inputs]
    alive = np.arange(len(inputs))
    ended = np.zeros(len(inputs), bool)
    groups = list(call.rows)
    try:
        for length in range(decoding.max_new_tokens):
            logits_BV = flow.next()
            if length < decoding.min_new_tokens:
                logits_BV[:, end] = -torch.inf
            chosen_B = logits_BV.argmax(-1)
            for row, token in zip(alive[~ended], chosen_B.cpu().numpy()[~ended]):
                answers[row].append(int(token))
            ended |= chosen_B.cpu().numpy() == end
            if ended.all():
                break
            flow.append(chosen_B)
            if ended.sum() * LEAVE > len(ended):
                stay = torch.from_numpy(np.flatnonzero(~ended)).to(chosen_B.device)
                flow.select(stay)
                call.rows = [_selected(g, stay) for g in call.rows]
                alive, ended = alive[~ended], ended[~ended]
    finally:
        call.rows = groups
    return answers


def _selected(rows: Any, stay: Tensor) -> Any:
    """A delta's rows after the batch shrank to `stay`."""
    if rows is None:
        return None
    member = torch.zeros(int(stay.max()) + 1, dtype=torch.bool, device=stay.device)
    member[rows[rows <= stay.max()] if isinstance(rows, Tensor) else rows] = True
    return member[stay].nonzero().flatten()


def searched(
    backbone: Backbone, layout: Layout, inputs: Sequence[np.ndarray], decoding: Decoding, call: Call
) -> list[list[int]]:
    """Beams or sampling by the library's `generate`, which never sees a virtual id."""
    config = backbone.plain_generation(
        decoding.max_new_tokens,
        decoding.min_new_tokens,
        num_beams=decoding.beams,
        do_sample=decoding.temperature > 0,
        temperature=decoding.temperature or None,
        top_p=decoding.top_p if decoding.temperature else None,
    )
    ids, mask = pad(inputs, layout.pad, left=backbone.kind == "causal")
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


def _classes(
    backbone: Backbone, delta: Delta, task: Any, made: Plan, rows: list[int]
) -> list[tuple[str, int, dict[str, float]]]:
    """The most likely label of each row, with all labels' probabilities."""
    if uses_head(backbone, task):
        batch = collate(made, rows, Layout.of(backbone, delta), backbone.device)
        scores_BL = class_logits(backbone, delta, batch)
    else:
        scores_BL = word_scores(backbone, delta, label_ids(backbone, task), made, rows)
    shares_BL = scores_BL.float().softmax(-1).cpu().numpy()
    said = []
    for shares_L in shares_BL:
        best = task.labels[int(shares_L.argmax())]
        said.append((best, 0, {label: float(s) for label, s in zip(task.labels, shares_L)}))
    return said


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
