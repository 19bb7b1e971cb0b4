"""A few test rows, and what the trial itself computes for them: the yardstick of every certificate.

Run as a program, the copy of luthier inside an export answers for its own trial.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from ..answers import answered, opened
from ..batches import Layout, collate
from ..delta import Delta, attach
from ..encode import Plan, plan, uses_head, uses_slots
from ..errors import UserError
from ..machine import installed
from ..predict import label_ids, word_scores
from ..records import Example, from_json, to_json
from ..results import read_predictions
from ..tasks import Chat
from ..train import class_logits, label_logits
from ..trial import Run

POSITIONS = 8
"""Answer tokens whose logits are compared: enough to see a fault, few enough for a vocabulary of 250,000."""


@dataclass(frozen=True)
class Sample:
    """Rows whose inputs no limit cuts, because only luthier knows how it cuts; answers are handed over as tokens.

    Attributes:
        plans: the tokens of each row.
        cut: rows that were passed over.
    """

    examples: tuple[Example, ...]
    plans: tuple[Plan, ...]
    cut: int


def draw(run: Run, rows: int) -> Sample:
    """`rows` test rows, evenly spaced.

    Raises:
        UserError: the trial came without its study's test rows, or all of them are cut.
    """
    path = run.study / "examples" / "test.jsonl"
    if not path.exists():
        raise UserError(
            f"{path} is missing, so the export cannot be compared with the trial.",
            "the trial inside its study's folder",
            "export from the study's folder",
        )
    examples, taken, plans, cut = run.examples("test"), [], [], 0
    for example in _spread(examples, rows):
        made = plan(run.backbone, run.task, [example], run.budget)
        if made.cut_inputs:
            cut += 1
        elif len(taken) < rows:
            taken.append(example)
            plans.append(made)
    if not taken:
        raise UserError(
            f"All {cut} test rows looked at are longer than {run.budget.max_input_tokens} tokens.",
            "a test row that fits",
            "compare with longer inputs",
        )
    return Sample(tuple(taken), tuple(plans), cut)


def _spread(examples: Sequence[Example], rows: int) -> list[Example]:
    """Evenly spaced, with half as many again for those that are cut."""
    wanted = min(len(examples), rows + rows // 2 + 1)
    return [examples[i * len(examples) // wanted] for i in range(wanted)]


def asked(run: Run, sample: Sample) -> list[dict[str, Any]]:
    """The rows as another program reads them."""
    chat = isinstance(run.task, Chat) and bool(run.backbone.tokenizer.chat_template)
    found = []
    for example, made in zip(sample.examples, sample.plans):
        if run.task.kind == "read":
            row = {"ids": made.inputs[0].tolist()}
        else:
            row = {"messages": run.task.messages(example)} if chat else {"fields": dict(example.fields)}
        found.append(row | {"answer_ids": made.answers[0].tolist()})
    return found


@dataclass(frozen=True)
class Computed:
    """Of one row.

    Attributes:
        logits: a class head's or label words' (labels,), or those that choose the first answer tokens (T, vocabulary).
        nats: negative log-likelihood of an answer token; None of a class head.
    """

    logits: Tensor
    nats: float | None


def computed(run: Run, delta: Delta, sample: Sample, positions: int = POSITIONS) -> list[Computed]:
    """What the trial's own model says to every row; of a document that is read in windows, to the first."""
    layout, found = Layout.of(run.backbone, delta), []
    with torch.inference_mode(), attach(run.backbone.model, delta):
        for made in sample.plans:
            batch = collate(made, [0], layout, run.backbone.device)
            if uses_head(run.backbone, run.task):
                found.append(Computed(class_logits(run.backbone, delta, batch)[0].float().cpu(), None))
            elif uses_slots(run.backbone, run.task):
                words = label_ids(run.backbone, run.task)
                found.append(Computed(word_scores(run.backbone, delta, words, made, [0])[0].float().cpu(), None))
            else:
                whole = label_logits(run.backbone, batch).float().cpu()
                likely = whole.log_softmax(-1).gather(1, batch.labels_N.cpu()[:, None])
                found.append(Computed(whole[:positions], -likely.mean().item()))
    return found


def recorded(run: Run, sample: Sample) -> list[str]:
    """What the trial answered in its evaluation."""
    said = {p.id: p.prediction for p in read_predictions(run.folder)}
    return [said[e.id] for e in sample.examples]


def main(request: Path) -> None:
    """The same questions as `standalone/loaded.py` answers, put to the luthier that this file belongs to."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not stand between the tensors
    words = json.loads(request.read_text(encoding="utf-8"))
    run, delta = opened(Path(words["folder"]))
    examples = tuple(from_json(Example, value) for value in words["examples"])
    made = tuple(plan(run.backbone, run.task, [e], run.budget) for e in examples)
    found = computed(run, delta, Sample(examples, made, 0))
    told = answered(run, delta, [Example(e.id, e.group, e.fields, ()) for e in examples])
    rows = [
        {"ids": m.inputs[0].tolist(), "answer": p["prediction"], "probabilities": p["probabilities"], "nats": c.nats}
        for m, p, c in zip(made, told, found)
    ]
    facts = {
        "rows": rows,
        "missing": [],
        "unexpected": [],
        "warnings": [],
        "device": str(run.backbone.device),
        "libraries": {"python": sys.version.split()[0]} | {n: installed(n) for n in ("torch", "transformers")},
        "luthier_loaded": True,
        "place": str(Path(__file__).resolve().parents[1]),
    }
    tensors = {str(n): c.logits.contiguous() for n, c in enumerate(found)}
    with os.fdopen(out, "wb") as stream:
        stream.write(tensor_bytes(tensors, metadata={"facts": json.dumps(facts)}))


def as_json(sample: Sample) -> list[Any]:
    return [to_json(e) for e in sample.examples]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
