"""The benchmark compares equal work, and says so where it does not. Nothing here looks at a clock."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers as hf

from luthier.backbone import Backbone
from luthier.encode import Plan, keep
from luthier.errors import UserError
from tests import tiny

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import comparison  # noqa: E402
import job as jobs  # noqa: E402
import launch  # noqa: E402
import page  # noqa: E402
import prepare  # noqa: E402
import rows  # noqa: E402
import run  # noqa: E402
import shapes  # noqa: E402
import sides.expert  # noqa: E402
import sides.luthier  # noqa: E402
import sides.practice  # noqa: E402
import sides.trainer  # noqa: E402
import table  # noqa: E402
from workloads import BY_NAME, RIVALS, WORKLOADS  # noqa: E402

sys.path.remove(str(BENCH))
STEPS, BATCH = 2, 2
LENGTHS = (9, 2, 5, 3), (3, 5, 1, 2)
"""Words of the inputs and of the answers; each gets an end token."""
TRAINED = ("t5", "bert", "bloom", "t5-full")
"""One workload of every kind of rows, and one that trains all weights."""
EACH = [(n, s) for n in TRAINED for s in (*RIVALS, "luthier") if (n, s) != ("t5-full", "practice")]
"""The practice trains all weights of `t5-full` as the expert does, and pads as in `t5`."""

RIVALS_RUN = pytest.mark.matrix
"""Eleven trainings with other libraries, for what no user of luthier runs."""
QUIET = pytest.mark.filterwarnings("ignore")
"""The rival's libraries warn about themselves."""


def tiny_backbone(name: str, folder: Path) -> str:
    """A tiny model of the workload's architecture."""
    model, kind = {
        "t5": (tiny.t5, "seq2seq"),
        "t5-full": (tiny.t5, "seq2seq"),
        "bert": (tiny.bert, "encoder"),
        "bloom": (tiny.bloom, "causal"),
    }[name]
    model().save_pretrained(folder)
    tiny.tokenizer(kind).save_pretrained(folder)
    return str(folder)


def prepared(name: str, folder: Path) -> jobs.Job:
    """A job without its side, over rows of very different lengths."""
    for seed, split in enumerate(("train", "test")):
        rng = np.random.default_rng(seed)
        inputs, answers = ([np.append(rng.integers(7, 40, n), 1).astype(np.int32) for n in each] for each in LENGTHS)
        classes = np.array([0, 1, 1, 0] if BY_NAME[name].classes else [-1] * 4, np.int32)
        if BY_NAME[name].classes:
            answers = [a[:0] for a in answers]
        keep(folder / f"{split}.safetensors", Plan(tuple(inputs), tuple(answers), classes))
    return jobs.Job(
        side="",
        workload=name,
        backbone=tiny_backbone(name, folder / "backbone"),
        plans=str(folder),
        steps=STEPS,
        batch=BATCH,
        at_once=BATCH,
        generated=len(LENGTHS[0]) if name == "t5" else 0,
        threads=1,
    )


@pytest.fixture(scope="module", autouse=True)
def narrow():
    """The practice's padding costs the same steps, in less time."""
    with pytest.MonkeyPatch.context() as patch:
        for name in TRAINED:
            patch.setitem(BY_NAME, name, replace(BY_NAME[name], width=32))
        yield


@pytest.fixture(scope="module")
def ready(tmp_path_factory, narrow) -> dict[str, jobs.Job]:
    return {name: prepared(name, tmp_path_factory.mktemp(name)) for name in TRAINED}


@pytest.fixture(scope="module")
def facts(ready) -> dict[tuple[str, str], dict]:
    """What every side reports on every workload; the practice needs two passes for a step."""
    threads, found = torch.get_num_threads(), {}
    try:
        for name, side in EACH:
            at_once = 1 if side == "practice" else BATCH
            job = replace(ready[name], side=side, at_once=at_once)
            found[name, side] = {f["stage"]: f for f in jobs.run(job)}
    finally:
        torch.set_num_threads(threads)
    return found


