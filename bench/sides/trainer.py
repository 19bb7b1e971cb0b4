"""What the practice and the expert share: the Hugging Face Trainer and PEFT, run as their users run them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import transformers as hf
from job import PAD, Facts, Job, answer_lengths, ended, head_start, same_start, synchronised
from job import timed_generation as timed
from job import training_facts as facts_of
from peft import LoraConfig, get_peft_model
from script import ADAPTERS


@dataclass(frozen=True)
class Habits:
    """What tells one script from another.

    Attributes:
        width: tokens that inputs and an encoder-decoder's labels are padded to; 0 pads to the batch's longest row.
        half: `bf16=True`; grouped: rows ordered by length; together: rows generated at once.
    """

    width: int = 0
    half: bool = False
    grouped: bool = False
    fused_attention: bool = False
    together: int = 1


MODELS = {
    "seq2seq": (hf.AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM"),
    "causal": (hf.AutoModelForCausalLM, "CAUSAL_LM"),
    "classes": (hf.AutoModelForSequenceClassification, "SEQ_CLS"),
}


def run(job: Job, habits: Habits) -> Iterator[Facts]:
    started = time.perf_counter()
    tokenizer = hf.AutoTokenizer.from_pretrained(job.backbone)
    model, kind = load(job, habits)
    yield {"stage": "start", "seconds": time.perf_counter() - started}
    yield training(job, habits, model, Collator(tokenizer, kind, habits.width))
    if job.generated:
        model = model.to(torch.bfloat16) if habits.half else model
        yield generation(model, tokenizer, job.plan("test"), habits.together)


def load(job: Job, habits: Habits) -> tuple[Any, str]:
    """(model with its LoRA or with all weights free, kind of rows)."""
    work, config = job.work, hf.AutoConfig.from_pretrained(job.backbone)
    kind = "classes" if work.classes else "seq2seq" if config.is_encoder_decoder else "causal"
    loader, task_type = MODELS[kind]
    more = {"num_labels": work.classes} if work.classes else {}
    model = None
    if habits.fused_attention:
        try:
            model = loader.from_pretrained(job.backbone, dtype=torch.float32, attn_implementation="sdpa", **more)
        except ValueError:
            model = None  # this architecture has no fused attention
    model = model or loader.from_pretrained(job.backbone, dtype=torch.float32, **more)
    if work.classes:
        with torch.no_grad():
            model.classifier.weight.copy_(head_start(*model.classifier.weight.shape))
            model.classifier.bias.zero_()
    if work.method == "lora":
        settings = LoraConfig(
            task_type=task_type,
            r=work.rank,
            lora_alpha=work.rank,
            lora_dropout=work.dropout,
            target_modules=list(work.modules),
        )
        model = get_peft_model(model, settings)
    elif work.method in ADAPTERS:
        model = get_peft_model(model, ADAPTERS[work.method]())
        same_start(job, (p for p in model.parameters() if p.requires_grad))
    return model.to(job.device), kind


class Collator:
    """Rows of a plan -> a Trainer's batch; counts the real tokens it has seen."""

    def __init__(self, tokenizer: Any, kind: str, width: int) -> None:
        self.kind, self.width, self.counts = kind, width, []
        self.seq2seq = hf.DataCollatorForSeq2Seq(tokenizer)
        self.plain = hf.DataCollatorWithPadding(tokenizer)

    def rows(self, made: Any) -> list[Facts]:
        """A plan as the rows of a Trainer's data set, padded as a tokenise function with `max_length` does."""
        rows = []
        for ids, answer, label in zip(map(list, made.inputs), map(list, made.answers), made.classes):
            if self.kind == "classes":
                labels: Any = int(label)
            elif self.kind == "causal":
                ids, labels = ids + answer, [-100] * len(ids) + answer
            else:
                labels = answer
            more = max(0, self.width - len(ids))
            row = {"input_ids": [*map(int, ids)] + [PAD] * more, "attention_mask": [1] * len(ids) + [0] * more}
            if isinstance(labels, list):
                labels = [*map(int, labels)] + [-100] * max(0, self.width - len(labels))
            rows.append(row | {"labels": labels})
        return rows

    def batch(self, rows: list[Facts]) -> Any:
        if self.width:
            return hf.default_data_collator(rows)
        return self.plain(rows) if self.kind == "classes" else self.seq2seq(rows)

    def __call__(self, rows: list[Facts]) -> Any:
        batch = self.batch(rows)
        answers = int((batch["labels"] != -100).sum()) if self.kind == "seq2seq" else 0
        self.counts.append(int(batch["attention_mask"].sum()) + answers)
        return batch


