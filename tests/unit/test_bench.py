"""The benchmark compares equal work, and says so where it does not. Nothing here looks at a clock."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

from luthier.encode import Plan, keep
from tests.tiny import t5, tokenizer

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))
import lab  # noqa: E402
import sides  # noqa: E402

sys.path.remove(str(BENCH))
STEPS, BATCH = 2, 2
LENGTHS = (9, 2, 5, 3), (3, 5, 1, 2)
"""Words of the inputs and of the answers; each gets an end token."""
EACH = [(rival, side) for rival in sides.BATCH for side in sides.SIDES]

QUIET = pytest.mark.filterwarnings("ignore")
"""The rival's libraries warn about themselves."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A tiny backbone, and rows of very different lengths."""
    folder = tmp_path_factory.mktemp("bench")
    t5().save_pretrained(folder / "backbone")
    tokenizer().save_pretrained(folder / "backbone")
    for seed, split in enumerate(("train", "test")):
        rng = np.random.default_rng(seed)
        inputs, answers = ([np.append(rng.integers(7, 40, n), 1).astype(np.int32) for n in each] for each in LENGTHS)
        keep(folder / f"{split}.safetensors", Plan(tuple(inputs), tuple(answers), np.full(len(inputs), -1, np.int32)))
    return folder


@pytest.fixture(scope="module")
def facts(prepared) -> dict[tuple[str, str], dict]:
    """What every side reports against every rival."""
    threads = torch.get_num_threads()
    try:
        return {
            (rival, side): {
                f["stage"]: f
                for f in sides.run(
                    sides.Job(side, rival, str(prepared / "backbone"), str(prepared), STEPS, BATCH, threads=1)
                )
            }
            for rival, side in EACH
        }
    finally:
        torch.set_num_threads(threads)


def plan(prepared: Path, split: str) -> Plan:
    return sides.Job("luthier", "lab", "", str(prepared), STEPS, BATCH, 1).plan(split)


@QUIET
@pytest.mark.parametrize("rival, side", EACH)
def test_every_side_does_the_whole_work(facts, prepared, rival, side):
    train, generate = facts[rival, side]["train"], facts[rival, side]["generate"]
    assert (train["steps"], train["tokens"]) == (STEPS, plan(prepared, "train").lengths.sum())
    answers = plan(prepared, "test").answers
    assert (generate["rows"], generate["tokens"]) == (len(answers), sum(len(a) for a in answers))
    assert train["tokens_per_second"] > 0 and generate["rows_per_second"] > 0 and train["peak_bytes"] > 2**20


@QUIET
@pytest.mark.parametrize("rival", sides.BATCH)
def test_both_sides_start_from_one_model(facts, rival):
    ours, theirs = (facts[rival, side]["train"] for side in ("luthier", "practice"))
    assert ours["trained_parameters"] == theirs["trained_parameters"]
    tolerance = 0.02 if ours["precision"] == "bf16" else 1e-5
    assert ours["loss_before"] == pytest.approx(theirs["loss_before"], abs=tolerance)
    assert ours["loss_after"] != ours["loss_before"] and theirs["loss_after"] != theirs["loss_before"]


def test_the_lab_pads_to_its_width_and_hides_the_padding(prepared):
    made = plan(prepared, "train")
    padded, plain = sides.rows_of(made, 16), sides.rows_of(made)
    assert {len(row[name]) for row in padded for name in row} == {16}
    for wide, row in zip(padded, plain):
        assert sum(wide["attention_mask"]) == len(row["input_ids"])
        assert wide["labels"].count(-100) == 16 - len(row["labels"])


def test_useful_flops_follow_the_tokens_through_the_weights():
    model = t5()
    block = model.encoder.block[0].layer
    attention = sum(getattr(block[0].SelfAttention, n).weight.numel() for n in "qkvo")
    forward = sum(p.numel() for p in block[1].DenseReluDense.parameters())
    assert lab.useful_flops(model, 10, 0) == 4 * 2 * (attention + forward + attention / 2)
    head = model.get_output_embeddings().weight.numel()
    assert lab.useful_flops(model, 0, 10) == 4 * (2 * (attention + attention / 2 + forward) + head)


