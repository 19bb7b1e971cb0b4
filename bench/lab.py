"""luthier beside the practice: LoRA training and generation, the same work on both sides, alternating.

Two rivals, both the Hugging Face Trainer with the PEFT library, as their users run them:

    lab     inputs and labels padded to 512, fp32, batch 8, answers generated one row at a time
    tuned   padded to the longest row, grouped by length, batch 16, bf16 where the machine computes it fast,
            answers generated in batches of 64 sorted by length

Every run is a process of its own, so that peak memory and threads are its own. Both sides of a pair get the same
backbone, rows, token ids, batch size, number of steps, learning rate, LoRA and environment; every generated answer
has exactly the length of its reference. See bench/README.md.

Torch is imported inside functions: how its threads wait has to be settled before it is loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sides import ALPHA, BATCH, DROPOUT, RANK, RATE, SIDES, TARGETS, WIDTH, Facts, Job, answer_lengths

from luthier import files
from luthier.errors import UserError
from luthier.machine import environment, share_cores

RUN = Path(__file__).resolve().with_name("sides.py")
OUT = Path(__file__).resolve().parent / "out" / "lab.json"
NO_MEMORY = ("can't allocate memory", "not enough memory", "Cannot allocate memory", "MemoryError", "bad_alloc")
STEPS = {"small": 6, "base": 4}
FLAN_T5 = {
    "d_model": 768,
    "d_kv": 64,
    "d_ff": 2048,
    "num_layers": 12,
    "num_heads": 12,
    "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}


def launch(job: Job, threads_wait: str, limit_seconds: float) -> Facts:
    """Run a job in a fresh process: its facts by stage, and under `fault` what kept it from finishing."""
    with tempfile.TemporaryDirectory() as folder:
        job_file, facts_file = Path(folder) / "job.json", Path(folder) / "facts.jsonl"
        files.write_json(job_file, asdict(job))
        settings = {
            "OMP_NUM_THREADS": str(job.threads),
            "MKL_NUM_THREADS": str(job.threads),
            "HF_HUB_OFFLINE": "1",
            "OMP_WAIT_POLICY": threads_wait,
            "TOKENIZERS_PARALLELISM": "false",
            "CUDA_VISIBLE_DEVICES": "",
        }
        command = [sys.executable, str(RUN), str(job_file), str(facts_file)]
        try:
            done = subprocess.run(
                command, env=os.environ | settings, capture_output=True, text=True, timeout=limit_seconds, check=False
            )
            fault = fault_of(done.returncode, done.stderr)
        except subprocess.TimeoutExpired:
            fault = f"over time ({limit_seconds:.0f} s)"
        stages = {f["stage"]: f for f in files.read_jsonl(facts_file)} if facts_file.exists() else {}
    return {"side": job.side, "rival": job.rival, "fault": fault, **stages}


def fault_of(code: int, said: str) -> str | None:
    """What ended a run, in words for the table; None where it finished."""
    if code == 0:
        return None
    if code == -9 or any(sign in said for sign in NO_MEMORY):
        return "out of memory"
    return f"failed: {(said.strip().splitlines() or [f'exit code {code}'])[-1][:200]}"


def prepare(folder: Path, options: argparse.Namespace) -> tuple[str, Facts]:
    """Write the backbone, where it is made here, and the tokens; returns its folder and the work in numbers."""
    from luthier import bases, data, encode, tasks
    from luthier.backbone import Backbone
    from luthier.records import Budget

    path = str(bases.folder("seedling-t5")) if options.shape == "small" else random_flan_t5(folder / "backbone")
    sketch = Backbone.sketch(path)
    table = data.read(options.data)
    task, _ = tasks.infer(table.splits["train"])
    table = data.complete(table, lambda row: tasks.input_keys(task, row))
    wanted = {"train": options.steps * max(BATCH.values()), "test": options.rows}
    made = {}
    for split, rows in wanted.items():
        examples = list({task.prompt_text(e): e for e in tasks.examples(task, table.splits[split], split)[0]}.values())
        if len(examples) < rows:
            raise UserError(
                f"{split} of {options.data} has {len(examples)} different rows; {rows} are needed.",
                "data with more rows, or fewer --steps or --rows",
                f"ask for at most {len(examples)}",
            )
        chosen = random.Random(0).sample(examples, rows)
        made[split] = encode.plan(sketch, task, chosen, Budget(max_input_tokens=WIDTH))
        encode.keep(folder / f"{split}.safetensors", made[split])
    inputs, answers = made["train"].lengths.sum(0).tolist()
    return path, {
        "parameters": sketch.parameters,
        "steps": options.steps,
        "batch": BATCH,
        "generated_rows": options.rows,
        "generated_tokens": sum(answer_lengths(made["test"])),
        "mean_input_tokens": inputs / wanted["train"],
        "mean_answer_tokens": answers / wanted["train"],
        "flops_per_token": useful_flops(sketch.model, inputs, answers),
    }


def random_flan_t5(folder: Path) -> str:
    """A model of Flan-T5-base's shape with random weights, and a small tokenizer."""
    import torch
    import transformers as hf

    from luthier import bases

    torch.manual_seed(0)
    tokenizer = hf.AutoTokenizer.from_pretrained(bases.folder("seedling-t5"))
    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    config = hf.T5Config(**FLAN_T5, decoder_start_token_id=pad, pad_token_id=pad, eos_token_id=end)
    hf.T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def useful_flops(model: Any, inputs: int, answers: int) -> float:
    """FLOPs per real token of a LoRA step: 4 per weight that a token passes (forward 2, data gradient 2).

    Encoder and cross-attention keys and values see input tokens, the rest of the decoder and the head see answer
    tokens; attention scores and the adapters themselves (a few per cent) are left out.
    """
    encoder = decoder = 0
    for name, weight in model.named_parameters():
        if weight.ndim != 2 or any(part in name for part in ("embed_tokens", "shared", "attention_bias", "lm_head")):
            continue
        if name.startswith("encoder.") or "EncDecAttention.k" in name or "EncDecAttention.v" in name:
            encoder += weight.numel()
        else:
            decoder += weight.numel()
    head = model.get_output_embeddings().weight.numel()
    return 4 * (encoder * inputs + (decoder + head) * answers) / (inputs + answers)


