"""Which files of a folder hold the rows of a split, and their rows as one.

A split is a file (`train.jsonl`), its numbered parts (`train-00000-of-00002.parquet`, as the hub keeps them) or a
folder of files (`train/a.jsonl`). Names are compared without case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .formats import FORMATS, accepted, kind_of, load
from .table import Row, listed, split_called

PART = re.compile(r"-(\d{5})-of-(\d{5})(?=\.)")
"""Which of how many parts a file is."""

FACTS = {"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"}
"""What the `datasets` library writes beside the rows; no rows are in them."""

Files = list[Path]
"""Of one split, in the order of their rows."""


@dataclass(frozen=True)
class Gathered:
    """The rows of several files, one after another."""

    rows: list[Row]
    encodings: dict[str, str]
    """File, as seen from its folder -> the encoding it was read with."""
    notes: tuple[str, ...]


def gathered(files: Files, folder: Path) -> Gathered:
    """Read all files of one split; `folder` is what their names are seen from.

    Raises:
        DataError: a part is missing, or a file that cannot be read or holds splits of its own.
    """
    for parts in _together(files).values():
        _refuse_gap(parts)
    rows: list[Row] = []
    encodings: dict[str, str] = {}
    notes: list[str] = []
    for file in files:
        name = file.relative_to(folder).as_posix()
        held = load(file, name)
        if "" not in held.parts:
            raise DataError(
                f"{file} holds splits of its own ({', '.join(held.parts)}) inside a folder of splits.",
                "a list of rows",
                "name that file alone as the data",
            )
        rows += held.parts[""]
        encodings[name] = held.encoding
        notes += held.notes
    if len(files) > 1:
        notes.append(f"{len(files)} files were read one after another: {listed(list(encodings))}")
    return Gathered(rows, encodings, tuple(notes))


def files_of_splits(folder: Path) -> dict[str, Files]:
    """Split -> its files. A folder with one file of another name holds train; folders of files count where the folder
    has no data file of its own.

    Raises:
        DataError: two of one split, or nothing that says which files are train.
    """
    whole = files_by_stem(folder)
    if whole:
        named = [(parts[0].name, split_called(stem(parts[0])), parts) for parts in whole]
    else:
        named = [(f"{own.name}/", split_called(own.name), data_files(own)) for own in folders_of_splits(folder)]
    chosen: dict[str, Files] = {}
    first: dict[str, str] = {}
    for name, split, files in named:
        if split in chosen:
            raise DataError(
                f"{folder} holds two files for {split}: {first[split]} and {name}.",
                "one file per split",
                "move one of them away",
            )
        if split:
            chosen[split], first[split] = files, name
    if not chosen and len(whole) == 1:
        return {"train": whole[0]}
    if not chosen:
        found = listed([parts[0].name for parts in whole]) or "no data file"
        raise DataError(
            f"{folder} holds {found}, and nothing says which is the training split.",
            f"files or folders called train, dev (or valid, validation, eval) and test, or just one file; {accepted()}",
            "rename one to train, or name the file itself",
        )
    return chosen


def home(folder: Path) -> Path:
    """Where the files of the splits are: in `folder`, or in the only folder of data in it, such as the hub's `data`."""
    inside = [] if data_files(folder) else folders_of_data(folder)
    if len(inside) != 1 or split_called(inside[0].name):
        return folder
    return inside[0] if any(split_called(stem(file)) for file in data_files(inside[0])) else folder


def folders_of_splits(folder: Path) -> list[Path]:
    """The folders of data directly below, where they are the splits of one data set: `train` is among them, or all are
    called as splits are."""
    inside = folders_of_data(folder)
    called = [split_called(p.name) for p in inside]
    return inside if "train" in called or all(called) else []


def folders_of_data(folder: Path) -> list[Path]:
    """The folders directly below that hold data files."""
    inside = (p for p in _entries(folder) if p.is_dir())
    return [p for p in inside if data_files(p)]


def data_files(folder: Path) -> Files:
    """The files directly below that a format can read, in the order of their names."""
    return [p for p in _entries(folder) if kind_of(p) in FORMATS and p.name not in FACTS and not p.is_dir()]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, hidden entries aside, by name."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as fault:
        raise DataError(
            f"{folder} cannot be listed: {fault.strerror}.", "a readable folder", "check its rights"
        ) from fault


def others(folder: Path, chosen: Iterable[Path]) -> list[str]:
    """What is in a folder, and in its folders that were read, and was not read itself."""
    used = set(chosen)
    read = sorted({file.parent for file in used} - {folder})
    left = [p for place in (folder, *read) for p in _entries(place) if p not in used and p not in read]
    return sorted(p.relative_to(folder).as_posix() + "/" * p.is_dir() for p in left)


def stem(path: Path) -> str:
    """`train` of `train.jsonl.gz` and of `train-00000-of-00002.parquet`."""
    whole = Path(PART.sub("", path.name))
    return Path(whole.stem).stem if whole.suffix == ".gz" else whole.stem


def files_by_stem(folder: Path) -> list[Files]:
    """The data files of a folder, the parts of one together."""
    return list(_together(data_files(folder)).values())


def _together(files: Files) -> dict[str, Files]:
    """A file's name without the number of its part -> its parts."""
    found: dict[str, Files] = {}
    for file in files:
        found.setdefault(PART.sub(r"-of-\2", file.name), []).append(file)
    return found


def _refuse_gap(parts: Files) -> None:
    found = {int(part[1]): int(part[2]) for file in parts if (part := PART.search(file.name))}
    if not found:
        return
    total = next(iter(found.values()))
    start = 1 if max(found) == total else 0  # some count from one
    missing = [number for number in range(start, start + total) if number not in found]
    if missing:
        lacking = [PART.sub(f"-{number:05}-of-{total:05}", parts[0].name) for number in missing]
        raise DataError(
            f"{parts[0].parent} holds {len(found):,} of the {total:,} parts of {stem(parts[0])}: "
            f"{listed(lacking, 3)} {'is' if len(lacking) == 1 else 'are'} missing.",
            "all parts",
            "fetch the rest, or name one of the files itself",
        )
