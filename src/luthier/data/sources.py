"""What the user typed -> a table: a file, a folder, a built-in name or a hub id, each perhaps with `#500`."""

from __future__ import annotations

import difflib
import os
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import DataError, UserError
from . import superglue
from .chats import chats
from .dialogues import dialogues
from .folders import (
    Gathered,
    data_files,
    files_by_stem,
    files_of_splits,
    folders_of_data,
    folders_of_splits,
    gathered,
    home,
    others,
    stem,
)
from .formats import FORMATS, accepted, load
from .keywords import keywords
from .labels import labels_of, with_every_label
from .mend import mended
from .passages import passages
from .reviews import reviews
from .sentences import sentences
from .table import SPLIT_NAMES, SPLITS, Row, Table, count, listed, split_called

BUILT_IN: dict[str, Callable[[str, int], list[Row]]] = {
    "dialogues": partial(dialogues, language="en"),
    "dialogues-zh": partial(dialogues, language="zh"),
    "reviews": partial(reviews, language="en"),
    "reviews-zh": partial(reviews, language="zh"),
    "passages-zh": passages,
    "chats-zh": chats,
    "keywords-zh": keywords,
    "sentences-en-zh": sentences,
}
"""Built-in name -> what makes the rows of a split."""

BUILT_IN_ROWS = {"train": 2000, "dev": 200, "test": 200}

