"""Several numbers of training rows in one study, and a race: from the command line to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny

from luthier import Budget, Study, racing, report, study
from luthier.errors import UserError
from luthier.prepare import prepare
from tests.story.conftest import Here, lines, write_rows
from tests.story.test_search import searching

SIZES = (6, 10, 14)
METHODS = "zero_shot, lora(rank=2), ia3"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    tiny.t5(layers=1).save_pretrained(folder / "tiny")
    tiny.tokenizer("seq2seq").save_pretrained(folder / "tiny")
    words = [*"abcdefg", "the", "cat", "sat", "dog", "ran", "good", "bad", "yes", "no"]
    rows = [{"dialogue": " ".join(words[n % 9 : n % 9 + 6]), "summary": f"{words[n % 9]} {n}"} for n in range(24)]
    write_rows(folder / "rows.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def told(place: Path) -> tuple[Path, dict]:
    """A finished study of three numbers, and its results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "Workers", Here)
        return place / "study", several(place, place / "study").run()


def several(place: Path, out: Path) -> Study:
    budget = Budget(steps=2, batch_size=4, max_answer_tokens=3)
    return searching(place, out, METHODS, budget=budget, train_rows=SIZES, search=False)


def ids(folder: Path, split: str) -> list[str]:
    return [e["id"] for e in lines(folder / "examples" / f"{split}.jsonl")]


def test_one_study_for_each_number(told):
    out, found = told
    folders = [*(out / "rows" / str(rows) for rows in SIZES[:-1]), out]
    shown = [set(ids(folder, "train")) for folder in folders]
    assert [len(s) for s in shown] == list(SIZES) and shown[0] < shown[1] < shown[2]
    for split in ("dev", "test"):
        assert len({tuple(ids(folder, split)) for folder in folders}) == 1, "the other rows are the same"
    assert [s["study"]["data"]["rows"]["train"] for s in found["studies"]] == list(SIZES)
    learned = [{t["method"] for t in s["trials"]} for s in found["studies"]]
    assert learned[0] == learned[1] == {"lora(rank=2)", "ia3"} and learned[2] == {"zero_shot", *learned[0]}
    assert all(t["status"] == "done" for s in found["studies"] for t in s["trials"])
    assert [(g["a"], g["b"]) for g in found["gains"]] == [
        (f"{m} · 14 rows", f"{m} · 10 rows") for m in ("lora(rank=2)", "ia3")
    ]


def test_one_report_shows_them_all(told):
    for page in report.build(told[0]):
        text = page.read_text(encoding="utf-8")
        assert "How much data is enough" in text and "14 rows" in text
    table = (told[0] / "report.md").read_text(encoding="utf-8").split("How much data is enough")[1]
    still = next(line for line in table.splitlines() if line.startswith("| zero"))
    assert len(set(still.split("|")[2:5])) == 1, "what learns nothing is a level line"


def test_the_same_study_computes_nothing_again(told, place, here):
    out, found = told
    before = {p: p.stat().st_mtime_ns for p in out.rglob("manifest.json")}
    with pytest.raises(UserError, match="already holds a study"):
        several(place, out).run()
    next(p for p in before if p.parent.parent.name == "6").unlink()
    again = several(place, out).run(resume=True)
    after = {p: p.stat().st_mtime_ns for p in out.rglob("manifest.json")}
    assert len(after) == len(before) == 7
    assert sum(after[p] == before[p] for p in before) == 6, "only what was missing is run"
    assert again["trials"] == found["trials"] and again["gains"] == found["gains"]


def test_the_words_of_the_command_line(say, place, tmp_path):
    words = ("compare", place / "tiny", place / "rows.jsonl", METHODS, "--task", "summarise", "--out", tmp_path / "x")
    told = json.loads(say(*words, "--train-rows", "14,6,10", "--dry-run", "--json").out)
    assert told["by_rows"] == ["rows/6", "rows/10"] and told["data"]["rows"]["train"] == 14
    assert "--train-rows 6,10,14" in told["command"]
    path = tmp_path / "study.yaml"
    path.write_text(
        f"backbone: {words[1]}\ndata: {words[2]}\ntask: summarise\ntrain_rows: [6, 10]\nrace: true\n", "utf-8"
    )
    told = json.loads(say("compare", path, "--dry-run", "--json").out)
    assert told["by_rows"] == ["rows/6"] and told["budget"]["race"] is True


def test_a_part_of_the_study_is_what_its_own_command_says(place, tmp_path):
    """The study on fewer rows has the trials that a study with that one number has."""
    made = prepare(searching(place, tmp_path / "s", METHODS, train_rows=SIZES), resume=False)
    alone = prepare(searching(place, tmp_path / "s" / "rows" / "6", "lora(rank=2), ia3", train_rows=6), resume=False)
    assert [t.id for t in made.smaller[0].trials] == [t.id for t in alone.trials]
    assert made.smaller[0].facts["command"] == alone.facts["command"]
    assert "6,10,14" in made.facts["command"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--train-rows", "6,900"], ["900", "training rows", "1 to "]),
        (["--train-rows", "0,6"], ["train_rows is 0"]),
        (["--train-rows", "6,10", "--minutes", "3"], ["minutes is 3", "(6, 10)"]),
        (["--train-rows", "6,many"], ["6,many"]),
    ],
)
def test_numbers_that_cannot_be_had(say, place, tmp_path, more, named):
    base = ["compare", place / "tiny", place / "rows.jsonl", METHODS, "--task", "summarise", "--out", tmp_path / "x"]
    answer = say(*base, *more)
    assert answer.code == 2 and all(word in answer.err for word in named), answer.err
    assert not (tmp_path / "x").exists() and "Traceback" not in answer.err
    nothing = say(*base[:3], "zero_shot", *base[4:], "--train-rows", "6,10")
    assert nothing.code == 2 and "none of zero_shot learns" in nothing.err


def test_a_race_stops_what_is_behind_and_says_so(here, place, tmp_path, monkeypatch):
    """The first trial is read with perfect development scores: the second one cannot but be behind."""
    budget = Budget(epochs=4.0, batch_size=4, max_answer_tokens=4, race=True, search=0.0)
    monkeypatch.setattr(racing, "ALPHA", 4.0)  # so few development rows allow no small one
    looked = racing.looked
    monkeypatch.setattr(racing, "looked", lambda folder: {step: [1.0] * len(v) for step, v in looked(folder).items()})
    found = searching(place, tmp_path / "race", METHODS, budget=budget, search=False).run()
    lora, ia3 = (next(t for t in found["trials"] if t["asked"] == name) for name in ("lora(rank=2)", "ia3"))
    assert lora["raced"] is None and ia3["status"] == "done" and ia3["metrics"]
    told = ia3["raced"]
    assert told["against"] == lora["id"] and told["difference"] < 0 and told["e_value"] >= told["threshold"]
    assert ia3["steps"] == told["step"] < lora["steps"]
    assert any("stopped by --race at step" in c and lora["id"] in c for c in ia3["caveats"])
    for page in report.build(tmp_path / "race"):
        assert "Stopped early by --race" in page.read_text(encoding="utf-8")


def test_more_rows_than_there_are_is_said(say, place, tmp_path):
    words = ("compare", place / "tiny", place / "rows.jsonl", METHODS, "--task", "summarise", "--out", tmp_path / "x")
    told = json.loads(say(*words, "--train-rows", "900", "--test-rows", "800", "--dry-run", "--json").out)["data"]
    there = told["rows"]
    for split, asked in (("train", 900), ("test", 800)):
        assert f"{asked} {split} rows were asked for, there are {there[split]}" in told["notes"]
