"""One run of the benchmark, in a process of its own: one side, one rival, training and then generation.

    python bench/sides.py JOB.json FACTS.jsonl

Torch is imported inside functions: the process that prepares the jobs needs only their shape.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from luthier import files

SIDES = ("practice", "luthier")
BATCH = {"lab": 8, "tuned": 16}
"""Rival -> rows of a training step, on both sides."""
WIDTH = 512
"""Tokens that the lab pads inputs and labels to, and the longest input of all sides."""
TOGETHER = 64
"""Rows that the tuned practice generates together, as many as luthier does."""
RANK, ALPHA, DROPOUT, TARGETS, RATE = 32, 32, 0.05, "q,v", 1e-3
PAD = 0
"""Padding token of both backbones; the mask hides it."""
Facts = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One run: a side, and the rival that it is or is measured against."""

    side: str
    rival: str
    backbone: str
    """Folder of the model and its tokenizer."""
    plans: str
    """Folder with the tokens: train.safetensors and test.safetensors."""
    steps: int
    batch: int
    threads: int
    seed: int = 0

    def plan(self, split: str) -> Any:
        """The tokens of `train`, exactly as many rows as the steps need, or of `test`."""
        from luthier.encode import Plan, kept

        whole = kept(Path(self.plans) / f"{split}.safetensors")
        rows = self.steps * self.batch if split == "train" else len(whole)
        return Plan(whole.inputs[:rows], whole.answers[:rows], whole.classes[:rows])


# -- one run, in its own process --------------------------------------------------------------------------------------


def run(job: Job) -> Iterator[Facts]:
    """Train, then generate; yields the facts of each stage as soon as it is over."""
    import torch

    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    yield from {"luthier": luthier_run, "practice": practice_run}[job.side](job)


def luthier_run(job: Job) -> Iterator[Facts]:
    """luthier's own loop and generator, with its defaults."""
    import torch

    from luthier.backbone import Backbone
    from luthier.methods.lora import LoRA
    from luthier.records import Budget
    from luthier.train import Training, mean_loss

    backbone, test = Backbone(job.backbone), job.plan("test")
    budget = Budget(steps=job.steps, batch_size=job.batch, max_input_tokens=WIDTH, warmup=0.0)
    torch.manual_seed(job.seed)
    delta = LoRA(rank=RANK, alpha=ALPHA, dropout=DROPOUT, targets=TARGETS).delta(backbone)
    before = mean_loss(backbone, delta, test, budget)
    ends, tokens = [time.perf_counter()], []
    for step in Training(backbone, delta, job.plan("train"), budget, RATE, job.seed).steps():
        ends.append(time.perf_counter())
        tokens.append(step.tokens)
    yield training_facts(ends, tokens, delta.trainable_parameters, backbone.precision) | {
        "loss_before": before,
        "loss_after": mean_loss(backbone, delta, test, budget),
    }
    yield luthier_generation(backbone, delta, test)


def luthier_generation(backbone: Any, delta: Any, test: Any) -> Facts:
    """All test rows through `predict`, whose flow is told where each answer ends."""
    from luthier import predict
    from luthier.records import Example
    from luthier.tasks import Summarise

    lengths, end = answer_lengths(test), backbone.tokenizer.eos_token_id
    flow = ending_flow({row.tobytes(): length for row, length in zip(test.inputs, lengths)}, end)
    examples = [Example(str(i), str(i), {}, ("",)) for i in range(len(test))]
    decoding = predict.Decoding(max_new_tokens=max(lengths))

    def say(rows: int) -> list[int]:
        made = type(test)(test.inputs[:rows], test.answers[:rows], test.classes[:rows])
        return [p.tokens for p in predict.predict(backbone, delta, Summarise(), examples[:rows], made, decoding)]

    with mock.patch.object(predict, "_Seq2seq", flow):
        return timed_generation(say, len(test))


