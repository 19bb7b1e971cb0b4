"""A forecast before, a comparison of it after: through the command line, with a machine that is made up."""

from __future__ import annotations

import json

import pytest
import tiny
import torch
import yaml
from safetensors.torch import load_file

from luthier import calibrate, plan, probe
from tests.story.conftest import BACKBONE, dialogues, write_rows

LAW = {"call": 0.01, "token": 1e-4}
"""Seconds of the made-up machine."""


def figure(shape: probe.Shape, times: float = 1.0) -> dict:
    tokens = shape.rows * (shape.inputs + shape.answers)
    return {"shape": vars(shape), "seconds": times * (LAW["call"] + LAW["token"] * tokens), "bytes": 1000 * tokens}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Every backbone costs the law, every method twice as much, and nothing is compiled."""
    monkeypatch.setattr(plan, "COMPILED", 0)

    def known(backbone, methods, labels, fresh=False, at_once=1):
        pairs = [[figure(s), figure(s, 2.0)] for s in probe.SHAPES[:2]]
        decode = [figure(s) for s in probe.DECODING]
        method = {
            "virtual": 0,
            "prefix": 0,
            "trained": 1000,
            "infer": pairs,
            "decode": [],
            "train": pairs,
            "bytes": pairs,
        }
        figures = [figure(s) for s in probe.SHAPES]
        return {
            "train": figures,
            "infer": figures,
            "decode": decode,
            "methods": {m: method | ({"train": []} if m == "zero_shot" else {}) for m in methods},
            **{"load": 0.1, "floor": 10**8, "start": 1.0},
        }

    monkeypatch.setattr(plan.probe, "known", known)
    monkeypatch.setattr(
        calibrate, "machine", lambda fresh=False: calibrate.Machine({}, 1e9, 1e-5, 1e9, 1, "made up", "")
    )
    monkeypatch.setenv("LUTHIER_FORECAST", "yes")


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "meetings.jsonl", dialogues(40))


WORDS = ("zero_shot, lora(rank=4)", "--steps", "3", "--no-search")


def test_plan_says_every_trial_and_trains_nothing(say, machine, data, tmp_path):
    answer = say("plan", BACKBONE, data, *WORDS, "--json")
    told = json.loads(answer.out)
    assert answer.code == 0 and not (tmp_path / "runs").exists()
    zero, lora = told["trials"].values()
    assert zero["train_seconds"] == 0 < lora["train_seconds"] and lora["disk_bytes"] > 0
    assert told["seconds"] == pytest.approx(1.0 + zero["seconds"] + lora["seconds"], abs=0.2)
    assert told["peak_bytes"] >= 10**8 and told["too_large"] == [] and told["free_bytes"] > 10**8
    spoken = say("plan", BACKBONE, data, *WORDS)
    assert spoken.out.startswith("forecast: ") and "lora(rank=4)" in spoken.out


def test_compare_says_it_first_and_the_report_shows_what_came(say, machine, data, tmp_path):
    answer = say("compare", BACKBONE, data, *WORDS, "--out", tmp_path / "study")
    assert answer.code == 0, answer.err
    detectable, forecast = answer.err.splitlines()[:2]
    assert "true difference" in detectable and forecast.startswith("forecast: ")
    study, results = (json.loads((tmp_path / "study" / f"{n}.json").read_text("utf-8")) for n in ("study", "results"))
    for trial in results["trials"]:
        said = study["forecast"]["trials"][trial["id"]]
        assert trial["predicted_seconds"] == pytest.approx(said["train_seconds"] + said["predict_seconds"], abs=0.1)
        assert trial["predicted_peak_bytes"] == said["peak_bytes"]
    before = study["forecast"]
    say("compare", BACKBONE, data, *WORDS, "--out", tmp_path / "study", "--resume")
    again = json.loads((tmp_path / "study" / "study.json").read_text("utf-8"))
    assert again["forecast"] == before, "a forecast that was made before the first step stays"


def test_what_does_not_fit_is_refused_before_it_starts(say, machine, data, tmp_path, monkeypatch):
    monkeypatch.setattr(calibrate, "free_bytes", lambda: 10**7)
    answer = say("compare", BACKBONE, data, *WORDS, "--out", tmp_path / "study")
    assert answer.code == 2 and "of memory" in answer.err and "--no-forecast" in answer.err
    assert not list((tmp_path / "study").glob("*/steps.jsonl"))
    told = json.loads(say("plan", BACKBONE, data, *WORDS, "--json").out)
    assert {t["method"] for t in told["too_large"]} == {"zero_shot", "lora(rank=4)"}


TIGHT = 112_500_000
"""Bytes into which the made-up machine fits passes of 512 tokens, and none larger, of a study of `FEW` answers."""
FEW = ("--dev-rows", "2", "--test-rows", "2", "--precision", "fp32")
"""Answers so few that training is what needs most, and their keys and values as wide on every machine."""


def trained(folder):
    """What a study's trial with LoRA learned."""
    (path,) = folder.glob("lora*/delta/*.safetensors")
    return load_file(path)