def test_a_lack_of_memory_is_told_from_a_fault():
    with pytest.raises(RuntimeError) as lack:
        torch.empty(2**60, dtype=torch.uint8)
    assert lab.fault_of(1, str(lack.value)) == lab.fault_of(-9, "") == "out of memory"
    assert lab.fault_of(0, "some warning") is None
    assert lab.fault_of(1, "Traceback\nValueError: no") == "failed: ValueError: no"


def test_a_run_over_time_keeps_its_row(prepared):
    job = sides.Job("practice", "lab", str(prepared / "backbone"), str(prepared), STEPS, BATCH, 1)
    assert lab.launch(job, "passive", 0.01) == {"side": "practice", "rival": "lab", "fault": "over time (0 s)"}


def measured(side: str, rate: float, tokens: int = 100) -> dict:
    train = {
        "steps": 2,
        "tokens": tokens,
        "trained_parameters": 5,
        "tokens_per_second": rate,
        "peak_bytes": 2**30,
        "loss_before": 3.0,
        "loss_after": 2.5,
    }
    return {
        "side": side,
        "rival": "lab",
        "fault": None,
        "train": train,
        "generate": {"tokens": 9, "rows_per_second": rate / 10},
    }


def test_ratios_pair_the_rounds():
    runs = [measured("practice", 10), measured("luthier", 30), measured("practice", 20), measured("luthier", 40)]
    speed = lab.ratios(runs)["lab"]["tokens_per_second"]
    assert speed == {"practice": 15, "luthier": 35, "pairs": [3, 2], "ratio": 2.5}


def test_unequal_work_is_named():
    assert lab.unequal([measured("practice", 1), measured("luthier", 2)], {"generated_tokens": 9}) == []
    faults = lab.unequal([measured("practice", 1), measured("luthier", 2, tokens=99)], {"generated_tokens": 8})
    assert len(faults) == 2 and "99" in faults[0] and "instead of 8" in faults[1]


def test_a_rival_that_broke_stays_in_the_table():
    broken = {"side": "practice", "rival": "lab", "fault": "out of memory"}
    runs = [broken, measured("luthier", 30)]
    machine = {"cpu": "some processor", "luthier": "1", "torch": "2", "transformers": "5", "peft": None}
    work = {
        "parameters": 7,
        "steps": 2,
        "mean_input_tokens": 3.0,
        "mean_answer_tokens": 4.0,
        "generated_rows": 1,
        "batch": {"lab": 8},
        "flops_per_token": 1e9,
    }
    said = lab.table(
        {
            "environment": machine,
            "threads": 1,
            "shape": "small",
            "data": "d",
            "work": work,
            "runs": runs,
            "calibration": {"fp32_gflops": 1.0, "bf16_gflops": None, "bandwidth_gbytes": 2.0, "load_average": 0.0},
            "ratios": lab.ratios(runs),
            "unequal": lab.unequal(runs, {"generated_tokens": 9}),
        }
    )
    assert "lab    practice: out of memory" in said and "UNEQUAL" not in said
    assert lab.ratios(runs)["lab"]["tokens_per_second"] == {"practice": None, "luthier": 30, "pairs": [], "ratio": None}


def test_too_few_rows_are_refused_with_both_numbers(tmp_path):
    rows = [{"dialogue": f"#Person1#: {i} apples, please.", "summary": f"{i} apples."} for i in range(6)]
    (tmp_path / "d").mkdir()
    for split in ("train", "dev", "test"):
        (tmp_path / "d" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = lab.parsed(["--data", str(tmp_path / "d"), "--steps", "3", "--rows", "2"])
    with pytest.raises(lab.UserError, match=r"6 different rows; 48 are needed"):
        lab.prepare(tmp_path, options)


def test_the_base_shape_is_flan_t5_base():
    with torch.device("meta"):
        model = hf.T5ForConditionalGeneration(hf.T5Config(**lab.FLAN_T5))
    published, head = 247_577_856, 32_128 * 768
    assert sum(p.numel() for p in model.parameters()) == published - head, "transformers 5 ties a new T5's head"
    assert not model.config.scale_decoder_outputs
