"""SuperGLUE's six sets: which rows are trained on and tested, how each is asked, and what a mean over sets is."""

from __future__ import annotations

import gzip
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from luthier import across_sets, encode, suite
from luthier.data import complete, read, sets
from luthier.data.superglue import NAMES, chosen, dealt, set_of
from luthier.errors import DataError, SpellingError, UserError
from luthier.records import Prediction
from luthier.score import figures, scores
from luthier.tasks import Choose, Classify, Refer, Sense, examples, infer, input_keys, parse_task, with_labels
from luthier.tasks.spans import MARKED, marked, with_spans
from tests import tiny

TASKS = {"BoolQ": Classify, "CB": Classify, "COPA": Choose, "RTE": Classify, "WiC": Sense, "WSC": Refer}
COPA = {"premise": "It rained.", "choice1": "The grass is wet.", "choice2": "The sun shone.", "question": "effect"}
WIC = {"sentence1": "He sat on the bank.", "sentence2": "The bank is closed.", "word": "bank"}
WSC = {"text": "Bob saw Al. He said that he won.", "span1_text": "Bob", "span1_index": 0, "span2_text": "he"}


def raw(folder: Path, stem: str) -> list[dict]:
    (path,) = (p for p in folder.iterdir() if p.name.split(".")[0] == stem)
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# which rows


def test_only_a_place_with_the_name_of_a_set_is_one():
    assert set_of("superglue:rte") == ("superglue", "RTE") and set_of("../a:b/x:WiC") == ("../a:b/x", "WiC")
    assert set_of("RTE") is set_of(":RTE") is set_of("superglue:SST") is set_of("superglue:") is None


def test_the_full_training_rows_go_first_and_bring_no_development_rows():
    assert chosen("RTE", ["train", "dev32", "val", "train_full"]) == {"train": "train_full", "test": "val"}
    assert chosen("RTE", ["train", "dev32", "val"]) == {"train": "train", "dev": "dev32", "test": "val"}
    assert chosen("RTE", ["train", "dev", "test"]) == {"train": "train", "test": "dev"}, (
        "as the hub's splits are called"
    )
    for stems in (["train"], ["val", "dev32"], []):
        with pytest.raises(DataError, match="RTE holds"):
            chosen("RTE", stems)


def test_the_hub_s_numbers_become_words():
    rows = [{"label": 2}, {"label": 0}, {"label": -1}, {"label": "neutral"}]
    splits, _ = dealt("CB", {"train": rows, "test": rows}, {"train": "train", "test": "val"})
    assert [row["label"] for row in splits["train"]] == ["neutral", "entailment", None, "neutral"]
    splits, _ = dealt(
        "WiC", {"train": [{"label": True}, {"label": 0}], "test": rows}, {"train": "train", "test": "val"}
    )
    assert [row["label"] for row in splits["train"]] == [True, "false"]


def test_rows_of_one_label_get_the_development_rows_beside_them():
    held = {"train": [{"label": True}] * 3, "dev": [{"label": False}] * 2, "test": [{"label": True}]}
    splits, notes = dealt("WSC", held, {"train": "train", "dev": "dev32", "test": "val"})
    assert len(splits["train"]) == 5 and "dev" not in splits
    assert any("one label" in note for note in notes)


