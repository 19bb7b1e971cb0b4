"""A study's curves in another tool: the same while it trains and afterwards, and the same that its folder holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from luthier import files, mirror
from tests import tiny
from tests.story.conftest import ENVIRONMENT, lines, write_rows

Curves = dict[str, dict[str, dict[int, float]]]
"""Run -> curve -> step -> value."""


class Paper:
    """A board that writes down what it is shown."""

    drawn: Curves
    facts: dict[str, Mapping[str, Any]]

    def __init__(self, study: Path) -> None:
        self.open: str | None = None

    def begin(self, name: str, facts: Mapping[str, Any]) -> None:
        assert self.open is None, "one run at a time"
        self.open = name
        self.facts[name], self.drawn[name] = facts, {}

    def log(self, step: int, values: Mapping[str, float]) -> None:
        assert self.open is not None and values
        for curve, value in values.items():
            points = self.drawn[self.open].setdefault(curve, {})
            assert step not in points, f"{curve} has two values at step {step}"
            points[step] = value

    def end(self) -> None:
        assert self.open is not None
        self.open = None


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> type[Paper]:
    class Fresh(Paper):
        drawn, facts = {}, {}

    monkeypatch.setitem(mirror.BOARDS, "tensorboard", Fresh)
    return Fresh


def words(*more: str) -> tuple[str, ...]:
    """A study of two methods on made-up rows, on a tiny backbone that is saved in this folder."""
    bone = tiny.shared("t5")
    bone.model.save_pretrained("tiny")
    bone.tokenizer.save_pretrained("tiny")
    said = [{"input": f"the {a} {b}", "output": a} for a in "abcdef" for b in "klmnop"]
    write_rows(Path("rows.jsonl"), said)
    methods = "zero_shot, lora(rank=4)"
    size = ("--epochs", "2", "--batch-size", "8", "--no-search", "--out", "study", "--json")
    return ("compare", "tiny", "rows.jsonl", methods, "--task", "answer(max_new_tokens=2)", *size, *more)


def on_disk(study: Path) -> Curves:
    """What a mirror must show, read from the folder by other code than the mirror's."""
    found: Curves = {}
    for path in study.glob("**/manifest.json"):
        facts, curves = json.loads(path.read_text(encoding="utf-8")), {}
        steps = lines(path.parent / "steps.jsonl") if (path.parent / "steps.jsonl").exists() else []
        for name in (steps or [{}])[0].keys() - {"step"}:
            curves[f"train/{name}"] = {line["step"]: line[name] for line in steps}
        per_epoch = len(steps) / 2
        for look in facts["dev"]:
            at = look["epoch"] * per_epoch
            assert at == int(at)
            curves.setdefault(f"dev/{look['metric']}", {})[int(at)] = look["mean"]
            curves.setdefault("dev/loss", {})[int(at)] = look["loss"]
        curves |= {f"test/{name}": {len(steps): value["mean"]} for name, value in facts["metrics"].items()}
        found[path.parent.relative_to(study).as_posix()] = curves
    return found


def test_it_shows_the_same_while_training_and_afterwards(say, paper, tmp_path):
    """On two numbers of rows, so that some trials lie in a study below the study."""
    asked = words("--train-rows", "8,24", "--mirror", "tensorboard")
    answer = say(*asked)
    assert answer.code == 0, answer.err
    wanted = on_disk(tmp_path / "study")
    assert sorted(name.split(".")[0] for name in wanted) == ["lora-rank-4", "rows/8/lora-rank-4", "zero-shot"]
    lora = next(name for name in wanted if name.startswith("lora"))
    assert len(wanted[lora]["train/loss"]) == 6 and len(wanted[lora]["dev/loss"]) == 2
    assert {"train/loss", "train/learning_rate", "train/tokens", "train/peak_bytes"} <= wanted[lora].keys()
    assert paper.drawn == wanted
    assert paper.facts[lora]["method"] == "lora(rank=4)"
    live = dict(paper.drawn)
    paper.drawn.clear()
    answer = say(*asked, "--resume")
    assert answer.code == 0, answer.err
    assert paper.drawn == live, "a finished study is mirrored from its folder"


def test_a_study_without_a_mirror_tells_who_asked_and_nobody_else(paper, tmp_path):
    heard: list[dict[str, Any]] = []
    with mirror.mirrored(heard.append, tmp_path, None) as tell:
        tell(told("train", 1, loss=4.0))
    assert len(heard) == 1 and not paper.drawn


def trial(study: Path, losses: list[float], done: bool) -> Path:
    """A trial's folder as a run leaves it."""
    folder = study / "lora.s0.1"
    files.write_json(folder / "trial.json", {"method": "lora"})
    files.write_jsonl(folder / "steps.jsonl", [{"step": n, "loss": loss} for n, loss in enumerate(losses, 1)])
    if done:
        files.seal(folder, {"dev": [{"epoch": 1.0, "metric": "f1", "mean": 0.5, "loss": 2.0}], "metrics": {}})
    return folder


