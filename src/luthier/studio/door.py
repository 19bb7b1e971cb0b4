"""Before any page: who may speak to the studio, and what a page may fetch.

Loopback needs no token, but only under a name of this machine (another site's name that resolves to loopback is turned
away) and only from its own pages. Any other address needs the token: typed once, then kept as a cookie.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .parcels import Forged, is_call, opened
from .words import preferred, say

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

COOKIE = "luthier_studio"
LANGUAGE = "luthier_language"
ENTER = "/enter"
MOST_TOKEN_BYTES = 4096
WRONG_SECONDS = 0.5
"""How long a wrong token waits for its answer."""

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""Nothing from elsewhere: the library's pages need inline scripts, so what keeps data inert is escaping."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
ELSEWHERE = re.compile(
    rb"<script\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>\s*</script>|<link\b[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>",
    re.IGNORECASE,
)
"""Tags of the library's page that would fetch from other machines."""


class Door:
    """The outermost layer of the app.

    Args:
        uploads: where files from a browser are put.
        hosts: names under which the app may be spoken to; empty: any (the token guards it then).
        token: what a visitor must know; None: nothing.
    """

    def __init__(self, app: Any, uploads: Path, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self.app, self.uploads, self.hosts = app, uploads, frozenset(hosts)
        self._digest = sha256(token.encode()).digest() if token else None
        self._pass = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # the pages open no sockets
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        language = preferred(headers.get("accept-language", ""), cookie_of(headers, LANGUAGE))
        if self.hosts and _name(headers.get("host", "")) not in self.hosts:
            await answer(send, 403, say("wrong_host", language))
        elif scope["method"] not in ("GET", "HEAD") and not _same_site(headers):
            await answer(send, 403, say("wrong_site", language))
        elif self._digest is not None and scope["path"] == ENTER and scope["method"] == "POST":
            await self._enter(receive, send, language)
        elif not self._known(headers):
            await answer(send, 401, login(language))
        else:
            await self._inside(scope, receive, send, language)

    async def _inside(self, scope: Scope, receive: Receive, send: Send, language: str) -> None:
        """Hand on what a page of ours may ask."""
        if is_call(scope["method"], scope["path"]):
            try:
                receive = await opened(receive, self.uploads)
            except Forged:
                await answer(send, 403, say("wrong_call", language))
                return
        # Pages are read on their way out, so they travel as they are.
        scope["headers"] = [(n, v) for n, v in scope["headers"] if n.lower() != b"accept-encoding" or not _page(scope)]
        await self.app(scope, receive, guarded(send))

    def _known(self, headers: dict[str, str]) -> bool:
        if self._digest is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._opens(given.encode("latin-1").strip()):
            return True
        return hmac.compare_digest((cookie_of(headers, COOKIE) or "").encode(), self._pass.encode())

    def _opens(self, token: bytes) -> bool:
        """True for the right token, as its bytes came; takes as long for any wrong one."""
        return hmac.compare_digest(sha256(token).digest(), self._digest or b"")

    async def _enter(self, receive: Receive, send: Send, language: str) -> None:
        started, body, more = time.monotonic(), b"", True
        while more and len(body) <= MOST_TOKEN_BYTES:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        given = parse_qs(body[:MOST_TOKEN_BYTES].decode("utf-8", "replace")).get("token", [""])[0]
        if self._opens(given.strip().encode()):
            kept = f"{COOKIE}={self._pass}; Path=/; HttpOnly; SameSite=Strict"
            await answer(send, 303, "", (("location", "/"), ("set-cookie", kept)))
            return
        await asyncio.sleep(max(0.0, WRONG_SECONDS - (time.monotonic() - started)))
        await answer(send, 401, login(language, wrong=True))


def guarded(send: Send) -> Send:
    """Adds the headers that keep a page at home, and takes tags out of it that would fetch from elsewhere."""
    held: list[Message] = []
    pieces: list[bytes] = []

    async def passed(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower(): value for name, value in message.get("headers", ())}
            added = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in own]
            message["headers"] = [*message.get("headers", ()), *added]
            if own.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in own:
                held.append(message)
                return
        if held and message["type"] == "http.response.body":
            pieces.append(message.get("body", b""))
            if message.get("more_body"):
                return
            start, body = held.pop(), ELSEWHERE.sub(b"", b"".join(pieces))
            sized = [(n, v) for n, v in start["headers"] if n.lower() != b"content-length"]
            start["headers"] = [*sized, (b"content-length", str(len(body)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return
        await send(message)

    return passed


def cookie_of(headers: dict[str, str], name: str) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found else None


def _name(host: str) -> str:
    """The name of a `Host` header without its port."""
    host = host.lower()
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


def _page(scope: Scope) -> bool:
    """Whether the request is for a whole page."""
    return scope["path"].rstrip("/").count("/") <= 1


def _same_site(headers: dict[str, str]) -> bool:
    """Whether a request that changes something comes from a page of ours, or from no page at all."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


async def answer(send: Send, status: int, page: str, more: Iterable[tuple[str, str]] = ()) -> None:
    """A small page of ours."""
    body = page.encode()
    found = {**HEADERS, "content-type": "text/html; charset=utf-8", "content-length": str(len(body))}
    headers = [(n.encode(), v.encode()) for n, v in (*found.items(), *more)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def login(language: str, wrong: bool = False) -> str:
    """The page that asks for the token."""
    said = f'<p role="alert">{say("token_wrong", language)}</p>' if wrong else ""
    return LOGIN.format(
        language=language, said=said, ask=say("token_ask", language), enter=say("token_enter", language)
    )


LOGIN = """<!doctype html><html lang="{language}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>luthier</title>
<style>:root {{ color-scheme: light dark }} body {{ font: 1.05rem/1.6 system-ui, sans-serif; max-width: 24rem;
margin: 20vh auto; padding: 0 1rem }} input, button {{ font: inherit; padding: .5rem .7rem; width: 100%;
box-sizing: border-box; margin-top: .5rem }}</style>
<h1>luthier</h1>{said}<form method="post" action="/enter"><label for="token">{ask}</label>
<input id="token" name="token" type="password" autocomplete="current-password" autofocus>
<button>{enter}</button></form></html>"""
