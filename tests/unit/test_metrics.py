"""The cards' own examples, the contract of every metric, and how languages are cut into tokens."""

from __future__ import annotations

import re

import numpy as np
import pytest

from luthier.errors import DataError, UserError
from luthier.metrics import METRICS
from luthier.metrics.words import tokens
from luthier.records import Prediction

NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum", "exact_match", "f1", "accuracy", "macro_f1", "mcc"]
NAMES += ["accuracy_macro_f1", "set_f1", "bleu", "chrf"]


def row(said: str, *wanted: str, name: str = "7") -> Prediction:
    return Prediction(name, name, said, wanted, 0, 0.0)


def value(metric: str, *rows: Prediction) -> float:
    made = METRICS[metric]()
    return float(made.value(made.tally(rows).sum(axis=0)))


def test_the_shelf() -> None:
    assert {*NAMES, "perplexity", "bits_per_byte"} == {
        word for word, cls in METRICS.items() if cls.__module__.startswith("luthier.")
    }


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_whole(name: str) -> None:
    card = METRICS[name].__doc__ or ""
    places = [card.find(part) for part in ("Source:", "Range:", "Misleads:", "Defaults:")]
    assert re.search("Formula:|Example:", card)
    assert -1 < card.find(":") < places[0] and places == sorted(places) and -1 not in places
    assert re.search(r'[A-Z]\w+( and \w+| et al\.)? (19|20)\d\d, "', card), "who, year, title"


@pytest.mark.parametrize("name", NAMES)
def test_right_answers_score_one(name: str) -> None:
    assert value(name, *[row(text, text) for text in ("two old grey cats", "一只灰色的狗", "two old grey cats")]) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_and_no_reference_are_errors(name: str) -> None:
    with pytest.raises(UserError, match="0 predictions"):
        METRICS[name]().tally([])
    with pytest.raises(DataError, match="'7' has no reference"):
        METRICS[name]().tally([row("x")])


@pytest.mark.parametrize("name", NAMES)
def test_empty_answers_score_nothing_and_count(name: str) -> None:
    assert METRICS[name]().tally([row("", "yes"), row(" ", "no")]).shape[0] == 2
    assert value(name, row("", "yes"), row(" ", "no")) == 0


@pytest.mark.parametrize("name", NAMES)
def test_tallies_add_up(name: str) -> None:
    rows = [row("a b c", "a b d"), row("a b d", "a b d"), row("x", "a b c")]
    made = METRICS[name]()
    totals = np.stack([made.tally(rows).sum(axis=0)] * 2)
    assert made.value(totals).shape == (2,)


@pytest.mark.parametrize(
    ("name", "said", "wanted", "expected"),
    [
        ("rouge1", "The lift is broken", "The lift broke again", 0.5),
        ("rouge2", "He paid the bill", "She paid the bill", 2 / 3),
        ("rougeL", "the bill he paid", "he paid the bill", 0.5),
        ("rouge1", "the bill he paid", "he paid the bill", 1),
        ("rougeL", "Ann left.\nBob stayed.", "Bob stayed.\nAnn left.", 0.5),
        ("rougeLsum", "Ann left.\nBob stayed.", "Bob stayed.\nAnn left.", 1),
        ("exact_match", "The Ferry, twice.", "ferry twice", 1),
        ("exact_match", "北京。", "北京", 1),
        ("exact_match", "twice each day", "twice a day", 0),
        ("f1", "in twice a day", "twice a day", 0.8),
        ("f1", "在北京市", "北京", 2 / 3),
    ],
)
def test_examples_of_the_cards(name: str, said: str, wanted: str, expected: float) -> None:
    assert METRICS[name]().pair(said, wanted) == pytest.approx(expected)


def test_chinese_is_scored_by_character() -> None:
    rouge1 = METRICS["rouge1"]()
    assert rouge1.pair("今天天气很好", "今天天气很好") == 1
    assert rouge1.pair("模型A 好", "模型A 差") == 0.75
    assert rouge1.pair("今天", "昨晚") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("模型A works well!", ("模", "型", "a", "work", "well")),
        ("ＡＢＣ１２，好", ("abc12", "好")),
        ("カタカナとひらがな", tuple("カタカナとひらがな")),
        ("한국어 말", ("한", "국", "어", "말")),
        ("Café\u0301s — naïve running", ("caf\u00e9\u0301s", "naïve", "run")),
        ("cafe\u0301", ("café",)),
        ("Привет, мир", ("привет", "мир")),
        ("हिन्दी", ("हिन्दी",)),
        ("snake_case 3.5", ("snake", "case", "3", "5")),
        ("1️⃣ ❤️ 葛\U000e0100", ("1", "葛")),
        ("。！ \n", ()),
    ],
)
def test_tokens(text: str, expected: tuple[str, ...]) -> None:
    assert tokens(text) == expected


def test_several_references_mean_or_best() -> None:
    assert value("rouge1", row("a b", "a b", "c d")) == 0.5
    assert value("exact_match", row("c d", "x", "c d")) == value("f1", row("c d", "x", "c d")) == 1


@pytest.mark.parametrize(
    ("said", "wanted", "expected"),
    [
        ("+", "+", 1),
        ("+", "-", 0),
        ("the", "a", 0),
        ("", "the", 0),
        ("3.5 公里", "3.5公里", 1),
        ("35公里", "3.5公里", 0),
        ("don't", "dont", 1),
        ("“Paris”", "paris", 1),
        ("《红楼梦》", "红楼梦", 1),
    ],
)
def test_exact_match_where_little_is_left(said: str, wanted: str, expected: float) -> None:
    assert METRICS["exact_match"]().pair(said, wanted) == expected


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "mcc", "accuracy_macro_f1"])
def test_classes_have_one_label_a_row(name: str) -> None:
    with pytest.raises(DataError, match="'9' has 2 references"):
        METRICS[name]().tally([row("a", "a"), row("a", "a", "b", name="9")])


def test_texts_are_no_classes() -> None:
    with pytest.raises(DataError, match="1,001 different texts"):
        METRICS["macro_f1"]().tally([row("x", f"text {i}") for i in range(1001)])


def test_saying_one_label_always() -> None:
    rows = [row("a", "a"), row("a", "b")]
    assert value("accuracy", *rows) == 0.5
    assert value("macro_f1", *rows) == pytest.approx(1 / 3)
    assert value("mcc", *rows) == 0
    assert value("mcc", row("b", "a"), row("a", "b")) == -1


@pytest.mark.parametrize(
    ("said", "wanted", "share"),
    [
        ("ferry; island", "island_harbour_ferry", 0.8),
        ("关键词，水稻", "水稻、关键词", 1.0),
        ("Ｒｉｃｅ | rice", "rice", 1.0),
        ("ferry line", "ferry lines", 0.0),
        ("", "rice", 0.0),
    ],
)
def test_sets_forget_order_case_and_width(said: str, wanted: str, share: float) -> None:
    assert value("set_f1", row(said, wanted)) == pytest.approx(share)
