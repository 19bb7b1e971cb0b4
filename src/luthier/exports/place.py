"""A folder that appears only when it is complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError


def check_free(out: Path) -> None:
    """Refuse a target that holds something, before anything is computed.

    Raises:
        UserError: a file, a folder that is not empty, or no permission to make one.
    """
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty.", "a new or an empty folder", "choose another --out")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file.", "a new or an empty folder", "choose another --out")
    above = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise UserError(f"{above} cannot be written to.", "a folder that you may write to", "choose another --out")


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A folder beside `out` to fill; it becomes `out` when the block ends well and goes when it does not."""
    check_free(out)
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}.unfinished-", dir=out.absolute().parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)  # a temporary folder is private, the result is an ordinary one
        os.replace(unfinished, out)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
