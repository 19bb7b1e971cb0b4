"""The verbs around a finished study."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import pytest

import luthier as package
from tests.story.conftest import BACKBONE, Told, dialogues, lines, shell, write_rows
from tests.story.conftest import luthier as real


def test_predict_one_text(told: Told, say):
    text = "#Person1#: Is the boat ready? #Person2#: Yes, at nine."
    plain = say("predict", told.trial("lora"), "--text", text)
    assert plain.code == 0 and plain.out.strip(), plain.err
    whole = json.loads(say("predict", told.trial("lora"), "--text", text, "--json").out)
    assert whole["prediction"] == plain.out.strip() and whole["tokens"] > 0


def test_predict_a_file_says_what_the_study_said(told: Told, say, tmp_path: Path):
    asked = lines(told.folder / "examples" / "test.jsonl")
    rows = write_rows(tmp_path / "rows.jsonl", [dict(e["fields"]) for e in asked])
    answer = say("predict", told.trial("prompt"), rows, "--out", tmp_path / "said.jsonl")
    assert answer.code == 0, answer.err
    said = [p["prediction"] for p in lines(tmp_path / "said.jsonl")]
    assert said == [p["prediction"] for p in lines(told.trial("prompt") / "predictions.jsonl")]


@pytest.mark.parametrize(
    ("more", "named"),
    [((), "--text"), (("rows.jsonl", "--text", "x"), "--text"), (("nowhere.jsonl",), "nowhere.jsonl")],
)
def test_predict_refuses(told: Told, say, more: tuple[str, ...], named: str):
    answer = say("predict", told.trial("lora"), *more)
    assert answer.code == 2 and named in answer.err


def test_predict_without_a_trial(say, tmp_path: Path):
    answer = say("predict", tmp_path, "--text", "x")
    assert answer.code == 2 and "holds no trial" in answer.err


def test_score_outputs_that_exist(say, tmp_path: Path):
    with (tmp_path / "outputs.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["gold", "good", "bad"])
        for row in dialogues(12):
            table.writerow([row["summary"], row["summary"], "no"])
    answer = say("score", "outputs.csv", "--references", "gold", "--outputs", "good,bad", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    means = {t["method"]: t["metrics"]["rouge1"]["mean"] for t in found["trials"]}
    assert means == {"good": 1.0, "bad": 0.0}
    assert {(v["a"], v["verdict"]) for v in found["verdicts"]} in ({("good", "better")}, {("bad", "worse")})
    assert say("score", "outputs.csv", "--references", "gold", "--outputs", "good,bad").code == 0
    missing = say("score", "outputs.csv", "--references", "golden", "--outputs", "good")
    assert missing.code == 2 and "golden" in missing.err and "gold" in missing.err


def test_report_again_says_the_same(told: Told, say):
    before = told.results["trials"]
    (told.folder / "report.md").unlink()
    answer = say("report", told.folder, "--json")
    assert answer.code == 0 and json.loads(answer.out)["trials"] == before and (told.folder / "report.md").exists()
    shown = say("report", told.folder)
    assert "lora(rank=4)" in shown.out and str(told.folder / "report.html") in shown.out.replace("\n", "")


def test_list(told: Told, say):
    (row,) = json.loads(say("list", told.folder.parent, "--json").out)
    assert row["study"] == str(told.folder) and row["trials"] == "3/3" and row["backbone"] == BACKBONE
    assert "summarise" in say("list", told.folder.parent).out
    assert say("list", told.folder / "nowhere").code == 2


def test_diff(told: Told, say):
    rows = {r["what"]: r for r in json.loads(say("diff", told.trial("lora"), told.trial("prompt"), "--json").out)}
    assert rows["method"] == {"what": "method", "a": "lora(rank=4)", "b": "prompt(tokens=5)"}
    assert "verdict on rouge1" in rows and "budget.steps" not in rows
    assert say("diff", told.trial("lora"), told.folder).code == 2


def test_bases(say):
    found = json.loads(say("bases", "--json").out)["bases"]
    assert all(set(b) >= {"name", "path", "kind", "parameters", "bytes"} for b in found)
    base = next(b for b in found if b["name"] == BACKBONE)
    assert Path(base["path"], "config.json").exists() and base["kind"] == "seq2seq" and base["bytes"] > 1000
    assert base["parameters"] == package.Backbone(BACKBONE).parameters


def test_cite(told: Told, say):
    text = say("cite", told.folder).out
    assert "2106.09685" in text and "2104.08691" in text and "@misc{lin2004" in text
    assert "2402.09353" in say("cite", "dora").out
    assert json.loads(say("cite", "dora", "--json").out)["bibtex"].startswith("@misc{")


def test_doctor(say):
    assert json.loads(say("doctor", "--json").out)["luthier"] == package.__version__
    assert "python" in say("doctor").out


def test_cards_are_printed(told: Told, say):
    answer = say(*told.words, "--card")
    assert answer.code == 0 and "arXiv:2106.09685" in answer.out


def test_a_study_from_yaml(told: Told, say, tmp_path: Path):
    words = f"backbone: {BACKBONE}\ndata: {told.data}\nmethods: [zero_shot, lora(rank=4)]\nsteps: 3\nout: y\n"
    (tmp_path / "study.yaml").write_text(words, encoding="utf-8")
    answer = say("compare", "study.yaml", "--dry-run", "--json")
    assert answer.code == 0 and json.loads(answer.out)["methods"] == ["zero_shot", "lora(rank=4)"], answer.err
    (tmp_path / "study.yaml").write_text(words + "stepz: 4\n", encoding="utf-8")
    refused = say("compare", "study.yaml", "--dry-run")
    assert refused.code == 2 and "stepz" in refused.err and "steps" in refused.err


def test_the_installed_command(tmp_path: Path):
    assert shell(["luthier", "--version"], tmp_path).out.strip() == f"luthier {package.__version__}"
    assert real("--version", folder=tmp_path).out.strip() == f"luthier {package.__version__}"
    unknown = real("compere", folder=tmp_path)
    assert unknown.code == 2 and "compare" in unknown.err and "Traceback" not in unknown.err


def test_a_closed_pipe_is_no_fault(tmp_path: Path):
    answer = shell(["sh", "-c", f"'{sys.executable}' -m luthier.cli doctor | true"], tmp_path)
    assert answer.code == 0 and "Traceback" not in answer.err


def test_init_writes_a_study_that_can_be_planned(say, tmp_path: Path):
    made = json.loads(say("init", "mine", "--json").out)
    assert [Path(f).name for f in made["files"]] == ["study.yaml", "notes.md", ".gitignore"]
    assert (tmp_path / "mine" / "runs").is_dir()
    (tmp_path / "data").mkdir()
    write_rows(tmp_path / "data" / "train.jsonl", dialogues(30))
    words = ("compare", tmp_path / "mine" / "study.yaml", "--dry-run", "--no-forecast", "--json")
    planned = say(*words)
    assert planned.code == 0, planned.err
    assert "lora(rank=16)" in planned.out
    again = say("init", "mine")
    assert again.code == 2 and "study.yaml" in again.err


def test_chat_says_what_predict_says_for_each_trial(told: Told, say, monkeypatch: pytest.MonkeyPatch):
    asked = ["#Person1#: Is the boat ready?", "#Person1#: We leave at nine."]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([asked[0], "/new", asked[1], "", "never read"])))
    answer = say("chat", told.trial("lora"), told.trial("prompt"), "--json")
    assert answer.code == 0, answer.err
    said = [json.loads(line) for line in answer.out.splitlines()]
    assert len(said) == 2
    for text, answers in zip(asked, said):
        assert list(answers) == [told.trial("lora").name, told.trial("prompt").name]
        for trial, words in answers.items():
            whole = json.loads(say("predict", told.folder / trial, "--text", text, "--json").out)
            assert whole["prediction"] == words


# -- inside what was learned ------------------------------------------------------------------------------------------


def test_look_shows_words_beside_a_prompt_with_its_controls(told: Told, say):
    answer = say("look", told.trial("prompt"))
    assert answer.code == 0 and "after a random step" in answer.out and "explains nothing by itself" in answer.out
    found = json.loads(say("look", told.trial("prompt"), "--json").out)
    assert found["method"].startswith("prompt(tokens=5") and [row["token"] for row in found["rows"]] == [1, 2, 3, 4, 5]
    assert all(row["moved"] > 0 and len(row["nearest"]) == 5 for row in found["rows"])
    assert any("nearer to a word than random steps" in note for note in found["notes"])


def test_look_shows_how_far_matrices_moved(told: Told, say):
    answer = say("look", told.trial("lora"), "--top", "3")
    assert answer.code == 0 and answer.out.count("192 × 192") == 3, answer.out
    found = json.loads(say("look", told.trial("lora"), "--json").out)
    assert found["rows"] == [] and found["notes"] == []
    shares = [change["change"] for change in found["changes"]]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0
    assert all(1 <= change["directions"] <= 4 for change in found["changes"]), "lora(rank=4)"


def test_look_where_there_is_nothing(told: Told, say, tmp_path: Path):
    untrained = say("look", told.trial("zero"))
    assert untrained.code == 2 and "learned nothing" in untrained.err
    none = say("look", told.trial("lora"), "--top", "0")
    assert none.code == 2 and "--top 0" in none.err
    assert say("look", tmp_path).code == 2


def test_scale_puts_studies_over_several_backbones_side_by_side(told: Told, say, tmp_path: Path):
    larger = tmp_path / "larger"
    shutil.copytree(told.folder, larger)
    study = json.loads((larger / "study.json").read_text(encoding="utf-8"))
    study["backbone"] |= {"name": "larger", "parameters": 9_000_000}
    (larger / "study.json").write_text(json.dumps(study), encoding="utf-8")
    answer = say("scale", larger, told.folder)
    assert answer.code == 0 and "seedling-t5, 4.7 M" in answer.out and "larger, 9.0 M" in answer.out, answer.err
    found = json.loads(say("scale", larger, told.folder, "--metric", "rouge2", "--json").out)
    assert [one["parameters"] for one in found["backbones"]] == [4_673_088, 9_000_000]
    wanted = {t["asked"]: t["metrics"]["rouge2"] for t in told.results["trials"]}
    for one in found["methods"]:
        for point in one["points"]:
            assert point["mean"] == wanted[one["method"]]["mean"] and point["low"] == wanted[one["method"]]["low"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"task_spelled": "answer()"}, "differ in the task"),
        ({}, "rouge1"),
        ({"backbone": {"name": BACKBONE, "parameters": 4_673_088}}, f"both over {BACKBONE}"),
    ],
)
def test_scale_refuses_what_cannot_be_compared(told: Told, say, tmp_path: Path, changed: dict, named: str):
    other = tmp_path / "other"
    shutil.copytree(told.folder, other)
    study = json.loads((other / "study.json").read_text(encoding="utf-8"))
    study["backbone"] |= {"name": "other"}
    (other / "study.json").write_text(json.dumps(study | changed), encoding="utf-8")
    answer = say("scale", told.folder, other, "--metric", "smoothness")
    assert answer.code == 2 and named in answer.err


def test_scale_needs_two_finished_studies(told: Told, say, tmp_path: Path):
    assert "alone shows no scale" in say("scale", told.folder).err
    assert "holds no study" in say("scale", told.folder, tmp_path).err