def calibrate(threads: int) -> Facts:
    """The machine's ceiling with these threads: best of five matrix products and copies."""
    import torch

    from luthier.backbone import fast_precision

    torch.set_num_threads(threads)

    def best(work: Any) -> float:
        work()
        times = []
        for _ in range(5):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
        return min(times)

    def matmul(dtype: Any) -> float:
        a, b = torch.randn(2048, 2048).to(dtype), torch.randn(2048, 2048).to(dtype)
        return 2 * 2048**3 / best(lambda: a @ b) / 1e9

    source = torch.zeros(2**26)
    target = torch.empty_like(source)
    return {
        "fp32_gflops": matmul(torch.float32),
        "bf16_gflops": matmul(torch.bfloat16) if fast_precision() == "bf16" else None,
        "bandwidth_gbytes": 2 * source.nbytes / best(lambda: target.copy_(source)) / 1e9,
        "load_average": os.getloadavg()[0],
    }


MEASURES = (("train", "tokens_per_second"), ("generate", "rows_per_second"), ("train", "peak_bytes"))


def ratios(runs: list[Facts]) -> Facts:
    """Rival -> measure -> {practice, luthier, pairs, ratio}: medians, and luthier / practice of every round."""
    found: Facts = {}
    for rival in dict.fromkeys(r["rival"] for r in runs):
        sides = {side: [r for r in runs if r["rival"] == rival and r["side"] == side] for side in SIDES}
        found[rival] = {}
        for stage, measure in MEASURES:
            values = {side: [r[stage][measure] if stage in r else None for r in sides[side]] for side in SIDES}
            pairs = [u / p for p, u in zip(values["practice"], values["luthier"]) if p and u]
            medians = {side: median(values[side]) for side in SIDES}
            found[rival][measure] = medians | {"pairs": pairs, "ratio": median(pairs)}
    return found


def median(values: list[float | None]) -> float | None:
    """Of what was measured; None where nothing was."""
    measured = [v for v in values if v is not None]
    return statistics.median(measured) if measured else None


def unequal(runs: list[Facts], work: Facts) -> list[str]:
    """Where two sides did not do the same work; such a comparison says nothing."""
    faults = []
    for rival in dict.fromkeys(r["rival"] for r in runs):
        trained = [r["train"] for r in runs if r["rival"] == rival and "train" in r]
        for fact in ("steps", "tokens", "trained_parameters"):
            if len(seen := {f[fact] for f in trained}) > 1:
                faults.append(f"{rival}: {fact.replace('_', ' ')} in training differ: {sorted(seen)}")
        said = {r["generate"]["tokens"] for r in runs if r["rival"] == rival and "generate" in r}
        if said - {work["generated_tokens"]}:
            faults.append(f"{rival}: generated {sorted(said)} tokens instead of {work['generated_tokens']}")
    return faults