@pytest.mark.parametrize("name", NAMES)
def test_real_sets(shared_data, name):
    """Every official validation row is tested, none is trained on, and each question shows what it is about."""
    folder = shared_data / "superglue"
    table = read(f"{folder}:{name.lower()}")
    task, _ = infer(table.splits["train"], task=suite.SUPERGLUE.get(name))
    table = complete(table, lambda row: input_keys(task, row))
    made = {split: examples(task, rows, split)[0] for split, rows in table.splits.items()}
    task = with_labels(task, made["train"], {"dev": made["dev"], "test": made["test"]})
    assert type(task) is TASKS[name] and task.best_by == ("accuracy_macro_f1" if name == "CB" else "accuracy")
    official = raw(folder / name, "val")
    assert len(made["test"]) == len(official)
    assert [e.references[0] for e in made["test"]] == [
        row["label"] if isinstance(row["label"], str) else json.dumps(row["label"]) for row in official
    ]
    asked = {split: {task.prompt_text(e) for e in held} for split, held in made.items()}
    assert not asked["test"] & (asked["train"] | asked["dev"]) and not asked["train"] & asked["dev"]
    given = raw(folder / name, "train_full" if name in ("CB", "RTE") else "train")
    extra = raw(folder / name, "dev32") if name not in ("CB", "RTE") else []
    assert len(made["train"]) + len(made["dev"]) == len(given) + len(extra)
    for e, row in zip(made["test"], official):
        shown = task.prompt_text(e).replace("*", "")
        columns = [row.get(c) for c in ("premise", "hypothesis", "choice1", "choice2", "sentence1", "passage", "word")]
        assert all(str(text).replace("*", "") in shown for text in columns if text)
    if name in ("BoolQ", "CB", "RTE"):
        assert len(task.segments) == 2, "an encoder keeps the two texts apart"
    else:
        assert task.segment_texts(made["test"][0]) == (task.prompt_text(made["test"][0]),)
    for family in ("bert", "t5", "llama"):
        plan = encode.plan(tiny.shared(family), task, made["test"][:8], tiny.budget())
        assert plan.classes.tolist() == [task.labels.index(e.references[0]) for e in made["test"][:8]]
        assert all(len(ids) for ids in plan.inputs) and all(map(len, plan.answers)) == (family != "bert")


def test_pronouns_are_marked_where_the_data_say(shared_data):
    elsewhere = 0
    for stem in ("train", "dev32", "val"):
        for row in raw(shared_data / "superglue" / "WSC", stem):
            target, shown = row["target"], with_spans(row)[MARKED]
            assert shown.count("*") == 2 + row["text"].count("*") and shown.replace("*", "") == row["text"]
            before, span, _ = shown.split("*")
            assert span.lower() == target["span2_text"].lower()
            elsewhere += len((before + "x").split()) - 1 != target["span2_index"]
    assert elsewhere <= 1, "one row names the word beside its pronoun"


def test_a_set_without_its_folder_is_missing(tmp_path):
    (tmp_path / "superglue" / "RTE").mkdir(parents=True)
    with pytest.raises(DataError, match="There is no data at"):
        read(f"{tmp_path}/superglue:CB")
    with pytest.raises(DataError, match="RTE holds no file"):
        read(f"{tmp_path}/superglue:RTE")
    assert sets(str(tmp_path)) == {}


def test_sets_of_a_folder(tmp_path, monkeypatch):
    for name in ("wic", "mine", "BoolQ"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text('{"text": "a", "label": 1}\n')
    (tmp_path / "empty").mkdir()
    assert sets(str(tmp_path)) == {
        "BoolQ": f"{tmp_path}:BoolQ",
        "mine": str(tmp_path / "mine"),
        "WiC": f"{tmp_path}:WiC",
    }
    (tmp_path / "loose.jsonl").write_text('{"text": "a", "label": 1}\n')
    assert sets(str(tmp_path)) == {}, "a folder with data of its own is one set"
    assert sets("superglue") == {name: f"superglue:{name}" for name in NAMES}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "superglue").mkdir()
    assert sets("superglue") == {}, "a folder of that name goes first"


class Split(list):
    to_list = list.copy


