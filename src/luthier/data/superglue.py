"""The sets of SuperGLUE that choose an answer, with the splits that are reported.

    set_of("../superglue:RTE")                            # ("../superglue", "RTE"); None for what names no set
    chosen("RTE", ["train", "dev32", "val"])              # {"train": "train", "dev": "dev32", "test": "val"}

Tested are the official validation rows, because the labels of the official test rows are not public; what is trained
on and looked at comes from the training rows. MultiRC and ReCoRD are other tasks and no part.

Source: Wang et al. 2019, "SuperGLUE: A Stickier Benchmark for General-Purpose Language Understanding Systems",
arXiv:1905.00537, section 3. Copies with 32 training and 32 development rows: Schick and Schütze 2021, "It's Not Just
Size That Matters", arXiv:2009.07118, section 4.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..errors import DataError
from .table import Row, count, listed

NAME = "superglue"
"""What is typed for the six sets of the hub; as a folder's name it means nothing special."""

HUB = "aps/super_glue"

LABELS = {
    "BoolQ": ("false", "true"),
    "CB": ("entailment", "contradiction", "neutral"),
    "COPA": ("0", "1"),
    "RTE": ("entailment", "not_entailment"),
    "WiC": ("false", "true"),
    "WSC": ("false", "true"),
}
"""Set -> its labels, in the order in which the hub numbers them."""

NAMES = tuple(LABELS)

TRAIN, DEV, TEST = ("train_full", "train"), "dev32", ("val", "validation", "dev")
"""File stems (or splits of the hub) of a split, the first that is there. A small training set has development rows of
its own beside it; the full one holds them, and its development rows are cut from it."""

LABEL = "label"

Splits = dict[str, list[Row]]


def set_name(text: str) -> str | None:
    """`RTE` for `rte`."""
    return next((name for name in NAMES if name.casefold() == text.casefold()), None)


def set_of(typed: str) -> tuple[str, str] | None:
    """(where the sets are, which of them) for `PLACE:NAME`."""
    place, colon, text = typed.rpartition(":")
    name = set_name(text)
    return (place, name) if colon and place and name else None


def chosen(name: str, stems: Collection[str]) -> dict[str, str]:
    """Split -> the stem it is read from; without dev where that is cut later, by group.

    Raises:
        DataError: nothing to train on, or no validation rows.
    """
    train, test = (next((stem for stem in among if stem in stems), None) for among in (TRAIN, TEST))
    if train is None or test is None:
        raise DataError(
            f"{name} holds {listed(list(stems)) or 'no file of a split'}.",
            "train or train_full, and val (or validation)",
            "name a folder with both",
        )
    dev = {"dev": DEV} if train == "train" and DEV in stems else {}
    return {"train": train, **dev, "test": test}


def dealt(name: str, held: Mapping[str, Sequence[Row]], stems: Mapping[str, str]) -> tuple[Splits, tuple[str, ...]]:
    """Rows by split with their labels as words, and notes on where they come from.

    Where the training rows show one label only, as the 32 of WSC do, the development rows are trained on too.

    Args:
        held: split -> rows; stems: split -> where they come from, as `chosen` says.
    """
    splits = {split: named(name, rows) for split, rows in held.items()}
    notes = [
        f"{split}: the {count(len(splits[split]), 'row')} of {stems[split]}"
        for split in ("train", "dev")
        if split in splits
    ]
    if "dev" in splits and len({str(row.get(LABEL)) for row in splits["train"]}) < 2:
        splits["train"] += splits.pop("dev")
        notes.append(f"all rows of {stems['train']} have one label, so those of {stems['dev']} are trained on too")
    tested = count(len(splits["test"]), "official validation row")
    return splits, (*notes, f"test: the {tested}, because the labels of {name}'s test are not public")


def named(name: str, rows: Iterable[Row]) -> list[Row]:
    """Rows with labels for the hub's numbers; −1 stands for a label that is hidden."""
    return [{**row, LABEL: _label(name, row[LABEL])} if LABEL in row else row for row in rows]


def _label(name: str, value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return LABELS[name][value] if 0 <= value < len(LABELS[name]) else None
