"""The examples that people copy: the README's marked blocks and the package's docstring, run as they stand."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest

import luthier
from luthier.data import sources
from tests.story.conftest import shell

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- run -->\n```(bash|python)\n(.*?)\n```", re.DOTALL)
NOTED = """luthier() { python -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@" >>said; }
"""
"""A shell in which `luthier …` is written down, to be run in this process."""


@pytest.fixture(autouse=True)
def little_built_in_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the built-in dialogues a few are enough here."""
    monkeypatch.setattr(sources, "BUILT_IN_ROWS", {"train": 80, "dev": 6, "test": 24})


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_marked_blocks_run(page: str, tmp_path: Path, say):
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert {language for language, _ in blocks} == {"bash", "python"}, "mark one of each with <!-- run -->"
    for language, code in blocks:
        if language == "python":
            exec(code, {"__name__": "__main__"})  # our own page
            continue
        (tmp_path / "said").write_bytes(b"")
        asked = shell(["bash", "-euo", "pipefail", "-c", NOTED + code], tmp_path)
        assert asked.code == 0, f"{page}:\n{code}\n{asked.err}"
        for words in (tmp_path / "said").read_text(encoding="utf-8").splitlines():
            answer = say(*json.loads(words))
            assert answer.code == 0 and answer.out, f"{page}: {words}\n{answer.err}"


@pytest.mark.matrix  # README's own Python runs above
def test_the_docstring_runs(here: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    example = re.search(r"\n\n((?:    .*\n|\n)+)", luthier.__doc__ or "")
    assert example, "the docstring holds an indented example"
    exec(inspect.cleandoc(example[1]), {})  # our own docstring
    told = capsys.readouterr().out
    assert all(word in told for word in ("zero_shot", "lora(rank=8)", "prompt(tokens=20)", "mean"))
    assert (tmp_path / "runs" / "first" / "results.json").exists()
