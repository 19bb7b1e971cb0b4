"""Several sets with one command: a study of each, one table, and what cannot be asked of many sets at once."""

from __future__ import annotations

import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest

from luthier import Study
from luthier.caveats import gathered
from luthier.prepare import Prepared
from luthier.records import to_json
from luthier.suite import Suite
from tests import tiny
from tests.story.conftest import write_rows

METHODS = "lora(rank=2), bitfit"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def sets(here: None, tmp_path: Path) -> tuple[str, str]:
    """A tiny encoder, and a folder with one set of SuperGLUE and one of somebody's own."""
    bone = tiny.shared("bert")
    bone.model.save_pretrained("tiny")
    bone.tokenizer.save_pretrained("tiny")
    for name in ("RTE", "own"):
        (tmp_path / "sets" / name).mkdir(parents=True)
    words = ("entailment", "not_entailment")
    pairs = [
        {"premise": f"the {a} {b}", "hypothesis": b, "label": words[n % 2]}
        for n, (a, b) in enumerate(pairwise(LETTERS))
    ]
    write_rows(tmp_path / "sets/RTE/train.jsonl", pairs[:16])
    write_rows(tmp_path / "sets/RTE/val.jsonl", pairs[16:])
    write_rows(
        tmp_path / "sets/own/train.jsonl", [{"text": f"{a} cat ran", "label": n % 2} for n, a in enumerate(LETTERS)]
    )
    return "tiny", "sets"


def test_two_sets_are_compared_and_averaged(say, sets):
    words = ("compare", *sets, METHODS, "--steps", "2", "--no-search", "--out", "run")
    told = say(*words)
    assert told.code == 0, told.err
    found = json.loads(Path("run/sets.json").read_text(encoding="utf-8"))
    results = {
        name: json.loads(Path(f"run/{name}/results.json").read_text(encoding="utf-8")) for name in ("own", "RTE")
    }
    assert [(s["name"], s["metric"], s["rows"]["test"]) for s in found["sets"]] == [
        ("own", "macro_f1", results["own"]["study"]["data"]["rows"]["test"]),
        ("RTE", "accuracy", 9),
    ]
    assert results["RTE"]["study"]["task_spelled"].endswith("best_by='accuracy')")
    for method in found["methods"]:
        for one in found["sets"]:
            (own,) = (t for t in results[one["name"]]["trials"] if t["method"] == method["method"])
            assert method["sets"][one["name"]] == {**own["metrics"][one["metric"]], "seeds": 1}
        assert method["average"]["mean"] == pytest.approx(fmean(f["mean"] for f in method["sets"].values()))
    assert found["methods"][0]["average"]["mean"] >= found["methods"][1]["average"]["mean"]
    page = Path("run/sets.md").read_text(encoding="utf-8")
    for text in (
        *METHODS.split(", "),
        "| average |",
        "always the commonest label",
        "(14 training rows)",
        "no leaderboard",
    ):
        assert text in page
    for text in ("average", "14 training rows", "no leaderboard", "run/sets.md"):
        assert text in told.out
    assert Path("run/RTE/report.html").exists() and "[RTE](RTE/report.md)" in page
    for name, own in results.items():
        assert own["caveats"] == to_json(gathered(own["trials"])), name
    _is_told_again(say, page, found)
    _goes_on(say, words, page)


def _is_told_again(say, page: str, found: dict) -> None:
    """`report` on the folder makes the same table and the reports of the sets, in it or elsewhere."""
    reports = {p: p.read_bytes() for p in Path("run").glob("*/report.*")}
    for path in (Path("run/sets.md"), *reports):
        path.unlink()
    told = say("report", "run", "--json")
    assert told.code == 0 and json.loads(told.out) == found
    assert Path("run/sets.md").read_text(encoding="utf-8") == page
    assert {p: p.read_bytes() for p in Path("run").glob("*/report.*")} == reports and len(reports) == 4
    told = say("report", "run", "--out", "copy", "--no-texts")
    assert told.code == 0 and "copy/sets.md" in told.out and "| average |" in Path("copy/sets.md").read_text("utf-8")
    assert {p.name for p in Path("copy/RTE").iterdir()} == {"report.md", "report.html"}
    shutil.copytree("run", "part")
    shutil.rmtree("part/own")
    told = say("report", "part", "--json")
    part = json.loads(told.out)
    assert told.code == 0 and part["names"] == ["own", "RTE"] and [s["name"] for s in part["sets"]] == ["RTE"]
    assert "not begun: own" in part["caveats"][0] and all(m["average"] is None for m in part["methods"])
    shutil.copytree("run/own", "part/own")
    Path("part/rows.json").write_text("{}\n{}\n", encoding="utf-8")  # of somebody else
    for manifest in Path("part/own").glob("*/manifest.json"):
        manifest.unlink()
    part = json.loads(say("report", "part", "--json").out)
    how = "not begun, or stopped before its end; the same command with --resume goes on"
    assert f"own: every trial: not finished: {how}" in part["caveats"]
    assert not any("the average" in caveat for caveat in part["caveats"]), "there is none"
    shutil.rmtree("part/own")
    shutil.rmtree("part/RTE")
    told = say("report", "part")
    assert told.code == 2 and "own, RTE, and none of these was begun" in told.err and "--resume" in told.err
    Path("part/sets.json").write_text(json.dumps({"suite": "sets", "sets": [{"name": "../run"}]}), encoding="utf-8")
    assert "no folder of this suite" in say("report", "part").err
    shutil.rmtree("part")


