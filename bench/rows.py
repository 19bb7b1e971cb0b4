"""The rows of a workload as token plans on disk, read by every side.

The built-in backbone gets real text. Random weights do not care which ids they read, so they get random ids in rows
of the real lengths.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
from shapes import BUILT_IN
from workloads import Rows, Workload

from luthier import data, encode, tasks
from luthier.backbone import Backbone
from luthier.errors import UserError
from luthier.records import Budget

PIECE = re.compile(r"[\u3400-\u9fff]|[A-Za-z0-9]+|[^\sA-Za-z0-9]")
"""A Chinese character, a word, or a sign."""
FIRST_ID, LAST_ID = 100, 5000
"""Random ids lie inside every vocabulary and outside the special tokens."""
MOST_ANSWER = 128
DECODED = 37
"""Tokens of every answer where decoding alone is measured: DialogSum's mean summary."""


def source(folder: Path | None, rows: Rows) -> str:
    """The rows' folder, or the built-in dialogues where there is none."""
    return str(folder / rows.folder) if folder and (folder / rows.folder).is_dir() else "dialogues"


def write(workload: Workload, backbone: Backbone, data_folder: Path | None, counts: dict[str, int], out: Path) -> None:
    """Write `train.safetensors` and `test.safetensors` with `counts` rows each."""
    name = source(data_folder, workload.rows)
    for seed, (split, count) in enumerate(counts.items()):
        if workload.shape == BUILT_IN:
            made = real(backbone, name, split, count, workload.width)
        else:
            made = random_ids(workload, name, split, count, seed, backbone.tokenizer.eos_token_id)
        encode.keep(out / f"{split}.safetensors", made)


def real(backbone: Backbone, name: str, split: str, count: int, width: int) -> encode.Plan:
    """`count` different rows of a data set, tokenised by the backbone's own tokenizer."""
    table = data.read(name)
    task, _ = tasks.infer(table.splits["train"])
    table = data.complete(table, lambda row: tasks.input_keys(task, row))
    examples = list({task.prompt_text(e): e for e in tasks.examples(task, table.splits[split], split)[0]}.values())
    chosen = random.Random(0).sample(enough(examples, count, f"{split} of {name}"), count)
    return encode.plan(backbone, task, chosen, Budget(max_input_tokens=width, max_answer_tokens=MOST_ANSWER))


def random_ids(workload: Workload, name: str, split: str, count: int, seed: int, end: int) -> encode.Plan:
    """Rows with the lengths of a data set, cut to what the workload allows; every answer ends with `end`."""
    table = data.read(name)
    columns = workload.rows
    if name == "dialogues":
        columns = Rows(name, ("dialogue",), columns.answer and "summary", columns.pieces, columns.label_share)
    found = [lengths(row, columns, workload) for row in table.splits.get(split) or table.splits["train"]]
    chosen = random.Random(seed).sample(enough(found, count, f"{split} of {name}"), count)
    rng = np.random.default_rng(seed)
    inputs = [rng.integers(FIRST_ID, LAST_ID, i).astype(np.int32) for i, _ in chosen]
    answers = [np.append(rng.integers(FIRST_ID, LAST_ID, max(0, a - 1)), end)[:a].astype(np.int32) for _, a in chosen]
    classes = rng.integers(0, workload.classes, count) if workload.classes else np.full(count, encode.LABEL)
    return encode.Plan(tuple(inputs), tuple(answers), classes.astype(np.int32))


def lengths(row: dict[str, Any], columns: Rows, workload: Workload) -> tuple[int, int]:
    """(input, answer) tokens of a row."""
    size = max(4, tokens(row, columns.inputs, columns.pieces))
    if columns.label_share:
        size = min(size, workload.width)
        answer = max(1, round(size * columns.label_share))
        return size - answer, answer
    if workload.classes:
        return min(size + 2, workload.width), 0
    answer = DECODED if workload.method == "decode" else tokens(row, (columns.answer,), columns.pieces)
    return min(size, workload.width), min(max(2, answer), MOST_ANSWER)


def tokens(row: dict[str, Any], columns: tuple[str, ...], pieces: float) -> int:
    """Of several references, the first: a row has one answer."""
    found = [row.get(column) or "" for column in columns]
    text = " ".join(str(value[0] if isinstance(value, list) else value) for value in found)
    return round(pieces * len(PIECE.findall(text)))


def enough(found: list[Any], count: int, where: str) -> list[Any]:
    if len(found) < count:
        raise UserError(
            f"{where} has {len(found)} different rows; {count} are needed.",
            "data with more rows, or fewer --steps or --rows",
            f"ask for at most {len(found)}",
        )
    return found
