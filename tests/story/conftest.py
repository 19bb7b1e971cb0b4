"""Tiny data, the real command line, and one study that several stories look at."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luthier import cli, study
from luthier.trial import Run

SRC = Path(cli.__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(SRC),
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
}
METHODS = "zero_shot, lora(rank=4), prompt(tokens=5)"
BACKBONE = "seedling-t5"


@dataclass(frozen=True)
class Answer:
    """What a command ended with and printed."""

    code: int
    out: str
    err: str


def shell(words: Sequence[str], folder: Path, seconds: float = 240) -> Answer:
    """A command in a process of its own."""
    asked = subprocess.run(
        list(words), cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=seconds, check=False
    )
    return Answer(asked.returncode, asked.stdout, asked.stderr)


def luthier(*words: str, folder: Path) -> Answer:
    """The real command line."""
    return shell([sys.executable, "-m", "luthier.cli", *map(str, words)], folder)


class Here:
    """An engine that runs trials in this process: worker processes are in the stories that are about them."""

    def __init__(self, log: Path, threads: int | None = None) -> None:
        pass

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, folders: Sequence[Path], at_once: int = 1, after: object = None) -> Iterator[Any]:
        """Run the trials, one after the other, then tell what each told."""
        for folder in folders:
            events: list[dict[str, Any]] = []
            Run(folder, events.append).whole()
            yield from ((folder, event) for event in [*events, {"exit": 0}])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in `tmp_path`, with torch loaded once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study, "Workers", Here)


@pytest.fixture
def say(here: None) -> Iterator[Callable[..., Answer]]:
    """The command line within this process."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*words: str) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = cli.main([str(w) for w in words])
            except SystemExit as end:  # argparse
                code = int(end.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    yield run
    signal.signal(signal.SIGTERM, before)


def dialogues(rows: int) -> list[dict[str, str]]:
    """Made-up dialogues with summaries, all different."""
    places = ("station", "market", "library", "harbour", "old mill", "cinema")
    return [
        {
            "dialogue": f"#Person1#: Shall we meet at the {places[n % 6]} at {n}? #Person2#: Good, see you there.",
            "summary": f"They meet at the {places[n % 6]} at {n}.",
        }
        for n in range(rows)
    ]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True)
class Told:
    """A finished study, and the words that made it."""

    folder: Path
    data: Path
    words: tuple[str, ...]
    answer: Answer

    @property
    def results(self) -> dict[str, Any]:
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8"))

    def trial(self, word: str) -> Path:
        return next(p.parent for p in self.folder.glob("*/manifest.json") if p.parent.name.startswith(word))


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Three methods on 24 rows, three steps each, through the real command line."""
    place = tmp_path_factory.mktemp("told")
    data = write_rows(place / "meetings.jsonl", dialogues(24))
    words = ("compare", BACKBONE, str(data), METHODS, "--steps", "3", "--no-search", "--out", str(place / "study"))
    return Told(place / "study", data, words, luthier(*words, "--json", folder=place))
