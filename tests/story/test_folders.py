"""A study's folder over time: two commands at once, files that are torn, trials that ended badly."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from luthier import files, study, study_folder
from luthier.errors import Damaged, UserError
from luthier.records import Probe, to_json
from luthier.search import _finished
from luthier.study_folder import check, free_disk, held
from tests.story.conftest import Told, dialogues, write_rows


@pytest.fixture
def mine(told: Told, tmp_path: Path) -> Told:
    """A copy that may be spoilt."""
    folder = shutil.copytree(told.folder, tmp_path / "study")
    return Told(folder, told.data, (*told.words[:-1], str(folder)), told.answer)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# -- two commands -----------------------------------------------------------------------------------------------------


def test_a_folder_that_another_command_works_in_is_refused(mine: Told, say):
    before = tree(mine.folder)
    with held(mine.folder):
        answer = say(*mine.words, "--resume")
    assert answer.code == 2 and "Another process runs a study" in answer.err
    assert tree(mine.folder) == before
    assert say(*mine.words, "--resume").code == 0, "it is free again, whatever happened before"


def test_a_study_that_began_meanwhile_is_not_mixed_with(
    mine: Told, say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    @contextmanager
    def late(folder: Path):
        shutil.copytree(mine.folder, folder)
        with held(folder):
            yield

    monkeypatch.setattr(study, "held", late)
    other = write_rows(tmp_path / "other.jsonl", dialogues(30)[6:])
    answer = say(*mine.words[:2], other, *mine.words[3:-1], tmp_path / "new")
    assert answer.code == 2 and "already holds a study" in answer.err
    assert tree(tmp_path / "new") == tree(mine.folder)


def test_what_differs_is_named(mine: Told, say):
    answer = say(*mine.words, "--resume", "--max-input-tokens", "300")
    assert answer.code == 2 and "(budget.max_input_tokens: 512 → 300)" in answer.err


def test_numbers_of_rows_may_be_added_and_not_dropped(tmp_path: Path):
    facts = {"methods": ["full"], "seeds": [0], "by_rows": ["rows/12"], "budget": {"steps": 3}}
    files.write_json(tmp_path / "study.json", facts)
    check(tmp_path, facts | {"by_rows": ["rows/6", "rows/12"]}, resume=True)
    for fewer in (["rows/6"], None):
        with pytest.raises(UserError, match=r"by_rows: \['rows/12'\] → "):
            check(tmp_path, facts | {"by_rows": fewer}, resume=True)


def test_disk_is_measured_where_the_study_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(
        study_folder.shutil, "disk_usage", lambda place: asked.append(place) or shutil._ntuple_diskusage(9, 4, 5)
    )
    assert free_disk(tmp_path / "runs" / "new") == 5
    monkeypatch.chdir(tmp_path)
    assert free_disk(Path("runs/new")) == 5 and asked == [tmp_path, tmp_path]


# -- trials that ended badly ------------------------------------------------------------------------------------------


def test_a_trial_that_diverged_is_refused_by_every_verb(mine: Told, say, monkeypatch: pytest.MonkeyPatch):
    trial = mine.trial("lora")
    shutil.rmtree(trial / "delta")
    files.seal(trial, {"id": trial.name, "status": "diverged", "error": "diverged: too hot", "method": "lora(rank=4)"})
    for words in (
        ("predict", trial, "--text", "hi"),
        ("look", trial),
        ("diff", trial, trial),
        ("chat", trial),
        ("serve", trial, "--port", "0"),
        ("export", "adapter", trial, "--out", mine.folder.parent / "out"),
    ):
        answer = say(*words)
        assert answer.code == 2 and "ended as diverged: too hot." in answer.err, words
    rows = json.loads(say("list", mine.folder.parent, "--json").out)
    assert [row["trials"] for row in rows] == ["2/3"]


def test_what_a_killed_writer_left_is_no_part_of_a_trial(mine: Told, say):
    trial = mine.trial("lora")
    was = files.read_json(trial / files.MANIFEST)
    (trial / files.MANIFEST).unlink()
    (trial / "delta" / ".adapter_model.safetensors.x1y2").write_bytes(b"half of it")
    files.write_json(trial / "failure.json", {"status": "failed", "error": "the disk"})
    assert say(*mine.words, "--resume").code == 0
    now = files.read_json(trial / files.MANIFEST)
    assert set(now["files"]) == set(was["files"]) and now["shipped_bytes"] == was["shipped_bytes"]
    assert not (trial / "failure.json").exists() and not list(trial.rglob(".*"))


# -- files that are torn ----------------------------------------------------------------------------------------------


def test_an_edited_delta_answers_nothing(mine: Told, say):
    weights = mine.trial("lora") / "delta" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0?")
    answer = say("predict", mine.trial("lora"), "--text", "hi")
    assert answer.code == 2 and "differs from its manifest" in answer.err


@pytest.mark.parametrize("spoil", ["characters", "manifest", "spec"])
def test_damage_is_named_without_a_traceback(mine: Told, say, spoil: str):
    if spoil == "characters":
        path = mine.folder / "examples" / "test.jsonl"
        path.write_bytes("今天".encode()[:4])
    else:
        path = mine.trial("lora") / {"manifest": files.MANIFEST, "spec": "trial.json"}[spoil]
        path.write_text("{}") if spoil == "manifest" else path.unlink()
    answer = say("report", mine.folder)
    assert answer.code == 2 and str(path) in answer.err and "--resume" in answer.err


def test_a_torn_study_hides_no_other_and_says_how_to_go_on(mine: Told, say, tmp_path: Path):
    other = shutil.copytree(mine.folder, tmp_path / "other")
    (mine.folder / "study.json").write_text('{"name": "stu')
    rows = json.loads(say("list", tmp_path, "--json").out)
    assert {row["study"]: row["trials"] for row in rows} == {str(mine.folder): "damaged", str(other): "3/3"}
    answer = say(*mine.words, "--resume")
    assert answer.code == 2 and f"remove {mine.folder / 'study.json'}" in answer.err
    (mine.folder / "study.json").unlink()
    before = {p: p.stat().st_mtime_ns for p in mine.folder.glob("*/manifest.json")}
    assert say(*mine.words).code == 0
    assert {p: p.stat().st_mtime_ns for p in before} == before, "finished trials are kept"


def test_checkpoints_without_a_list_of_files_are_damaged(tmp_path: Path):
    for wrong in ({}, [], {"files": {"a": {}}}):
        files.write_json(tmp_path / files.MANIFEST, wrong)
        with pytest.raises(Damaged):
            files.sealed(tmp_path)


def test_a_report_elsewhere_leaves_the_study_alone(mine: Told, say, tmp_path: Path):
    (mine.folder / "results.json").unlink()
    before = tree(mine.folder)
    assert say("report", mine.folder, "--out", tmp_path / "rep").code == 0
    assert tree(mine.folder) == before and (tmp_path / "rep" / "report.html").exists()


def test_torn_probes_of_a_search_are_run_again(tmp_path: Path):
    path = tmp_path / "probes.json"
    assert _finished(path) == []
    probe = Probe(learning_rate=1e-3, steps=3, dev_loss=1.0, tokens=5, seconds=0.1, method="full")
    files.write_json(path, to_json([probe]))
    assert _finished(path) == [probe]
    path.write_text(path.read_text()[:-9])
    assert _finished(path) == []
