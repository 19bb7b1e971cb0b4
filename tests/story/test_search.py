"""A study that searches: what is spent and told, killed in the middle, gone on with, and read by the next seed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

from luthier import Budget, Study
from luthier.study import prepare, write
from luthier.trial import Run
from tests.story.conftest import ENVIRONMENT, lines, write_rows

METHODS = "zero_shot, lora(rank=4), prompt, ia3(learning_rate=0.01)"
BUDGET = Budget(steps=6, batch_size=4, max_answer_tokens=4)
"""Four steps a probe in the first round and six later."""
FIRST, SECOND = 5 * 4, 2 * 6 + 2 * 6
TRIAL = """
import sys
from pathlib import Path
from luthier.engines.local import Workers
with Workers(Path("cut/log.txt")) as workers:
    for _, event in workers.run([Path(sys.argv[1])]):
        if event.get("phase") == "search":
            print(event["done"], flush=True)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny backbone and a few rows in it."""
    folder = tmp_path_factory.mktemp("search")
    tiny.t5(layers=1).save_pretrained(folder / "tiny")
    tiny.tokenizer("seq2seq").save_pretrained(folder / "tiny")
    words = [*"abcdefg", "the", "cat", "sat", "dog", "ran", "good", "bad", "yes", "no"]
    rows = [{"dialogue": " ".join(words[n % 9 : n % 9 + 6]), "summary": words[n % 9]} for n in range(24)]
    write_rows(folder / "rows.jsonl", rows)
    return folder


def searching(place: Path, out: Path, methods: str = METHODS, **more) -> Study:
    chosen = {"budget": BUDGET} | more
    return Study(str(place / "tiny"), str(place / "rows.jsonl"), methods, task="summarise", out=out, **chosen)


@pytest.fixture(scope="module")
def found(place: Path) -> dict:
    """A study of two seeds, run in this process."""
    return run_here(searching(place, place / "whole", seeds=2))


def run_here(study: Study) -> dict:
    from luthier.results import finish

    prepared = prepare(study, resume=Path(study.out).exists())
    write(prepared)
    for trial in prepared.trials:
        Run(prepared.folder / trial.id, tell=lambda event: None).whole()
    return finish(prepared.folder)


def findings(search: dict) -> dict:
    candidates = [{k: v for k, v in c.items() if k != "seconds"} for c in search["candidates"]]
    return {k: v for k, v in search.items() if k != "seconds"} | {"candidates": candidates}


def test_the_results_say_what_the_search_cost(found: dict):
    assert found["study"]["search"] is True and found["study"]["equal"] == "steps"
    searched = [t for t in found["trials"] if t["method"].startswith(("lora", "prompt")) and t["seed"] == 0]
    assert len({t["search"]["tokens"] for t in searched}) == 1 and searched[0]["search"]["tokens"] > 0
    for trial in searched:
        told = trial["search"]
        assert [c["steps"] for c in told["candidates"]] == [4] * 5 + [6] * 4 and told["seconds"] > 0
        assert (trial["learning_rate"], trial["method"]) == (told["chosen"], told["method"])
        best = min((c for c in told["candidates"] if c["steps"] == 6), key=lambda c: c["dev_loss"])
        assert (told["chosen"], told["method"]) == (best["learning_rate"], best["method"])
        assert trial["tokens"] == sum(s["tokens"] for s in lines_of(found, trial)), "the search is counted apart"


def lines_of(found: dict, trial: dict) -> list[dict]:
    folder = Path(found["study"]["command"].split("--out ")[1])
    return lines(folder / trial["id"] / "steps.jsonl")


def test_an_open_structure_is_chosen_and_stands_everywhere(found: dict, place: Path):
    """In the results and in what ships, while the spec stays what was asked."""
    from luthier.answers import Run

    first, second = (t for t in found["trials"] if t["asked"] == "prompt")
    tried = {c["method"] for c in first["search"]["candidates"]}
    assert tried == {"prompt(tokens=20)", "prompt(tokens=100)", "prompt(tokens=20, start='random')"}
    assert first["method"] == second["method"] and first["method"] in tried
    folder = place / "whole" / first["id"]
    assert json.loads((folder / "trial.json").read_text(encoding="utf-8"))["method"] == "prompt"
    config = json.loads((folder / "delta" / "adapter_config.json").read_text(encoding="utf-8"))
    run = Run(folder, tell=lambda event: None)
    assert repr(run.method) == first["method"] and config["num_virtual_tokens"] == run.method.value("tokens")
    assert found["study"]["methods"][2] == "prompt"
    assert {first["method"]} <= {v[side] for v in found["verdicts"] for side in "ab"}


def test_what_was_moved_is_known(found: dict):
    trained = [t for t in found["trials"] if t["method"] != "zero_shot"]
    assert all(t["update_norm"] > 0 and t["dead_tokens"] == 0 for t in trained)
    assert {t["virtual_tokens"] for t in trained} >= {0, 20} or {t["virtual_tokens"] for t in trained} >= {0, 100}


def test_later_seeds_take_the_choice_and_say_so(found: dict):
    for method in ("lora(rank=4)", "prompt"):
        first, second = (t for t in found["trials"] if t["asked"] == method)
        assert second["seed"] == 1 and second["learning_rate"] == first["learning_rate"]
        assert second["search"]["tokens"] == 0 and first["id"] in second["search"]["note"]
    assert {"vary", "same"} == set(found["study"]["between_seeds"])


def test_a_set_rate_and_no_search_are_told(found: dict, place: Path):
    (ia3,) = (t for t in found["trials"] if t["method"].startswith("ia3") and t["seed"] == 0)
    assert ia3["learning_rate"] == 0.01 and any("set by the user" in c for c in ia3["caveats"])
    plain = run_here(searching(place, place / "plain", "lora(rank=4)", search=False))
    (lora,) = plain["trials"]
    assert plain["study"]["search"] is False and "--no-search" in plain["study"]["command"]
    assert lora["search"] is None and any("card's default" in c for c in lora["caveats"])
    assert not list((place / "plain").glob("probes/**/*.json"))


def test_the_trained_delta_is_that_of_the_chosen_rate_alone(found: dict, place: Path):
    """A search leaves no trace in what is trained after it."""
    lora = next(t for t in found["trials"] if t["method"] == "lora(rank=4)")
    word = f"lora(rank=4, learning_rate={lora['learning_rate']!r})"
    alone = run_here(searching(place, place / "alone", word, search=False))["trials"][0]
    name = "delta/adapter_model.safetensors"
    same = (place / "alone" / alone["id"] / name).read_bytes() == (place / "whole" / lora["id"] / name).read_bytes()
    assert same


def test_killed_in_the_search_and_gone_on_with(found: dict, place: Path):
    prepared = prepare(searching(place, place / "cut", "lora(rank=4)"), resume=False)
    write(prepared)
    folder = place / "cut" / prepared.trials[0].id
    with subprocess.Popen(
        [sys.executable, "-c", TRIAL, str(folder)],
        cwd=place,
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    ) as begun:
        for line in begun.stdout:
            if int(line) >= FIRST - 1:
                break
        os.killpg(begun.pid, signal.SIGKILL)
    wait_for_silence(place / "cut")
    (kept,) = (place / "cut").glob("probes/*/probes.json")
    before = json.loads(kept.read_text(encoding="utf-8"))
    assert len(before) >= 4 and not (folder / "manifest.json").exists()
    heard: list[int] = []
    Run(folder, tell=lambda e: heard.append(e["done"]) if e["phase"] == "search" else None).whole()
    assert heard[0] == sum(p["steps"] for p in before) + 1 and heard[-1] == FIRST + SECOND
    assert json.loads(kept.read_text(encoding="utf-8"))[: len(before)] == before
    whole = next(t for t in found["trials"] if t["method"] == "lora(rank=4)")
    cut = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert findings(cut["search"]) == findings(whole["search"])
    name = "delta/adapter_model.safetensors"
    assert (folder / name).read_bytes() == (place / "whole" / whole["id"] / name).read_bytes()


def wait_for_silence(folder: Path) -> None:
    """Until the killed processes have written their last."""
    seen = None
    for _ in range(100):
        now = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
        if now == seen:
            return
        seen = now
        time.sleep(0.2)


def test_resume_under_other_settings_is_refused(found: dict, place: Path):
    from luthier.errors import UserError

    for more in ({"search": False}, {"budget": Budget(batch_size=4, equal="seconds", seconds=1.0)}):
        with pytest.raises(UserError, match="made with other settings"):
            prepare(searching(place, place / "whole", **({"seeds": 2} | more)), resume=True)


@pytest.mark.matrix  # the contract of it is in tests/contract
def test_equal_seconds(place: Path):
    """Every method trains for the seconds asked for, whatever a step costs it; a second seed takes as many steps."""
    seconds = 1.5
    budget = Budget(batch_size=4, max_answer_tokens=4, equal="seconds", seconds=seconds, evaluations=1, dev_rows=2)
    study = searching(place, place / "seconds", "lora(rank=4)", budget=budget, search=False, seeds=2)
    first, second = run_here(study)["trials"]
    assert first["steps"] == first["pace"]["steps"] == second["steps"] > 1
    assert first["pace"]["seconds_per_step"] * first["steps"] == pytest.approx(seconds, rel=0.5)
    assert "--equal seconds --seconds 1.5" in study.command()


def test_as_many_threads_as_at_the_start(place: Path):
    import torch

    prepared = prepare(searching(place, place / "threads", "lora(rank=4)", search=False), resume=False)
    write(prepared)
    folder, before = place / "threads" / prepared.trials[0].id, torch.get_num_threads()
    stop = iter([False, True])
    with pytest.raises(Exception, match="lora"):
        Run(folder, lambda event: None, lambda: next(stop, True)).whole()
    try:
        torch.set_num_threads(before + 1)
        Run(folder, tell=lambda event: None).whole()
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["threads"] == before


def test_words_on_the_command_line(say, place: Path):
    words = ["compare", place / "tiny", place / "rows.jsonl", "lora", "--task", "summarise", "--dry-run", "--json"]
    told = json.loads(say(*words).out)
    assert told["search"] is True and told["budget"]["search"] > 0
    told = json.loads(say(*words, "--no-search", "--equal", "seconds", "--seconds", "9").out)
    assert told["search"] is False and told["equal"] == "seconds" and told["budget"]["seconds"] == 9
    for wrong in (
        ["--equal", "seconds"],
        ["--seconds", "9"],
        ["--equal", "seconds", "--seconds", "9", "--epochs", "1"],
    ):
        answer = say(*words, *wrong)
        assert answer.code == 2 and "seconds" in answer.err and "Traceback" not in answer.err
