"""Three methods compared from the command line: what is printed, what is left, and what a second call does."""

from __future__ import annotations

import json

import pytest

from tests.story.conftest import Told, lines

TRIAL = {
    "id",
    "method",
    "seed",
    "status",
    "learning_rate",
    "metrics",
    "trainable_parameters",
    "total_parameters",
    "shipped_bytes",
    "train_seconds",
    "predict_seconds",
    "peak_bytes",
    "tokens",
    "caveats",
}
VERDICT = {"metric", "a", "b", "difference", "low", "high", "p", "verdict", "sentence"}
ROUGE = {"rouge1", "rouge2", "rougeL", "rougeLsum"}


def test_it_ends_well_and_prints_what_results_json_holds(told: Told):
    assert told.answer.code == 0, told.answer.err
    assert "Traceback" not in told.answer.err
    assert json.loads(told.answer.out) == told.results


def test_results(told: Told):
    found = told.results
    assert set(found) >= {"study", "trials", "verdicts", "environment"}
    assert [t["method"] for t in found["trials"]] == ["zero_shot", "lora(rank=4)", "prompt(tokens=5)"]
    for trial in found["trials"]:
        assert set(trial) >= TRIAL and trial["status"] == "done" and trial["seed"] == 0
        assert set(trial["metrics"]) == ROUGE
        for value in trial["metrics"].values():
            assert set(value) == {"mean", "low", "high", "n"}
            assert 0 <= value["low"] <= value["mean"] <= value["high"] <= 1 and value["n"] == rows_tested(found)
        trained = trial["method"] != "zero_shot"
        for figure in ("trainable_parameters", "shipped_bytes", "train_seconds", "tokens"):
            assert (trial[figure] > 0) == trained, figure
        assert (trial["learning_rate"] is not None) == trained
        assert trial["total_parameters"] >= found["study"]["backbone"]["parameters"] and trial["peak_bytes"] > 0
    assert sum(found["study"]["data"]["rows"].values()) == 24


def rows_tested(found) -> int:
    return found["study"]["data"]["rows"]["test"]


def test_verdicts(told: Told):
    found = told.results
    ids = {t["id"] for t in found["trials"]}
    assert {v["metric"] for v in found["verdicts"]} == ROUGE
    for verdict in found["verdicts"]:
        assert (
            set(verdict) >= VERDICT and {verdict["a"], verdict["b"]} <= ids and set(verdict["sentence"]) == {"en", "zh"}
        )
        assert verdict["verdict"] in ("better", "worse", "tie", "cannot tell")
        assert verdict["low"] <= verdict["difference"] <= verdict["high"] and 0 <= verdict["p"] <= 1


def test_environment(told: Told):
    assert {"luthier", "python", "torch", "transformers", "cpu", "commit", "date"} <= set(told.results["environment"])


def test_the_folder_is_complete(told: Told):
    assert {"study.json", "results.json", "report.html", "report.md"} <= {p.name for p in told.folder.iterdir()}
    for trial in told.results["trials"]:
        folder = told.folder / trial["id"]
        names = {p.name for p in folder.iterdir()}
        trained = {"steps.jsonl", "delta"} if trial["method"] != "zero_shot" else set()
        assert names == {"trial.json", "predictions.jsonl", "scores.json", "manifest.json"} | trained
    assert not [p for p in told.folder.rglob("*") if p.name.startswith(".")], "temporary files were left"


def test_steps_and_predictions(told: Told):
    for word in ("lora", "prompt"):
        steps = lines(told.trial(word) / "steps.jsonl")
        assert [s["step"] for s in steps] == [1, 2, 3]
        assert all({"step", "loss", "learning_rate", "tokens", "seconds", "peak_bytes"} <= set(s) for s in steps)
    said = lines(told.trial("zero") / "predictions.jsonl")
    assert len(said) == rows_tested(told.results)
    for p in said:
        assert {"id", "group", "prediction", "references", "tokens", "milliseconds"} <= set(p)
        assert p["references"] and p["tokens"] > 0 and p["milliseconds"] > 0


def test_the_report_shows_every_method(told: Told):
    for page in ("report.html", "report.md"):
        text = (told.folder / page).read_text(encoding="utf-8")
        assert all(t["method"] in text for t in told.results["trials"])
    assert not [
        s
        for s in ('src="http', 'href="http', "@import")
        if s in (told.folder / "report.html").read_text(encoding="utf-8")
    ]


def test_a_second_time_is_refused(told: Told, say):
    answer = say(*told.words)
    assert answer.code == 2 and "already holds a study" in answer.err and "--resume" in answer.err


def test_resume_computes_nothing_again(told: Told, say):
    before = {p: p.stat().st_mtime_ns for p in told.folder.glob("*/manifest.json")}
    answer = say(*told.words, "--resume", "--json")
    assert answer.code == 0, answer.err
    assert before == {p: p.stat().st_mtime_ns for p in told.folder.glob("*/manifest.json")} and len(before) == 3
    assert json.loads(answer.out)["trials"] == told.results["trials"]


@pytest.mark.parametrize(
    ("position", "other", "named"), [(3, "zero_shot, lora(rank=8)", "lora(rank=8)"), (5, "4", "budget")]
)
def test_resume_with_other_settings_is_refused(told: Told, say, position: int, other: str, named: str):
    words = list(told.words)
    words[position] = other
    before = (told.folder / "study.json").read_bytes()
    answer = say(*words, "--resume")
    assert answer.code == 2 and "other settings" in answer.err and named in answer.err
    assert (told.folder / "study.json").read_bytes() == before


def test_what_the_planner_may_choose_is_a_setting_since_it_is_kept(told: Told, say):
    """A study from before that chose nothing: the words that began it go on with it."""
    words, path = (*told.words, "--no-recompute", "--dry-run"), told.folder / "study.json"
    before = path.read_bytes()
    answer = say(*words)
    assert answer.code == 2 and "fixed: [] → ['recompute']" in answer.err
    facts = json.loads(before)
    del facts["fixed"]
    path.write_text(json.dumps(facts), encoding="utf-8")
    try:
        assert say(*words).code == 0
    finally:
        path.write_bytes(before)


def test_dry_run_leaves_nothing(told: Told, say, tmp_path):
    answer = say(*told.words[:-1], tmp_path / "dry", "--dry-run", "--json")
    assert answer.code == 0 and len(json.loads(answer.out)["trials"]) == 3
    assert not (tmp_path / "dry").exists()
