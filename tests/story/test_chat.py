"""What a talker may get wrong, and how a talk ends; what is said is in test_verbs."""

from __future__ import annotations

import io
import sys

import pytest

from luthier import answers, cli
from luthier.cli import chat
from luthier.errors import Damaged


@pytest.mark.parametrize("temperature", ["-1", "nan", "inf"])
def test_a_temperature_that_is_none_is_refused_before_anything_is_opened(temperature: str, say):
    refused = say("chat", "nowhere", "--temperature", temperature)
    assert refused.code == 2 and f"--temperature is {temperature}" in refused.err and "0 or more" in refused.err


def test_a_byte_that_is_no_text_is_replaced(monkeypatch: pytest.MonkeyPatch):
    for errors in ("strict", "surrogateescape"):  # as Python reads in most languages, and without one
        typed = io.TextIOWrapper(io.BytesIO(b"caf\xe9\nna\xc3\xafve\n\nnever read"), "utf-8", errors)
        monkeypatch.setattr(sys, "stdin", typed)
        assert list(chat._lines()) == ["caf\ufffd", "naïve"]


@pytest.mark.parametrize(
    ("words", "resumes"),
    [
        (("chat", "x"), False),
        (("serve", "x"), False),
        (("app",), False),
        (("compare", "x", "y"), True),
        (("train", "x", "y", "z"), True),
    ],
)
def test_only_who_has_resume_is_told_of_it(words: tuple[str, ...], resumes: bool, say, monkeypatch):
    options = cli.parser().parse_args(words)
    monkeypatch.setattr(cli, "parser", lambda: Parsed(options))
    options.verb = raises(KeyboardInterrupt())
    stopped = say(*words)
    assert stopped.code == 130 and stopped.err.startswith("luthier: interrupted")
    assert ("--resume" in stopped.err) == resumes
    options.verb = raises(Damaged("x is torn"))
    torn = say(*words)
    assert torn.code == 2 and ("run the command again" in torn.err) == resumes


def test_ctrl_c_ends_a_chat_quietly(say, monkeypatch):
    monkeypatch.setattr(answers, "opened", raises(KeyboardInterrupt()))
    stopped = say("chat", "x")
    assert (stopped.code, stopped.out, stopped.err) == (130, "", "luthier: interrupted\n")


class Parsed:
    """A parser that has read its words."""

    def __init__(self, options):
        self.parse_args = lambda words: options


def raises(fault: BaseException):
    def run(*_):
        raise fault

    return run