def test_what_does_not_fit_is_trained_in_smaller_passes_and_said(say, machine, data, tmp_path, monkeypatch):
    command = ("compare", BACKBONE, data, "lora(rank=4)", *WORDS[1:], *FEW, "--out")
    assert say(*command, tmp_path / "ample").code == 0
    monkeypatch.setattr(calibrate, "free_bytes", lambda: TIGHT)
    answer = say(*command, tmp_path / "tight")
    assert answer.code == 0 and "lora(rank=4): trained in passes of 512 tokens, because 102 MB" in answer.err
    report = (tmp_path / "tight" / "report.md").read_text("utf-8")
    assert "trained in passes of 512 tokens" in report
    ample, tight = trained(tmp_path / "ample"), trained(tmp_path / "tight")
    for name, weight in ample.items():
        torch.testing.assert_close(tight[name], weight, rtol=0, atol=1e-5)
    assert any(not torch.equal(tight[name], weight) for name, weight in ample.items()), "it was cut into passes"
    monkeypatch.setattr(calibrate, "free_bytes", lambda: 10 * TIGHT)
    (sealed,) = (tmp_path / "tight").glob("lora*/manifest.json")
    sealed.unlink()
    assert say(*command, tmp_path / "tight", "--resume").code == 0
    again = trained(tmp_path / "tight")
    assert all(torch.equal(again[name], weight) for name, weight in tight.items()), "resumed with what was chosen"
    assert "passes of 512 tokens" in json.loads(sealed.read_text("utf-8"))["caveats"][0]


def test_what_was_set_is_never_chosen_otherwise(say, machine, data, tmp_path, monkeypatch):
    monkeypatch.setattr(calibrate, "free_bytes", lambda: TIGHT)

    def chosen(*more):
        told = json.loads(say("plan", BACKBONE, data, *WORDS, *FEW, *more, "--json").out)
        trial = next(t for t in told["trials"].values() if t["method"] != "zero_shot")
        return trial["batch_tokens"], trial["recompute"], bool(trial["fitted"])

    assert chosen() == (512, False, True)
    assert chosen("--batch-tokens", "4096") == (4096, False, False)
    assert chosen("--no-recompute") == (512, False, True)
    monkeypatch.setattr(calibrate, "free_bytes", lambda: 101_500_000)
    set_so = ("lora(rank=4)", *WORDS[1:], *FEW, "--batch-tokens", "4096")
    refused = say("compare", BACKBONE, data, *set_so, "--out", tmp_path / "refused")
    assert refused.code == 2 and "--batch-tokens 512" in refused.err
    command = json.loads((tmp_path / "refused" / "study.json").read_text("utf-8"))["command"]
    assert "--batch-tokens 4096" in command


def test_minutes_choose_what_fits_and_say_so(say, machine, data, tmp_path):
    words = ("plan", BACKBONE, data, "zero_shot, lora(rank=4)", "--no-search", "--json")
    whole = json.loads(say(*words).out)
    tight = json.loads(say(*words, "--minutes", f"{0.8 * whole['seconds'] / 60:.3f}").out)
    assert tight["seconds"] <= 0.8 * whole["seconds"] + 0.2
    assert tight["study"]["budget"]["epochs"] < whole["study"]["budget"]["epochs"]
    assert any("epochs instead of 3" in note for note in tight["study"]["data"]["notes"])
    assert tight["study"]["data"]["rows"]["test"] == whole["study"]["data"]["rows"]["test"]
    ample = json.loads(say(*words, "--minutes", "999").out)
    assert ample["study"]["budget"] == whole["study"]["budget"]
    refused = say(*words, "--minutes", "0.1")
    assert refused.code == 2 and "too few for these 2 methods" in refused.err


