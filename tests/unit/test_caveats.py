"""Caveats are said once, with all the trials that they hold for, in both languages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import luthier
from luthier import caveats_zh, memory, racing
from luthier.alarms import alarms
from luthier.caveats import gathered
from luthier.records import Budget, Prediction


def trial(method: str, seed: int, *caveats: str, **facts: Any) -> dict[str, Any]:
    return {"id": f"{method}.s{seed}", "method": method, "seed": seed, "caveats": list(caveats), **facts}


def lines(trials: list[dict[str, Any]], language: str = "en") -> list[str]:
    return [f"{c.who[language]}: {c.said[language]}" for c in gathered(trials)]


CUT = "19 of 800 training inputs were cut to the length limit"


def test_what_holds_for_several_trials_is_said_once() -> None:
    trials = [trial(method, seed, CUT) for seed in (0, 1) for method in ("full", "ia3")]
    alone = trial("zero_shot", 0, "10 of 250 test inputs were cut to the length limit")
    assert lines(trials) == [f"every trial: {CUT}"]
    assert lines([*trials, alone])[0] == f"full and ia3 · seeds 0, 1: {CUT}"
    assert lines([*trials, alone], "zh")[
        0
    ] == "full 和 ia3 · 种子 0、1：800 条训练输入中有 19 条因长度上限被截断".replace("：", ": ")
    assert lines([*trials, alone])[1].startswith("zero_shot: "), "one run needs no seed"
    trials[0]["caveats"] = []
    assert lines([*trials, alone])[0] == f"ia3 · seeds 0, 1; full · seed 1: {CUT}"
    assert gathered(trials)[0].trials == ("ia3.s0", "ia3.s1", "full.s1")
    assert gathered([*trials, alone])[0].who["zh"] == "ia3 · 种子 0、1；full · 种子 1"
    many = [trial("full", seed, CUT) for seed in range(12)]
    assert gathered([*many, alone])[0].who["en"] == "full · seeds 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"


def test_numbers_that_differ_between_seeds_become_a_range() -> None:
    said = (
        "still improving when the budget ended: {} on rouge1 in the last epoch, so a larger budget may change its rank"
    )
    trials = [trial("full", seed, said.format(gain)) for seed, gain in enumerate(("+0.081", "+0.018", "+0.05"))]
    other = [trial("ia3", seed, said.format("+0.2")) for seed in range(3)]
    assert [c.said["en"] for c in gathered([*trials, *other])] == [
        said.format("+0.018 to +0.081"),
        said.format("+0.2"),
    ], "methods are not mixed"
    assert "rouge1 变化 +0.018 至 +0.081" in gathered(trials)[0].said["zh"]
    right = [
        trial("ia3", s, f"no better: {p}% right, norm {e}") for s, p, e in ((0, "49.3", "1e-09"), (1, "50.7", "2"))
    ]
    assert gathered(right)[0].said["en"] == "no better: 49.3–50.7% right, norm 1e-09–2"


def test_apostrophes_open_no_quotes() -> None:
    trials = [trial("full", seed, f"the card's {n} and the user's own are '7'") for seed, n in enumerate((2, 3))]
    assert [c.said["en"] for c in gathered(trials)] == ["the card's 2–3 and the user's own are '7'"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("3 answers are '0'", "3 answers are '1'"),  # labels
        ("the card's answers are '0'", "the card's answers are '1'"),
        ("answers are 'it\\'s 0'", "answers are 'it\\'s 1'"),
        ("behind lora(rank=8)", "behind lora(rank=16)"),  # methods
        ("on rouge1", "on rouge2"),
        ("2.9M rows", "3.9M rows"),
    ],
)
def test_what_only_looks_like_a_number_is_not_mixed(first: str, second: str) -> None:
    assert [c.said["en"] for c in gathered([trial("full", 0, first), trial("full", 1, second)])] == [first, second]


def test_two_things_of_one_trial_stay_two() -> None:
    assert lines([trial("full", 0, "lost 3 rows", "lost 4 rows")]) == ["full: lost 3 rows", "full: lost 4 rows"]


def test_why_trials_did_not_finish_is_said_once_too() -> None:
    trials = [trial("full", s, status="failed", error=f"{n} GB wanted") for s, n in enumerate((3, 4))]
    (found,) = gathered([*trials, trial("ia3", 0)])
    assert (found.status, found.said["en"], found.who["en"]) == ("failed", "3–4 GB wanted", "full · seeds 0, 1")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.lists(st.text("x1 ,.'-", max_size=6), max_size=4)), max_size=6))
def test_nothing_is_lost_and_one_trial_says_what_it_said(told: list[tuple[str, list[str]]]) -> None:
    trials = [trial(method, seed, *caveats) for seed, (method, caveats) in enumerate(told)]
    found = gathered(trials)
    for one in trials:
        assert bool(one["caveats"]) == any(one["id"] in c.trials for c in found)
        assert [c.said["en"] for c in gathered([one])] == list(dict.fromkeys(one["caveats"]))


def _fragments(english: str) -> list[str]:
    return [piece.strip() for piece in re.split(r"\{\w+\}", english) if len(piece) > 12]


def test_every_chinese_caveat_has_an_english_one_in_the_source() -> None:
    files = [p for p in Path(luthier.__file__).parent.glob("*.py") if p.name != "caveats_zh.py"]
    source = re.sub(r'"\s*\n\s*f?"', "", "".join(p.read_text(encoding="utf-8") for p in files))
    for english in caveats_zh.FORMS:
        wanted = english.replace("is the highest that", "is the {} that").replace(
            "is the lowest that", "is the {} that"
        )
        wanted = re.sub("is the card's default, it was|are the card's defaults, they were", "{x}", wanted)
        wanted = re.sub("training (inputs|answers)", "{x}", wanted)
        for piece in _fragments(wanted.replace("{}", "{x}")):
            assert piece in source, piece


def test_what_the_stages_say_is_known_in_chinese() -> None:
    wanted = ["x"] * 60 + ["y"] * 40

    def said(answers: list[str]) -> list[Prediction]:
        return [Prediction(str(i), str(i), a, (w,), 0, 0.0) for i, (a, w) in enumerate(zip(answers, wanted))]

    dev = [{"epoch": e, "metric": "rouge1", "mean": e / 9, "loss": 2 - e % 2} for e in (1.0, 2.0)]
    moved = {"update_norm": 0.0, "dead_tokens": 7, "virtual_tokens": 20, "dev": dev}
    stop = {"step": 3, "difference": -0.02, "metric": "rouge1", "against": "full", "groups": 9, "e_value": 30.0}
    found = [
        *alarms(moved, [3.0, 3.1] * 50, said(["x"] * 97 + ["y"] * 3), "accuracy"),
        *alarms({}, [*[3 - 0.02 * i for i in range(100)], *(5.0,) * 40], said(["一只猫"] * 100), "rouge1"),
        racing.caveat(stop | {"threshold": 20, "looks": 3, "others": 2, "alpha": 0.05}, 10),
    ]
    asked = Budget()
    for chosen in (replace(asked, batch_tokens=512), replace(asked, recompute=True)):
        found += [memory.said(asked, chosen, 2e9, 1e9), memory.said(asked, replace(chosen, batch_tokens=512), 2e9, 1e9)]
    found += [f"full: {found[-1]}"]
    assert len(found) >= 12
    for caveat in found:
        chinese = caveats_zh.in_chinese(caveat)
        assert re.search("[\u4e00-\u9fff]", chinese), chinese
        assert set(re.findall("[a-z]{4,}", chinese)) <= {"rouge", "race", "full", "dropout"}, chinese
    both = memory.said(asked, replace(asked, batch_tokens=512, recompute=True), 2e9, 1e9)
    assert "训练时分批计算（每批词元上限 512），并重算各层，因为" in caveats_zh.in_chinese(both)
    set_by_user = "the learning rate was set by the user, it was not searched"
    assert caveats_zh.in_chinese(set_by_user) == "学习率由用户设定，没有搜索"
    assert caveats_zh.in_chinese("something new") == "something new"


def test_how_a_trial_ended_is_not_said_twice() -> None:
    lost = trial("ia3", 0, status="diverged", error="diverged: the loss rose from 0.711 to 2.58, guessing is 0.693")
    (found,) = gathered([lost])
    assert (found.status, found.said["en"]) == ("diverged", "the loss rose from 0.711 to 2.58, guessing is 0.693")
    assert found.said["zh"] == "损失从 0.711 升到 2.58，而随机猜测为 0.693"
