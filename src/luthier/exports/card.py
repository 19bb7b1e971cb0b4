"""The README of an export: what it is, on what it was measured, how it is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from .. import __version__, humane
from ..cite import bibtex
from ..tasks.template import fill
from .contents import columns, is_chat, prompt_of
from .learned import Learned

HUB_TASKS = {
    "summarise": "summarization",
    "classify": "text-classification",
    "answer": "question-answering",
    "translate": "translation",
    "keywords": "text-generation",
    "chat": "text-generation",
    "choose": "text-classification",
    "sense": "text-classification",
    "refer": "text-classification",
}
"""Word of a task -> the hub's."""
CHINESE = re.compile(r"[一-鿿]")
LETTER = re.compile(r"[A-Za-z]")


def front(learned: Learned, license: str | None, *, adapter: bool) -> dict[str, Any]:
    """The facts that a hub reads."""
    task = learned.task
    metrics = learned.facts["metrics"]
    hub_task = HUB_TASKS.get(task.word, "text-generation")
    values = [{"type": name, "value": round(score["mean"], 4)} for name, score in metrics.items()]
    result = {
        "task": {"type": hub_task},
        "dataset": {"name": dataset(learned), "type": dataset(learned), "split": "test"},
        "metrics": values,
    }
    return {
        "base_model": learned.origin.id or learned.origin.name,
        "base_model_relation": "adapter" if adapter else "finetune",
        "library_name": "peft" if adapter else "transformers",
        "license": license or learned.origin.license or "unknown",
        "datasets": [dataset(learned)],
        "language": languages(learned),
        "pipeline_tag": hub_task,
        "tags": ["luthier", task.word, learned.run.method.word],
        "metrics": list(metrics),
        "model-index": [{"name": learned.run.folder.name, "results": [result]}],
    }


