"""Rows -> examples of a task; rows that cannot be used are refused one by one and counted."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DataError, SpellingError
from ..records import Example
from .chat import Chat
from .classify import Classify
from .forms import MOST_LABELS, SOURCES
from .instruct import Instruct
from .mixture import mixed
from .read import Read
from .summarise import Summarise
from .task import Task
from .template import columns_of, fill, required_columns
from .turns import MESSAGES, flatten, spread

Row = Mapping[str, Any]

ID_COLUMNS = ("id", "idx")


def examples(
    task: Task, rows: Sequence[Row], split: str, *, need_answers: bool = True
) -> tuple[list[Example], tuple[str, ...]]:
    """The usable rows as examples, and notes that count the others.

    An example's id is the row's `id` or `idx` where those are all there and all different, else `split-i` (i
    counts rows from 0). Its group is the row's `group`; else an `id` that several rows share; else the id of the
    first row with the same source text (dialogue, document, article, context, passage, premise) or, without such
    a column, with the same prompt. With `need_answers=False` rows without an answer are kept, for prediction.

    Raises:
        DataError: a column is missing or holds no text, a row has two labels, or no row is left.
    """
    _need_columns(task, rows, split, need_answers)
    ids, id_groups = _ids(rows, split)
    done: list[Example] = []
    without: Counter[str] = Counter()
    first_of: dict[str, str] = {}
    for i, row in enumerate(rows):
        place = f"{split} row {i + 1}"
        pieces = spread(row, place) if isinstance(task, Chat) else [flatten(row, place)]
        for number, flat in enumerate(pieces, 1):
            fields = _fields(task, flat, place)
            references = _references(task, flat.get(task.answer), place)
            if not _has_input(task, fields):
                without["input"] += 1
            elif need_answers and not references:
                without["answer"] += 1
            else:
                same = first_of.setdefault(_source(task, fields), ids[i])
                work = fields.get(task.document, "") if isinstance(task, Read) else ""
                group = work or _scalar(flat.get("group")) or id_groups.get(i) or (same if len(pieces) == 1 else ids[i])
                name = ids[i] if len(pieces) == 1 else f"{ids[i]}.{number}"
                done.append(Example(name, group, fields, references))
    if not done:
        counted = " and ".join(f"{n:,} without an {what}" for what, n in without.items()) or "none at all"
        raise DataError(
            f"{split} has no usable row: {counted}.", "an input and an answer", "check the columns and the file"
        )
    notes = [
        f"{split}: {n:,} row{'s' * (n != 1)} without an {what} {'were' if n != 1 else 'was'} left out"
        for what, n in without.items()
    ]
    if isinstance(task, Instruct) and need_answers:
        done, told = mixed(task, done, split)
        notes += told
    several = sum(len(example.references) > 1 for example in done)
    if several and not isinstance(task, Summarise):
        notes.append(
            f"{split}: {several:,} row{'s have' if several > 1 else ' has'} several answers, each of them right"
        )
    groups = len({example.group for example in done})
    if groups < len(done):
        notes.append(f"{split}: {len(done):,} rows in {groups:,} groups that share an id or an input")
    return done, tuple(notes)


def input_keys(task: Task, row: Row) -> tuple[str, ...]:
    """Texts that rows on two sides of a cut must not share: the filled prompt and the source text.

    Meant for `data.complete`: `complete(table, lambda row: input_keys(task, row))`. A row that cannot be used has
    no keys.
    """
    try:
        fields = _fields(task, flatten(row, "row"), "row")
    except DataError:  # `examples` will say so with the row's place
        return ()
    keys = (fill(task.prompt, fields), _source(task, fields))
    if isinstance(task, Read) and fields.get(task.document):
        keys += (f"{task.document}: {fields[task.document]}",)  # the parts of one work know each other
    return tuple(key for key in dict.fromkeys(keys) if key.strip())


def with_labels(task: Classify, train: Sequence[Example], others: Mapping[str, Sequence[Example]]) -> Classify:
    """The task with the labels of `train` (sorted; numbers by value) and a word for each.

    Labels that the task already names keep their order, and train may not show others.

    Raises:
        DataError: fewer than two labels, or a label in `others` (split -> examples) that train never shows.
        SpellingError: not as many words as labels.
    """
    seen = {example.references[0] for example in train}
    if task.labels:
        _all_known(seen, task.labels, "train", "the labels that were typed")
    labels = task.labels or tuple(sorted(seen, key=_order))
    if len(labels) < 2:
        raise DataError(
            f"Every training row has the label {labels[0]!r}." if labels else "There are no training rows.",
            "two labels or more",
            "check the answer column",
        )
    if not task.labels and any(order[0] % 1 for label in labels if math.isfinite((order := _order(label))[0])):
        raise DataError(
            f"The labels {', '.join(labels[:5])} … are scores, and classify treats labels as names.",
            "names or whole numbers",
            "put them into a few classes, or --task answer to have the numbers written",
        )
    if len(labels) > max(MOST_LABELS, len(train) / 2):
        raise DataError(
            f"{len(labels):,} different labels in {len(train):,} training rows cannot be learned.",
            "labels that repeat",
            "choose another --answer column, or --task answer to have the values written",
        )
    for split, held in others.items():
        _all_known({r for example in held for r in example.references}, seen, split, "train")
    words = task.words or labels
    if len(words) != len(labels):
        raise SpellingError(
            f"{task.word}: {len(words)} words for {len(labels)} labels.",
            f"one for each of {', '.join(labels)}",
            "in this order",
        )
    return dataclasses.replace(task, labels=labels, words=words)


def _all_known(labels: set[str], known: Sequence[str] | set[str], split: str, where: str) -> None:
    if strange := sorted(labels - set(known), key=_order):
        shown = ", ".join(map(repr, strange[:5])) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        raise DataError(
            f"{split} has the label {shown}, which {where} never shows.",
            ", ".join(sorted(known, key=_order)[:20]),
            "mend the spelling, move such rows to train, or drop them",
        )


def _order(label: str) -> tuple[float, str]:
    """Numbers by value before words by spelling."""
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label


def _has_input(task: Task, fields: Mapping[str, str]) -> bool:
    """Every required column says something, and some column does where all are optional."""
    needed = required_columns(task.prompt)
    held = [bool(fields[name].strip()) for name in needed or columns_of(task.prompt)]
    return all(held) if needed else any(held)


def _need_columns(task: Task, rows: Sequence[Row], split: str, need_answers: bool) -> None:
    """A required column that no row of the split has is one mistake, not thousands of empty rows."""
    if not rows:
        raise DataError(f"{split} has no rows.", "at least one", "check the data")
    have = {name for number, row in enumerate(rows, 1) for name in flatten(row, f"{split} row {number}")}
    for name in (*required_columns(task.prompt), *([task.answer] if need_answers else [])):
        if name not in have:
            raise DataError(
                f"{split} has no column {name!r}.",
                ", ".join(sorted(have)),
                "give all splits the same columns" if need_answers else "rename a column of the file",
            )


def _ids(rows: Sequence[Row], split: str) -> tuple[list[str], dict[int, str]]:
    """An id for each row, and the shared `id` of rows that have one in common."""
    for column in ID_COLUMNS:
        own = [_scalar(row.get(column)) for row in rows]
        if all(own) and len(set(own)) == len(own):
            return own, {}
    shared = Counter(_scalar(row.get("id")) for row in rows)
    groups = {i: value for i, row in enumerate(rows) if (value := _scalar(row.get("id"))) and shared[value] > 1}
    return [f"{split}-{i}" for i in range(len(rows))], groups


def _fields(task: Task, row: Row, place: str) -> dict[str, str]:
    """The text columns that the prompt and an encoder read; missing ones are empty."""
    fields = {}
    more = (MESSAGES,) if isinstance(task, Chat) else getattr(task, "segments", ())
    more = (task.document,) if isinstance(task, Read) and task.document else more
    more = (task.by,) if isinstance(task, Instruct) else more
    for name in dict.fromkeys((*columns_of(task.prompt), *more)):
        text = _text(row.get(name))
        if text is None:
            raise DataError(
                f"{place}: column {name!r} is a {type(row[name]).__name__}, not text.",
                "text, a number or a list of texts",
                "flatten it, or choose another column",
            )
        fields[name] = text
    return fields


def _references(task: Task, value: Any, place: str) -> tuple[str, ...]:
    """The right answers in their order; SQuAD's `{"text": […]}` is read too.

    Equal answers count once, where one of them must be met; equal summaries of different people stay, because
    ROUGE may be a mean over them.
    """
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    texts = [_scalar(item) for item in (value if isinstance(value, list) else [value])]
    if task.kind == "label" and isinstance(value, float) and value.is_integer():
        texts = [str(int(value))]  # a table with an empty cell somewhere turns 0 and 1 into 0.0 and 1.0
    if None in texts:
        raise DataError(
            f"{place}: the answer {str(value)[:60]!r} is no text.",
            "text, a number or a list of texts",
            "choose another answer column",
        )
    if task.kind == "label":
        texts = [text.strip() for text in texts if text]
    said = [text for text in texts if text and text.strip()]
    references = tuple(said if isinstance(task, Summarise) else dict.fromkeys(said))
    if task.kind == "label" and len(references) > 1:
        raise DataError(
            f"{place} has the labels {', '.join(references)}.",
            "one label per row",
            "keep one, or join them into one text and use --task keywords, which scores sets",
        )
    return references


def _text(value: Any) -> str | None:
    """As `_scalar`; a list of texts, such as the choices of a question, is one text a line."""
    lines = [_scalar(item) for item in value] if isinstance(value, list) else [_scalar(value)]
    return None if None in lines else "\n".join(line for line in lines if line is not None)


def _scalar(value: Any) -> str | None:
    """Text as it is, numbers and booleans as JSON spells them, nothing as empty text, and None for anything else."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, (bool, int, float)) else None


def _source(task: Task, fields: Mapping[str, str]) -> str:
    """What makes two rows dependent."""
    own = {name.strip().lower(): text for name, text in fields.items()}
    return next((own[name] for name in SOURCES if own.get(name, "").strip()), None) or fill(task.prompt, fields)