HIDDEN = -1
"""How the hub numbers a class that is kept secret, as in the test splits of GLUE."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(:[\w.-]+)?")
"""`owner/name`, or `owner/name:part` for one of its configurations."""


def read(source: str | os.PathLike[str]) -> Table:
    """Rows of `source` by split, as they are: nothing is cut here (see `complete`).

    `source` is a file (jsonl, json, csv, tsv, txt, parquet, arrow; each also .gz), a folder with train,
    dev | val | validation and test (each a file, its numbered parts or a folder of files; see `folders`), a built-in
    name (see `BUILT_IN`) or a hub id (`owner/name`, or `owner/name:part`).
    `superglue:RTE`, or `FOLDER:RTE` for a folder that holds it, is a set of SuperGLUE with the splits that are reported
    (`superglue.dealt`).
    `source#500` keeps 500 rows of the training split, drawn with seed 0, some of every label (`labels`). A built-in
    name goes before a file of that name (write `./dialogues` for the file), a file before a hub id.

    A single file is `train` unless its stem names another split. The parts of an object are columns with a dot,
    `translation.en` (`nested`).

    Raises:
        DataError: no such source, or one that cannot be read, with the file and the line.
        UserError: a format or the hub needs a package that is not installed.
    """
    typed = os.fspath(source)
    path = os.path.expanduser(typed)
    whole = typed in BUILT_IN or os.path.lexists(path)
    if whole or "#" not in typed:
        return _source(typed, path)
    name, _, rows = typed.rpartition("#")
    if not re.fullmatch(r"0*[1-9][0-9]{0,11}", rows, re.ASCII):
        raise DataError(f"{typed!r} asks for {rows!r} rows.", "a whole number from 1 after the #", f"write {name}#500")
    return _sample(replace(_source(name, os.path.expanduser(name)), source=typed), int(rows))


def _source(typed: str, path: str) -> Table:
    if typed in BUILT_IN:
        return _built_in(typed)
    if os.path.isdir(path):
        return _folder(Path(path), typed)
    if os.path.lexists(path):
        return _file(Path(path), typed)
    place, name = superglue.set_of(typed) or ("", "")
    if place == superglue.NAME or (place and os.path.isdir(os.path.expanduser(place))):
        return _superglue(typed, place, name)
    if HUB_ID.fullmatch(typed) and Path(typed).suffix.lower() not in {*FORMATS, ".gz", ".zip"}:
        _refuse_part_of_folder(*typed.split(":"))
        return _hub(typed, typed, "a folder with train.jsonl and, where there are, dev.jsonl and test.jsonl")
    raise _missing(typed, Path(path))


def _refuse_part_of_folder(place: str, part: str = "") -> None:
    if os.path.isdir(place):
        raise DataError(
            f"{place} is a folder here, which goes before a hub id, and it has no part {part!r}.",
            f"the folder, a file in it, or a set of SuperGLUE in it such as {place}:RTE",
            f"write {place} alone, or start elsewhere for the hub's {place}:{part}",
        )


def _missing(typed: str, path: Path) -> DataError:
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        beside = []
    near = difflib.get_close_matches(path.name, [*beside, *BUILT_IN], n=1, cutoff=0.5)
    shown = typed if len(typed) <= 200 else f"{typed[:200]}…"
    return DataError(
        f"There is no data at {shown!r}.",
        f"a file ({accepted()}), a folder of them, a hub id such as owner/name, or {', '.join(BUILT_IN)}",
        f"did you mean {near[0]}?" if near else _of_superglue(typed) or "check the name",
    )


def _of_superglue(typed: str) -> str:
    """What to do about a word that means SuperGLUE; empty where it does not."""
    if typed == superglue.NAME:
        return f"name one of its sets, such as {typed}:RTE, or compare on all of them: luthier compare BACKBONE {typed}"
    place, name = superglue.set_of(typed) or ("", "")
    return f"check that {place} is a folder with {name} in it" if place else ""


def _built_in(name: str) -> Table:
    splits = {split: BUILT_IN[name](split, rows) for split, rows in BUILT_IN_ROWS.items()}
    notes = [f"{name} is generated, not recorded: it shows the workbench, not the world"]
    if os.path.lexists(name):
        notes.append(f"{name} is the built-in data; write ./{name} for the path of that name")
    return Table(splits, name, synthetic=True, notes=(*_sizes(splits), *notes))


def _file(path: Path, typed: str) -> Table:
    held = load(path)
    own = split_called(stem(path))
    split = own or "train"
    splits = {part or split: rows for part, rows in held.parts.items()}
    notes = [*_sizes(splits), *held.notes]
    if own:
        beside = [p.name for p in data_files(path.parent) if split_called(stem(p)) and p.name != path.name]
        if beside:
            notes.append(f"not used, because one file was named and not its folder: {listed(beside)}")
    return Table(splits, typed, notes=tuple(notes), encodings={path.name: held.encoding})


def _folder(folder: Path, typed: str) -> Table:
    place = home(folder)
    chosen = files_of_splits(place)
    held = {split: gathered(chosen[split], place) for split in SPLITS if split in chosen}
    splits = {split: part.rows for split, part in held.items()}
    notes = [*_sizes(splits), *(note for part in held.values() for note in part.notes)]
    if place != folder:
        notes.append(f"the rows are those of {place.name}/")
    return Table(splits, typed, notes=(*notes, *_ignored(place, chosen)), encodings=_encodings(held))


def _ignored(folder: Path, chosen: Mapping[str, list[Path]]) -> list[str]:
    left = others(folder, (file for files in chosen.values() for file in files))
    return [f"other files were ignored: {listed(left)}"] if left else []


def _encodings(held: Mapping[str, Gathered]) -> dict[str, str]:
    return {name: encoding for part in held.values() for name, encoding in part.encodings.items()}


def sets(source: str) -> dict[str, str]:
    """Name -> source of every set in a folder that has no data file of its own, or of SuperGLUE's by that word; empty
    where `source` is one set, as a folder is whose folders are called as splits are.

    A folder called `superglue` goes before the word.
    """
    folder = Path(source).expanduser()
    if source in BUILT_IN or not folder.is_dir():
        return {name: f"{source}:{name}" for name in superglue.NAMES} if source == superglue.NAME else {}
    inside = [] if data_files(folder) or folders_of_splits(folder) else folders_of_data(folder)
    found = {superglue.set_name(p.name) or p.name: p for p in inside} if len(inside) > 1 else {}
    order = sorted(found, key=str.casefold)
    return {name: f"{source}:{name}" if superglue.set_name(name) else str(found[name]) for name in order}


def _superglue(typed: str, place: str, name: str) -> Table:
    """One set: of a folder, the one below it; of the word alone, the hub's."""
    if not os.path.isdir(os.path.expanduser(place)):
        local = f"a folder with {name}/train.jsonl and {name}/val.jsonl and write FOLDER:{name}"
        whole = _hub(f"{superglue.HUB}:{name.lower()}", typed, local)
        stems = superglue.chosen(name, whole.splits)
        splits, notes = superglue.dealt(name, {s: whole.splits[word] for s, word in stems.items()}, stems)
        return Table(splits, typed, notes=(*whole.notes, *notes))
    folder = Path(place).expanduser()
    own = next((p for p in folder.iterdir() if p.is_dir() and superglue.set_name(p.name) == name), None)
    if own is None:
        raise _missing(typed, folder / name)
    files = {stem(parts[0]): parts for parts in files_by_stem(own)}
    stems = superglue.chosen(name, files)
    chosen = {split: files[word] for split, word in stems.items()}
    held = {split: gathered(parts, own) for split, parts in chosen.items()}
    splits, notes = superglue.dealt(name, {split: part.rows for split, part in held.items()}, stems)
    notes = (*(note for part in held.values() for note in part.notes), *notes, *_ignored(own, chosen))
    return Table(splits, typed, notes=notes, encodings=_encodings(held))