def test_the_hub_is_asked_for_its_name_and_hidden_labels_are_left_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"'superglue:RTE'.*aps/super_glue:rte needs the package datasets") as refusal:
        read("superglue:RTE")
    assert "luthier[hub]" in refusal.value.do and "RTE/train.jsonl" in refusal.value.do
    assert "FOLDER:RTE" in refusal.value.do, "what to write instead"
    rows = [{"premise": f"p {n}", "hypothesis": "h", "label": n % 2} for n in range(20)]
    asked = []

    def load(*names):
        asked.append(names)
        hidden = Split({**row, "label": -1} for row in rows)
        return {"train": Split(rows), "validation": Split(rows[:5]), "test": hidden}

    def offline(*names):
        raise ConnectionError("no route to the hub")

    fake = types.ModuleType("datasets")
    fake.load_dataset = offline
    monkeypatch.setitem(sys.modules, "datasets", fake)
    with pytest.raises(UserError, match=r"gave no aps/super_glue:rte \(ConnectionError: no route") as refusal:
        read("superglue:rte")
    assert "network" in refusal.value.do and "FOLDER:RTE" in refusal.value.do
    fake.load_dataset = load
    table = read("superglue:rte#10")
    assert asked == [("aps/super_glue", "rte")]
    assert [row["label"] for row in table.splits["test"]] == ["entailment", "not_entailment"] * 2 + ["entailment"]
    assert len(table.splits["train"]) == 10 and "dev" not in table.splits
    assert any("hidden" in note for note in table.notes)
    assert set(read("aps/super_glue:rte").splits) == {"train", "dev"}, "rows without a label test nothing"


def test_the_whole_of_superglue_and_a_folder_that_is_not_there_say_what_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as refusal:
        read("superglue")
    assert "superglue:RTE" in refusal.value.do
    with pytest.raises(DataError) as refusal:
        read("elsewhere:RTE")
    assert refusal.value.do == "check that elsewhere is a folder with RTE in it"


# how each is asked


def test_the_question_of_each_task():
    rows = [{**COPA, "label": n % 2} for n in range(10)]
    task, _ = infer(rows)
    text = task.prompt_text(examples(task, rows, "train")[0][0])
    assert "What was the effect of this?" in text and "1: The grass is wet.\n\n2: The sun shone." in text
    assert isinstance(task, Choose) and task.words == ("1", "2") and parse_task(repr(task)) == task
    rows = [{**WIC, "label": n % 2} for n in range(10)]
    task, _ = infer(rows)
    assert isinstance(task, Sense) and 'Does "bank" mean the same' in task.prompt_text(examples(task, rows, "a")[0][0])
    assert infer(rows, task="sense(words=('n','y'))")[0].words == ("n", "y")
    assert infer(rows, task="sense", prompt="{word}: {sentence1} {sentence2}")[0].words == (), (
        "words go with a question"
    )


def test_columns_keep_their_own_spelling():
    task, _ = infer([{"Premise": "p", "Choice1": "a", "choice2": "b", "Question": "cause", "label": 1}])
    assert "{Premise}" in task.prompt and "{Choice1}" in task.prompt and "{choice2}" in task.prompt


def test_chinese_rows_are_asked_in_chinese():
    nested = {"span1_text": "小明", "span1_index": 0, "span2_text": "他", "span2_index": 8}
    rows = [{"text": "小明告诉他爸爸，他赢了。", "target": nested, "label": n % 2 == 0} for n in range(10)]
    task, _ = infer(rows)
    assert isinstance(task, Refer) and task.words == ("否", "是")
    assert task.prompt_text(examples(task, rows, "train")[0][0]).startswith(
        "小明告诉他爸爸，*他*赢了。\n\n*他*指的是“小明”吗"
    )


def test_nested_and_flat_spans_ask_the_same():
    flat = {**WSC, "span2_index": 5}
    nested = {"text": WSC["text"], "target": {k: v for k, v in flat.items() if k != "text"}}
    asked = []
    for row in (flat, nested):
        rows = [{**row, "label": n % 2} for n in range(10)]
        task, notes = infer(rows)
        asked.append((task, examples(task, rows, "train")[0][0].fields))
        assert not any("neither" in note for note in notes)
    assert asked[0] == asked[1] and asked[0][1][MARKED] == "Bob saw Al. He said that *he* won."