def training(job: Job, habits: Habits, model: Any, collator: Collator) -> Facts:
    made = job.plan("train")
    fit(job, habits, model, collator, job.plan("start"), rate=0.0)
    before = mean_loss(model, collator, job)
    collator.counts.clear()
    seconds, steps = fit(job, habits, model, collator, made, job.work.learning_rate)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    passes = -(-job.batch // job.at_once)
    counts = [sum(collator.counts[i * passes : (i + 1) * passes]) for i in range(steps)]
    facts = facts_of(seconds, counts, trained, "bf16 autocast" if habits.half else "fp32", job.at_once)
    return facts | {"loss_before": before, "loss_after": mean_loss(model, collator, job)}


def fit(job: Job, habits: Habits, model: Any, collator: Collator, made: Any, rate: float) -> tuple[float, int]:
    """(seconds from the first to the last step, steps) of `Trainer.train`; `rate` 0 changes no weight."""
    times: list[float] = []

    class Clock(hf.TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            times.append(synchronised())

        def on_train_end(self, *_: Any, **__: Any) -> None:
            times.append(synchronised())

    at_once = min(job.at_once, len(made))
    with tempfile.TemporaryDirectory() as folder:
        arguments = hf.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=at_once,
            gradient_accumulation_steps=-(-min(job.batch, len(made)) // at_once),
            num_train_epochs=1,
            learning_rate=rate,
            warmup_steps=0,
            lr_scheduler_type="linear",
            use_cpu=job.device == "cpu",
            bf16=habits.half,
            seed=job.seed,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=job.device != "cpu",
            train_sampling_strategy="group_by_length" if habits.grouped else "random",
        )
        trainer = hf.Trainer(
            model=model,
            args=arguments,
            train_dataset=collator.rows(made),
            data_collator=collator,
            callbacks=[Clock()],
        )
        steps = trainer.train().global_step
    return times[-1] - times[0], steps


def mean_loss(model: Any, collator: Collator, job: Job) -> float:
    """Mean negative log-likelihood per label, in nats, without the practice's padding: outside the clock."""
    narrow = Collator(collator.plain.tokenizer, collator.kind, 0)
    rows, total, labels = narrow.rows(job.plan("loss")), 0.0, 0
    model.eval()
    with torch.no_grad():
        for row in rows:
            batch = narrow.batch([row]).to(job.device)
            here = 1 if narrow.kind == "classes" else int((batch["labels"] != -100).sum())
            total, labels = total + model(**batch).loss.item() * here, labels + here
    return total / labels


def generation(model: Any, tokenizer: Any, test: Any, together: int) -> Facts:
    """All test rows through `generate`, longest inputs first, `together` rows at a time."""
    lengths, end = answer_lengths(test), tokenizer.eos_token_id
    settings = hf.GenerationConfig(
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
        for start in range(0, rows, together):
            chosen = order[start : start + together]
            inputs = tokenizer.pad({"input_ids": [test.inputs[r].tolist() for r in chosen]}, return_tensors="pt")
            last_B = torch.tensor([lengths[r] for r in chosen], device=model.device)
            close = hf.LogitsProcessorList(
                [lambda ids, scores, last_B=last_B: ended(scores, last_B == ids.shape[1], end)]
            )
            inputs = inputs.to(model.device)
            out = model.generate(**inputs, generation_config=settings, logits_processor=close)[:, 1:].tolist()
            tokenizer.batch_decode(out, skip_special_tokens=True)
            said += [row.index(end) + 1 for row in out]
        return said

    return timed(say, len(test))
