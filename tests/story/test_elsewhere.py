"""From a comparison to an export on a device that is not the CPU, played (`tests/elsewhere.py`)."""

from __future__ import annotations

import json

import pytest

from luthier.backbone import Backbone
from tests import elsewhere
from tests.story.conftest import dialogues, write_rows

FEW = ("--train-rows", "16", "--dev-rows", "4", "--test-rows", "4", "--steps", "2", "--max-answer-tokens", "8")


@pytest.fixture
def away(monkeypatch):
    """Every backbone is on that device as soon as it is loaded."""
    start = Backbone.__init__

    def started(self, *words, **more):
        start(self, *words, **more)
        elsewhere.moved(self)

    monkeypatch.setattr(Backbone, "__init__", started)
    with elsewhere.played():
        yield


@pytest.mark.parametrize(
    ("backbone", "data", "methods", "question"),
    [
        ("seedling-t5-small", "rows.jsonl", "zero_shot, full, lora(dropout=0.1), ptuning(tokens=4)", "anna: hello"),
        ("seedling-lm", "rows.jsonl", "few_shot(examples=1), prefix(tokens=4), lora(rank=4)", "anna: hello"),
        ("seedling-bert", "reviews", "zero_shot, dora(rank=4), prompt(tokens=4)", "a fine film"),
    ],
)
def test_a_comparison_its_answers_and_its_exports(away, say, tmp_path, backbone, data, methods, question):
    write_rows(tmp_path / "rows.jsonl", dialogues(24))
    ended = say("compare", backbone, data, methods, *FEW, "--no-search", "--json", "--out", "run")
    trials = json.loads(ended.out)["trials"]
    assert (ended.code, {t["status"] for t in trials}) == (0, {"done"}), ended.err
    for trial in trials:
        folder = f"run/{trial['id']}"
        assert say("predict", folder, "--text", question).code == 0
        if trial["trainable_parameters"]:
            assert say("look", folder).code == 0
    lora = next(t for t in trials if t["method"].startswith(("lora", "dora")))
    for kind in ("docker",) if backbone == "seedling-bert" else ("adapter", "merged"):  # its head is luthier's own
        ended = say("export", kind, f"run/{lora['id']}", "--out", kind)
        assert ended.code == 0 and list((tmp_path / kind).rglob("*.safetensors")), ended.err