@RIVALS_RUN
@QUIET
@pytest.mark.parametrize("name, side", EACH)
def test_every_side_does_the_whole_work(facts, ready, name, side):
    train = facts[name, side]["train"]
    assert (train["steps"], train["tokens"]) == (STEPS, ready[name].plan("train").lengths.sum())
    assert train["tokens_per_second"] > 0 and train["peak_bytes"] > 2**20
    assert train["loss_after"] != train["loss_before"]


@RIVALS_RUN
@QUIET
@pytest.mark.parametrize("side", (*RIVALS, "luthier"))
def test_every_answer_has_its_references_length(facts, ready, side):
    answers, generate = replace(ready["t5"], side=side).plan("test").answers, facts["t5", side]["generate"]
    assert (generate["rows"], generate["tokens"]) == (len(answers), sum(len(a) for a in answers))
    assert "generate" not in facts["bert", side]


def test_who_answers_row_by_row_gives_short_and_long_answers():
    inputs = tuple(np.arange(n, dtype=np.int32) for n in np.random.default_rng(0).permutation(64))
    made = jobs.spread(Plan(inputs, inputs, np.full(64, -1, np.int32)))
    assert [len(row) for row in made.inputs] == list(range(4, 64, 8)) and len(made) == 64 / jobs.ALONE
    assert len(jobs.spread(jobs.first(made, 1))) == 1
    assert [len(row) for row in jobs.longest(made, 3).inputs] == [60, 52, 44]


@RIVALS_RUN
@QUIET
@pytest.mark.parametrize("name, rival", [(n, s) for n, s in EACH if s != "luthier"])
def test_both_sides_start_from_one_model(facts, name, rival):
    ours, theirs = (facts[name, side]["train"] for side in ("luthier", rival))
    assert ours["trained_parameters"] == theirs["trained_parameters"]
    tolerance = 0.02 if "bf16" in ours["precision"] + theirs["precision"] else 1e-4
    assert ours["loss_before"] == pytest.approx(theirs["loss_before"], abs=tolerance)


@RIVALS_RUN
@QUIET
def test_full_training_ends_where_the_expert_ends_it(facts):
    """Without dropout of its own and with the same rows in each step, only order and dropout masks differ."""
    ours, theirs = (facts["t5-full", side]["train"]["loss_after"] for side in ("luthier", "expert"))
    assert ours == pytest.approx(theirs, abs=0.05)


def test_the_practice_pads_to_its_width_and_hides_the_padding(ready):
    made = ready["t5"].plan("train")
    wide, narrow = (sides.trainer.Collator(tiny.tokenizer(), "seq2seq", w).rows(made) for w in (16, 0))
    assert {len(row[name]) for row in wide for name in row} == {16}
    for padded, row in zip(wide, narrow):
        assert sum(padded["attention_mask"]) == len(row["input_ids"])
        assert padded["labels"].count(-100) == 16 - len(row["labels"])


def test_a_prompt_is_masked(ready):
    made = ready["bloom"].plan("train")
    for row, prompt, answer in zip(
        sides.trainer.Collator(tiny.tokenizer("causal"), "causal", 0).rows(made), made.inputs, made.answers
    ):
        assert row["labels"] == [-100] * len(prompt) + answer.tolist()
        assert row["input_ids"] == [*prompt.tolist(), *answer.tolist()]


# -- the work in numbers ----------------------------------------------------------------------------------------------


def test_useful_flops_follow_the_tokens_through_the_weights():
    model = tiny.t5()
    block = model.encoder.block[0].layer
    attention = sum(getattr(block[0].SelfAttention, n).weight.numel() for n in "qkvo")
    forward = sum(p.numel() for p in block[1].DenseReluDense.parameters())
    weights = shapes.weights_of(model, "seq2seq", classes=0)
    assert weights.flops(4, 10, 0) == 4 * 10 * 2 * (attention + forward + attention / 2)
    head = model.get_output_embeddings().weight.numel()
    assert weights.flops(4, 0, 10) == 4 * 10 * (2 * (attention + attention / 2 + forward) + head)


