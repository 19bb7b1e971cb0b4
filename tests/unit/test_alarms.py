"""What is wrong with a trial that finished: each alarm goes off for its reason, and for no other."""

from __future__ import annotations

from luthier.alarms import alarms, prompts
from luthier.records import Prediction


def said(answers: list[str], wanted: list[str]) -> list[Prediction]:
    return [Prediction(str(i), str(i), a, (w,), 0, 0.0) for i, (a, w) in enumerate(zip(answers, wanted))]


FALLING = [3.0 - 0.02 * i for i in range(100)]
FINE = said(["a cat sat"] * 5 + ["a dog"] * 5, ["the cat sat"] * 10)


def only(found: list[str], *words: str) -> None:
    assert len(found) == len(words), found
    for text, word in zip(found, words):
        assert word in text, text


def test_a_healthy_trial_is_quiet() -> None:
    dev = [{"epoch": e, "metric": "rouge1", "mean": 0.3 + 0.001 * e, "loss": 2.0 - 0.1 * e} for e in (1, 2, 3)]
    assert alarms({"dev": dev, "update_norm": 0.3, "dead_tokens": 0}, FALLING, FINE, "rouge1") == []
    assert alarms({}, (), (), "rouge1") == []


def test_collapse_and_no_better_than_the_commonest() -> None:
    wanted = ["x"] * 60 + ["y"] * 40
    only(alarms({}, (), said(["x"] * 97 + ["y"] * 3, wanted), "accuracy"), "collapsed: 97 of 100 answers are 'x'")
    assert alarms({}, (), said(["x"] * 60 + ["y"] * 40, wanted), "macro_f1") == []
    only(alarms({}, (), said(["y"] * 60 + ["x"] * 40, wanted), "accuracy"), "no better than always saying")
    skewed = ["x"] * 97 + ["y"] * 3
    only(alarms({}, (), said(["x"] * 100, skewed), "accuracy"), "no better than always")


def test_losses() -> None:
    only(alarms({}, [3.0, 3.1] * 50, FINE, "rouge1"), "the training loss never moved: 3.05")
    only(alarms({}, [*FALLING, *(5.0,) * 40], FINE, "rouge1"), "the training loss rose again")
    assert alarms({}, [3.0] * 5, FINE, "rouge1") == [], "too few steps to say"


def test_development() -> None:
    def dev(means: list[float], losses: list[float]) -> dict[str, object]:
        steps = enumerate(zip(means, losses), 1)
        return {"dev": [{"epoch": float(e), "metric": "rouge1", "mean": m, "loss": x} for e, (m, x) in steps]}

    only(alarms(dev([0.3, 0.31, 0.3], [2.0, 1.8, 2.2]), (), FINE, "rouge1"), "over-fitted after epoch 2")
    only(alarms(dev([0.2, 0.25, 0.3], [2.0, 1.8, 1.7]), (), FINE, "rouge1"), "still improving when the budget ended")
    assert alarms(dev([0.3], [2.0]), (), FINE, "rouge1") == []


def test_parameters() -> None:
    only(alarms({"update_norm": 0.0}, FALLING, FINE, "rouge1"), "never moved")
    only(alarms({"dead_tokens": 7, "virtual_tokens": 20}, FALLING, FINE, "rouge1"), "dead virtual tokens: 7 of 20")


def test_languages() -> None:
    only(alarms({}, (), said(["a cat"] * 4, ["一只猫"] * 4), "rouge1"), "4 of 4 answers are written in another script")
    assert alarms({}, (), said(["两只猫"] * 4, ["一只猫 Tom"] * 4), "rouge1") == []
    only(alarms({}, (), said(["แมวตัวหนึ่ง"] * 4, ["แมว"] * 4), "rouge1"), "without spaces")
    only(alarms({}, (), said(["…"] * 4, ["!?"] * 4), "rouge1"), "4 of 4 references have no word")
    assert alarms({}, (), said(["แมว"] * 4, ["แมว"] * 4), "f1") == []


def test_trials_that_were_asked_something_else_are_named() -> None:
    trials = [{"id": n, "prompts": mark} for n, mark in (("a", "x"), ("b", "x"), ("few", "y"), ("old", None))]
    found = prompts(trials)
    assert list(found) == ["few"] and "2 other trials" in found["few"] and "what was asked" in found["few"]
    assert prompts(trials[:2]) == {} == prompts([])
