"""Whoever ends a study, and however: the same command with --resume ends with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from luthier import Budget, Study
from luthier.study import finish, prepare, write
from luthier.trial import Run
from tests.story.conftest import BACKBONE, ENVIRONMENT, dialogues, lines, write_rows

STEPS = 40
METHOD = "lora(rank=4, dropout=0.1)"
BUDGET = Budget(steps=STEPS, batch_size=4, checkpoint_seconds=0, evaluations=2, max_answer_tokens=8, search=0.0)
TRIAL = """
import sys
from pathlib import Path
from luthier.engines.local import Workers
with Workers(Path("cut/log.txt")) as workers:
    for _, event in workers.run([Path(sys.argv[1])]):
        assert "exit" not in event, event
"""
"""One trial as a study runs it: this process, the one that loads torch, and the trial's own."""
STUDY = f"""
import sys
from luthier import Budget, Study, cli
cli.compare.study_of = lambda options: Study("{BACKBONE}", "rows.jsonl", {METHOD!r}, {BUDGET!r}, out="cut")
sys.exit(cli.main(["compare", "{BACKBONE}", "rows.jsonl", {METHOD!r}, "--resume"]))
"""
"""The whole command, with a budget that has no option: checkpoints after every step."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopping")
    write_rows(folder / "rows.jsonl", dialogues(40))
    return folder


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> Path:
    """The trial's folder of a run that nobody stopped, in this process."""
    folder = written(place / "rows.jsonl", place / "whole")
    Run(folder, tell=lambda event: None).whole()
    return folder


def written(rows: Path, out: Path) -> Path:
    """A study of one trial, not begun; returns the trial's folder."""
    prepared = prepare(Study(BACKBONE, str(rows), METHOD, BUDGET, out=out), resume=False)
    write(prepared)
    return out / prepared.trials[0].id


def hears_ctrl_c() -> None:
    """Where the tests run in the background of a shell, its children start out deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def begun(place: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", *words],
        cwd=place,
        env=ENVIRONMENT,
        start_new_session=True,
        preexec_fn=hears_ctrl_c,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_steps(folder: Path, count: int, process: subprocess.Popen[str]) -> int:
    """Steps on disk, as soon as there are `count` and a checkpoint."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        steps = folder / "steps.jsonl"
        done = steps.read_bytes().count(b"\n") if steps.exists() else 0
        if done >= count and list(folder.glob("checkpoint/*/manifest.json")):
            return done
        assert process.poll() is None, f"the study ended by itself with {process.returncode} after {done} steps"
        time.sleep(0.01)
    raise AssertionError("no step within two minutes")


def test_killed_and_interrupted_then_resumed(
    place: Path, undisturbed: Path, here: None, monkeypatch: pytest.MonkeyPatch
):
    """One study, first killed, then interrupted, then finished."""
    folder = written(place / "rows.jsonl", place / "cut")
    with begun(place, TRIAL, str(folder)) as first:
        done = wait_for_steps(folder, 3, first)
        os.killpg(first.pid, signal.SIGKILL)
    with begun(place, STUDY) as second:
        done = wait_for_steps(folder, done + 3, second)
        os.killpg(second.pid, signal.SIGINT)  # as Ctrl-C does: to the whole group
        told = second.communicate(timeout=60)[1]
    assert second.returncode == 130 and "--resume" in told and "Traceback" not in told
    assert (
        0 < done < STEPS
        and list(folder.glob("checkpoint/*/manifest.json"))
        and not (place / "cut" / "results.json").exists()
    )
    monkeypatch.chdir(place)
    Study(BACKBONE, "rows.jsonl", METHOD, BUDGET, out="cut").run(resume=True)
    for name in ("delta/adapter_model.safetensors", "delta/adapter_config.json", "trial.json", "scores.json"):
        same = (folder / name).read_bytes() == (undisturbed / name).read_bytes()
        assert same, name  # a diff of two binary files would take pytest minutes
    timeless = [{k: v for k, v in p.items() if k != "milliseconds"} for p in lines(folder / "predictions.jsonl")]
    assert timeless == [
        {k: v for k, v in p.items() if k != "milliseconds"} for p in lines(undisturbed / "predictions.jsonl")
    ]
    steps = lines(folder / "steps.jsonl")
    assert [s["step"] for s in steps] == list(range(1, STEPS + 1)), "each step is written once"
    assert [s["loss"] for s in steps] == [s["loss"] for s in lines(undisturbed / "steps.jsonl")]
    assert not (folder / "checkpoint").exists()
    outcome = finish(place / "cut")["trials"][0]
    assert outcome["status"] == "done" and outcome["tokens"] == sum(s["tokens"] for s in steps)


def test_a_torn_checkpoint_is_passed_over(place: Path, undisturbed: Path, tmp_path: Path):
    """Half a checkpoint and a torn last line: training starts again, says so, and ends with the same bytes."""
    folder = written(place / "rows.jsonl", tmp_path / "torn")
    torn = folder / "checkpoint" / "step-00000007"
    torn.mkdir(parents=True)
    (torn / "state.safetensors").write_bytes(b"half")
    (torn / "manifest.json").write_text(
        '{"step": 7, "files": {"state.safetensors": {"bytes": 99, "sha256": ""}}}', encoding="utf-8"
    )
    (folder / "steps.jsonl").write_text('{"step": 1, "lo', encoding="utf-8")
    run = Run(folder, tell=lambda event: None)
    run.whole()
    assert any("passed over" in c for c in run.caveats)
    name = "delta/adapter_model.safetensors"
    assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()
