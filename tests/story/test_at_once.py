"""Trials beside each other: the same bytes as one after the other, and all of them stop and go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from luthier import files
from luthier.engines.local import Workers
from luthier.errors import UserError
from luthier.prepare import prepare
from luthier.records import Budget
from luthier.study import Study, kept_forecast, searchers, write
from tests.story.conftest import BACKBONE, dialogues, lines, write_rows

METHODS = "lora(rank=2, dropout=0.1), ia3"
BUDGET = Budget(
    steps=30, batch_size=4, checkpoint_seconds=0, evaluations=1, max_answer_tokens=4, search=0.0, dev_rows=2
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("at_once")
    write_rows(folder / "rows.jsonl", dialogues(24))
    return folder


def study(place: Path, name: str, jobs: int) -> Study:
    return Study(
        BACKBONE, str(place / "rows.jsonl"), METHODS, BUDGET, test_rows=2, out=place / name, forecast=False, jobs=jobs
    )


def learned(folder: Path) -> dict[str, bytes]:
    """Trial -> the bytes of its delta."""
    return {p.parent.parent.name: p.read_bytes() for p in folder.glob("*/delta/adapter_model.safetensors")}


def test_stopped_together_resumed_together_and_equal_to_one_after_the_other(place: Path):
    alone = study(place, "alone", jobs=1).run()
    steps: dict[str, int] = {}

    def impatient(event: dict) -> None:
        """Presses Ctrl-C as soon as both trials train."""
        if event.get("phase") == "train":
            steps[event["trial"]] = event["done"]
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(place, "beside", jobs=2).run(impatient)
    assert all(0 < done < BUDGET.steps for done in steps.values()), "neither waited for the other"
    left = {p.parent.parent.parent.name for p in place.glob("beside/*/checkpoint/*/manifest.json")}
    assert left == set(steps), "both left a checkpoint"

    told: list[dict] = []
    found = study(place, "beside", jobs=2).run(told.append, resume=True)
    assert [t["status"] for t in found["trials"]] == ["done", "done"]
    assert learned(place / "beside") == learned(place / "alone") != {}
    assert [t["metrics"] for t in found["trials"]] == [t["metrics"] for t in alone["trials"]]
    for folder in learned(place / "beside"):
        assert [s["step"] for s in lines(place / "beside" / folder / "steps.jsonl")] == list(range(1, BUDGET.steps + 1))
    ends = [event for event in told if "exit" in event]
    assert [e["number"] for e in ends] == [1, 2] and all(e["of"] == 2 and e["exit"] == 0 for e in ends)
    assert found["environment"]["trials_at_once"] == 2


def test_a_crash_takes_one_trial_down_and_a_second_seed_waits_for_the_search(place: Path, monkeypatch):
    """The first trial is killed in the middle; its neighbour goes on. Seeds wait for the one that searches."""
    asked = study(place, "crash", jobs=2)
    prepared = prepare(asked, resume=False)
    write(prepared)
    first, second = (prepared.folder / t.id for t in prepared.trials)
    codes, killed = {}, False
    with Workers(prepared.folder / "log.txt", 1) as workers:
        for folder, event in workers.run([first, second], at_once=2):
            if folder == first and event.get("phase") == "train" and not killed:
                children = (
                    Path(f"/proc/{workers._started.pid}/task/{workers._started.pid}/children").read_text().split()
                )
                os.kill(int(children[0]), signal.SIGKILL)
                killed = True
            if "exit" in event:
                codes[folder] = event
    assert codes[first] == {"exit": -9, "error": "killed by SIGKILL"}
    assert codes[second] == {"exit": 0} and (second / "manifest.json").exists()

    more = Study(BACKBONE, str(place / "rows.jsonl"), METHODS, Budget(steps=30), seeds=2, out=place / "seeds")
    trials = prepare(more, resume=False).trials
    waits = searchers(prepare(more, resume=False))
    assert {w.name: a.name for w, a in waits.items()} == {trials[2].id: trials[0].id, trials[3].id: trials[1].id}


def test_more_seeds_and_more_methods_go_on_with_what_is_there(place: Path, here: None):
    """Nothing that is sealed is run again; the table then holds all; fewer is another study."""

    def grown(methods: str, seeds: int) -> Study:
        brief = Budget(steps=2, batch_size=4, evaluations=1, max_answer_tokens=4, dev_rows=2, search=0.0)
        return Study(BACKBONE, str(place / "rows.jsonl"), methods, brief, test_rows=2, seeds=seeds, out=place / "grown")

    first = grown("lora(rank=2)", 1).run()
    (sealed,) = (place / "grown").glob("*/manifest.json")
    before = sealed.stat().st_mtime_ns
    more = grown("ia3, lora(rank=2)", 2).run(resume=True)
    assert sorted((t["method"], t["seed"]) for t in more["trials"]) == [
        ("ia3", 0),
        ("ia3", 1),
        ("lora(rank=2)", 0),
        ("lora(rank=2)", 1),
    ]
    old, now = first["trials"][0], next(t for t in more["trials"] if t["id"] == first["trials"][0]["id"])
    assert sealed.stat().st_mtime_ns == before and {**now, "caveats": 0} == {**old, "caveats": 0}
    for fewer in (grown("ia3, lora(rank=2)", 1), grown("ia3", 2)):
        with pytest.raises(UserError, match="made with other settings"):
            fewer.run(resume=True)


def test_what_was_forecast_stays_and_what_is_new_is_forecast_too(place: Path, monkeypatch: pytest.MonkeyPatch):
    prepared = prepare(study(place, "told", jobs=1), resume=False)
    write(prepared)
    names, said = [trial.id for trial in prepared.trials], iter(["before", "after", "never"])
    now = next(said)
    made = lambda self, tokens: {"trials": dict.fromkeys(names, now), "seconds": now}  # noqa: E731
    monkeypatch.setattr(type(prepared), "forecast", made)
    assert kept_forecast(prepared)["trials"] == dict.fromkeys(names, "before")
    path = prepared.folder / "study.json"
    facts = files.read_json(path)
    del facts["forecast"]["trials"][names[1]]
    files.write_json(path, facts)
    now = next(said)
    assert kept_forecast(prepared) == {"trials": {names[0]: "before", names[1]: "after"}, "seconds": "after"}
    now = next(said)
    assert kept_forecast(prepared)["seconds"] == "after", "nothing is new"