def test_a_decoders_inputs_and_answers_pass_the_same_weights():
    weights = shapes.weights_of(tiny.bloom(), "causal", classes=0)
    assert weights.flops(4, 10, 0) == weights.flops(4, 0, 10, heads=0) > 0


def test_the_shapes_are_those_of_the_published_models():
    published = {"flan-t5-base": 247_577_856 - 32_128 * 768, "bloom-560m": 559_214_592, "qwen3-0.6b": 596_049_920}
    for name, parameters in published.items():
        shape = shapes.SHAPES[name]
        with torch.device("meta"):
            model = getattr(hf, shape.model)(getattr(hf, shape.config)(**shape.settings))
        assert sum(p.numel() for p in model.parameters()) == parameters, "transformers 5 ties a new T5's head"


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_rows_keep_to_the_workloads_limits(workload):
    text = {"dialogue": "word " * 900, "summary": "so " * 300, "text": "好" * 300, "instruction": "说 " * 500}
    inputs, answers = rows.lengths(text, workload.rows, workload)
    assert inputs <= workload.width and answers <= rows.MOST_ANSWER
    if workload.rows.label_share:
        assert answers / (inputs + answers) == pytest.approx(0.25, abs=0.01) and inputs + answers == workload.width
    assert (answers == 0) == bool(workload.classes)


def test_too_few_rows_are_refused_with_both_numbers(tmp_path):
    lines = [{"dialogue": f"#Person1#: {i} apples, please.", "summary": f"{i} apples."} for i in range(6)]
    (tmp_path / "dialogsum").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "dialogsum" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    sketch = Backbone.sketch("seedling-t5")
    with pytest.raises(UserError, match=r"6 different rows; 48 are needed"):
        rows.write(BY_NAME["seedling"], sketch, tmp_path, {"train": 48, "test": 2}, tmp_path)


def test_steps_follow_the_time_and_are_at_least_two():
    options, peak = SimpleNamespace(seconds=10.0), {"fp32_gflops": 100.0}
    workload = BY_NAME["bert"]
    assert prepare.affordable_steps(workload, 100e9, options, peak) == 5
    assert prepare.affordable_steps(workload, 1e15, options, peak) == 2
    assert prepare.affordable_steps(workload, 1.0, options, peak) == workload.most_steps


# -- processes --------------------------------------------------------------------------------------------------------


def test_a_lack_of_memory_is_told_from_a_fault():
    with pytest.raises(RuntimeError) as lack:
        torch.empty(2**60, dtype=torch.uint8)
    assert launch.fault_of(1, str(lack.value)) == launch.fault_of(-9, "") == "out of memory"
    assert launch.fault_of(0, "some warning") is None
    assert launch.fault_of(1, "Traceback\nValueError: no") == "failed: ValueError: no"
    missing = "ModuleNotFoundError: ctranslate2 is not installed: pip install x"
    assert launch.fault_of(1, missing) == "ctranslate2 is not installed: pip install x"


def test_a_run_over_time_keeps_its_row(ready):
    found = launch.launch(replace(ready["t5"], side="practice"), 0.01)
    assert found.pop("wall_seconds") > 0 and found.pop("cpu_seconds") >= 0
    assert found == {"side": "practice", "workload": "t5", "fault": "over time (0 s)"}


def test_a_pass_that_does_not_fit_is_halved(ready, monkeypatch):
    def small_machine(job, limit_seconds):
        fits = job.at_once <= 2
        return {"side": job.side, "fault": None if fits else "out of memory"} | ({"train": {}} if fits else {})

    monkeypatch.setattr(launch, "launch", small_machine)
    found, at_once = launch.launch_largest(replace(ready["t5"], side="practice", at_once=8), 60)
    assert at_once == 2 and found["note"] == "8, 4 rows at once: out of memory; 2 used"
    ours, _ = launch.launch_largest(replace(ready["t5"], side="luthier", at_once=8), 60)
    assert ours["fault"] == "out of memory" and "note" not in ours


