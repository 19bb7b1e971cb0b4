"""The only place that writes durably.

Every write goes temp file -> flush -> fsync -> rename -> fsync of the folder, so that a reader sees the old
bytes or the new ones and nothing between, also after a power cut. A folder is finished when its
`manifest.json` exists: that is written last and holds the size and sha256 of every other file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import Damaged, UserError

MANIFEST = "manifest.json"
UNWRITABLE = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG)


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn what the disk says into what the user can do."""
    try:
        yield
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full while writing {path}.",
                "nothing half-written was left there",
                "free some space, then run the same command again with --resume",
            ) from fault
        if fault.errno in UNWRITABLE:
            raise UserError(
                f"{path} cannot be written: {fault.strerror}.",
                "a folder that you may write to",
                "choose another one with --out",
            ) from fault
        raise


def write_bytes(path: Path | str, content: bytes) -> None:
    """Replace `path` by `content`, whole or not at all."""
    write_pieces(path, (content,))


def write_pieces(path: Path | str, pieces: Iterable[Any]) -> None:
    """The same, of bytes or arrays of bytes one behind the other."""
    path = Path(path)
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), 0o666 & ~_umask())  # a temp file is private, the result is an ordinary one
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_text(path: Path | str, text: str) -> None:
    """UTF-8; a lone surrogate from a broken source becomes U+FFFD rather than a crash."""
    write_bytes(path, text.encode("utf-8", errors="replace"))


def write_json(path: Path | str, value: Any) -> None:
    """Indented UTF-8 JSON; NaN and infinity are refused."""
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def write_jsonl(path: Path | str, values: Iterable[Any]) -> None:
    """One JSON value a line."""
    write_text(path, "".join(json.dumps(v, ensure_ascii=False, allow_nan=False) + "\n" for v in values))


class Appender:
    """Append JSON lines; `sync()` makes what was appended durable, `cut(n)` keeps the first n lines."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with disk_faults(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self.path.open("a", encoding="utf-8")

    def append(self, value: Any) -> None:
        with disk_faults(self.path):
            self._file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()

    def sync(self) -> None:
        with disk_faults(self.path):
            os.fsync(self._file.fileno())

    def cut(self, lines: int) -> None:
        """Drop everything behind the first `lines` lines (a torn last line too)."""
        self._file.close()
        kept = self.path.read_bytes().splitlines(keepends=True)[:lines]
        write_bytes(self.path, b"".join(kept))
        self._file = self.path.open("a", encoding="utf-8")

    def close(self) -> None:
        self._file.close()


def read_json(path: Path | str) -> Any:
    """A JSON file of ours; a torn one is `Damaged` with its name."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as fault:
        raise Damaged(f"{path} is not whole JSON ({fault})") from fault


def read_jsonl(path: Path | str) -> list[Any]:
    """All lines of a JSON-lines file of ours."""
    try:
        return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
    except ValueError as fault:
        raise Damaged(f"{path} holds a torn line ({fault})") from fault


def sha256(path: Path | str) -> str:
    """Hex digest of a file, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path | str, facts: dict[str, Any], names: Iterable[str] | None = None) -> None:
    """Write the manifest of `folder` last: `facts` plus size and sha256 of the named files (default: all)."""
    folder = Path(folder)
    paths = (
        sorted(folder / n for n in names)
        if names is not None
        else sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST and "checkpoint" not in p.parts)
    )
    listed = {p.relative_to(folder).as_posix(): {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in paths}
    write_json(folder / MANIFEST, {**facts, "files": listed})


def sweep(folder: Path) -> None:
    """Remove what killed writers left half-written below a folder that has no hidden files of its own."""
    for left in folder.rglob(".*"):
        left.unlink()


def sealed(folder: Path | str) -> dict[str, Any] | None:
    """The manifest of a finished folder, verified file by file; None where the folder is not finished.

    Raises:
        Damaged: the manifest is there and a file differs from it.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        return None
    manifest = read_json(folder / MANIFEST)
    try:
        facts = [(name, fact["bytes"], fact["sha256"]) for name, fact in manifest["files"].items()]
    except (AttributeError, KeyError, TypeError) as fault:
        raise Damaged(f"{folder / MANIFEST} lists no files") from fault
    for name, size, digest in facts:
        path = folder / name
        if not path.exists():
            raise Damaged(f"{path} is missing, its manifest lists it")
        if path.stat().st_size != size or sha256(path) != digest:
            raise Damaged(f"{path} differs from its manifest")
    return manifest


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder for fsync
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
