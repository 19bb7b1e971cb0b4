"""A study's folder as a place: whose it is now, whether it may be gone on with, and how much room its disk has."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import files
from .errors import Damaged, UserError

SAME, GROWN = ("backbone", "data", "task_spelled", "budget"), ("methods", "seeds", "by_rows")
"""Facts of a study that stay when it is gone on with, and those of which there may be more."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """No other process runs a study in `folder`, which is made where there is none, inside the `with` block.

    The folder itself is locked: nothing is left behind, and whoever is killed holds nothing. A system without such
    locks is trusted.

    Raises:
        UserError: another process is at work there.
    """
    with files.disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if os.name == "nt":
        yield
        return
    fcntl: Any = importlib.import_module("fcntl")
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"Another process runs a study in {folder}.",
                    "another --out, or the same command with --resume once that one has ended",
                    "wait for it, or choose another folder",
                ) from None
        yield
    finally:
        os.close(handle)


def check(folder: Path, facts: Mapping[str, Any], resume: bool) -> None:
    """Refuse to mix two studies in one folder; more methods, seeds or numbers of rows are the same study gone on with.

    Args:
        facts: of the study that shall run there, as study.json holds them.
    """
    path = folder / "study.json"
    if not path.exists():
        return
    if not resume:
        raise UserError(
            f"{folder} already holds a study.",
            "--resume continues it, another --out starts a new one",
            "add --resume or choose another folder",
        )
    try:
        old = files.read_json(path)
        same = (*SAME, *(["fixed"] if "fixed" in old else []))  # older studies have chosen nothing
        was, now = ({k: _stable(v.get(k)) for k in (*same, *GROWN)} for v in (old, facts))
        fewer = [k for k in GROWN if not set(was[k] or ()) <= set(now[k] or ())]
    except (Damaged, AttributeError, TypeError) as fault:
        raise UserError(
            f"{path} is torn: {fault}",
            "finished trials are kept where their settings stay the same",
            f"remove {path} and run the same command again",
        ) from fault
    if changed := [line for k in (*same, *fewer) for line in _changes(k, was[k], now[k])]:
        raise UserError(
            f"{folder} was made with other settings ({'; '.join(changed)}).",
            "the same settings, with more methods, seeds or numbers of rows if you like",
            "use the same command, or another --out",
        )


def free_disk(folder: Path) -> int:
    """Bytes that are free where `folder` is, or will be."""
    return shutil.disk_usage(
        next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    ).free


def _stable(value: Any) -> Any:
    """What must agree between two runs of one study (paths and notes may differ)."""
    if isinstance(value, Mapping):
        return {k: v for k, v in value.items() if k not in ("notes", "source", "name", "device", "caveats")}
    return value


def _changes(name: str, was: Any, now: Any) -> list[str]:
    """What differs, a line each: `budget.steps: 3 → 5`."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return [line for k in {**was, **now} for line in _changes(f"{name}.{k}", was.get(k), now.get(k))]
    return [] if was == now else [f"{name}: {was!s:.80} → {now!s:.80}"]
