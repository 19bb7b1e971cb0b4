"""One method as people script it: tokenise, train with Trainer and PEFT, generate, score. A process of its own.

python bench/script.py TOLD.json FACTS.json
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import peft
import torch
import transformers as hf
from workloads import TOGETHER

from luthier import files
from luthier.machine import fast_precision

WIDTH = 512
SEQ2SEQ = {"task_type": "SEQ_2_SEQ_LM"}
ADAPTERS = {
    "lora(rank=32)": lambda: peft.LoraConfig(r=32, lora_alpha=32, target_modules=["q", "v"], **SEQ2SEQ),
    "lora(rank=8)": lambda: peft.LoraConfig(r=8, lora_alpha=8, target_modules=["q", "v"], **SEQ2SEQ),
    "dora(rank=8)": lambda: peft.LoraConfig(r=8, lora_alpha=8, target_modules=["q", "v"], use_dora=True, **SEQ2SEQ),
    "ia3": lambda: peft.IA3Config(**SEQ2SEQ),
    "prompt(tokens=20)": lambda: peft.PromptTuningConfig(
        num_virtual_tokens=20, num_transformer_submodules=1, **SEQ2SEQ
    ),
    "prefix(tokens=20)": lambda: peft.PrefixTuningConfig(num_virtual_tokens=20, **SEQ2SEQ),
}
"""Method -> the library's configuration; `zero_shot` and `full` need none. A prompt stands before the encoder's input
alone, as luthier's does; by default this library puts a second one before the decoder's."""


def main(told: dict[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(told["threads"])
    expert = told["side"] == "expert"
    half = expert and told["precision"] == "auto" and fast_precision() == "bf16"
    tokenizer = hf.AutoTokenizer.from_pretrained(told["backbone"])
    model = hf.AutoModelForSeq2SeqLM.from_pretrained(told["backbone"], dtype=torch.float32)
    if told["method"] in ADAPTERS:
        model = peft.get_peft_model(model, ADAPTERS[told["method"]]())
    model.to(told["device"])
    splits = {s: files.read_jsonl(Path(told["data"]) / f"{s}.jsonl") for s in ("train", "test")}
    if told["method"] != "zero_shot":
        train(told, model, tokenizer, [tokenised(r, tokenizer, told["prompt"], expert) for r in splits["train"]], half)
    said = answers(told, model, tokenizer, splits["test"], TOGETHER if expert else 1)
    score(tokenizer.batch_decode(said, skip_special_tokens=True), [row["summary"] for row in splits["test"]])
    fillers = (tokenizer.pad_token_id,)
    return {"generated_tokens": sum(sum(i not in fillers for i in ids) for ids in said)}


def tokenised(row: dict[str, str], tokenizer: Any, prompt: str, narrow: bool) -> dict[str, Any]:
    """A row as the tutorials tokenise it: padded to `WIDTH`, or not at all."""
    padding = False if narrow else "max_length"
    text = prompt.replace("{dialogue}", row["dialogue"])
    made = tokenizer(text, truncation=True, max_length=WIDTH, padding=padding)
    labels = tokenizer(text_target=row["summary"], truncation=True, max_length=WIDTH, padding=padding)["input_ids"]
    return {**made, "labels": [i if i != tokenizer.pad_token_id else -100 for i in labels]}


def train(told: dict[str, Any], model: Any, tokenizer: Any, rows: list[dict[str, Any]], half: bool) -> None:
    expert = told["side"] == "expert"
    with tempfile.TemporaryDirectory() as folder:
        arguments = hf.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=told["batch"],
            num_train_epochs=1,
            learning_rate=1e-3,
            use_cpu=told["device"] == "cpu",
            bf16=half,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=told["device"] != "cpu",
            train_sampling_strategy="group_by_length" if expert else "random",
        )
        together = hf.DataCollatorForSeq2Seq(tokenizer)
        hf.Trainer(model=model, args=arguments, train_dataset=rows, data_collator=together).train()


def answers(
    told: dict[str, Any], model: Any, tokenizer: Any, rows: list[dict[str, str]], together: int
) -> list[list[int]]:
    """Greedy answers, `together` rows at once, longest prompts first."""
    prompts = sorted((told["prompt"].replace("{dialogue}", r["dialogue"]) for r in rows), key=len, reverse=True)
    said: list[list[int]] = []
    model.eval()
    for start in range(0, len(prompts), together):
        chosen = prompts[start : start + together]
        batch = tokenizer(chosen, truncation=True, max_length=WIDTH, padding=True, return_tensors="pt").to(model.device)
        with torch.no_grad():
            said += model.generate(
                **batch, max_new_tokens=told["max_new_tokens"], num_beams=1, do_sample=False
            ).tolist()
    return said


def score(said: list[str], references: list[str]) -> None:
    """ROUGE as everybody computes it, where the package is installed."""
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        return
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=True)
    for answer, reference in zip(said, references):
        scorer.score(reference, answer)


if __name__ == "__main__":
    files.write_json(Path(sys.argv[2]), main(files.read_json(Path(sys.argv[1]))))
