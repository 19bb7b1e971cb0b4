"""Where `serve` and `app` say that they listen, and the tokens that they take."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from luthier import cli
from luthier.cli.listening import address, token
from luthier.errors import UserError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8501"),
        ("localhost", "http://localhost:8501"),
        ("::1", "http://[::1]:8501"),
        ("2001:db8::7", "http://[2001:db8::7]:8501"),
    ],
)
def test_an_address_can_be_clicked(host: str, url: str):
    assert address(host, 8501) == url


def door(*_: Any) -> Any:
    return SimpleNamespace(getsockname=lambda: ("::1", 8501, 0, 0))


def served(*_: Any) -> Any:
    return SimpleNamespace(name="one", run=SimpleNamespace(backbone=None), served={}, add=lambda _: None, backbone=None)


async def listened(*words: Any) -> None:
    words[-1]()


@pytest.mark.parametrize(("verb", "end"), [(("serve", "one"), "/v1"), (("app",), "/")])
def test_both_verbs_say_it(verb: tuple[str, ...], end: str, monkeypatch, capsys, tmp_path: Path):
    for place, stand_in in {
        "ship.listen.bind": door,
        "ship.listen.listen": listened,
        "ship.served.open_served": served,
        "ship.room.Room": served,
        "ship.desk.Desk": served,
        "studio.site.listen": listened,
        "studio.site.site": served,
        "studio.site.uploads": lambda: tmp_path,
    }.items():
        monkeypatch.setattr(f"luthier.{place}", stand_in)
    monkeypatch.chdir(tmp_path)
    options = cli.parser().parse_args([*verb, "--host", "::1", "--json"])
    assert options.verb(options) == 0
    assert json.loads(capsys.readouterr().out)["url"] == f"http://[::1]:8501{end}"


@pytest.mark.parametrize("found", ["sésame", "芝麻", "open\nsesame", "a\x7f"])
def test_a_token_that_a_header_cannot_carry_is_refused_and_not_shown(found: str, monkeypatch):
    monkeypatch.setenv("DOOR", found)
    with pytest.raises(UserError, match="The token in DOOR") as fault:
        token(argparse.Namespace(token_env="DOOR"))
    assert found not in str(fault.value)


def test_any_printable_token_is_taken(monkeypatch):
    monkeypatch.setenv("DOOR", " open-Sesame_0~!\n")
    assert token(argparse.Namespace(token_env="DOOR")) == "open-Sesame_0~!"
