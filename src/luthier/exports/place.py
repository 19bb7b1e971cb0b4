"""A folder that appears only when it is complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError

NEW = "a new or an empty folder"
OTHER = "choose another --out"


def check_free(out: Path) -> None:
    """Refuse a target that cannot be made, before anything is computed.

    Raises:
        UserError: a file, a folder that is not empty or cannot be replaced, or nowhere to make one.
    """
    with _faults(out):
        out = _behind_links(out)
        if out.is_dir() and any(out.iterdir()):
            raise UserError(f"{out} is not empty.", NEW, OTHER)
        if os.path.lexists(out) and not out.is_dir():
            raise UserError(f"{out} is a file.", NEW, OTHER)
        if out == Path.cwd():
            raise UserError(f"{out} is the folder you are in.", NEW, "name a folder in it with --out")
        if os.path.ismount(out):
            raise UserError(f"{out} is where a disk is mounted.", NEW, "name a folder in it with --out")
        above = next(folder for folder in out.parents if folder.exists())
        _unfinished(out, above).rmdir()  # rights alone do not tell: nobody makes folders in /proc


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` to fill; it becomes `out` when the block ends well and goes when it does not."""
    check_free(out)
    out = _behind_links(out)
    with _faults(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = _unfinished(out, out.parent)
    try:
        yield unfinished
        with _faults(out):
            unfinished.chmod(0o755)  # a temporary folder is private, the result is an ordinary one
            os.replace(unfinished, out)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _behind_links(out: Path) -> Path:
    """Where a link leads, since a link itself cannot be replaced by a folder; a link that leads in circles stays."""
    return Path(os.path.realpath(out))


def _unfinished(out: Path, above: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{out.name}.unfinished-", dir=above))


@contextmanager
def _faults(out: Path) -> Iterator[None]:
    """Turn what the disk says of `out` into what the user can do."""
    try:
        yield
    except OSError as fault:
        raise UserError(
            f"{out} cannot be written: {fault.strerror}.", "a folder where you may write, with space", OTHER
        ) from fault
