"""The planner counts what really runs, and its rates follow what was measured."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from luthier import calibrate, memory, minutes, plan, probe, train
from luthier.backbone import fingerprint
from luthier.batches import steps_per_epoch, total_steps
from luthier.cores import Cores
from luthier.costs import Cost, Decode, Passes, Widths, fitted, line
from luthier.errors import UserError
from luthier.minutes import Choice, within
from luthier.records import Budget
from luthier.work import Asked, Sizes

SMALL = (probe.Shape(2, 8, 3), probe.Shape(3, 24, 6), probe.Shape(2, 48, 9), probe.Shape(4, 40, 12))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path))
    monkeypatch.setattr(probe, "SHAPES", SMALL)
    monkeypatch.setattr(probe, "DECODING", (probe.Shape(2, 8, 0), probe.Shape(6, 8, 0), probe.Shape(4, 24, 0)))
    monkeypatch.setattr(probe, "PATIENCE", 0.001)


# -- counting ---------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["t5", "bart", "gpt2", "bloom", "llama", "qwen3"])
def test_features_are_the_arithmetic_of_a_pass(family):
    bone, rows, inputs, answers = tiny.shared(family), 3, 10, 4
    ids, seen = torch.ones(rows, inputs, dtype=torch.long), {}
    more = {"decoder_input_ids": torch.ones(rows, answers, dtype=torch.long)} if bone.kind == "seq2seq" else {}
    fused = bool(bone.role_sites("attention.qkv"))
    roles = ["attention.qkv"] * 2 if fused else ["attention.query", "attention.key"]
    handles = [
        bone.model.get_submodule(site.path).register_forward_hook(
            lambda _, args, __, side=side, number=number: seen.update({(number, side): args[0].shape[1]})
        )
        for side, role in enumerate(roles)
        for number, site in enumerate(bone.role_sites(role))
    ]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        bone.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, **more)
    for handle in handles:
        handle.remove()
    heads = bone.model.config.num_attention_heads
    attended = sum(rows * heads * seen[n, 0] * seen[n, 1] for n, side in seen if side == 0)
    multiplied = sum(
        n for op, n in counter.get_flop_counts()["Global"].items() if "mm" in str(op) and "bmm" not in str(op)
    )
    labels = rows * (answers if more else inputs)
    shape = Passes.of([(rows, inputs, answers if more else 0, labels)])
    _, products, scores, logits = shape.features_PF(Widths.of(bone))[0]
    assert scores == attended
    assert 2 * (products + logits) == multiplied


def test_passes_are_those_of_the_training(monkeypatch):
    bone, made, budget = (
        tiny.shared("t5"),
        tiny.plan(tiny.shared("t5")),
        tiny.budget(steps=None, epochs=1, batch_tokens=30),
    )
    seen = []

    def note(*words):
        batch = collate(*words)
        seen.append((len(batch.ids_BS), batch.ids_BS.shape[1], batch.decoder_BT.shape[1], len(batch.labels_N)))
        return batch

    collate = train.collate
    monkeypatch.setattr(train, "collate", note)
    steps = list(train.Training(bone, tiny.delta(bone, "bitfit(everywhere=True)"), made, budget, 0.0, 0).steps())
    counted = Sizes(made.lengths).epoch(budget)
    assert len(seen) > len(steps)
    assert seen == list(
        zip(*(a.astype(int).tolist() for a in (counted.rows_P, counted.inputs_P, counted.answers_P, counted.labels_P)))
    )


@given(st.integers(1, 400), st.integers(1, 9), st.floats(0.3, 4), st.integers(1, 3))
def test_evaluations_are_those_of_a_trial(rows, size, epochs, often):
    budget = Budget(epochs=epochs, batch_size=size, evaluations=often)
    total, epoch = total_steps(rows, budget), steps_per_epoch(rows, budget)
    every = max(1, epoch // often)
    assert plan.evaluations(total, epoch, budget) == sum(s % every == 0 or s == total for s in range(1, total + 1))


# -- rates ---------------------------------------------------------------------------


@given(st.lists(st.floats(0.01, 10), min_size=3, max_size=3))
def test_rates_come_out_as_they_went_in(rates):
    features = np.array([[1, 2, 1], [1, 8, 3], [1, 30, 40], [1, 90, 200.0]])
    assert np.allclose(fitted(features, features @ rates), rates, rtol=1e-6)


@given(st.lists(st.floats(0.01, 10), min_size=4, max_size=4))
def test_no_rate_is_negative(values):
    assert (fitted(np.array([[1, 2, 1], [1, 8, 3], [1, 30, 40], [1, 90, 200.0]]), np.array(values)) >= 0).all()


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_an_addition_is_never_a_gain(first, second):
    constant, slope = line(np.array([10.0, 40.0]), np.array([first, second]))
    assert constant >= 0 and slope >= 0
    if 0 <= first <= second <= 4 * first:
        assert np.allclose([constant + 10 * slope, constant + 40 * slope], [first, second])


def test_a_decoded_token_costs_a_call_and_its_rows():
    decode = Decode(call=1.0, row=0.1, look=0.001)
    assert decode.seconds(2, context=100) == pytest.approx(1.0 + 2 * (0.1 + 0.1))


# -- measuring ---------------------------------------------------------------------------


def test_bytes_alive():
    before = torch.ones(1000)
    with probe.Alive() as tally:
        before.view(10, 100).T  # noqa: B018 (a view is no new memory)
        assert tally.most == 0
        doubled = before + before
        del doubled
        kept = before.double() + 1
    assert tally.most == 2 * kept.numel() * 8 and tally.now == kept.numel() * 8


@pytest.mark.matrix  # the story of `luthier plan` probes a real folder; here are two more families
@pytest.mark.parametrize("family", ["llama", "bert"])
def test_a_probe_leaves_the_backbone_as_it_was_and_a_forecast_follows(family):
    bone = tiny.shared(family)
    before = fingerprint(bone.model)
    labels = 2 if bone.kind == "encoder" else 0
    words = ["full", "prompt(tokens=5)"] + ([] if labels else ["zero_shot"])
    known = probe.measure(bone, words, labels) | {"load": 0.1, "floor": 1e6, "start": 1.0}
    assert fingerprint(bone.model) == before
    task, budget = tiny.task(bone.kind), tiny.budget(steps=None, epochs=2.0)
    splits = dict.fromkeys(("train", "dev", "test"), tiny.examples(bone.kind))
    asked = Asked(bone, bone.facts(), task, splits, budget, {w: w for w in words})
    ours, work = plan.Planner(bone, known, 1e9, labels), asked.work()
    for word in words:
        told = ours.trial(word, work, budget)
        longer = ours.trial(word, work, dataclasses.replace(budget, epochs=4.0))
        assert 0 < told.predict_seconds < told.seconds and told.peak_bytes > 1e6
        if word == "zero_shot":
            assert told.train_seconds == told.search_seconds == told.disk_bytes == 0
            continue
        assert longer.train_seconds == pytest.approx(2 * told.train_seconds)
        assert longer.predict_seconds == told.predict_seconds
        assert told.search_seconds > 0
        assert ours.trial(word, work, dataclasses.replace(budget, search=0.0)).search_seconds == 0
        assert ours.trial(word, work, budget, extra_tokens=100).search_seconds > told.search_seconds
    assert ours.trial("full", work, budget).disk_bytes > ours.trial("prompt(tokens=5)", work, budget).disk_bytes


@pytest.mark.matrix
@pytest.mark.parametrize("family", ["t5"])
def test_bytes_of_a_shape_that_was_not_measured(family):
    bone = tiny.shared(family)
    plain = probe.bare(bone, 0)
    figures = [probe._bytes(bone, plain, s) | {"seconds": 1.0} for s in SMALL]
    cost, other = Cost.of(Widths.of(bone), figures, False), probe.Shape(5, 32, 8)
    told = cost.bytes(Passes.of([(other.rows, other.inputs, other.answers, other.rows * other.answers)]))[0]
    assert told == pytest.approx(probe._bytes(bone, plain, other)["bytes"], rel=0.15)


def figure(shape: probe.Shape) -> dict:
    """A measurement of a made-up machine."""
    tokens = shape.rows * (shape.inputs + shape.answers)
    return {"shape": vars(shape), "seconds": 0.01 + 1e-4 * tokens, "bytes": 1000 * tokens}


def test_what_a_method_adds_is_added():
    bone = tiny.shared("t5")
    figures = [figure(s) for s in SMALL]
    cost = Cost.of(Widths.of(bone), figures, False)
    dear = [[f, f | {"seconds": f["seconds"] + 0.5}] for f in figures[:2]]
    found = {"virtual": 0, "prefix": 0, "trained": 1, "train": dear}
    where = Passes.of([(3, 30, 6, 18)])
    assert cost.with_method(found, "train").seconds(where) == pytest.approx(cost.seconds(where) + 0.5)


# -- in time ---------------------------------------------------------------------------


def cost(choice: Choice) -> float:
    return 10 + choice.epochs * choice.rows * 0.01 + choice.dev_rows * 0.1


@given(st.floats(0.5, 4), st.integers(10, 5000), st.integers(5, 300), st.floats(0, 300))
def test_a_choice_keeps_to_the_time_and_to_what_was_asked(epochs, rows, dev_rows, seconds):
    most = Choice(epochs, rows, dev_rows)
    found = within(seconds, most, cost)
    if found is None:
        assert cost(minutes.least(most)) > seconds
        return
    assert cost(found) <= seconds
    assert all(vars(found)[k] <= vars(most)[k] for k in vars(most))
    assert found.epochs == min(1.0, epochs) or found.rows == rows, "epochs go before rows"
    assert found.rows == min(minutes.LEAST_ROWS, rows) or found.dev_rows == dev_rows, "rows go before development rows"


def test_more_time_buys_more():
    most = Choice(3.0, 5000, 200)
    spent = [cost(within(s, most, cost)) for s in (40, 60, 100, 150, 250)]
    assert spent == sorted(spent) and spent[-1] == cost(most)


def slow_study(monkeypatch, free=math.inf, **more):
    """Three methods of which each step takes seconds, on a machine with so much memory."""
    bone = tiny.shared("t5")
    splits = dict.fromkeys(("train", "dev", "test"), tiny.examples("seq2seq"))
    words = {"a": "zero_shot", "b": "full", "c": "lora(rank=4)"}
    nothing = {"virtual": 0, "prefix": 0, "trained": 1, "train": [], "bytes": [], "infer": [], "decode": []}
    figures = [figure(s) for s in SMALL]
    known = {"train": figures, "infer": figures, "decode": figures[:3], "load": 0.1, "floor": 0, "start": 0.0}
    slow = plan.Planner(bone, known | {"methods": dict.fromkeys(words.values(), nothing)}, 1e9, 0, free)
    slow.train.seconds_F[0] = 100.0
    monkeypatch.setattr(plan, "planner", lambda asked, fresh: slow)
    return Asked(bone, bone.facts(), tiny.task("seq2seq"), splits, tiny.budget(steps=None), words, **more)


def test_too_little_time_says_the_least_and_what_to_leave_out(monkeypatch):
    asked = slow_study(monkeypatch)
    with pytest.raises(UserError, match=r"0\.5 minutes are too few for these 3 methods on 10 test rows") as told:
        minutes.fit_into(asked, 0.5)
    assert "leave out" in told.value.do and "zero_shot" not in told.value.do
    assert float(told.value.possible.split()[0]) > 0.5


def test_no_more_trials_beside_each_other_are_counted_on_than_fit(monkeypatch):
    one, three = (minutes.fit_into(slow_study(monkeypatch, cores=c), 1e6)[1] for c in (Cores(1), Cores(3, 1)))
    assert three < one
    no_room = slow_study(monkeypatch, free=1, fixed=("batch_tokens", "recompute"), cores=Cores(3, 1))
    assert minutes.fit_into(no_room, 1e6)[1] == one


# -- the machine and the cache ---------------------------------------------------------------------------


def test_a_machine_is_measured_once(monkeypatch):
    monkeypatch.setattr(calibrate, "PATIENCE", 0.001)
    monkeypatch.setattr(calibrate, "ROWS", (8,))
    monkeypatch.setattr(calibrate, "STREAM_BYTES", 1 << 16)
    monkeypatch.setattr(calibrate, "DISK_BYTES", 1 << 10)
    first = calibrate.machine()
    monkeypatch.setattr(calibrate, "measured", lambda: pytest.fail("measured again"))
    assert calibrate.machine() == first and first.stream > 0 and first.peak("fp32") > 0
    with pytest.raises(pytest.fail.Exception):
        calibrate.machine(fresh=True)


def test_a_torn_measurement_is_made_again(tmp_path):
    calibrate.remember("probe", "x", {"a": 1})
    assert calibrate.recall("probe", "x") == {"a": 1}
    (tmp_path / "probe" / "x.json").write_text("{", encoding="utf-8")
    assert calibrate.recall("probe", "x") is None


def test_a_cache_that_cannot_be_written_costs_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "file"))
    calibrate.remember("probe", "x", {"a": 1})
    assert calibrate.recall("probe", "x") is None


def test_only_what_is_missing_is_probed(monkeypatch):
    asked = []

    def answer(wanted, at_once):
        asked.append(wanted["methods"])
        return [{"methods": {m: {"trained": 1} for m in asked[-1]}}] * at_once

    monkeypatch.setattr(probe, "_asked", answer)
    facts = {"name": "x", "precision": "fp32", "fingerprint": "f"}
    assert set(probe.known(facts, ["full", "ia3"], 0)["methods"]) == {"full", "ia3"}
    assert set(probe.known(facts, ["full", "lora(rank=8)"], 0)["methods"]) == {"full", "ia3", "lora(rank=8)"}
    probe.known(facts, ["ia3"], 0)
    assert asked == [["full", "ia3"], ["lora(rank=8)"]]
    probe.known(facts, ["ia3"], 0, at_once=2)
    assert asked[2:] == [["ia3"]], "trials beside each other cost something else"


def test_probes_beside_each_other_say_their_mean(monkeypatch):
    def said(step, answer):
        train = [{"shape": {"rows": 2}, "seconds": step, "bytes": 7}]
        return {"train": train, "methods": {"m": {"infer": [[{"seconds": answer}]]}}}

    slow, fast = said(3.0, 5), said(1.0, 4)
    monkeypatch.setattr(probe, "_asked", lambda _, at_once: [slow, fast][:at_once])
    found = probe.known({"name": "x", "precision": "fp32", "fingerprint": "f"}, ["m"], 0, at_once=2)
    assert found["train"] == [{"shape": {"rows": 2}, "seconds": 2.0, "bytes": 7}]
    assert found["methods"]["m"]["infer"] == [[{"seconds": 4.5}]]


def test_as_many_probes_run_beside_each_other_as_trials_will(tmp_path, monkeypatch):
    met = tmp_path / "met"
    waits = f"import json, os, pathlib, time\nmet = pathlib.Path({str(met)!r})\n(met / str(os.getpid())).touch()\n"
    waits += "end = time.time() + 20\nwhile len(os.listdir(met)) < 2 and time.time() < end: time.sleep(0.01)\n"
    waits += "print(json.dumps({'met': len(os.listdir(met))}))\n"
    met.mkdir()
    monkeypatch.setattr(probe, "COMMAND", [sys.executable, "-c", waits])
    assert probe._asked({"name": "x"}, 2) == [{"met": 2}, {"met": 2}]


def test_a_probe_that_ends_badly_says_why(monkeypatch):
    monkeypatch.setattr(probe, "COMMAND", [sys.executable, "-c", "raise SystemExit('no room')"])
    with pytest.raises(probe.ProbeFailed, match="x could not be probed: no room"):
        probe._asked({"name": "x"}, 2)


def test_no_probe_outlives_an_interruption(monkeypatch):
    def interrupted(name, one):
        raise KeyboardInterrupt

    monkeypatch.setattr(probe, "COMMAND", [sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(probe, "_answered", interrupted)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        probe._asked({"name": "x"}, 2)
    assert time.monotonic() - started < 30


def test_lengths_that_were_not_met_before_are_measured(monkeypatch):
    bone, met = tiny.shared("t5"), []
    monkeypatch.setattr(probe, "PATIENCE", 100.0)
    monkeypatch.setattr(probe, "rows", lambda *given, real=probe.rows: met.append(given[1]) or real(*given))

    def measured(taken):
        met.clear()
        monkeypatch.setattr(probe.calibrate, "Watch", lambda: SimpleNamespace(seconds=lambda: next(taken)))
        return probe._step(bone, probe.bare(bone, 0), SMALL[1])["seconds"]

    assert measured(iter([0.9, 0.1, 0.4, 0.2, 0.3])) == 0.25, "the middle of those behind the first"
    assert sorted(one.inputs for one in met) == [22, 23, 24, 25, 26]
    assert measured(iter([8.0])) == 8.0, "a long one is measured once"


# -- in memory ---------------------------------------------------------------------------


def small_machine(monkeypatch, free, **asked):
    """A planner and its work on a made-up machine with so many bytes free."""
    bone = tiny.shared("t5")
    splits = dict.fromkeys(("train", "dev", "test"), tiny.examples("seq2seq"))
    words = {"a": "zero_shot", "b": "lora(rank=4)", "c": "full"}
    wanted = Asked(bone, bone.facts(), tiny.task("seq2seq"), splits, tiny.budget(**asked), words)
    nothing = {"virtual": 0, "prefix": 0, "trained": 1, "train": [], "bytes": [], "infer": [], "decode": []}
    figures = [figure(s) for s in SMALL]
    known = {"train": figures, "infer": figures, "decode": figures[:3], "load": 0.1, "floor": 0, "start": 0.0}
    known["methods"] = dict.fromkeys(words.values(), nothing)
    monkeypatch.setattr(memory, "SMALLER", (64, 32))
    monkeypatch.setattr(memory, "SMALLEST", 16)
    return wanted, plan.Planner(bone, known, 1e9, 0, free)


@pytest.mark.parametrize("unit", [False, True])
def test_memory_counts_what_a_cpu_compiles_for_bf16(unit, monkeypatch):
    monkeypatch.setattr(plan, "has_matrix_unit", lambda: unit)
    asked, plain = small_machine(monkeypatch, 1e12)
    work = asked.work()
    monkeypatch.setattr(plain.backbone, "precision", "bf16")
    half = plan.Planner(plain.backbone, plain.known, 1e9, 0, 1e12)
    before, after = (one.trials(asked.methods, work, asked.budget) for one in (plain, half))
    more = {word: after[word].peak_bytes - before[word].peak_bytes for word in after}
    kept = plan.COMPILED * int(plan.SHAPES_KEPT)
    # With the unit the products are luthier's own; an untrained method never goes backward.
    kept /= 4 if unit else 1
    wanted = {"a": kept / 4, "b": kept, "c": kept}
    assert more == pytest.approx(wanted, abs=1e5), "but for keys and values, which take half as much"


def test_what_does_not_fit_is_forecast_with_what_does(monkeypatch):
    asked, ample = small_machine(monkeypatch, 1e12, batch_tokens=4096)
    work = asked.work()
    whole = ample.trials(asked.methods, work, asked.budget)["b"]
    assert (whole.batch_tokens, whole.recompute, whole.fitted) == (4096, False, "")
    _, small = small_machine(monkeypatch, whole.peak_bytes, batch_tokens=4096)
    told = small.trials(asked.methods, work, asked.budget)
    for trial in (told["b"], told["c"]):
        assert trial.peak_bytes <= 0.9 * small.free and trial.batch_tokens < 4096
        assert trial.train_seconds > whole.train_seconds, "what it costs is in the forecast"
        assert f"in passes of {trial.batch_tokens} tokens" in trial.fitted
    assert told["a"].fitted == "" and told["a"].batch_tokens == 4096, "nothing is trained, nothing is chosen"
    small.fixed = ("batch_tokens", "recompute")
    assert small.trials(asked.methods, work, asked.budget)["b"] == whole, "what the user set stays"


def test_where_nothing_fits_the_forecast_is_for_what_was_asked(monkeypatch):
    asked, none = small_machine(monkeypatch, 10.0)
    told = none.trial("lora(rank=4)", asked.work(), asked.budget)
    assert none.fitted("lora(rank=4)", asked.work(), asked.budget) == told


def test_too_large_is_refused_with_what_would_fit():
    trial = {"method": "full", "peak_bytes": 30e9, "would": "--precision bf16"}
    with pytest.raises(UserError, match=r"full needs about 30 GB of memory, and 20 GB are free") as told:
        memory.refuse_too_large({"too_large": [trial], "free_bytes": 20e9})
    assert told.value.possible == "--precision bf16"
    memory.refuse_too_large({"too_large": [], "free_bytes": 1})
    memory.refuse_too_large({"error": "no probe"})