# -- tables -----------------------------------------------------------------------------------------------------------


def measured(side: str, number: int, rate: float, tokens: int = 100, **more) -> dict:
    train = {
        "steps": 2,
        "tokens": tokens,
        "trained_parameters": 5,
        "tokens_per_second": rate,
        "peak_bytes": 2**30,
        "loss_before": 3.0,
        "loss_after": 2.5,
        "precision": "fp32",
        "at_once": None,
    }
    stages = {
        "start": {"seconds": 3.0},
        "train": train | more,
        "generate": {"tokens": 9, "tokens_per_second": rate / 10},
    }
    return {"side": side, "workload": "t5", "round": number, "fault": None, "wall_seconds": 1.0, **stages}


WORK = {
    "t5": {
        "generated_tokens": {"practice": 9, "luthier": 9},
        "mean_answer": 9.0,
        "mean_tokens": 270.0,
        "flops_per_token": 1e9,
        "said": "2 steps",
    }
}


def test_ratios_pair_the_rounds():
    runs = [
        measured("practice", 1, 10),
        measured("luthier", 1, 30),
        measured("luthier", 2, 40),
        measured("practice", 2, 20),
    ]
    speed = table.lines(runs)[0]
    assert (speed["theirs"], speed["ours"], speed["pairs"], speed["ratio"]) == (15, 35, [3, 2], 2.5)


def test_unequal_work_is_named():
    practice = measured("practice", 1, 1)
    assert table.unequal([practice, measured("luthier", 1, 2)], WORK) == []
    other = measured("luthier", 1, 2, tokens=99, loss_before=3.2)
    found = table.unequal([practice, other], {"t5": WORK["t5"] | {"generated_tokens": {"practice": 9, "luthier": 8}}})
    assert len(found) == 3 and "99" in found[0] and "3.0000 to 3.2000" in found[1] and "instead of 8" in found[2]


def test_the_page_keeps_what_broke_and_what_was_left_out():
    broken = {"side": "practice", "workload": "t5", "round": 1, "fault": "out of memory", "wall_seconds": 1.0}
    runs = [broken, measured("luthier", 1, 30)]
    ceiling = {
        "fp32_gflops": 100.0,
        "bf16_gflops": None,
        "bandwidth_gbytes": 2.0,
        "load_average": 0.0,
        "kernels": "torch",
    }
    machine = {"cpu": "some", "luthier": "1", "torch": "2", "transformers": "5", "peft": None, "python": "3"}
    said = page.page(
        {
            "environment": machine | {"date": "2026-01-02T03", "memory_bytes": None, "commit": None},
            "full": False,
            "device": "cpu",
            "threads": 1,
            "precision": "auto",
            "data": "d",
            "minutes": 1.0,
            "ceiling": ceiling,
            "load_after": 0.0,
            "ctranslate2": None,
            "works": WORK,
            "runs": runs,
            "lines": table.lines(runs),
            "shares": table.share_of_peak(runs, WORK, ceiling),
            "built": comparison.built(runs, WORK),
            "real": {"said": "r", "runs": [{"side": "luthier", "fault": "no results", "trials": 0}], "ratios": {}},
            "ops": [{"op": "dropout", "ratio": 3.0}],
            "unequal": [],
            "left_out": ["bloom: not run"],
        }
    )
    for words in (
        "- t5, practice: out of memory",
        "- bloom: not run",
        "quick figures",
        "| dropout",
        "30%",
        "no results",
    ):
        assert words in said
    assert "UNEQUAL" not in said