@pytest.mark.matrix
def test_a_study_planned_into_minutes_goes_on_with_what_was_chosen(say, machine, data, tmp_path):
    words = ("compare", BACKBONE, data, "lora(rank=4)", "--no-search", "--out", tmp_path / "study", "--epochs", "2")
    seconds = json.loads(say("plan", *words[1:], "--json").out)["seconds"]
    minutes = ("--minutes", f"{0.8 * seconds / 60:.3f}")
    assert say(*words, *minutes).code == 0
    LAW["token"] *= 3  # a slower machine would choose less
    try:
        answer = say(*words, *minutes, "--resume")
    finally:
        LAW["token"] /= 3
    assert answer.code == 0, answer.err


def test_minutes_beside_steps_are_refused(say, data):
    answer = say("plan", BACKBONE, data, "lora", "--minutes", "5", "--steps", "3")
    assert answer.code == 2 and "--minutes 5" in answer.err


@pytest.mark.matrix  # it times a real machine; the unit tests of the probe hold its parts
def test_a_real_probe_of_a_real_folder(say, data, tmp_path, monkeypatch):
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    tiny.shared("t5").model.save_pretrained(tmp_path / "t5")
    tiny.tokenizer("seq2seq").save_pretrained(tmp_path / "t5")
    words = ("plan", tmp_path / "t5", data, "lora(rank=2)", "--steps", "2", "--no-search", "--json")
    first = json.loads(say(*words).out)
    assert first["seconds"] > 0 and next(iter(first["trials"].values()))["peak_bytes"] > 10**7
    monkeypatch.setattr(probe, "_asked", lambda *_: pytest.fail("probed again"))
    assert json.loads(say(*words).out)["trials"] == first["trials"], "nothing is measured a second time"


# -- study.yaml -----------------------------------------------------------------------------------------------------


def spelled(tmp_path, **words):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(words), encoding="utf-8")
    return path


def test_offline_words_replace_the_others(say, machine, data, tmp_path):
    path = spelled(
        tmp_path,
        backbone="some/where-else",
        data="elsewhere.jsonl",
        methods=["zero_shot", "lora(rank=4)"],
        steps=3,
        search=False,
        offline={"backbone": BACKBONE, "data": str(data), "steps": 2},
    )
    told = json.loads(say("plan", path, "--offline", "--json").out)
    assert told["study"]["backbone"]["name"] == BACKBONE and told["study"]["budget"]["steps"] == 2
    assert told["study"]["methods"] == ["zero_shot", "lora(rank=4)"] and told["study"]["search"] is False
    assert say("plan", path, "--json").code == 2, "without --offline it is the backbone far away"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"epochs": "many"}, "epochs is 'many'"),
        ({"train_rows": 2.5}, "train_rows is 2.5"),
        ({"search": "yes please"}, "search is 'yes please'"),
        ({"seeds": True}, "seeds is True"),
        ({"epoch": 2}, "unknown word 'epoch'"),
        ({"methods": {"lora": 4}}, "methods is {'lora': 4}"),
    ],
)
def test_a_word_of_the_wrong_kind_is_said(say, tmp_path, words, said):
    answer = say("plan", spelled(tmp_path, backbone=BACKBONE, data="dialogues", **words))
    assert answer.code == 2 and said in answer.err and "possible" in answer.err


def test_offline_without_offline_words(say, tmp_path, data):
    assert "no words under `offline:`" in say("plan", spelled(tmp_path, backbone=BACKBONE, data="x"), "--offline").err
    assert "which is no study.yaml" in say("plan", BACKBONE, data, "--offline").err


def test_train_takes_a_study_yaml_and_needs_a_method(say, machine, data, tmp_path):
    path = spelled(tmp_path, backbone=BACKBONE, data=str(data), methods="lora(rank=4)", steps=2, search=False)
    told = json.loads(say("train", path, "--dry-run", "--json").out)
    assert told["methods"] == ["lora(rank=4)"]
    refused = say("train", BACKBONE, data)
    assert refused.code == 2 and "no method is named" in refused.err
