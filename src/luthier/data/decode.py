"""Bytes of a file -> text, with the encoding that was found; bytes that are no text are refused.

Detection is by evidence, never by locale: a byte order mark, then strict UTF-8, then GB18030 where the
result looks like Chinese. Other one- and two-byte encodings (Latin-1, Big5, Shift-JIS) cannot be told
apart safely and are refused with the offending byte.
"""

from __future__ import annotations

import codecs
import gzip
import os
import stat
import zlib
from pathlib import Path

from ..errors import DataError
from .table import count

MOST_BYTES = 2 << 30
"""Larger contents are refused before they fill the memory (a gzip bomb is small on disk)."""

EVERYDAY = frozenset(
    "的一是不了在有我他这个们中来上大为和国地到以说时要就出会可也你对生能子那得着下年后好很没這個們來為說時會對後沒，。"
)
EVERYDAY_SHARE = 0.03
"""Of the characters that are not ASCII, before bytes are believed to be Chinese."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def contents(path: Path) -> bytes:
    """The bytes of a regular file, unpacked where its name ends in `.gz`.

    Raises:
        DataError: a folder, pipe or device; unreadable; empty; too large; no whole gzip file.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a pipe could wait for ever, a device never end
            raise DataError(f"{path} is not a regular file.", "a file on disk", "write the rows to a file first")
        with path.open("rb") as file:
            raw = _unpacked(file, path) if path.suffix == ".gz" else file.read(MOST_BYTES + 1)
    except OSError as fault:
        raise DataError(
            f"{path} cannot be read: {fault.strerror or fault}.", "a readable file", "check its name and rights"
        ) from fault
    if len(raw) > MOST_BYTES:
        raise DataError(
            f"{path} holds more than {MOST_BYTES >> 30} GiB.", "less text than that", "keep a part of the rows"
        )
    if not raw:
        raise DataError(f"{path} is empty.", "at least one row", "check how the file was made")
    return raw


def _unpacked(file: object, path: Path) -> bytes:
    try:
        with gzip.GzipFile(fileobj=file) as packed:  # type: ignore[call-overload]
            return packed.read(MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise DataError(
            f"{path} is not a whole gzip file ({fault}).",
            "a complete .gz file",
            "fetch or pack it again (gzip -t tests it)",
        ) from fault


def text_of(raw: bytes, name: str, notes: list[str]) -> tuple[str, str]:
    """Text and the name of its encoding; NUL characters become U+FFFD and are counted in `notes`."""
    text, encoding = _decoded(raw, name)
    if encoding != "utf-8":
        notes.append(f"{name} was read as {encoding}")
    zeros = text.count("\0")
    if zeros * 10 > len(text):
        raise DataError(
            f"{name} is no text: {zeros:,} of {len(text):,} characters are NUL.",
            "UTF-8, or UTF-16 with its byte order mark",
            "save it as UTF-8",
        )
    if zeros:
        notes.append(f"{name}: {count(zeros, 'NUL character')} replaced by U+FFFD")
        text = text.replace("\0", "\ufffd")
    return text, encoding


def _decoded(raw: bytes, name: str) -> tuple[str, str]:
    encoding = next((word for mark, word in MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding), encoding
    except UnicodeDecodeError as fault:
        if encoding == "utf-8" and not _mostly_utf8(raw):
            chinese = _chinese(raw)
            if chinese is not None:
                return chinese, "gb18030"
        byte = f"0x{raw[fault.start]:02x}" if fault.start < len(raw) else "the end"
        line = raw[: fault.start].count(b"\n") + 1
        raise DataError(
            f"{name} is not {encoding}: {byte} at byte {fault.start:,}, line {line:,}, is no character.",
            "UTF-8, UTF-16 with a byte order mark, GB18030 with Chinese text",
            "save it as UTF-8 (binary files are not read)",
        ) from fault


def _mostly_utf8(raw: bytes) -> bool:
    """A few torn bytes in UTF-8: to call that another encoding would garble the whole file."""
    text = raw.decode("utf-8", errors="replace")
    torn = text.count("\ufffd")
    return torn * 2 < sum(not c.isascii() for c in text)


def _chinese(raw: bytes) -> str | None:
    """The text if `raw` is GB18030 and reads like Chinese, else None.

    Latin-1, Big5 or Shift-JIS often are valid GB18030 by accident, but then give rare characters at random; of
    real Chinese text the everyday ones are a tenth or more.
    """
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return None
    foreign = [c for c in text if not c.isascii()]
    return text if sum(c in EVERYDAY for c in foreign) >= EVERYDAY_SHARE * len(foreign) > 0 else None
