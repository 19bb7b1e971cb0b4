"""What a page may send. A page of ours sends files through the upload; a call only names what was uploaded.

The library under the page opens whatever file a call names, and fetches it where the name is an address (its own check
is for apps that it started itself). So a call that names anything but an upload is turned away before the library sees
it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

CALLS, UPLOAD = "/gradio_api/", "upload"
LARGEST_CALL = 1 << 23
"""Bytes: a call holds typed texts and names."""
ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+:", re.IGNORECASE)
"""`http:` and its like; the drive of a Windows path is one letter."""


class Forged(Exception):
    """A call that no page of ours makes."""


def is_call(method: str, path: str) -> bool:
    """Whether a request carries a call to be looked at."""
    return method not in ("GET", "HEAD") and CALLS in path and not path.partition(CALLS)[2].startswith(UPLOAD)


async def opened(receive: Receive, uploads: Path) -> Receive:
    """Read a call, and hand it on as it was.

    Raises:
        Forged: too long, no JSON, or it names a file that is not below `uploads`.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > LARGEST_CALL:
            raise Forged
    try:
        found = json.loads(body) if body else None
    except (ValueError, RecursionError):
        raise Forged from None
    if names_a_stranger(found, uploads):
        raise Forged
    handed = False

    async def again() -> Message:
        nonlocal handed
        if handed:
            return await receive()
        handed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def names_a_stranger(value: Any, uploads: Path) -> bool:
    """Whether a file in here is none of the uploads."""
    waiting = [value]
    while waiting:
        now = waiting.pop()
        if isinstance(now, dict):
            if "path" in now and not _uploaded(now["path"], uploads):
                return True
            waiting += now.values()
        elif isinstance(now, list):
            waiting += now
    return False


def _uploaded(path: Any, uploads: Path) -> bool:
    if not isinstance(path, str) or ADDRESS.match(path):
        return False
    try:
        return Path(path).resolve().is_relative_to(uploads.resolve())
    except (OSError, ValueError):  # too long, or it holds a NUL
        return False