def test_a_comparison_is_built_from_its_parts():
    runs = [measured("practice", 1, 10), measured("luthier", 1, 40)]
    built = comparison.built(runs, WORK)
    epoch = comparison.TRAIN_ROWS * 270 / 40
    assert built["sides"]["luthier"]["train_hours"] == pytest.approx(7 * epoch / 3600)
    assert built["sides"]["luthier"]["generate_hours"] == pytest.approx(8 * 500 * 9 / 4 / 3600)
    assert built["sides"]["practice"]["ratio"] == pytest.approx(4, rel=1e-3) and "the speed of LoRA" in built["said"]
    assert comparison.built(runs[:1], WORK) is None
    own = [run | {"workload": "t5-dora"} for run in (measured("practice", 1, 5), measured("luthier", 1, 40))]
    slower = comparison.built([*runs, *own], WORK)
    assert "of their own: dora(rank=8);" in slower["said"]
    assert slower["sides"]["practice"]["train_hours"] == pytest.approx((6 * 4 + 8) * epoch / 3600)
    assert slower["sides"]["luthier"] == built["sides"]["luthier"] | {"ratio": 1.0}
    alone = comparison.built([*runs, own[0]], WORK)
    assert alone["sides"]["practice"] == built["sides"]["practice"]


# -- the command line -------------------------------------------------------------------------------------------------


def test_quick_and_full_have_their_own_defaults():
    quick, full, part = run.parsed([]), run.parsed(["--full"]), run.parsed(["--only", "t5"])
    assert quick.minutes < 15 and full.minutes is None and part.minutes is None
    assert quick.rounds >= 2 and full.rounds > quick.rounds and quick.seconds < full.seconds


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--data", "/no/such/folder"], ["--only", "nothing"]])
def test_what_cannot_be_run_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        run.parsed(words)
    assert words[0] in capsys.readouterr().err


def test_time_that_was_spent_is_said(monkeypatch):
    bench = run.Bench(run.parsed(["--minutes", "0.01"]), {"fp32_gflops": 1.0}, until=0.0, log=None)
    bench.measure(BY_NAME["t5"], reserve=0.0)
    assert bench.runs == [] and bench.left_out[0].startswith("t5: not run")
    assert bench.compare() is None and bench.left_out[1].startswith("the real comparison: not run")


def test_the_real_comparison_has_its_own_share_of_the_quick_time(monkeypatch, tmp_path):
    quick = [w for w in WORKLOADS if w.quick]
    expected = comparison.EXPECTED_SECONDS[False] + sum(w.round_seconds for w in quick)
    assert expected <= 60 * run.QUICK_MINUTES and comparison.MOST_SECONDS[False] < 30 * run.QUICK_MINUTES
    done = []
    monkeypatch.setattr(run, "HERE", tmp_path)
    ceiling = {"fp32_gflops": 1.0, "bf16_gflops": None}
    monkeypatch.setattr(run.ceiling, "measure", lambda *_: ceiling)
    monkeypatch.setattr(run.comparison, "real", lambda *_: done.append("compare") or {"runs": []})
    monkeypatch.setattr(run.Bench, "measure", lambda self, workload, reserve: done.append(workload.name))
    monkeypatch.setattr(run, "measure_ops", lambda *_: [])
    assert run.whole(run.parsed([]))["real"] == {"runs": []}
    assert done == ["compare", *(w.name for w in quick)]


def test_a_rival_that_ran_out_of_time_leaves_the_other_ratio(monkeypatch):
    order = []

    def side(name, folder, words, *_):
        order.append(name)
        assert words["methods"] == comparison.RUN[False] and words["train_rows"] == 4
        return {"side": name, "fault": "full: over time" if name == "practice" else None, "seconds": 30.0}

    monkeypatch.setattr(comparison, "scripts", side)
    monkeypatch.setattr(comparison, "ours", lambda *rest: side("luthier", *rest) | {"seconds": 10.0})
    options = run.parsed(["--only", "compare", "--steps", "2", "--batch", "2", "--rows", "1"])
    found = comparison.real(options, 60.0)
    assert found["ratios"] == {"expert": 3.0} and order == ["luthier", "expert", "practice"]
    assert [r["side"] for r in found["runs"]] == ["practice", "expert", "luthier"]
    assert "over time" in "\n".join(page.comparison({"real": found}))
