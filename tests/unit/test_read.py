"""Plain text: what is read of a document, what perplexity and bits per byte are, and which side is better."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier import alarms, baselines, encode, humane, results, tasks
from luthier.decode import Decoding
from luthier.delta import Delta
from luthier.errors import DataError, Refused, SpellingError
from luthier.metrics import METRICS, direction, lower_is_better
from luthier.pages import headline, reasons, summary
from luthier.predict import predict, told
from luthier.records import Example, Prediction, from_json, to_json
from luthier.score import scores, verdicts
from luthier.tasks import Read
from luthier.trial import fresh_delta
from tests import tiny

CAUSAL = ("gpt2", "bloom", "llama", "qwen2")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


def documents(*lengths: int) -> list[Example]:
    texts = [" ".join(LETTERS[(i + n) % 26] for i in range(n)) for n in lengths]
    return [Example(str(i), str(i), {"text": t}, (t,)) for i, t in enumerate(texts)]


TASK = Read(prompt="{text}", answer="text", overlap=3)


@pytest.mark.parametrize("family", ["gpt2", "t5", "bart"])
@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=4), limit=st.integers(9, 40), overlap=st.integers(1, 50)
)
def test_every_token_is_predicted_once_whatever_the_windows(family, lengths, limit, overlap):
    bone, examples = tiny.shared(family), documents(*lengths)
    task, budget = Read(prompt="{text}", answer="text", overlap=overlap), tiny.budget(max_input_tokens=limit)
    made = encode.plan(bone, task, examples, budget)
    words = bone.tokenizer
    for number, example in enumerate(examples):
        own = np.flatnonzero(made.owner == number)
        whole = [*words(example.fields["text"], add_special_tokens=False)["input_ids"], words.eos_token_id]
        assert np.concatenate([made.answers[r] for r in own]).tolist() == whole
        for place, r in enumerate(own):
            assert len(made.inputs[r]) > 0 and len(made.answers[r]) > 0
            if family == "gpt2":
                assert len(made.inputs[r]) + len(made.answers[r]) - 1 <= limit
                before = sum(len(made.answers[s]) for s in own[:place])
                assert place == 0 or made.inputs[r].tolist() == whole[:before][-len(made.inputs[r]) :]
            else:
                assert len(made.inputs[r]) <= limit and len(made.answers[r]) <= budget.max_answer_tokens
    assert made.cut_inputs == made.cut_answers == 0


@pytest.mark.parametrize("family", CAUSAL)
def test_perplexity_is_the_models_own(family):
    bone, examples = tiny.shared(family), documents(5, 1, 17)
    made = encode.plan(bone, TASK, examples, tiny.budget())
    said = list(predict(bone, Delta({}), TASK, examples, made, Decoding()))
    for example, p in zip(examples, said):
        ids = bone.tokenizer(example.fields["text"], add_special_tokens=False, return_tensors="pt")["input_ids"]
        ids = torch.cat([torch.tensor([[bone.tokenizer.bos_token_id]]), ids], 1)
        with torch.no_grad():
            loss = bone.model(input_ids=ids, labels=ids).loss.item()
        assert (p.id, p.tokens) == (example.id, ids.shape[1] - 1)
        assert p.nats == pytest.approx(loss * p.tokens, rel=1e-4)


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_windows_that_overlap_fully_change_nothing_but_context(family):
    """Batched equals one by one, and a document in windows is the sum of its windows."""
    bone, examples = tiny.shared(family), documents(30, 4, 61)
    made = encode.plan(bone, TASK, examples, tiny.budget(max_input_tokens=16))
    said = list(predict(bone, Delta({}), TASK, examples, made, Decoding()))
    for number, example in enumerate(examples):
        own = encode.plan(bone, TASK, [example], tiny.budget(max_input_tokens=16))
        (alone,) = predict(bone, Delta({}), TASK, [example], own, Decoding())
        assert said[number].nats == pytest.approx(alone.nats, rel=1e-5) and said[number].tokens == alone.tokens
    assert told(made, said) == [f"{2 + (family == 't5')} of 3 documents were read in windows, {len(made)} rows in all"]


def test_a_delta_is_read_with(tmp_path):
    bone, examples = tiny.shared("gpt2"), documents(12, 9)
    made = encode.plan(bone, TASK, examples, tiny.budget())
    encode.keep(tmp_path / "plan.safetensors", made)
    again = encode.kept(tmp_path / "plan.safetensors")
    assert again.owner.tolist() == made.owner.tolist() and len(again) == len(made)
    from luthier.methods import METHODS as METHOD_SHELF
    from luthier.spell import parse

    for word in ("lora(rank=4)", "prompt(tokens=5)", "prefix(tokens=5)"):
        delta = fresh_delta(bone, parse(word, METHOD_SHELF), TASK, 0)
        with torch.no_grad():
            for weight in delta.trained().values():
                weight.add_(torch.randn_like(weight))
        plain, moved = (list(predict(bone, d, TASK, examples, made, Decoding())) for d in (Delta({}), delta.eval()))
        assert all(abs(a.nats - b.nats) > 1e-3 for a, b in zip(plain, moved)), word


def test_who_is_refused():
    with pytest.raises(Refused, match="both sides of a word"):
        encode.plan(tiny.shared("bert"), TASK, documents(3), tiny.budget())
    from luthier.methods import METHODS as METHOD_SHELF

    with pytest.raises(Refused, match="asks none"):
        fresh_delta(tiny.shared("gpt2"), METHOD_SHELF["few_shot"](), TASK, 0)
    with pytest.raises(SpellingError, match="more than the text"):
        Read(prompt="Read: {text}")
    with pytest.raises(SpellingError, match="overlap=0"):
        Read(overlap=0)
    unread = [Prediction("1", "1", "words", ("words",), 1, 0.0)]
    with pytest.raises(DataError, match="--task read"):
        scores(unread, ["perplexity"])


@pytest.mark.parametrize(
    ("rows", "more", "column"),
    [
        ([{"text": "one"}, {"text": "two"}], {}, "text"),
        ([{"id": "7", "Content": "one"}], {}, "Content"),
        ([{"title": "t", "lyrics": "la la"}], {"prompt": "{lyrics}"}, "lyrics"),
        ([{"title": "t", "lyrics": "la la"}], {"answer": "lyrics"}, "lyrics"),
        ([{"lyrics": "la la"}], {}, "lyrics"),
    ],
)
def test_the_text_column_is_found(rows, more, column):
    task, _ = tasks.infer(rows, task="read", **more)
    assert (task.prompt, task.answer) == (f"{{{column}}}", column)
    example = tasks.examples(task, rows, "train")[0][0]
    assert task.prompt_text(example) == example.references[0] == rows[0][column]


def test_columns_that_hold_no_text_are_told():
    for more, message in (({}, "called like a plain text"), ({"prompt": "{c}"}, "no column 'c'")):
        with pytest.raises(DataError, match=message):
            tasks.infer([{"a": "x", "b": "y"}], task="read", **more)
    with pytest.raises(DataError, match="names the documents"):
        tasks.infer([{"text": "x"}], task="read(document='work')")


def test_parts_of_a_work_stay_together():
    rows = [{"text": f"part {i}", "work": f"w{i // 3}"} for i in range(30)]
    task, _ = tasks.infer(rows, task="read(document='work')")
    from luthier.data import complete
    from luthier.data.table import Table

    cut = complete(Table({"train": rows}, "x"), lambda row: tasks.input_keys(task, row))
    sides = {split: {row["work"] for row in own} for split, own in cut.splits.items()}
    assert not sides["train"] & sides["test"] and not sides["train"] & sides["dev"]
    made, _ = tasks.examples(task, cut.splits["test"], "test")
    assert {e.group for e in made} == sides["test"]


# -- the figures -------------------------------------------------------------------------------------------------------


def read(nats: list[float], tokens: list[int], groups: list[str] | None = None) -> list[Prediction]:
    groups = groups or [str(i) for i in range(len(nats))]
    return [
        Prediction(str(i), g, "", ("字" * t,), t, 0.0, nats=n) for i, (n, t, g) in enumerate(zip(nats, tokens, groups))
    ]


def test_perplexity_weighs_tokens_and_bits_weigh_bytes():
    rows = read([math.log(2) + math.log(8), math.log(4) * 6], [2, 6])
    whole, bits = scores(rows, ["perplexity", "bits_per_byte"])
    assert whole.mean == pytest.approx(4) and whole.values == pytest.approx((4, 4))
    assert bits.mean == pytest.approx((4 + 12) / (3 * 8))
    long = scores(read([1.0, 90.0], [1, 30]), ["perplexity"])[0]
    assert long.mean == pytest.approx(math.exp(91 / 31)) and long.low <= long.mean <= long.high
    p = rows[0]
    assert from_json(Prediction, to_json(p)) == p


def test_metrics_without_a_bound_are_the_ones_that_are_shown_as_they_are():
    own = {word for word, cls in METRICS.items() if cls.__module__.startswith("luthier.")}
    assert {word for word in own if lower_is_better(word)} == set(humane.UNBOUNDED) & own
    assert direction("rouge1") == direction("somebody's own") == 1


def test_lower_is_better_everywhere():
    draw = np.random.default_rng(0)
    base = draw.normal(60, 5, 40)
    tokens = [20] * 40
    good, bad = read(list(base), tokens), read(list(base + draw.normal(6, 1, 40)), tokens)
    verdict = verdicts({"good": good, "bad": bad}, ["perplexity"])[0]
    assert verdict.verdict == "better" and verdict.difference < 0
    assert "good is better than bad on perplexity: −" in verdict.sentence["en"]
    assert "point" not in verdict.sentence["en"] and "百分点" not in verdict.sentence["zh"]
    same = verdicts({"a": good, "b": read([n + 0.05 * (-1) ** i for i, n in enumerate(base)], tokens)}, ["perplexity"])[
        0
    ]
    assert same.verdict == "tie" and same.margin == pytest.approx(0.01 * scores(good, ["perplexity"])[0].mean, rel=0.01)
    assert "no more than 1 % either way" in same.sentence["en"]
    trials = [
        {"id": n, "method": n, "seed": 0, "status": "done", "trainable_parameters": 1, "shipped_bytes": 1,
         "metrics": {"perplexity": {"mean": scores(p, ["perplexity"])[0].mean}}, "caveats": []}
        for n, p in (("bad", bad), ("good", good))
    ]  # fmt: skip
    assert results.best_trial(trials, "perplexity")["id"] == "good"
    found = {"study": {"primary": "perplexity", "margin": 0.01}, "trials": trials, "verdicts": [to_json(verdict)]}
    assert [e.id for e in summary.entries(found)] == ["good", "bad"]
    key, values = headline.headline(found)[0]
    assert (key, values["best"]) == ("best", ["good"])


def test_other_places_that_ask_which_way_is_up():
    falling = [{"epoch": e, "metric": "perplexity", "mean": m, "loss": 1.0} for e, m in ((1, 30.0), (2, 20.0))]
    assert any("still improving" in c for c in alarms.alarms({"dev": falling}, (), (), "perplexity"))
    assert not alarms.alarms({"dev": falling[::-1]}, (), (), "perplexity")
    why = {"slice_metric": "perplexity", "trials": {"a": {}, "b": {}},
           "slices": [{"by": "input", "name": "≤ 9", "rows": 30, "means": {"a": 20.0, "b": 10.0}}]}  # fmt: skip
    facts = [
        {"id": n, "method": n, "seed": 0, "metrics": {"perplexity": {"mean": m}}} for n, m in (("a", 12), ("b", 13))
    ]
    study = {"study": {"primary": "perplexity"}, "trials": facts, "why": why}
    (said,) = reasons.reasons(study, summary.entries(study)).said
    assert said[1]["name"] == ["b"] and said[1]["best"] == ["a"] and said[1]["lead"] == "−10.0"


def test_no_line_without_a_model_is_made_up():
    splits = {name: documents(4, 5, 6) for name in ("train", "dev", "test")}
    assert baselines.reference_lines(splits, TASK) == [] and baselines.pilot(splits, TASK) is None
