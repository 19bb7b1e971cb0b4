"""What works with what: every method on every family in every precision, tried on tiny models and never guessed.

A method works in a cell where all of this was seen there: finite answers, a gradient in every trained weight and in no
weight of the backbone, a saved delta that reloads to the same logits, a row that says alone what it says in a batch,
a written answer or a label for every row, and a backbone that is bit for bit what it was.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import encode, store
from .backbone import Backbone
from .bases import tinies
from .batches import Layout, collate
from .decode import Decoding
from .delta import Delta, attach
from .encode import Plan
from .errors import Refused, TrialFailed, UserError
from .families import FAMILIES
from .machine import installed
from .methods import METHODS, Method
from .predict import predict
from .records import Budget, Example
from .spell import spell
from .tasks import Classify, Summarise, Task
from .tasks.template import SLOT
from .train import class_logits, label_logits, loss_sum, slot_scores
from .trial_folder import as_asked, demonstrations, fresh_delta

PRECISIONS = ("fp32", "bf16", "int8", "nf4")
NEED_SETTINGS = {"peft": "peft('VERA', r=8)"}
"""Methods that mean nothing without a setting -> how they are tried."""
LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes")
ALIKE = {"fp32": 1e-4}
"""How far a row's logits may be from those in a batch, as a share of the largest; `COARSE` where products round."""
COARSE = 0.05
TEXTS = (
    "a b c",
    "d e f g h i",
    "j k",
    "l m n o p",
    "q r s t u v w x",
    "y z",
    "the cat sat",
    "dog ran",
    "b a d",
    "g o o d c a t",
)
LONGEST = 4
"""Of the rows above."""


def task(kind: str) -> Task:
    """Encoders choose a class, with a head or by a word at a mask; the others write a few words."""
    if kind == "encoder":
        return Classify(prompt=f"{{text}} {SLOT}", answer="label", labels=("good", "bad"))
    return Summarise(prompt="{text} :", answer="summary", max_new_tokens=8)


def examples(kind: str) -> list[Example]:
    """Ten rows of different lengths for that task."""

    def right(number: int, text: str) -> str:
        return ("good", "good", "bad")[number % 3] if kind == "encoder" else " ".join(text.split()[: 1 + number % 3])

    return [Example(str(n), str(n), {"text": t}, (right(n, t),)) for n, t in enumerate(TEXTS)]


@dataclass(frozen=True)
class Cell:
    """What was seen of one method on one family in one precision.

    Attributes:
        state: `works`, `refused` (the method says why), `fails` (a fault of ours), or `absent` (this machine cannot
            run the precision).
        why: the reason where it does not work.
    """

    family: str
    method: str
    precision: str
    state: str
    why: str = ""
    seconds: float = 0.0


def words() -> list[str]:
    """Every method on the shelf with its default settings, `bitfit` also with what bias-free families need."""
    found = [NEED_SETTINGS.get(word) or spell(cls()) for word, cls in METHODS.items()]
    found.insert(found.index("bitfit") + 1, "bitfit(everywhere=True)")
    return found


Tell = Callable[[str, str, Sequence[Cell]], None]
"""Receives a family and a precision that are done, with their cells."""


def matrix(
    methods: Sequence[Method],
    families: Sequence[str] = tuple(FAMILIES),
    precisions: Sequence[str] = PRECISIONS,
    tell: Tell = lambda family, precision, cells: None,
) -> list[Cell]:
    """Try every method on every family in every precision.

    Args:
        families: `model_type`s of the table of families.
    """
    found: list[Cell] = []
    with one_thread(), tempfile.TemporaryDirectory() as place:
        for family in families:
            folder = Path(place) / family
            tinies.write(family, folder / "backbone")
            for precision in precisions:
                cells = list(column(family, folder, precision, methods))
                tell(family, precision, cells)
                found += cells
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Products this small are slower on several threads, and very slow where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def column(family: str, folder: Path, precision: str, methods: Sequence[Method]) -> Iterator[Cell]:
    """All methods on one backbone; one that damaged it is not met by the next."""
    bone: Backbone | None = None
    for number, method in enumerate(methods):
        started = time.perf_counter()
        try:
            bone = bone or _open(folder, precision)
        except UserError as fault:
            yield Cell(family, repr(method), precision, "absent", fault.what)
            continue
        state, why = "works", ""
        try:
            _try(bone, method, folder / f"{precision}-{number}")
        except Refused as fault:
            state, why = "refused", f"{fault.what} Possible: {fault.possible}."
        except Exception as fault:  # whatever it is, it is what is looked for here
            said = (str(fault).splitlines() or [""])[0].replace(str(folder), "…")
            state, why = "fails", f"{type(fault).__name__}: {said[:200]}"
            bone = None
        yield Cell(family, repr(method), precision, state, why, round(time.perf_counter() - started, 3))


def _open(folder: Path, precision: str) -> Backbone:
    bone = Backbone(str(folder / "backbone"), precision)
    bone.name = "this backbone"  # reasons that families share are then the same words
    return bone


