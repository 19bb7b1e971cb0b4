"""The facts and specs that travel between the stages: frozen records, JSON in and out.

Nothing here knows about tensors. Every record is keyword-only in spirit: fields are few, named, and carry
their unit in the name where it is not obvious (`seconds`, `peak_bytes`).
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Record = TypeVar("Record")


@dataclass(frozen=True)
class Example:
    """One input and what counts as an answer.

    Three references of one dialogue are one example with three `references`; rows that belong together for
    statistics (the same dialogue, the same document) share a `group`.
    """

    id: str
    """Stable within its split."""
    group: str
    """Unit of resampling; equals `id` where rows are independent."""
    fields: Mapping[str, str]
    """The row's text columns, by name, as the prompt template uses them."""
    references: tuple[str, ...]
    """One or more right answers; for classification exactly one label name."""


@dataclass(frozen=True)
class Prediction:
    """What a trial said for one example."""

    id: str
    group: str
    prediction: str
    references: tuple[str, ...]
    tokens: int
    """Generated tokens, the end token included; 0 where a label was chosen; of a text read, those predicted."""
    milliseconds: float
    """This example's share of its batch's wall time."""
    probabilities: Mapping[str, float] | None = None
    """Label -> probability, for classification."""
    nats: float | None = None
    """Negative log-likelihood of the reference, where a text was read and nothing said."""


@dataclass(frozen=True)
class Step:
    """One optimiser step of one trial: a line of `steps.jsonl`."""

    step: int
    loss: float
    """Mean negative log-likelihood per label token (nats), before the update."""
    learning_rate: float
    tokens: int
    """Real input and label tokens, without padding and without virtual tokens."""
    seconds: float
    """Wall time of the whole step, its data included."""
    peak_bytes: int
    """Highest memory of the process (CPU) or device (GPU) so far."""
    gradient_norm: float = 0.0
    """Before clipping."""


@dataclass(frozen=True)
class Score:
    """One metric over one set of predictions."""

    metric: str
    mean: float
    low: float
    high: float
    """95 % bootstrap interval over groups."""
    n: int
    """Groups, the unit that was resampled."""
    values: tuple[float, ...] = ()
    """Per group, in the order of first appearance; empty where a group alone has no value."""


@dataclass(frozen=True)
class Verdict:
    """A paired comparison of two trials on one metric; `difference` = a - b."""

    metric: str
    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    verdict: str
    """`better`, `worse`, `tie` or `cannot tell`, said of a against b."""
    sentence: Mapping[str, str]
    """Language (`en`, `zh`) -> plain words."""


@dataclass(frozen=True)
class Probe:
    """One short training of the search for a learning rate and a structure."""

    learning_rate: float
    """Peak."""
    steps: int
    dev_loss: float | None
    """Mean negative log-likelihood per label token (nats) at its end; None: lost, a number was not finite."""
    tokens: int
    """Trained and evaluated, counted as in `Step`."""
    seconds: float
    kept: bool = False
    """Probed longer, or chosen."""
    method: str = ""
    """As it is spelled with the structure that was probed."""


@dataclass(frozen=True)
class Pace:
    """How fast a method trains, measured before its training."""

    steps: int
    """That fit into the budget's seconds."""
    seconds_per_step: float
    timed_steps: int


@dataclass(frozen=True)
class Budget:
    """What every trained method of a study may spend, the same for all."""

    epochs: float = 3.0
    """Passes over the training rows; ignored where `steps` is set."""
    steps: int | None = None
    batch_size: int = 16
    """Examples per optimiser step."""
    batch_tokens: int = 4096
    """Padded tokens per forward pass; larger batches are accumulated, which changes nothing but dropout's masks."""
    recompute: bool = False
    """Keep only what enters each layer and compute the rest again for the gradient: less memory, about a third more
    time, and no other result."""
    max_input_tokens: int = 512
    """Longer inputs are cut, and counted; the model's own limit may be lower."""
    max_answer_tokens: int = 128
    """Longer answers are cut in training, and counted; generation stops here too."""
    schedule: str = "linear"
    """`linear`, `cosine` or `constant`, after the warm-up."""
    warmup: float = 0.06
    """Share of the steps."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest gradient norm."""
    optimizer: str = "adamw"
    """`adamw` or `adafactor`."""
    evaluations: int = 1
    """Development evaluations per epoch; the best by the task's metric is kept."""
    dev_rows: int = 200
    """Rows of those evaluations."""
    search: float = 0.5
    """Steps of the search for a learning rate and a structure, as a share of the training's; 0 takes each card's
    defaults."""
    equal: str = "steps"
    """`steps`: every method takes as many; `seconds`: every method takes the steps that fit into `seconds`."""
    seconds: float | None = None
    """Training seconds of every trained method, where those are equal."""
    race: bool = False
    """A trial that a sequential test finds behind a finished one stops there (`racing`)."""
    checkpoint_seconds: float = 20.0
    """What a kill may cost at most."""


def to_json(record: Any) -> Any:
    """A record (or a tree of them) as plain JSON values."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {f.name: to_json(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {str(k): to_json(v) for k, v in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_json(v) for v in record]
    return record


def dumps(record: Any, indent: int | None = None) -> str:
    """A record as JSON text; NaN is refused because it is no JSON and hides a fault."""
    return json.dumps(to_json(record), ensure_ascii=False, allow_nan=False, indent=indent)


def from_json(kind: type[Record], value: Mapping[str, Any]) -> Record:
    """Rebuild a flat record; unknown keys are dropped so that older versions open newer files."""
    hints = typing.get_type_hints(kind)
    known = {}
    for f in dataclasses.fields(kind):  # type: ignore[arg-type]
        if f.name in value:
            item = value[f.name]
            known[f.name] = tuple(item) if isinstance(item, list) and "tuple" in str(hints[f.name]) else item
    return kind(**known)