def card(learned: Learned, certificate: Mapping[str, Any], license: str | None, *, adapter: bool) -> str:
    """The whole README."""
    facts = front(learned, license, adapter=adapter)
    head = yaml.safe_dump(facts, allow_unicode=True, sort_keys=False)
    parts = [
        f"---\n{head}---",
        f"# {learned.run.method!r} on {learned.origin.name} for {learned.task.word}",
        _what(learned, adapter),
        "## Measured\n\n" + measured(learned),
        "## Use\n\n" + use(learned, adapter),
        "## Prompt\n\n" + prompt(learned),
        "## Data\n\n" + data(learned),
        "## Certificate\n\n" + proof(certificate),
        "## Licence\n\n" + _license(learned, facts["license"]),
        f"## Citation\n\n```bibtex\n{bibtex([type(learned.run.method), type(learned.task)])}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def dataset(learned: Learned) -> str:
    """The data's name without the folders it lies in."""
    source = str(learned.study.get("data", {}).get("source", "not-recorded")).split("#")[0]
    return (
        source.rstrip("/").rsplit("/", 1)[-1] if source.startswith((".", "/", "~")) or source.count("/") > 1 else source
    )


def languages(learned: Learned) -> list[str]:
    """Which of Chinese and English a tenth or more of the signs of prompt and references belong to."""
    seen = learned.run.examples("test")[:200]
    text = learned.task.prompt + "".join("".join([*e.fields.values(), *e.references]) for e in seen)
    chinese, letters = len(CHINESE.findall(text)), len(LETTER.findall(text)) / 4
    shares = {"en": letters, "zh": chinese}
    return [name for name, n in shares.items() if n >= 0.1 * max(1, chinese + letters)] or ["en"]


def _what(learned: Learned, adapter: bool) -> str:
    backbone, origin = learned.backbone, learned.origin
    if origin.id:
        base = f"[{origin.id}](https://huggingface.co/{origin.id}) at revision `{origin.revision}`"
    elif origin.built_in:
        base = f"`{origin.name}`, a backbone that comes with luthier"
    else:
        base = f"`{origin.name}`, a folder without a public id"
    held = "its weights are merged into this folder's"
    if adapter:
        held = "a copy of it lies in `base/`" if origin.built_in else "it is loaded beside this adapter"
    lines = [
        f"Base: {base} ({humane.count(backbone.parameters)} parameters, computed in {backbone.precision}, "
        f"fingerprint `{backbone.fingerprint[:16]}`); {held}.",
        f"Trained: {humane.exact(learned.facts['trainable_parameters'])} parameters, learning rate "
        f"{humane.rate(learned.facts['learning_rate'])}, seed {learned.run.trial.seed}, "
        f"luthier {__version__}.",
    ]
    if learned.conversion:
        c = learned.conversion
        lines.append(
            f"Converted: this is the nearest LoRA of rank {c['rank']} to what `{c['from']}` learned. It keeps "
            f"{100 * c['share_of_change_kept']:.2f} % of the squared change of the projections; "
            f"{c['tensors_left_out']} other tensors ({100 * c['share_of_change_left_out']:.2f} % of all change) are "
            "left out. What that costs stands under Certificate."
        )
    return "\n\n".join(lines)


def measured(learned: Learned) -> str:
    """The metrics with their intervals, verdicts and caveats."""
    rows = ["| metric | mean | 95 % interval | test groups |", "|---|---|---|---|"]
    for name, s in learned.facts["metrics"].items():
        rows.append(
            f"| {name} | {humane.points(name, s['mean'])} | {humane.interval(name, s['low'], s['high'])} | {s['n']} |"
        )
    primary = learned.study.get("primary")
    names = (learned.run.folder.name, repr(learned.method))
    told = [
        f"* {v['sentence']['en']}"
        for v in learned.study.get("verdicts", ())
        if v["metric"] == primary and (v["a"] in names or v["b"] in names)
    ]
    noted = [f"* {caveat}" for caveat in learned.facts["caveats"]]
    found = ["\n".join(rows), "Means and intervals are in points out of 100 where the metric is a fraction."]
    found += ["\n".join(told)] if told else []
    found += ["Caveats:\n\n" + "\n".join(noted)] if noted else []
    return "\n\n".join(found)


def prompt(learned: Learned) -> str:
    """The template, and the labels where one is chosen."""
    task = learned.task
    if learned.head and task.segments:
        said = f"The classifier reads the columns {', '.join(f'`{s}`' for s in task.segments)} apart."
    else:
        said = "A row's columns are put into\n\n```\n" + prompt_of(learned) + "\n```"
    if task.kind == "label":
        said += "\n\nLabels, in the order of the logits: " + ", ".join(f"`{label}`" for label in task.labels) + "."
    return said + f"\n\nInputs had at most {learned.run.budget.max_input_tokens} tokens."


def data(learned: Learned) -> str:
    """Rows and notes of the study's data."""
    facts = learned.study.get("data", {})
    rows = ", ".join(f"{humane.exact(n)} {split}" for split, n in facts.get("rows", {}).items())
    made = " It is synthetic." if facts.get("synthetic") else ""
    return f"`{dataset(learned)}`: {rows} rows (fingerprint `{learned.run.trial.data}`).{made}"


def proof(certificate: Mapping[str, Any]) -> str:
    """The certificate in words."""
    c, logits, metric = certificate, certificate["logits"], certificate["metric"]
    by = ", ".join(f"{name} {version}" for name, version in c["loaded_by"].items())
    same = c["same_answers"]
    lines = [
        f"Loaded again in a fresh process by {by}, {'with' if c['luthier_loaded'] else 'without'} luthier, "
        f"on {c['rows']} test rows given as text:",
        f"* tokens: {c['same_tokens']} of {c['rows']} rows equal",
        f"* logits: largest difference {logits['largest_difference']:.2g} (tolerance {logits['tolerance']:.2g}, "
        f"largest logit {logits['largest_logit']:.3g})",
        f"* {metric['name']} of these rows: {metric['trial']:.4f} in the trial, {metric['loaded']:.4f} here",
        *([f"* answers: {same} of {c['rows']} equal those of the trial"] if same is not None else []),
    ]
    if c["conversion"]:
        lines[2] += "; compared with the converted adapter as luthier computes it"
        lines[3] += " (what the conversion costs)"
    return lines[0] + "\n\n" + "\n".join(lines[1:]) + "\n\nThe figures are in `certificate.json`."


def _license(learned: Learned, name: str) -> str:
    of_base = learned.origin.license or "not stated in its folder"
    return (
        f"`{name}`. The base's licence is {of_base}; the licence of the data is not known to luthier and may "
        "bind what was trained on it."
    )


def use(learned: Learned, adapter: bool) -> str:
    """Code that loads the folder it stands in."""
    return f"```python\n{code(learned, adapter)}\n```"


def code(learned: Learned, adapter: bool) -> str:
    """Runs as it is inside the folder."""
    if learned.own_head:
        return _by_its_program(learned)
    kind = "seq2seq" if learned.backbone.kind == "seq2seq" else "causal"
    loader = "AutoModelForSequenceClassification" if learned.head else {
        "seq2seq": "AutoModelForSeq2SeqLM", "causal": "AutoModelForCausalLM"
    }[kind]  # fmt: skip
    more = [] if learned.head else ["GenerationConfig"]
    more += ["BitsAndBytesConfig"] if adapter and learned.backbone.quantised else []
    origin = learned.origin
    place = 'f"{folder}/base"' if origin.built_in else f'"{origin.id or origin.name}"'
    words = [f", dtype=torch.{learned.computed}"]
    words += [f', revision="{origin.revision}"'] if origin.id and adapter else []
    words += [f", num_labels={len(learned.task.labels)}"] if learned.head and adapter else []
    words += [f", quantization_config={_bits(learned)}"] if adapter and learned.backbone.quantised else []
    vocabulary = learned.backbone.model.get_input_embeddings().weight.shape[0]
    lines = [
        "import torch",
        *(["from peft import PeftModel"] if adapter else []),
        f"from transformers import {', '.join(sorted([loader, 'AutoTokenizer', *more]))}",
        "",
        'folder = "."  # where this file lies',
        "tokenizer = AutoTokenizer.from_pretrained(folder)",
        f"model = {loader}.from_pretrained({place if adapter else 'folder'}{''.join(words)})",
        *([f"model.resize_token_embeddings({vocabulary})"] if adapter and learned.backbone.taught else []),
        *(["model = PeftModel.from_pretrained(model, folder)"] if adapter else []),
        "model.eval()",
        *_ask(learned),
    ]
    return "\n".join(lines)


def _by_its_program(learned: Learned) -> str:
    row = {"fields": {name: f"<{name}>" for name in columns(learned)}}
    lines = [
        "import sys",
        "",
        'folder = "."  # where this file lies',
        'sys.path.append(f"{folder}/..")  # of loaded.py, which knows the class head',
        "from loaded import Loaded",
        "",
        f"print(Loaded(folder).answer({row!r}))  # your text instead of <…>",
    ]
    return "\n".join(lines)


def _bits(learned: Learned) -> str:
    """The library's words for the bits that the base is kept in."""
    if learned.backbone.precision == "int8":
        return "BitsAndBytesConfig(load_in_8bit=True)"
    return (
        'BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, '
        f"bnb_4bit_compute_dtype=torch.{learned.computed})"
    )


def _ask(learned: Learned) -> list[str]:
    task = learned.task
    if is_chat(learned):
        read = [
            'messages = [{"role": "user", "content": "Hello"}]',
            "inputs = tokenizer.apply_chat_template(",
            '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
            ")",
        ]
    elif learned.head and task.segments:
        texts = ", ".join(repr(f"<{name}>") for name in task.segments)
        read = [f'inputs = tokenizer({texts}, return_tensors="pt")  # your texts instead']
    else:
        template = prompt_of(learned)
        text = fill(template, {name: f"<{name}>" for name in columns(learned)})
        read = [f"text = {text!r}  # your text instead of <…>", 'inputs = tokenizer(text, return_tensors="pt")']
    if learned.head:
        return [
            *read,
            "with torch.inference_mode():",
            "    shares = model(**inputs).logits[0].softmax(-1)",
            f"print(dict(zip({list(task.labels)!r}, shares.tolist())))",
        ]
    written = 'output[0, inputs["input_ids"].shape[1] :]' if learned.backbone.kind == "causal" else "output[0]"
    return [
        *read,
        "output = model.generate(**inputs, generation_config=GenerationConfig.from_pretrained(folder))",
        f"print(tokenizer.decode({written}, skip_special_tokens=True))",
    ]
