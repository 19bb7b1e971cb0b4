"""Words that other tools use for the same thing, read in a study.yaml: translated, and said so.

`lora_r: 8` becomes `lora(rank=8)` among the methods, `num_train_epochs` is `epochs`; what luthier always does
(`evaluation_strategy: epoch`) is dropped with the reason.
"""

from __future__ import annotations

import re
from typing import Any

SAME = {
    "model_name_or_path": "backbone",
    "model_name": "backbone",
    "model": "backbone",
    "base_model": "backbone",
    "dataset": "data",
    "dataset_name": "data",
    "num_train_epochs": "epochs",
    "num_epochs": "epochs",
    "max_steps": "steps",
    "gradient_checkpointing": "recompute",
    "per_device_train_batch_size": "batch_size",
    "train_batch_size": "batch_size",
    "max_train_samples": "train_rows",
    "max_eval_samples": "dev_rows",
    "max_predict_samples": "test_rows",
    **dict.fromkeys(
        ("max_seq_length", "max_seq_len", "max_length", "cutoff_len", "sequence_len", "max_source_length"),
        "max_input_tokens",
    ),
    "max_target_length": "max_answer_tokens",
    "generation_max_length": "max_answer_tokens",
    "output_dir": "out",
    "finetuning_type": "methods",
    "peft_type": "methods",
}
"""Their word -> ours, same meaning."""

METHODS = {
    "PROMPT_TUNING": "prompt",
    "P_TUNING": "ptuning",
    "PREFIX_TUNING": "prefix",
    "LN_TUNING": "layernorm",
    "IA3": "ia3",
    "LORA": "lora",
}

SETTINGS = {
    "lora_r": (("lora", "dora"), "rank"),
    "lora_rank": (("lora", "dora"), "rank"),
    "r": (("lora", "dora"), "rank"),
    "lora_alpha": (("lora", "dora"), "alpha"),
    "lora_dropout": (("lora", "dora"), "dropout"),
    "target_modules": (("lora", "dora"), "targets"),
    "lora_target": (("lora", "dora"), "targets"),
    "num_virtual_tokens": (("prompt", "prefix", "ptuning"), "tokens"),
    "pre_seq_len": (("prefix", "prompt", "ptuning"), "tokens"),
}
"""Their word -> the methods it may belong to, the first one where none is named, and the setting's name there."""

MODULES = {"q_proj": "q", "k_proj": "k", "v_proj": "v", "o_proj": "o", "query": "q", "key": "k", "value": "v"}
MODULES |= {"gate_proj": "gate", "up_proj": "up", "down_proj": "down", "query_key_value": "qkv", "all-linear": "all"}

TASKS = {"SEQUENCE_CLASSIFICATION": "classify", "SEQ_CLS": "classify", "QUESTION_ANS": "answer"}

MIRRORS = ("tensorboard", "trackio")

BEST = "development rows are always scored after every epoch and the best weights kept"
DROPPED = {
    "evaluation_strategy": BEST,
    "eval_strategy": BEST,
    "save_strategy": BEST,
    "load_best_model_at_end": BEST,
    "metric_for_best_model": "the task names its metric",
    "fp16": "--precision auto takes what the machine does fast",
    "bf16": "--precision auto takes what the machine does fast",
    "logging_steps": "every step is logged",
    "do_train": "compare trains, scores and reports",
    "do_eval": "compare trains, scores and reports",
}
"""Their word -> why it is not needed."""


def translated(words: dict[Any, Any]) -> tuple[dict[Any, Any], list[str]]:
    """The words of a study.yaml in luthier's own spelling, and a sentence for each that was changed.

    Words that are ours or nobody's come back as they are; ours beat a borrowed one of the same meaning.
    """
    ours: dict[Any, Any] = {}
    told: list[str] = []
    settings: list[tuple[str, Any]] = []
    for word, value in words.items():
        if word in SAME:
            name = SAME[word]
            value = METHODS.get(str(value).upper(), value) if name == "methods" else value
            if name not in words:
                ours[name] = value
            told.append(f"{word} is read as {name}: {ours.get(name, words.get(name))}")
        elif word in SETTINGS:
            settings.append((word, value))
        elif word == "task_type":
            task = TASKS.get(str(value).rpartition(".")[2].upper())
            if task and "task" not in words:
                ours["task"] = task
            told.append(f"task_type is read as task: {task}" if task else "task_type follows from the backbone")
        elif word == "report_to":
            ours |= _mirror(value, words, told)
        elif word in DROPPED:
            told.append(f"{word} is not needed: {DROPPED[word]}")
        else:
            ours[word] = value
    return _with_settings(ours, settings, told), told


def _mirror(value: Any, words: dict[Any, Any], told: list[str]) -> dict[str, str]:
    """The first of the tools that curves can be mirrored to; what is left out is said."""
    named = [str(tool) for tool in (value if isinstance(value, list) else [value])]
    known = [tool for tool in named if tool in MIRRORS]
    told.append(
        f"report_to is read as mirror: {words.get('mirror', known[0])}"
        if known
        else f"report_to is not needed: results stay in the study's folder; mirror: {' or '.join(MIRRORS)} shows curves"
    )
    return {"mirror": known[0]} if known and "mirror" not in words else {}


def _with_settings(ours: dict[Any, Any], settings: list[tuple[str, Any]], told: list[str]) -> dict[Any, Any]:
    """Settings that stood beside the methods, put inside them."""
    if not settings:
        return ours
    methods = ours.get("methods", [])
    methods = re.split(r",\s*(?![^()]*\))", methods) if isinstance(methods, str) else [str(m) for m in methods]
    for word, value in settings:
        owners, name = SETTINGS[word]
        given = _targets(value) if name == "targets" else value
        places = [i for i, m in enumerate(methods) if m.split("(")[0] in owners and f"{name}=" not in m]
        if not places:
            methods.append(owners[0])
            places = [len(methods) - 1]
        for i in places:
            inside = methods[i].partition("(")[2].removesuffix(")")
            methods[i] = f"{methods[i].split('(')[0]}({', '.join(filter(None, [inside, f'{name}={given!r}']))})"
        told.append(f"{word} is read as {', '.join(methods[i] for i in places)}")
    return ours | {"methods": methods}


def _targets(value: Any) -> str:
    """Module names as the short names of roles."""
    names = value if isinstance(value, list) else str(value).split(",")
    return ",".join(dict.fromkeys(MODULES.get(str(n).strip(), str(n).strip()) for n in names))