def ending_flow(length_of: dict[bytes, int], end: int) -> type:
    """luthier's encoder-decoder flow, with every answer ended at the length that belongs to its input."""
    import torch

    from luthier import predict

    class Ending(predict._Seq2seq):
        def __init__(self, backbone: Any, layout: Any, inputs: Any) -> None:
            super().__init__(backbone, layout, inputs)
            self.left_B = torch.tensor([length_of[row.tobytes()] for row in inputs])

        def next(self) -> Any:
            self.left_B = self.left_B - 1
            return ended(super().next(), self.left_B == 0, end)

        def select(self, stay: Any) -> None:
            super().select(stay)
            self.left_B = self.left_B[stay]

    return Ending


def practice_run(job: Job) -> Iterator[Facts]:
    """Trainer and PEFT; `lab` pads everything to `WIDTH`, `tuned` does what the documentation advises."""
    import torch
    import transformers as hf
    from peft import LoraConfig, TaskType, get_peft_model

    from luthier.backbone import fast_precision

    half = job.rival == "tuned" and fast_precision() == "bf16"
    tokenizer = hf.AutoTokenizer.from_pretrained(job.backbone)
    model = hf.AutoModelForSeq2SeqLM.from_pretrained(job.backbone, dtype=torch.float32)
    settings = LoraConfig(
        task_type=TaskType.SEQ_2_SEQ_LM,
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=DROPOUT,
        target_modules=TARGETS.split(","),
    )
    model = get_peft_model(model, settings)
    together = hf.DataCollatorForSeq2Seq(tokenizer, model=model)
    test = job.plan("test")
    before = practice_loss(model, together, rows_of(test))
    ends, tokens = practice_training(job, model, together, half)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    facts = training_facts(ends, tokens, trained, "bf16 autocast" if half else "fp32")
    yield facts | {"loss_before": before, "loss_after": practice_loss(model, together, rows_of(test))}
    model = model.to(torch.bfloat16) if half else model
    yield practice_generation(model, tokenizer, test, 1 if job.rival == "lab" else TOGETHER)


def practice_training(job: Job, model: Any, together: Any, half: bool) -> tuple[list[float], list[int]]:
    """(times at the start and after every step, real tokens of every step) of `Trainer.train`."""
    import transformers as hf

    ends, tokens = [], []

    class Clock(hf.TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

    def counted(rows: list[Facts]) -> Any:
        batch = hf.default_data_collator(rows) if job.rival == "lab" else together(rows)
        tokens.append(int(batch["attention_mask"].sum() + (batch["labels"] != -100).sum()))
        return batch

    rows = rows_of(job.plan("train"), WIDTH if job.rival == "lab" else 0)
    with tempfile.TemporaryDirectory() as folder:
        arguments = hf.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=job.batch,
            num_train_epochs=1,
            learning_rate=RATE,
            warmup_steps=0,
            lr_scheduler_type="linear",
            use_cpu=True,
            bf16=half,
            seed=job.seed,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            train_sampling_strategy="group_by_length" if job.rival == "tuned" else "random",
        )
        hf.Trainer(model=model, args=arguments, train_dataset=rows, data_collator=counted, callbacks=[Clock()]).train()
    return ends, tokens


def rows_of(made: Any, width: int = 0) -> list[Facts]:
    """A plan as the rows of a Trainer's data set; with `width`, padded to it as the lab's tokenise function does."""
    rows = []
    for ids, answer in zip((i.tolist() for i in made.inputs), (a.tolist() for a in made.answers)):
        more, rest = max(0, width - len(ids)), max(0, width - len(answer))
        seen = [1] * len(ids) + [0] * more
        rows.append({"input_ids": ids + [PAD] * more, "attention_mask": seen, "labels": answer + [-100] * rest})
    return rows


