"""Where `serve` and `app` listen and who may come in: the same words, the same refusals."""

from __future__ import annotations

import argparse
import os

from ..errors import UserError


def listening_options(sub: argparse.ArgumentParser, port: int, people: str) -> None:
    """Add the address and the token. `people` are those who send it, such as clients."""
    sub.add_argument("--host", default="127.0.0.1", help="address to listen on; other machines need --token-env")
    sub.add_argument("--port", type=int, default=port, help=f"0 takes a free one (default {port})")
    sub.add_argument("--token-env", metavar="NAME", help=f"environment variable that holds the token of {people}")


def token(options: argparse.Namespace) -> str | None:
    """What who comes in must know; taken out of the environment, so that no child process holds it."""
    if options.token_env is None:
        return None
    found = os.environ.pop(options.token_env, "").strip()
    if not found:
        raise UserError(
            f"The environment variable {options.token_env} is empty.", "a token in it", f"export {options.token_env}=…"
        )
    if not (found.isascii() and found.isprintable()):
        raise UserError(
            f"The token in {options.token_env} holds signs that a header of HTTP does not carry everywhere.",
            "letters, digits and signs of ASCII",
            "choose another one, such as what `openssl rand -hex 32` prints",
        )
    return found


def address(host: str, port: int) -> str:
    """Where what listens is reached by HTTP; an IPv6 address stands in brackets, else its colons look like a port's."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def refuse_open(options: argparse.Namespace, known: str | None) -> None:
    """Refuse an address that other machines reach while no token (`known`) is asked for."""
    from ..ship.listen import local

    if not local(options.host) and known is None:
        raise UserError(
            f"Other machines reach {options.host}, so a token is needed.",
            "--host 127.0.0.1, or a token",
            "put a long random word into an environment variable and name it with --token-env",
        )


def hosts(options: argparse.Namespace, known: str | None) -> tuple[str, ...]:
    """Names under which requests may come; any (empty) where a token is asked for.

    Without one, a page of another site could otherwise send requests under a name of its own that leads here.
    """
    return ("127.0.0.1", "localhost", "[::1]", options.host) if known is None else ()