def _goes_on(say, words: tuple[str, ...], page: str) -> None:
    """A second command is refused, and with --resume it trains nothing and says the same."""
    before = {p: p.stat().st_mtime_ns for p in Path("run").glob("*/*/manifest.json")}
    again = say(*words)
    assert again.code == 2 and "run/own already holds a study" in again.err
    more = say(*words, "--resume", "--json")
    assert more.code == 0 and json.loads(more.out) == json.loads(Path("run/sets.json").read_text(encoding="utf-8"))
    assert {p: p.stat().st_mtime_ns for p in Path("run").glob("*/*/manifest.json")} == before and len(before) == 4
    assert Path("run/sets.md").read_text(encoding="utf-8") == page


def test_figures_of_different_kinds_are_not_averaged(say, sets):
    write_rows(
        Path("sets/own/train.jsonl"), [{"instruction": f"say {a}", "output": f"{a} {n}"} for n, a in enumerate(LETTERS)]
    )
    bone = tiny.shared("t5")
    bone.model.save_pretrained("tiny")
    bone.tokenizer.save_pretrained("tiny")
    told = say("compare", *sets, "zero_shot", "--test-rows", "3", "--out", "run", "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["methods"][0]["average"] is None and "no average" in found["caveats"][0]
    assert "| average |" not in Path("run/sets.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--task", "classify"), "task is 'classify'"),
        (("--prompt", "{text}"), "prompt is '{text}'"),
        (("--train-rows", "4,8"), "train_rows names 2 numbers"),
    ],
)
def test_words_for_one_set_are_refused(say, sets, words, why):
    told = say("compare", *sets, METHODS, "--out", "run", *words)
    assert told.code == 2 and why in told.err and "2 sets, own, RTE" in told.err and "name one set" in told.err
    assert not Path("run").exists()


def test_a_set_that_cannot_be_used_stops_the_others_before_they_train(say, sets):
    write_rows(Path("sets/RTE/val.jsonl"), [{"premise": "a", "hypothesis": "b", "label": "maybe"}])
    told = say("compare", *sets, METHODS, "--out", "run")
    assert told.code == 2 and "'maybe'" in told.err and not Path("run").exists()


def test_what_it_would_do_and_take(say, sets, monkeypatch):
    told = say("compare", *sets, METHODS, "--dry-run", "--json")
    assert [len(one["trials"]) for one in json.loads(told.out)["sets"].values()] == [2, 2]
    assert "task classify, best by accuracy" in say("compare", *sets, METHODS, "--dry-run").out
    shares = Suite.of(Study(tiny.shared("bert"), "sets", METHODS, minutes=5)).studies
    assert {name: one.minutes for name, one in shares.items()} == {"own": 2.5, "RTE": 2.5}
    monkeypatch.setattr(Prepared, "foresee", lambda self, fresh: {"seconds": 30.0, "fresh": fresh})
    told = say("plan", *sets, METHODS, "--fresh", "--json")
    assert json.loads(told.out) == {
        "seconds": 60.0,
        "sets": {"own": {"seconds": 30.0, "fresh": True}, "RTE": {"seconds": 30.0, "fresh": False}},
    }
    assert not Path("runs").exists()


def test_the_word_alone_is_the_hub_s(say, sets, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    told = say("compare", "tiny", "superglue", METHODS)
    assert told.code == 2 and "aps/super_glue:boolq" in told.err and "luthier[hub]" in told.err
