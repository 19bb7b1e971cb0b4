"""`luthier data`: the verbs on real rows, and what a leaky test set does to a comparison."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from luthier.data.finding import KINDS
from tests.story.conftest import BACKBONE, dialogues, lines, shell, write_rows

REVIEWS = [{"text": f"Room {n} was {word}.", "label": word} for n in range(20) for word in ("good", "bad")]


def asked(say, *words: object) -> dict:
    answer = say("data", *words, "--json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_check_a_leaky_folder(say, shared_data: Path):
    told = asked(say, "check", shared_data / "chnsenticorp")
    found = {(f["kind"], f["split"], f["rows"]) for f in told["findings"]}
    assert {
        ("leak", "test", 331),
        ("leak", "dev", 338),
        ("contradiction", "all", 36),
        ("duplicate", "train", 1351),
    } <= found
    assert all(
        set(f) >= {"kind", "split", "rows", "examples", "message"} and f["kind"] in KINDS for f in told["findings"]
    )
    assert any("dev_clean.jsonl, test_clean.jsonl" in note for note in told["notes"])
    assert told["lengths"]["train"]["input"]["limit"] == 512 and told["labels"]["dev"].keys() == {"0", "1"}
    assert told["columns"]["text"] == {"types": ["str"], "filled": told["rows"]}


def test_check_says_it_in_words(say, tmp_path: Path):
    write_rows(tmp_path / "train.jsonl", [*REVIEWS, REVIEWS[0]])
    write_rows(tmp_path / "test.jsonl", REVIEWS[:3])
    write_rows(tmp_path / "test_clean.jsonl", REVIEWS[:2])
    shown = say("data", "check", tmp_path).out
    assert "leak" in shown and "test_clean.jsonl" in shown and "Room 0 was good." in shown
    (tmp_path / "other").mkdir()
    fine = write_rows(tmp_path / "other" / "fine.jsonl", dialogues(6))
    assert "nothing wrong was found" in say("data", "check", fine).out


def test_no_torch_is_loaded(tmp_path: Path):
    write_rows(tmp_path / "rows.jsonl", REVIEWS)
    code = """
import sys
from luthier import cli
for words in (["check"], ["clean", "--out", "c"], ["split", "--out", "s"]):
    assert cli.main(["data", words[0], "rows.jsonl", *words[1:]]) == 0
assert not {"torch", "transformers"} & set(sys.modules)
"""
    answer = shell([sys.executable, "-c", code], tmp_path)
    assert answer.code == 0, answer.err


def test_clean_leaves_the_original_and_logs(say, tmp_path: Path):
    data = write_rows(tmp_path / "rows.jsonl", [*REVIEWS, {"text": " Room 0 was good.", "label": "good"}, {"text": ""}])
    before = data.read_bytes()
    told = asked(say, "clean", data)
    assert told["before"] == {"train": 42} and told["after"] == {"train": 40} and data.read_bytes() == before
    assert told["changes"] == {"whitespace: texts mended": 1, "duplicate: rows left out": 1, "empty: rows left out": 1}
    log = lines(tmp_path / "rows-clean" / "changes.jsonl")
    assert [(c["row"], c["kind"]) for c in log] == [(41, "whitespace"), (41, "duplicate"), (42, "empty")]
    assert not asked(say, "check", tmp_path / "rows-clean")["findings"]
    again = say("data", "clean", data)
    assert again.code == 2 and "rows-clean exists already" in again.err
    unknown = say("data", "clean", data, "--out", "x", "--mend", "everything")
    assert unknown.code == 2 and "'everything' cannot be mended" in unknown.err and not Path("x").exists()


def test_split_is_the_same_every_time(say, tmp_path: Path):
    data = write_rows(tmp_path / "rows.jsonl", [*REVIEWS, *REVIEWS[:4]])
    told = asked(say, "split", data, "--dev", "0.25", "--test", "0.25")
    assert told["after"] == {"train": 22, "dev": 11, "test": 11}
    asked(say, "split", data, "--dev", "0.25", "--test", "0.25", "--out", "again")
    for name in ("train", "dev", "test"):
        assert (tmp_path / "rows-split" / f"{name}.jsonl").read_bytes() == Path(f"again/{name}.jsonl").read_bytes()
    kinds = {f["kind"] for f in asked(say, "check", "again")["findings"]}
    assert not kinds & {"leak", "near_leak"}
    for more, named in ((("--dev", "2", "--out", "four"), "--dev is 2"), (("--out", "again"), "again exists already")):
        refused = say("data", "split", data, *more)
        assert refused.code == 2 and named in refused.err


def test_preview_shows_what_counts(say, tmp_path: Path):
    data = write_rows(tmp_path / "rows.jsonl", dialogues(8))
    told = asked(say, "preview", data, "--rows", "2")
    assert len(told["rows"]) == 2
    for row, source in zip(told["rows"], dialogues(8)):
        assert source["dialogue"] in row["prompt"] and row["cut"] == 0
        assert "".join(t["text"] for t in row["input"]).startswith(row["prompt"][:20])
        assert {t["loss"] for t in row["input"]} == {False} and {t["loss"] for t in row["answer"]} == {True}
        assert "".join(t["text"] for t in row["answer"]) == source["summary"] + "</s>"
    shown = say("data", "preview", data, "--rows", "1").out
    assert "not in the loss" in shown and "counted in the loss" in shown
    for more, named in ((("--split", "test"), "no split 'test'"), (("--rows", "0"), "--rows is 0")):
        refused = say("data", "preview", data, *more)
        assert refused.code == 2 and named in refused.err
    pairs = write_rows(tmp_path / "pairs.jsonl", [{"left": "a", "right": "b"}])
    assert "--prompt" in say("data", "preview", pairs).err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("check", "nowhere.jsonl"), "nowhere.jsonl"),
        (("check", "rows.jsonl", "--columns", "txt"), "text"),
        (("check", "rows.jsonl", "--task", "clasify"), "classify"),
        (("check", "rows.jsonl", "--backbone", "nothing-here"), "nothing-here"),
    ],
)
def test_bad_words_are_answered(say, tmp_path: Path, words: tuple[str, ...], named: str):
    write_rows(tmp_path / "rows.jsonl", REVIEWS)
    answer = say("data", *words)
    assert answer.code == 2 and named in answer.err and "possible:" in answer.err and "do:" in answer.err


def test_a_leaky_test_set_gives_two_columns(say, tmp_path: Path):
    folder = tmp_path / "leaky"
    folder.mkdir()
    write_rows(folder / "train.jsonl", REVIEWS[:24])
    write_rows(folder / "dev.jsonl", REVIEWS[24:30])
    write_rows(folder / "test.jsonl", [*REVIEWS[:3], *REVIEWS[30:]])
    answer = say("compare", BACKBONE, folder, "zero_shot", "--no-search", "--out", "study", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert told["study"]["leaks"] == {"test": ["test-0", "test-1", "test-2"]}
    assert any(note.startswith("data check: 3 of 13 test rows") for note in told["study"]["data"]["notes"])
    (trial,) = told["trials"]
    assert trial["metrics"].keys() == trial["metrics_clean"].keys()
    assert trial["metrics"]["accuracy"]["n"] == 13 and trial["metrics_clean"]["accuracy"]["n"] == 10
