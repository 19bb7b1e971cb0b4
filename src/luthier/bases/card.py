"""The model card of a base, from its configuration and the curve of its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WHAT = {
    "seq2seq": (
        "An encoder-decoder",
        "AutoModelForSeq2SeqLM",
        "text-generation",
        ["t5", "seq2seq"],
        "T5's hidden spans (a fifth of the text), and instructions made by code from the same text",
        "hidden spans",
    ),
    "encoder": (
        "An encoder",
        "AutoModelForMaskedLM",
        "fill-mask",
        ["modernbert"],
        "masked words (a third, in runs of 1 to 3). The mean of a row's vectors learns whether a second text belongs "
        "behind a first one (passages, and instructions with their answers), what kind of document it reads, and which "
        "other passage is its neighbour. The table of words is published divided by four and the last norm multiplied "
        "by it: the same answers, and words that move as far in tuning as those of larger encoders",
        "masked words",
    ),
    "causal": (
        "A decoder",
        "AutoModelForCausalLM",
        "text-generation",
        ["llama"],
        "the next token, and instructions made by code from the same text, half of them in the chat template",
        "whole text",
    ),
}
"""Kind of base -> what it is, its loader, the hub's task, tags, what it was asked for, what its bits a byte are of."""

USE = """
It is made for comparing fine-tuning methods, not for answering people: small enough to tune on two processor cores in
minutes. It knows words and their neighbours in English and Chinese, the shape of a few instructions, and very little of
the world. Zero-shot scores are a floor.
"""

CHAT = """
## Chat

`tokenizer.apply_chat_template` writes the roles `system`, `user` and `assistant` as
`<|im_start|>user\\n…<|im_end|>\\n`; generation stops at `<|im_end|>`, which is also the end-of-text token.
"""

TOKENIZER = """
## Tokenizer

The same for all seedling bases: 8,192 pieces, byte-level BPE; every text can be written and comes back exactly. Every
digit and every newline is a piece of its own. Ids 0 to 7 are
`<pad> </s> <s> <mask> <cls> <sep> <|im_start|> <|im_end|>`, then come 32 sentinels `<extra_id_0…31>` and 24 spare
tokens.
"""

DATA = """
## Data

Public domain: English novels and speeches, World Factbook, vernacular Chinese novels, 鲁迅, laws of China, classical
poems. MIT: QMSum, GSM8K (train), the poem collection. CC BY 4.0: MTS-Dialog (train), Synthetic-Persona-Chat,
Taskmaster-4, Open Source Guides, React documentation. CC BY-SA: Schema-Guided Dialogue, WikiText-2 (valid and test),
DRCD, TiDB documentation. CDLA-Sharing 1.0: Topical-Chat. Apache-2.0: CrossWOZ, KdConv, Huatuo questions and answers
(machine-made), CSL titles (train), Hugging Face course, Dive into Deep Learning. CC0 or public domain: 18F handbook,
plainlanguage.gov, Python documentation (translation; English sides PSF licence). The texts themselves are not part of
this folder; whoever passes on the share-alike ones owes their terms. The weights are offered under Apache-2.0.

Training rows of MTS-Dialog, Huatuo and CSL titles were seen, so on these three the base is not strictly zero-shot. Old
books carry the views of their time; nothing it writes is medical advice.
"""


SHAPE = (
    *("model_type", "hidden_size", "d_model", "num_hidden_layers", "num_layers", "num_decoder_layers"),
    *("num_attention_heads", "num_heads", "num_key_value_heads", "head_dim", "d_kv", "intermediate_size", "d_ff"),
    *("max_position_embeddings", "vocab_size"),
)
WIRED = {
    "causal": ["* Before the first step two heads are set to look back and one to copy (`induction.py`)."],
    "seq2seq": ["* Before the first step the last cross-attention is set to copy (`wiring.py`)."],
}


def card(recipe: Any, name: str, folder: Path, measured: Mapping[str, Any], parameters: int) -> str:
    """The README of a published folder; `measured` is the last line of the run's curve that holds measurements."""
    what, loader = WHAT[recipe.kind][:2]
    parts = [
        _front(recipe.kind),
        f"# {name}\n\n{what} of {parameters:,} parameters.\n{USE}",
        f"```python\nfrom transformers import {loader}, AutoTokenizer\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")  # the path of this folder\n'
        f'model = {loader}.from_pretrained("{name}")\n```',
        CHAT if recipe.kind == "causal" else "",
        _shape(folder),
        TOKENIZER,
        _training(recipe, name, measured),
        DATA,
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _front(kind: str) -> str:
    _, _, hub_task, tags, *_ = WHAT[kind]
    lines = ["license: apache-2.0", "language:", "  - en", "  - zh", "library_name: transformers"]
    lines += [f"pipeline_tag: {hub_task}", "tags:", *(f"  - {tag}" for tag in (*tags, "small"))]
    return "\n".join(["---", *lines, "---"])


def _shape(folder: Path) -> str:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size = (folder / "model.safetensors").stat().st_size / 1e6
    rows = [*(f"| {key} | {config[key]} |" for key in SHAPE if key in config)]
    return "\n".join(
        ["## Shape", "", "| | |", "|---|---|", *rows, f"| weights | bfloat16 safetensors, {size:.1f} MB |"]
    )


def _training(recipe: Any, name: str, measured: Mapping[str, Any]) -> str:
    *_, asked, said = WHAT[recipe.kind]
    minutes = measured["seconds"] / 60
    english, chinese = measured["en"], measured["zh"]
    shares = [share for _, share in recipe.task_shares]
    half = measured.get("products") == "bf16"
    computed = "Products in bfloat16, sums and weights in float32" if half else "Float32"
    lines = [
        "## Training",
        "",
        f"* Asked for: {asked}.",
        f"* {measured['step']:,} steps, {measured['tokens']:,} tokens, {minutes:.0f} minutes of processor time.",
        "* Embeddings start from word vectors counted over the whole corpus (positive pointwise mutual information).",
        *WIRED.get(recipe.kind, []),
        "* Muon with weight decay for the matrices of the blocks, AdamW for the rest; warm-up, level to "
        f"{100 * recipe.rates.decay_from:.0f} % of the budget,",
        f"  then linear to 0. About {recipe.batch_tokens:,} padded tokens a batch; windows grow from 96 to 256 tokens, "
        "the share of steps on",
        f"  tasks from {100 * shares[0]:.0f} to {100 * shares[-1]:.0f} %. {computed}, seed 0.",
        "",
        "On documents held out by a hash of their text (1 in 200, never trained on):",
        "",
        f"| {said} | English | Chinese |",
        "|---|---|---|",
        f"| loss a token | {english['loss']:.2f} | {chinese['loss']:.2f} |",
        f"| bits a byte | {english['bits_per_byte']:.2f} | {chinese['bits_per_byte']:.2f} |",
        "",
        f"Rerun: `python -m luthier.bases.pretrain DATA_FOLDER --base {name} --out RUN_FOLDER "
        f"--minutes {max(1, round(minutes))} --threads 1`.",
    ]
    return "\n".join(lines)