def told(phase: str, done: int, **values: float) -> dict[str, Any]:
    who = {"trial": "lora.s0.1", "method": "lora", "number": 1, "of": 1}
    return who | {"phase": phase, "done": done, "total": 4} | values


def test_what_was_stopped_half_way_is_whole_after_the_resume(paper, tmp_path):
    trial(tmp_path, [4.0, 3.0], done=False)
    first = mirror.Mirror(tmp_path, paper(tmp_path))
    for event in (told("search", 1), told("train", 1, loss=4.0), told("train", 2, loss=3.0)):
        first.tell(event)
    first.tell({"trial": "lora.s0.1", "exit": 130})
    assert paper.drawn == {"lora.s0.1": {"train/loss": {1: 4.0, 2: 3.0}}}
    trial(tmp_path, [4.0, 3.0, 2.0, 1.0], done=True)
    second = mirror.Mirror(tmp_path, paper(tmp_path))
    for event in (told("train", 3, loss=2.0), told("dev", 3, f1=0.5), told("train", 4, loss=1.0)):
        second.tell(event)
    second.tell({"trial": "lora.s0.1", "exit": 0})
    losses = {1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0}
    assert paper.drawn == {"lora.s0.1": {"train/loss": losses, "dev/f1": {4: 0.5}, "dev/loss": {4: 2.0}}}


def test_events_about_no_trial_pass_by(paper, tmp_path):
    one = mirror.Mirror(tmp_path, paper(tmp_path))
    one.tell({"phase": "pilot", "sentence": {}})
    one.tell({"phase": "forecast", "seconds": 1.0})
    one.close()
    assert not paper.drawn


@pytest.mark.parametrize("word", mirror.BOARDS)
def test_a_missing_library_is_named_with_its_extra_before_anything_runs(say, monkeypatch, tmp_path, word):
    for name in [m for m in sys.modules if m.split(".")[0] == word]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, word, None)
    answer = say(*words("--mirror", word))
    assert answer.code == 2 and word in answer.err and f"pip install 'luthier[{word}]'" in answer.err
    assert not (tmp_path / "study").exists()


def test_an_unknown_mirror(say):
    answer = say(*words("--mirror", "tensorbord"))
    assert answer.code == 2 and "'tensorbord'" in answer.err and "trackio" in answer.err


def test_tensorboard_reads_what_was_written(say, tmp_path):
    pytest.importorskip(
        "tensorboard", reason="an extra with forty megabytes of its own: pip install 'luthier[tensorboard]'"
    )
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    for more in ((), ("--resume",)):  # once live, once again from the folder
        answer = say(*words("--mirror", "tensorboard", *more))
        assert answer.code == 0, answer.err
        for name, curves in on_disk(tmp_path / "study").items():
            read = EventAccumulator(str(tmp_path / "study" / "tensorboard" / name))
            read.Reload()
            assert set(read.Tags()["tensors"]) == curves.keys()
            for curve, points in curves.items():
                shown = {e.step: float(tensor_util.make_ndarray(e.tensor_proto)) for e in read.Tensors(curve)}
                assert shown == pytest.approx(points)
                assert len(read.Tensors(curve)) == len(points), "no point twice"


TRACKIO_READS = """
import json, sys, trackio
from trackio.sqlite_storage import SQLiteStorage
runs = list(trackio.Api().runs("study"))
assert len(runs) == len({run.name for run in runs}), "no run twice"
print(json.dumps({run.name: [run.config, SQLiteStorage.get_logs("study", run.name)] for run in runs}, default=str))
"""


def test_trackio_reads_what_was_written(say, tmp_path):
    pytest.importorskip("trackio", reason="an extra: pip install 'luthier[trackio]'")
    asked = words()
    assert say(*asked).code == 0
    here = ENVIRONMENT | {"TRACKIO_DIR": str(tmp_path / "boards"), "PYTHONPATH": os.pathsep.join(sys.path)}
    again = [sys.executable, "-m", "luthier.cli", *asked, "--resume", "--mirror", "trackio"]
    for _ in range(2):
        run = subprocess.run(again, cwd=tmp_path, env=here, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["trials"], "standard output is ours alone"
    read = subprocess.run([sys.executable, "-c", TRACKIO_READS], env=here, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    shown = json.loads(read.stdout.splitlines()[0])
    wanted = on_disk(tmp_path / "study")
    assert shown.keys() == wanted.keys()
    for name, (facts, rows) in shown.items():
        found: dict[str, dict[int, float]] = {}
        for row in rows:
            for curve in row.keys() - {"step", "timestamp"}:
                found.setdefault(curve, {})[row["step"]] = row[curve]
        assert found == wanted[name] and facts["method"] in ("zero_shot", "lora(rank=4)")