@pytest.mark.parametrize(
    ("text", "span", "index", "shown"),
    [
        ("he and he", "he", 2, "he and *he*"),
        ("he and he", "he", 0, "*he* and he"),
        ("the man with it", "it", 1, "the man with *it*"),
        ("a (he), he", "he", 1, "a (*he*), he"),
        ("He ran", "he", 0, "*He* ran"),
        ("nobody ran", "he", 0, "nobody ran"),
        ("1+1", "+", 9, "1*+*1"),
    ],
)
def test_marked(text, span, index, shown):
    assert marked(text, span, index) == shown


def test_rows_without_both_spans_are_left_as_they_are():
    for row in ({"text": "a"}, {"text": "a", "target": "b"}, {"text": 1, **{k: WSC[k] for k in ("span1_text",)}}):
        assert with_spans(row) is row


def test_a_question_on_other_columns_is_refused():
    with pytest.raises(DataError, match="lacks premise, question"):
        infer([{**WIC, "label": n % 2} for n in range(4)], task="choose")
    three = examples(Choose(prompt="{premise}", answer="label"), [{"premise": "p", "label": n} for n in range(3)], "t")[
        0
    ]
    with pytest.raises(SpellingError, match="choose: 2 words for 3 labels"):
        with_labels(Choose(prompt="{premise}", answer="label", words=("1", "2")), three, {})


def test_the_metric_that_leads_can_be_chosen():
    task = parse_task("classify(best_by='mcc')")
    assert task.metrics == ("accuracy", "macro_f1", "mcc") and parse_task(repr(task)) == task
    assert Classify().metrics == ("accuracy", "macro_f1") and repr(Classify()) == "classify"


# a mean over sets


def said(right: np.ndarray, start: str) -> list[Prediction]:
    return [Prediction(f"{start}{i}", f"{start}{i}", "a" if ok else "b", ("a",), 1, 1.0) for i, ok in enumerate(right)]


def test_the_interval_of_a_mean_is_that_of_resampling_every_set():
    chance = np.random.default_rng(0)
    rows = [chance.random(n) < share for n, share in ((60, 0.6), (300, 0.8), (100, 0.5))]
    found = {str(i): figures(scores(said(own, "r"), ["accuracy"]))["accuracy"] for i, own in enumerate(rows)}
    mean = across_sets._average(found, True)
    assert mean["mean"] == pytest.approx(np.mean([own.mean() for own in rows]))
    drawn = np.mean([chance.choice(own, (4000, len(own))).mean(axis=1) for own in rows], axis=0)
    assert [mean["low"], mean["high"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.006)
    assert across_sets._average(found, False) is None and across_sets._average({**found, "3": None}, True) is None


def trial(method: str, mean: float, seed: int = 0, status: str = "done") -> dict:
    score = {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": 50}
    return {"asked": method, "method": method, "seed": seed, "status": status, "metrics": {"accuracy": score}}


def test_a_figure_of_several_seeds_is_wider_and_a_lost_seed_leaves_none():
    one = across_sets._figure({"trials": [trial("lora", 0.6)]}, "lora", "accuracy")
    assert (one["low"], one["high"], one["seeds"]) == pytest.approx((0.5, 0.7, 1))
    both = across_sets._figure({"trials": [trial("lora", 0.55), trial("lora", 0.65, 1)]}, "lora", "accuracy")
    assert both["mean"] == pytest.approx(0.6) and both["low"] < 0.5 and both["high"] > 0.7
    lost = [trial("lora", 0.55), {**trial("lora", 0.0, 1, "failed"), "metrics": {}}]
    assert across_sets._figure({"trials": lost}, "lora", "accuracy") is None
    assert across_sets._figure({"trials": lost}, "full", "accuracy") is None
