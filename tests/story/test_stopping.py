"""Whoever ends a study, and however: the same command with --resume ends with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from luthier import Budget, Study
from luthier.study import finish, prepare, write
from luthier.trial import Run
from tests.story.conftest import BACKBONE, ENVIRONMENT, dialogues, lines, write_rows

STEPS = 24
METHOD = "lora(rank=4, dropout=0.1)"
BUDGET = Budget(steps=STEPS, batch_size=4, checkpoint_seconds=0, evaluations=2, max_answer_tokens=8)
SCRIPT = f"""
import sys
from luthier import Budget, Study
study = Study("{BACKBONE}", "rows.jsonl", {METHOD!r}, {BUDGET!r}, out="cut")
try:
    study.run(resume=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopping")
    write_rows(folder / "rows.jsonl", dialogues(40))
    return folder


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> Path:
    """The trial's folder of a run that nobody stopped, in this process."""
    study = Study(BACKBONE, str(place / "rows.jsonl"), METHOD, BUDGET, out=place / "whole")
    prepared = prepare(study, resume=False)
    write(prepared)
    folder = place / "whole" / prepared.trials[0].id
    Run(folder, tell=lambda event: None).whole()
    return folder


def begun(place: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=place, env=ENVIRONMENT, start_new_session=True)


def wait_for_steps(place: Path, count: int, process: subprocess.Popen[bytes]) -> int:
    """Steps on disk, as soon as there are `count` and a checkpoint."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = [p for p in place.glob("cut/*/steps.jsonl") if list(p.parent.glob("checkpoint/*/manifest.json"))]
        done = found[0].read_bytes().count(b"\n") if found else 0
        if done >= count:
            return done
        assert process.poll() is None, f"the study ended by itself with {process.returncode} after {done} steps"
        time.sleep(0.01)
    raise AssertionError("no step within two minutes")


def by_kill(process: subprocess.Popen[bytes]) -> int:
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait(30)


def by_interrupt(process: subprocess.Popen[bytes]) -> int:
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to the whole group
    return process.wait(60)


def test_killed_and_interrupted_then_resumed(place: Path, undisturbed: Path, here: None, monkeypatch: pytest.MonkeyPatch):
    """One study, first killed, then interrupted, then finished."""
    done = 0
    for stop, code in ((by_kill, -signal.SIGKILL), (by_interrupt, 130)):
        done = stopped(place, done + 3, stop, code)
        assert not (place / "cut" / "results.json").exists()
    assert 0 < done < STEPS
    again = Study(BACKBONE, "rows.jsonl", METHOD, BUDGET, out="cut")
    monkeypatch.chdir(place)
    again.run(resume=True)
    folder = place / "cut" / undisturbed.name
    for name in ("delta/adapter_model.safetensors", "delta/adapter_config.json", "trial.json", "scores.json"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes(), name
    timeless = [{k: v for k, v in p.items() if k != "milliseconds"} for p in lines(folder / "predictions.jsonl")]
    assert timeless == [{k: v for k, v in p.items() if k != "milliseconds"} for p in lines(undisturbed / "predictions.jsonl")]
    steps = lines(folder / "steps.jsonl")
    assert [s["step"] for s in steps] == list(range(1, STEPS + 1)), "each step is written once"
    assert [s["loss"] for s in steps] == [s["loss"] for s in lines(undisturbed / "steps.jsonl")]
    assert not (folder / "checkpoint").exists()
    outcome = finish(place / "cut")["trials"][0]
    assert outcome["status"] == "done" and outcome["tokens"] == sum(s["tokens"] for s in steps)


def stopped(place: Path, steps: int, stop: Callable[[subprocess.Popen[bytes]], int], code: int) -> int:
    """Begin or go on, and stop after some steps; returns the steps on disk."""
    with begun(place) as process:
        wait_for_steps(place, steps, process)
        assert stop(process) == code
    time.sleep(1)  # the trial's own process follows its parent
    return len((next(place.glob("cut/*/steps.jsonl"))).read_bytes().splitlines())


def test_a_torn_checkpoint_is_passed_over(place: Path, undisturbed: Path, tmp_path: Path):
    """Half a checkpoint and a torn last line: training starts again, says so, and ends with the same bytes."""
    study = Study(BACKBONE, str(place / "rows.jsonl"), METHOD, BUDGET, out=tmp_path / "torn")
    prepared = prepare(study, resume=False)
    write(prepared)
    folder = tmp_path / "torn" / prepared.trials[0].id
    torn = folder / "checkpoint" / "step-00000007"
    torn.mkdir(parents=True)
    (torn / "state.safetensors").write_bytes(b"half")
    (torn / "manifest.json").write_text('{"step": 7, "files": {"state.safetensors": {"bytes": 99, "sha256": ""}}}', encoding="utf-8")
    (folder / "steps.jsonl").write_text('{"step": 1, "lo', encoding="utf-8")
    run = Run(folder, tell=lambda event: None)
    run.whole()
    assert any("passed over" in c for c in run.caveats)
    name = "delta/adapter_model.safetensors"
    assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()
