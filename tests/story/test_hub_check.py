"""`make hub-check` where there is no hub: every recipe says what it lacks, and nothing looks like success."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from luthier.data import superglue
from tests.house.source import ROOT

EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))
import hub_check  # noqa: E402

sys.path.remove(str(EXAMPLES))
Ended = subprocess.CompletedProcess


@pytest.fixture(autouse=True)
def left_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def told(printed: str) -> dict[str, str]:
    """Recipe -> the rest of its line."""
    return dict(line.split(maxsplit=1) for line in printed.splitlines()[:-1])


def test_all_recipes_are_checked_and_make_runs_the_script():
    assert set(hub_check.RECIPES.values()) == set(EXAMPLES.glob("*.yaml"))
    asked = subprocess.run(["make", "-n", "hub-check"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "python examples/hub_check.py" in asked.stdout


def test_without_a_network_each_recipe_says_why_it_cannot_run(say, capsys):
    """The recipes as they are, through the real command line; the hub is switched off in tests."""

    def run(words, seconds):
        assert words[1:4] == ["-m", "luthier.cli", "compare"]
        answer = say(*words[3:])
        return Ended(words, answer.code, answer.out, answer.err)

    assert hub_check.main([], run) == 3
    printed = capsys.readouterr().out
    lines = told(printed)
    assert list(lines) == list(hub_check.RECIPES)
    assert printed.splitlines()[-1].startswith(f"0 of {len(lines)} done; what they left is in ")
    for name, line in lines.items():
        text = hub_check.RECIPES[name].read_text(encoding="utf-8") + superglue.HUB
        assert line.startswith("failed  ") and "Traceback" not in line and "Error: " not in line
        named = [part for part in line.replace('"', "'").split("'")[1::2] if part.partition(":")[0] in text]
        assert named and " · do: " in line, f"{name}: {line} names neither the model nor the data"


def test_what_a_run_ended_with_is_told_in_a_line():
    failed = {"method": "full", "status": "failed", "error": "killed by SIGKILL"}
    results = json.dumps({"trials": [{"method": "ia3", "status": "done", "error": None}, failed]})
    for ended, line in (
        (Ended([], 0, results), None),
        (Ended([], 3, results), "full: killed by SIGKILL"),
        (Ended([], 2, "", "a.yaml: r is read as …\nluthier: No data.\n  possible: x\n  do: y\n"), "No data. · do: y"),
        (Ended([], 1, "", "Traceback (most recent call last):\n  File\nKeyError: 'x'\n"), "KeyError: 'x'"),
        (Ended([], -9, "", ""), "ended with -9 and said nothing"),
    ):
        assert hub_check.outcome(lambda words, seconds, ended=ended: ended, [], 1.0) == line

    def late(words, seconds):
        raise subprocess.TimeoutExpired(words, seconds)

    assert hub_check.outcome(late, [], 90.0) == "not finished within 1.5 minutes"


def test_one_recipe_that_runs_and_one_that_does_not(capsys):
    ends = iter([Ended([], 0, "{}"), Ended([], 2, "", "luthier: Not there.")])
    asked = []

    def run(words, seconds):
        asked.append((words, seconds))
        return next(ends)

    assert hub_check.main(["m0-dialogue-summary", "keywords", "--rows", "9", "--minutes", "2"], run) == 3
    lines = told(capsys.readouterr().out)
    assert lines["m0-dialogue-summary"].startswith("done") and lines["keywords"].endswith("Not there.")
    words, seconds = asked[0]
    size = dict(zip(words[words.index("--steps") :: 2], words[words.index("--steps") + 1 :: 2]))
    assert size == {"--steps": "2", "--train-rows": "9", "--test-rows": "4", "--dev-rows": "4"} and seconds == 120


def test_a_name_that_is_no_recipe(capsys):
    assert hub_check.main(["m9"], lambda words, seconds: pytest.fail("nothing runs")) == 2
    assert "'m9'" in capsys.readouterr().err


@pytest.mark.matrix
def test_a_recipe_on_what_is_built_in_is_done(tmp_path, monkeypatch, capsys):
    """Through processes of their own, as a user with a network has it."""
    small = tmp_path / "small.yaml"
    small.write_text("backbone: seedling-t5\ndata: reviews\nmethods: [zero_shot, ia3]\n", encoding="utf-8")
    monkeypatch.setattr(hub_check, "RECIPES", {"small": small})
    monkeypatch.chdir(tmp_path)
    assert hub_check.main([]) == 0
    assert told(capsys.readouterr().out)["small"].startswith("done")
