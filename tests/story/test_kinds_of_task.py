"""Plain text, label words beside class heads, and a mixture of tasks: each from the command line to its report."""

from __future__ import annotations

import json
import math

import pytest

from luthier import encode
from luthier.trial import Run
from tests import tiny
from tests.story.conftest import lines, write_rows

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def saved(family: str) -> str:
    """A folder with a tiny backbone."""
    bone = tiny.shared(family)
    bone.model.save_pretrained("tiny")
    bone.tokenizer.save_pretrained("tiny")
    return "tiny"


def study(folder: str = "study") -> dict:
    with open(f"{folder}/results.json", encoding="utf-8") as file:
        return json.load(file)


def report(folder: str = "study") -> str:
    with open(f"{folder}/report.md", encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize(("family", "extra"), [("llama", ", prompt(tokens=4)"), ("t5", "")])
def test_plain_text_is_read(say, tmp_path, family, extra):
    backbone = saved(family)
    texts = [" ".join(LETTERS[(n + i) % 26] for i in range(4 + 7 * (n % 10))) for n in range(60)]
    write_rows(tmp_path / "corpus.jsonl", [{"text": t, "book": f"b{n // 4}"} for n, t in enumerate(texts)])
    words = (backbone, "corpus.jsonl", f"zero_shot, lora(rank=4, learning_rate=0.05){extra}")
    told = say("compare", *words, "--task", "read(document='book')", "--steps", "40", "--out", "study", "--json")
    assert told.code == 0, told.err
    found = study()
    assert found["study"]["primary"] == "perplexity" and found["references"] == []
    by_method = {t["method"].split("(")[0]: t for t in found["trials"]}
    for t in found["trials"]:
        said = lines(tmp_path / "study" / t["id"] / "predictions.jsonl")
        nats, tokens = sum(p["nats"] for p in said), sum(p["tokens"] for p in said)
        assert t["metrics"]["perplexity"]["mean"] == pytest.approx(math.exp(nats / tokens))
        size = sum(len(p["references"][0].encode()) for p in said)
        assert t["metrics"]["bits_per_byte"]["mean"] == pytest.approx(nats / math.log(2) / size)
        assert tokens == sum(len(p["references"][0].split()) for p in said), "one token a word, each counted once"
        assert t["metrics"]["perplexity"]["n"] == len({p["group"] for p in said}) < len(said)
    lora = by_method["lora"]
    assert lora["metrics"]["perplexity"]["mean"] < by_method["zero_shot"]["metrics"]["perplexity"]["mean"] * 0.9
    best = min(lora["dev"], key=lambda d: d["mean"])
    assert lora["best_epoch"] == best["epoch"], "the checkpoint with the lowest perplexity was kept"
    behind = [v for v in found["verdicts"] if v["a"] == by_method["zero_shot"]["id"]]
    assert behind and all(v["difference"] > 0 and v["verdict"] in ("worse", "cannot tell") for v in behind)
    assert "0.05) scored best on perplexity" in report()
    assert "(read, not answered)" in report() and " points" not in report().split("## Results")[0]
    answer = say("predict", f"study/{lora['id']}", "--text", "a b c d e f", "--json")
    assert answer.code == 0, answer.err
    (row,) = json.loads(answer.out) if answer.out.startswith("[") else [json.loads(answer.out)]
    assert row["tokens"] == 6 and row["nats"] > 0


def test_an_encoder_does_not_read_plain_text(say, tmp_path):
    backbone = saved("bert")
    write_rows(tmp_path / "corpus.jsonl", [{"text": f"{a} b"} for a in LETTERS])
    told = say("compare", backbone, "corpus.jsonl", "lora", "--task", "read", "--out", "study")
    assert told.code == 2 and "both sides of a word" in told.err


def test_label_words_and_a_class_head_stand_in_one_table(say, tmp_path):
    """The same rows, once by words that nobody trained, once by a trained head, once by trained words."""
    backbone = saved("bert")
    rows = [
        {"text": f"{LETTERS[n % 26]} {LETTERS[n * 7 % 26]} {'the cat' if n % 2 else 'dog ran'}", "label": n % 2}
        for n in range(80)
    ]
    write_rows(tmp_path / "rows.jsonl", rows)
    task = "classify(words=('bad','good'))"
    words = ("--prompt", "{text} . yes [MASK] .", "--answer", "label", "--steps", "30", "--no-search")
    methods = "zero_shot, few_shot(examples=2), lora(rank=4, learning_rate=0.05)"
    told = say("compare", backbone, "rows.jsonl", methods, "--task", task, *words, "--out", "study", "--json")
    assert told.code == 0, told.err
    found = {t["method"].split("(")[0]: t for t in study()["trials"]}
    assert all(set(t["metrics"]) == {"accuracy", "macro_f1"} for t in found.values())
    run = Run(tmp_path / "study" / found["zero_shot"]["id"], tell=lambda _: None)
    assert encode.uses_slots(run.backbone, run.task)
    told = say(
        "compare",
        backbone,
        "rows.jsonl",
        "lora(rank=4, learning_rate=0.05)",
        "--task",
        task.replace("words", "head=False,words"),
        *words,
        "--out",
        "worded",
        "--json",
    )
    assert told.code == 0, told.err
    (trial,) = study("worded")["trials"]
    assert trial["metrics"]["accuracy"]["mean"] > 0.9, "what stands before the slot decides, and is learned"
    assert trial["trainable_parameters"] < found["lora"]["trainable_parameters"], "words have no head to train"
    answer = say("predict", f"worded/{trial['id']}", "--text", "a b the cat", "--json")
    assert answer.code == 0 and "1" in answer.out, answer.err


def test_a_mixture_of_tasks_is_scored_task_by_task(say, tmp_path):
    backbone = saved("t5")
    rows = [
        {"dataset": name, "input": f"{verb} : {LETTERS[n % 26]} {LETTERS[(n + 3) % 26]}", "target": LETTERS[n % 26]}
        for name, verb, size in (("first", "the", 60), ("copy", "yes", 20), ("unseen", "no", 30))
        for n in range(size)
    ]
    write_rows(tmp_path / "train.jsonl", [r for n, r in enumerate(rows) if n % 3])
    write_rows(tmp_path / "test.jsonl", [r for n, r in enumerate(rows) if n % 3 == 0])
    task = "instruct(held_out=('unseen',), temperature=2.0, max_new_tokens=3)"
    words = ("--task", task, "--steps", "5", "--no-search", "--out", "study", "--json")
    told = say("compare", backbone, str(tmp_path), "zero_shot, lora(rank=4)", *words)
    assert told.code == 0, told.err
    found = study()
    assert [(t["name"], t["seen"]) for t in found["by_task"]["tasks"]] == [
        ("unseen", False), ("copy", True), ("first", True)
    ]  # fmt: skip
    trained = lines(tmp_path / "study" / "examples" / "train.jsonl")
    assert {e["fields"]["dataset"] for e in trained} == {"first", "copy"}
    assert any("held-out tasks were left out (unseen)" in n for n in found["study"]["data"]["notes"])
    (verdict,) = found["by_task"]["verdicts"]
    assert (verdict["a"], verdict["b"], verdict["metric"]) == ("lora(rank=4)", "zero_shot", "rougeL")
    assert "Mean over 1 tasks never seen" in report() and "| unseen | never seen | 10 |" in report()