def _sizes(splits: dict[str, list[Row]]) -> list[str]:
    return [f"{split}: {count(len(rows), 'row')}" for split, rows in splits.items()]


def _sample(table: Table, rows: int) -> Table:
    """`rows` rows of train, in their order, with every label where there is room; of dev where train will be cut from
    that."""
    split = next((s for s in ("train", "dev") if s in table.splits), None)
    if split is None:
        raise DataError(
            f"{table.source!r} samples training rows, and there are only test rows.", "a train split", "drop the #"
        )
    held = table.splits[split]
    if rows >= len(held):
        said = f"{split}: all {count(len(held), 'row')} kept, {rows:,} were asked for"
        return replace(table, notes=(*table.notes, said))
    drawn = random.Random(0).sample(range(len(held)), rows)
    kept = sorted(with_every_label(drawn, labels_of(held)))
    changed = len({*kept} - {*drawn})
    said = f"{split}: {count(rows, 'row')} of {len(held):,} sampled with seed 0"
    said += f", {changed:,} of them so that every label is shown" * bool(changed)
    return replace(table, splits={**table.splits, split: [held[i] for i in kept]}, notes=(*table.notes, said))


def _hub(name: str, typed: str, local: str) -> Table:
    """A data set of the hub; its code is never run, and its splits go by the same names as files.

    Args:
        typed: how it was asked for; local: where to put the files instead.
    """
    try:
        from datasets import load_dataset
    except ImportError as fault:
        raise UserError(
            f"There is no file or folder {typed!r}, and the hub's {name} needs the package datasets, which is not "
            "installed.",
            f"a path, the hub with that package, or {', '.join(BUILT_IN)}",
            f"pip install 'luthier[hub]', or fetch the files into {local}",
        ) from fault
    try:
        found = load_dataset(*name.split(":"))
    except Exception as fault:  # the library raises dozens of kinds, of network, cache, format and rights
        reason = next(iter(str(fault).splitlines()), "")[:200]
        raise UserError(
            f"There is no file or folder {typed!r}, and the hub gave no {name} ({type(fault).__name__}: {reason}).",
            f"a path, a public data set while the network is up, or {', '.join(BUILT_IN)}",
            f"check the name and the network, or fetch the files into {local}",
        ) from fault
    notes: list[str] = []
    splits: dict[str, list[Row]] = {}
    hidden = [key for key, rows in found.items() if len(rows) and all(row.get("label") == HIDDEN for row in rows)]
    for key, rows in found.items():
        split = "" if key in hidden else split_called(key)
        if split in splits:
            raise DataError(
                f"{name} holds two splits for {split}.", "one of val, validation, dev", "fetch the files and rename one"
            )
        if split:
            splits[split] = mended(rows.to_list(), f"{name} {key}", notes)
            if not splits[split]:
                raise DataError(f"{name} {key} holds no rows.", "at least one row", "check the data set's page")
    ignored = [key for key in found if not split_called(key)]
    notes += [f"{key}: every label is {HIDDEN}, that is, hidden, so these rows were not used" for key in hidden]
    if not splits:
        raise DataError(
            f"{name} holds the splits {listed(ignored)}.",
            ", ".join(SPLIT_NAMES),
            "fetch the files and rename one to train",
        )
    if ignored:
        notes.append(f"other splits were ignored: {listed(ignored)}")
    return Table(splits, name, notes=(*_sizes(splits), *notes))