def practice_loss(model: Any, together: Any, rows: list[Facts]) -> float:
    """Mean negative log-likelihood per label token, in nats."""
    import torch

    total, labels = 0.0, 0
    model.eval()
    with torch.no_grad():
        for start in range(0, len(rows), 8):
            batch = together(rows[start : start + 8])
            here = int((batch["labels"] != -100).sum())
            total, labels = total + model(**batch).loss.item() * here, labels + here
    return total / labels


def practice_generation(model: Any, tokenizer: Any, test: Any, batch: int) -> Facts:
    """All test rows through `generate`, longest inputs first, `batch` rows at a time."""
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    lengths, end = answer_lengths(test), tokenizer.eos_token_id
    settings = GenerationConfig(
        max_new_tokens=max(lengths),
        num_beams=1,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    model.eval()

    def say(rows: int) -> list[int]:
        order, said = sorted(range(rows), key=lambda r: -len(test.inputs[r])), []
        for start in range(0, rows, batch):
            chosen = order[start : start + batch]
            inputs = tokenizer.pad({"input_ids": [test.inputs[r].tolist() for r in chosen]}, return_tensors="pt")
            last_B = torch.tensor([lengths[r] for r in chosen])
            close = LogitsProcessorList([lambda ids, scores, last_B=last_B: ended(scores, last_B == ids.shape[1], end)])
            out = model.generate(**inputs, generation_config=settings, logits_processor=close)[:, 1:]
            tokenizer.batch_decode(out, skip_special_tokens=True)
            said += [row.index(end) + 1 for row in out.tolist()]
        return said

    return timed_generation(say, len(test))


# -- what both sides share --------------------------------------------------------------------------------------------


def answer_lengths(test: Any) -> list[int]:
    """Tokens that each generated answer has, the end token included; an answer has at least one word."""
    return [max(2, len(a)) for a in test.answers]


def ended(scores_BV: Any, last_B: Any, end: int) -> Any:
    """Scores under which rows in `last_B` end now and no other row does."""
    import torch

    scores_BV = scores_BV.clone()
    scores_BV[:, end] = torch.where(last_B, torch.inf, -torch.inf)
    return scores_BV


def training_facts(ends: list[float], tokens: list[int], trained: int, precision: str) -> Facts:
    """Real tokens a second from the second step on: the first one pays for buffers and kernels on both sides."""
    tokens = tokens[: len(ends) - 1]
    return {
        "stage": "train",
        "steps": len(tokens),
        "tokens": sum(tokens),
        "first_step_seconds": ends[1] - ends[0],
        "tokens_per_second": sum(tokens[1:]) / (ends[-1] - ends[1]),
        "trained_parameters": trained,
        "precision": precision,
        "peak_bytes": peak_bytes(),
    }


def timed_generation(say: Any, rows: int) -> Facts:
    """Rows a second of `say(rows)`, which returns the length of every answer, after a start with two rows."""
    say(min(2, rows))
    started = time.perf_counter()
    said = say(rows)
    seconds = time.perf_counter() - started
    return {"stage": "generate", "rows": rows, "tokens": sum(said), "rows_per_second": rows / seconds}


def peak_bytes() -> int:
    """Highest resident memory of this program; `ru_maxrss` would remember the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(text for text in status.read_text().splitlines() if text.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def child(job_file: Path, facts_file: Path) -> None:
    """What a run's process does: the job, and a line of facts after each stage."""
    stay_below_the_free_memory()
    log = files.Appender(facts_file)
    for facts in run(Job(**files.read_json(job_file))):
        log.append(facts)


def stay_below_the_free_memory() -> None:
    """A run that wants more than is free fails by itself, instead of bringing its neighbours down."""
    memory = Path("/proc/meminfo")
    if not memory.exists():
        return
    free = next(int(line.split()[1]) for line in memory.read_text().splitlines() if "MemAvailable" in line)
    wanted, allowed = free * 1024 * 9 // 10, resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed)
    resource.setrlimit(resource.RLIMIT_DATA, (most, allowed))
    Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    child(Path(sys.argv[1]), Path(sys.argv[2]))
