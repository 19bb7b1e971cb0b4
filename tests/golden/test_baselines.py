"""Lines that need no model: naive Bayes is scikit-learn's, the others are what they say, on real data too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from luthier import baselines
from luthier.outputs import score_file
from luthier.records import Example

TEXTS = st.lists(st.text("ab 你好C1", max_size=12), min_size=2, max_size=8)
SUMMARY = SimpleNamespace(kind="text", prompt="{text}", best_by="rouge1")
LABELS = SimpleNamespace(kind="label", prompt="{text}", best_by="accuracy")


def rows(texts: list[str], references: list[tuple[str, ...]], start: str = "t") -> list[Example]:
    return [Example(f"{start}{i}", f"{start}{i}", {"text": t}, r) for i, (t, r) in enumerate(zip(texts, references))]


@given(TEXTS, TEXTS)
@settings(max_examples=40, deadline=None)
def test_naive_bayes_is_scikit_learns(train: list[str], test: list[str]) -> None:
    train = ["ab你好", *train]  # their counter refuses texts without any n-gram at all
    wanted = [("x", "y", "z")[i % 3] for i in range(len(train))]
    # their analyser folds runs of spaces, which ours keeps
    counter = CountVectorizer(analyzer=lambda t: [t[i : i + n] for n in (1, 2, 3) for i in range(len(t) - n + 1)])
    lower = [t.lower() for t in train]
    theirs = MultinomialNB().fit(counter.fit_transform(lower), wanted)
    ours = baselines.NaiveBayes.fitted(train, wanted)
    joint = theirs.predict_joint_log_proba(counter.transform([t.lower() for t in test]))
    assert ours.scores(test) == pytest.approx(joint, abs=1e-9)
    assert list(ours.labels) == list(theirs.classes_)


def test_naive_bayes_learns_real_sentiment(shared_data: Path) -> None:
    from luthier.data import read

    table = read(str(shared_data / "sst2"))
    column = next(c for c in ("sentence", "text") if c in table.splits["train"][0])
    train, dev = (
        [(str(r[column]), str(r["label"])) for r in table.splits[s]][:3000] for s in ("train", list(table.splits)[1])
    )
    model = baselines.NaiveBayes.fitted([t for t, _ in train], [label for _, label in train])
    right = np.mean([said == label for said, (_, label) in zip(model.choose([t for t, _ in dev]), dev)])
    commonest = max(np.mean([label == one for _, label in dev]) for one in model.labels)
    assert right > commonest + 0.1


def test_lines_of_labels() -> None:
    train = rows(["good", "fine", "bad", "good day"], [("1",), ("1",), ("0",), ("1",)])
    test = rows(["good", "bad"], [("1",), ("0",)], "e")
    lines = baselines.reference_lines({"train": train, "dev": test, "test": test}, LABELS)
    assert [x.kind for x in lines] == ["majority", "random", "ngrams"]
    assert [p.prediction for p in lines[0].predictions] == ["1", "1"]
    assert {p.prediction for p in lines[1].predictions} <= {"0", "1"}
    assert [p.prediction for p in lines[2].predictions] == ["1", "0"]
    table = baselines.table(lines, ["accuracy", "macro_f1"])
    assert table[0]["metrics"]["accuracy"]["mean"] == 0.5 and table[0]["name"] == "always 1"
    assert all(set(line) == {"kind", "name", "name_zh", "metrics"} for line in table)


def test_a_random_class_follows_the_frequencies() -> None:
    train = rows(["t"] * 100, [("0",)] * 80 + [("1",)] * 20)
    test = rows(["t"] * 1000, [("0",)] * 1000, "e")
    line = baselines.reference_lines({"train": train, "dev": [], "test": test}, LABELS)[1]
    assert sum(p.prediction == "1" for p in line.predictions) == pytest.approx(200, abs=40)


def test_lead_k_is_chosen_on_the_development_rows() -> None:
    dev = rows(["One two three. Four five six. Seven eight."] * 5, [("one two three four five six",)] * 5, "d")
    test = rows(["A b. C d. E f."], [("a b c d", "a b")], "e")
    lead, people = baselines.reference_lines({"train": dev, "dev": dev, "test": test}, SUMMARY)
    assert (lead.kind, lead.name, lead.predictions[0].prediction) == ("lead", "first 2 sentences", "A b. C d.")
    assert people.kind == "human" and [p.references for p in people.predictions] == [("a b",), ("a b c d",)]
    assert {p.group for p in people.predictions} == {"e0"}
    assert baselines.human(dev) is None, "one reference has nobody to be compared with"


def test_lead_k_counts_characters_in_chinese() -> None:
    dev = rows(["今天天气很好我们去公园玩然后回家吃饭看书睡觉。明天再说。"] * 4, [("今天天气很好我们去公园",)] * 4, "d")
    line = baselines.reference_lines({"train": dev, "dev": dev, "test": dev}, SUMMARY)[0]
    assert (line.name, line.name_zh) == ("first 10 characters", "开头 10 字")
    assert line.predictions[0].prediction == "今天天气很好我们去公"


@given(st.text("ab. 好。\n3?!", max_size=40), st.integers(1, 5))
def test_cutting_loses_nothing_in_between(text: str, count: int) -> None:
    assert text.startswith(baselines.first_words(text, count))
    assert baselines.words_in(baselines.first_words(text, count)) == min(count, baselines.words_in(text))
    assert "".join("".join(baselines.sentences(text)).split()) == "".join(text.split())


def test_sentences_keep_their_decimals() -> None:
    assert baselines.first_sentences("It costs 3.5 now. Really?", 1) == "It costs 3.5 now."
    assert baselines.first_sentences("好。不好！嗯", 2) == "好。不好！"


def test_people_agree_on_the_labs_dialogues(shared_data: Path) -> None:
    found = score_file(
        shared_data / "dialogsum-lab-outputs.csv",
        "human_baseline_summaries",
        ["instruct_model_summaries", "peft_model_summaries"],
        ["rouge1"],
        group_rows=3,
    )
    people = found["references"][0]
    assert people["kind"] == "human"
    assert people["metrics"]["rouge1"]["mean"] == pytest.approx(0.534, abs=0.001)
    assert people["metrics"]["rouge1"]["n"] == 500
    why = found["why"]
    assert why["cut"] == 20 and why["unit"] == "words"
    for trial in found["trials"]:
        assert why["trials"][trial["id"]]["cut"]["mean"] > trial["metrics"]["rouge1"]["mean"] + 0.005
    assert why["trials"]["instruct_model_summaries"]["cut"]["mean"] == pytest.approx(0.433, abs=0.002)
    assert why["trials"]["peft_model_summaries"]["cut"]["mean"] == pytest.approx(0.416, abs=0.002)
    assert why["trials"]["peft_model_summaries"]["precision"] == pytest.approx(0.338, abs=0.001)
    assert why["trials"]["peft_model_summaries"]["recall"] == pytest.approx(0.556, abs=0.001)


def test_the_pilot_looks_at_no_test_row() -> None:
    rng = np.random.default_rng(0)
    words = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen"]
    texts = [". ".join(" ".join(rng.choice(words, 6)) for _ in range(4)) + "." for _ in range(60)]
    examples = rows(texts, [(" ".join(rng.choice(words, 8)),) for _ in texts])
    blank = [Example(f"e{i}", f"e{i}", {"text": ""}, ("unseen",)) for i in range(240)]
    found = baselines.pilot({"train": examples, "dev": examples, "test": blank}, SUMMARY)
    more = baselines.pilot({"train": examples, "dev": examples, "test": blank[:60]}, SUMMARY)
    assert found["groups"] == 240 and more["difference"] == pytest.approx(2 * found["difference"])
    assert baselines.pilot({"train": examples, "dev": examples, "test": blank}, SUMMARY, 10)["difference"] > 0
    assert "240 rows" in found["sentence"]["en"] and "240 行" in found["sentence"]["zh"]
    assert baselines.pilot({"train": examples, "dev": [], "test": blank}, SUMMARY) is None
    labelled = rows(texts, [(("x", "y")[i % 2],) for i in range(60)])
    halves = baselines.pilot({"train": labelled, "dev": labelled[:40], "test": labelled}, LABELS)
    assert halves["metric"] == "accuracy" and 0 < halves["difference"] < 1
    alike = rows(["ant", "ant", "bee", "bee"] * 15, [(("x", "y")[i // 2 % 2],) for i in range(60)])
    assert baselines.pilot({"train": alike, "dev": alike[:10], "test": alike}, LABELS) is None, (
        "equal lines say nothing"
    )