def _try(bone: Backbone, method: Method, folder: Path) -> None:
    """The whole life of a delta, from its first values to a written answer.

    Raises:
        Refused: the method cannot act here. TrialFailed: something was not as promised.
    """
    small, rows = as_asked(method, task(bone.kind)), examples(bone.kind)
    budget = Budget(max_input_tokens=40, max_answer_tokens=16)
    made = fresh_delta(bone, method, small, seed=0)
    shots = demonstrations(method, small, rows, seed=0) if method.shots else []
    tokens = encode.plan(bone, small, rows, budget, shots)
    if method.trains:
        _check_gradients(bone, made, tokens)
    said = _logits(bone, made, tokens, range(len(tokens)))
    _promise(bool(said.isfinite().all()), "its logits are no numbers")
    if method.trains:
        store.save(folder, bone, method, made)
        again = store.load(folder, bone, method, len(small.labels) if made.head is not None else 0)
        same = torch.equal(_logits(bone, again, tokens, range(len(tokens))), said)
        _promise(same, "saved and loaded, it says something else")
    shortest = min(range(len(tokens)), key=lambda row: len(tokens.inputs[row]))  # the most padding beside it
    alone, wide = (_logits(bone, made, tokens, rows) for rows in ([shortest], [shortest, LONGEST]))
    apart = (alone - wide[: len(alone)]).abs().max() / said.abs().max().clamp_min(1)
    allowed = ALIKE.get(bone.precision, COARSE)
    _promise(apart <= allowed, f"a row alone says what differs by {apart:.2g} from what it says in a batch")
    answers = list(predict(bone, made, small, rows, tokens, Decoding(max_new_tokens=4)))
    _promise(len(answers) == len(rows), f"{len(answers)} of {len(rows)} rows were answered")
    bone.check_untouched()


def _check_gradients(bone: Backbone, made: Delta, tokens: Plan) -> None:
    """Every trained weight gets a gradient and no weight of the backbone does; first values are moved, because some
    are zeros that let no gradient pass."""
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in made.trained().values():
            weight.add_(torch.randn(weight.shape, generator=noise).to(weight) * 0.05)
    bone.model.train()
    made.train()
    try:
        with attach(bone.model, made):
            batch = collate(tokens, range(len(tokens)), Layout.of(bone, made), bone.device)
            loss_sum(bone, made, batch).backward()
    finally:
        bone.model.eval()
        made.eval()
    trained = made.trained()
    moving = [n for n, p in trained.items() if p.grad is not None and p.grad.isfinite().all() and p.grad.any()]
    _promise(len(moving) == len(trained) > 0, f"{len(trained) - len(moving)} trained tensors have no gradient")
    leaked = [n for n, p in bone.model.named_parameters() if p.requires_grad or p.grad is not None]
    _promise(not leaked, f"{len(leaked)} weights of the backbone have a gradient, first {leaked[:1]}")


def _logits(bone: Backbone, made: Delta, tokens: Plan, rows: Sequence[int]) -> Tensor:
    """At label positions, or of the classes, in fp32."""
    batch = collate(tokens, rows, Layout.of(bone, made), bone.device)
    with torch.no_grad(), attach(bone.model, made):
        if batch.pieces_LK is not None:
            return slot_scores(bone, batch, batch.pieces_LK).float()
        return (class_logits(bone, made, batch) if made.head is not None else label_logits(bone, batch)).float()


def _promise(kept: Any, broken: str) -> None:
    if not kept:
        raise TrialFailed(broken)


# -- the page ---------------------------------------------------------------------------------------------------------

KINDS = {"seq2seq": "Encoder-decoders", "encoder": "Encoders", "causal": "Decoders"}
DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def software() -> dict[str, str | None]:
    """What the cells were seen with."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return {**{name: installed(name) for name in LIBRARIES}, "device": device}


def page(cells: Sequence[Cell]) -> str:
    """The matrix in Markdown: a table for each kind of backbone, then the reasons."""
    precisions = list(dict.fromkeys(c.precision for c in cells))
    parts = [
        f"✓ works in {', '.join(precisions)} · – refused · ✗ fails; a number stands for a reason below, and beside "
        "✓ for the precisions that it leaves out.\n"
    ]
    notes: dict[tuple[str, str], int] = {}
    for kind, title in KINDS.items():
        families = list(dict.fromkeys(c.family for c in cells if FAMILIES[c.family].kind == kind))
        if families:
            parts += [f"## {title}\n", _table(cells, families, notes)]
    if notes:
        parts += ["## Reasons\n", *(f"{n}. {said}: {why}" for (said, why), n in notes.items()), ""]
    return "\n".join(parts)


def _table(cells: Sequence[Cell], families: Sequence[str], notes: dict[tuple[str, str], int]) -> str:
    seen: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        seen.setdefault((cell.method, cell.family), []).append(cell)
    lines = [["method", *families]]
    for method in dict.fromkeys(c.method for c in cells):
        lines.append([f"`{method}`", *(_mark(seen[method, family], notes) for family in families)])
    widths = [max(map(len, texts)) for texts in zip(*lines)]
    lines.insert(1, ["-" * width for width in widths])
    rows = (" | ".join(text.ljust(width) for text, width in zip(line, widths)) for line in lines)
    return "\n".join(f"| {row} |" for row in rows) + "\n"


def _mark(cells: Sequence[Cell], notes: dict[tuple[str, str], int]) -> str:
    """All precisions of one method on one family, in a sign and the numbers of its reasons."""
    states = [c.state for c in cells]
    sign = "✗" if "fails" in states else "✓" if "works" in states else "–"
    where: dict[str, list[str]] = {}
    for cell in cells:
        if cell.state != "works":
            where.setdefault(cell.why, []).append(cell.precision)
    numbers = []
    for why, precisions in where.items():
        said = "in any precision" if len(precisions) == len(cells) else f"in {', '.join(precisions)}"
        numbers.append(notes.setdefault((said, why), len(notes) + 1))
    return sign + ",".join(str(n) for n in numbers).translate(DIGITS)


def as_json(cells: Sequence[Cell]) -> Mapping[str, Any]:
    """The same as plain JSON values."""
    return {"software": software(), "cells": [vars(cell) for cell in cells]}