def table(result: Facts) -> str:
    """The result for a terminal."""
    machine, ceiling, work = result["environment"], result["calibration"], result["work"]
    half = f"{ceiling['bf16_gflops']:.0f}" if ceiling["bf16_gflops"] else "no fast"
    lines = [
        f"{machine['cpu']}, {result['threads']} threads, load {ceiling['load_average']:.1f}: "
        f"{ceiling['fp32_gflops']:.0f} GFLOP/s fp32, {half} bf16, {ceiling['bandwidth_gbytes']:.0f} GB/s",
        ", ".join(f"{p} {machine[p]}" for p in ("luthier", "torch", "transformers", "peft")),
        f"{result['shape']}: {work['parameters']:,} parameters; {work['steps']} steps, rows of "
        f"{work['mean_input_tokens']:.0f} + {work['mean_answer_tokens']:.0f} tokens; "
        f"{work['generated_rows']} answers generated; data {result['data']}",
        "",
        f"{'rival':6} {'measure':30} {'practice':>16} {'luthier':>16} {'ratio':>7}  pairs",
    ]
    for rival, measures in result["ratios"].items():
        runs = [r for r in result["runs"] if r["rival"] == rival]
        speed = measures["tokens_per_second"]
        useful = {side: speed[side] and speed[side] * work["flops_per_token"] / 1e9 for side in SIDES}
        lines += [
            line(rival, f"train, batch {work['batch'][rival]}, tokens/s", speed, "{:,.0f}"),
            f"{rival:6} {'  as useful GFLOP/s':30} " + " ".join(f"{number(useful[s], '{:.1f}'):>16}" for s in SIDES),
            line(rival, "generate, rows/s", measures["rows_per_second"], "{:.2f}"),
            line(rival, "peak memory, MiB", measures["peak_bytes"], "{:,.0f}", 2**20),
            f"{rival:6} {'held-out loss, before > after':30} " + " ".join(f"{losses(runs, s):>16}" for s in SIDES),
        ]
        faults = dict.fromkeys(f"{r['rival']:6} {r['side']}: {r['fault']}" for r in runs if r["fault"])
        lines += [*faults, ""]
    return "\n".join([*lines, *(f"UNEQUAL {fault}" for fault in result["unequal"])])


def line(rival: str, name: str, values: Facts, form: str, unit: int = 1) -> str:
    """One row of the table; a measure that one side never reached is a dash."""
    pairs = " ".join(f"{p:.2f}" for p in values["pairs"])
    sides = " ".join(f"{number(values[side] and values[side] / unit, form):>16}" for side in SIDES)
    return f"{rival:6} {name:30} {sides} {number(values['ratio'], '{:.2f}'):>7}  {pairs}".rstrip()


def number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def losses(runs: list[Facts], side: str) -> str:
    """Before -> after, medians over rounds."""
    trained = [r["train"] for r in runs if r["side"] == side and "train" in r]
    return " > ".join(number(median([f[key] for f in trained]), "{:.3f}") for key in ("loss_before", "loss_after"))


def compare(options: argparse.Namespace) -> Facts:
    """The whole benchmark: prepare once, then practice and luthier in turns."""
    wait = os.environ["OMP_WAIT_POLICY"]
    with tempfile.TemporaryDirectory(prefix="luthier-bench-") as folder:
        backbone, work = prepare(Path(folder), options)
        ceiling, runs = calibrate(options.threads), []
        for number_of_round in range(options.rounds):
            for rival in BATCH:
                for side in SIDES:
                    job = Job(side, rival, backbone, folder, options.steps, BATCH[rival], options.threads)
                    started = time.perf_counter()
                    runs.append(launch(job, wait, options.limit) | {"round": number_of_round + 1})
                    print(
                        f"round {number_of_round + 1}: {side:8} {rival:6} {time.perf_counter() - started:5.1f} s "
                        f"{runs[-1]['fault'] or ''}",
                        file=sys.stderr,
                        flush=True,
                    )
    return {
        "environment": environment(),
        "threads": options.threads,
        "threads_wait": wait,
        "calibration": ceiling,
        "load_after": os.getloadavg()[0],
        "shape": options.shape,
        "data": Path(options.data).name,
        "work": work,
        "lora": {"rank": RANK, "alpha": ALPHA, "dropout": DROPOUT, "targets": TARGETS, "learning_rate": RATE},
        "ratios": ratios(runs),
        "unequal": unequal(runs, work),
        "runs": runs,
    }


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="LoRA training and generation: luthier beside HF Trainer with PEFT.")
    parser.add_argument(
        "--shape",
        choices=tuple(STEPS),
        default="small",
        help="small: seedling-t5; base: random weights of Flan-T5-base's shape",
    )
    parser.add_argument("--data", default="dialogues", help="folder or file of dialogues; default: the built-in ones")
    parser.add_argument("--steps", type=int, help=f"optimiser steps, at least 2; default {STEPS}")
    parser.add_argument("--rows", type=int, default=32, help="answers to generate")
    parser.add_argument("--rounds", type=int, default=2, help="how often every pair is measured")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=900.0, help="seconds a run may take")
    parser.add_argument("--json", action="store_true", help="print the whole result")
    options = parser.parse_args(words)
    options.steps = STEPS[options.shape] if options.steps is None else options.steps
    if options.steps < 2 or min(options.rows, options.rounds, options.threads) < 1:
        parser.error("at least 2 steps (the first is not timed), 1 row, 1 round and 1 thread")
    return options


def main() -> int:
    options = parsed()
    share_cores()
    try:
        result = compare(options)
    except UserError as fault:
        print(fault, file=sys.stderr)
        return 2
    files.write_json(OUT, result)
    print(json.dumps(result, ensure_ascii=False, indent=1) if options.json else table(result))
    broken = any((r["fault"] or "").startswith("failed") for r in result["runs"])
    return int(broken or bool(result["unequal"]))


if __name__ == "__main__":
    sys.exit(main())
