"""A request's body: read up to a limit, parsed strictly, or refused in the API's own words."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
"""As the ASGI specification has them."""

MOST_BYTES = 1_000_000
SECONDS = 20.0
"""A body that is not there by then never comes."""


class Fault(Exception):
    """What the client did wrong, or what we cannot do now: the four fields of OpenAI's error, and when to come back."""

    def __init__(
        self, status: int, message: str, code: str = "", *, param: str | None = None, retry: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.retry = status, message, code, param, retry

    @property
    def answer(self) -> dict[str, Any]:
        kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code or None}}

    @property
    def headers(self) -> dict[str, str]:
        more = {"www-authenticate": "Bearer"} if self.status == 401 else {}
        return more | ({"retry-after": str(self.retry)} if self.retry is not None else {})


def parse(raw: bytes) -> Any:
    """Strict JSON: no NaN, no infinity, no number that overflows, no key twice, no lone surrogate.

    Raises:
        Fault: anything else.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"), parse_constant=_not_a_number, parse_float=_finite, object_pairs_hook=_once
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Fault(400, "The body holds a lone surrogate, which is no character.", "invalid_json") from None
    except RecursionError:
        raise Fault(400, "The body is nested too deeply.", "invalid_json") from None
    except ValueError as fault:
        raise Fault(400, f"The body is no strict JSON in UTF-8: {str(fault)[:120]}", "invalid_json") from None
    return value


async def read(headers: Mapping[str, str], receive: Receive) -> bytes:
    """A body of strict JSON, written anew, so that what follows reads what was checked.

    Raises:
        Fault: too large, too slow, no JSON, or not strict.
    """
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Fault(415, "The body must be JSON: content-type application/json.", "unsupported_media_type")
    raw, more = bytearray(), True
    try:
        async with asyncio.timeout(SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Fault(499, "The client has left.", "client_left")
                raw += message.get("body", b"")
                more = message.get("more_body", False)
                if len(raw) > MOST_BYTES:
                    raise too_large()
    except TimeoutError:
        raise Fault(408, f"The body did not come within {SECONDS:g} seconds.", "timeout") from None
    return json.dumps(parse(bytes(raw)), ensure_ascii=False).encode()


def again(raw: bytes, receive: Receive) -> Receive:
    """What the application receives: the body that was read, then what comes after it."""
    left = [{"type": "http.request", "body": raw, "more_body": False}]

    async def replay() -> Message:
        return left.pop() if left else await receive()

    return replay


def too_large() -> Fault:
    return Fault(413, f"The body has more than {MOST_BYTES:,} bytes.", "request_too_large")


def _not_a_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _finite(text: str) -> float | int:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is out of range")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value  # JSON Schema: 3.0 is an integer


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
