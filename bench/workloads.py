"""What is measured: one line of the table for each workload, the same for every side.

A workload says which shape, which rows, what is trained and how the practice pads. How often and how long it runs is
the runner's choice, and equal on all sides.
"""

from __future__ import annotations

from dataclasses import dataclass

RIVALS = ("practice", "expert")
LOSS_ROWS = 4
"""Test rows whose loss is compared between the sides, outside the clock."""
TOGETHER = 64
"""Rows that the expert and CTranslate2 generate together, as many as luthier does."""


@dataclass(frozen=True)
class Rows:
    """Whose lengths the rows have.

    Attributes:
        folder: below the data folder; the built-in dialogues stand in for it where it is missing.
        inputs, answer: columns; an empty answer means a class.
        pieces: tokens for each word or sign of the text.
        label_share: the last part of a row's tokens that is its answer, instead of an answer column.
    """

    folder: str
    inputs: tuple[str, ...]
    answer: str = ""
    pieces: float = 1.0
    label_share: float = 0.0


DIALOGUES = Rows("dialogsum", ("dialogue",), "summary", pieces=1.235)
"""A T5 vocabulary makes about 237 + 37 tokens of the mean row, which has 192 + 30 words and signs."""
REVIEWS = Rows("chnsenticorp", ("text",))
"""A Chinese character is a token."""
INSTRUCTIONS = Rows("alpaca_zh", ("instruction", "input", "output"), label_share=0.25)


@dataclass(frozen=True)
class Workload:
    """One kind of work.

    Attributes:
        shape: name in `shapes.SHAPES`.
        method: `lora`, `full`, another method of the comparison in luthier's words, or `decode`: generation alone,
            every answer of the same length.
        rank, targets, modules: of LoRA, its sites in luthier's words and in PEFT's; alpha is the rank.
        width: tokens that the practice pads inputs (and an encoder-decoder's labels) to; longer rows are cut.
        batch: rows of an optimiser step, in a full and in a quick run.
        generated: rows that are generated after training, full and quick; of the practice, one in eight.
        most_steps: the time for a row may ask for fewer, at least 2.
        quick: part of `make bench`.
        round_seconds: of a quick round of all sides on two cores without fast bf16, to plan with.
    """

    name: str
    title: str
    shape: str
    rows: Rows
    method: str
    rank: int = 0
    targets: str = ""
    modules: tuple[str, ...] = ()
    dropout: float = 0.05
    learning_rate: float = 1e-3
    width: int = 512
    batch: tuple[int, int] = (16, 8)
    generated: tuple[int, int] = (0, 0)
    most_steps: int = 12
    classes: int = 0
    rivals: tuple[str, ...] = RIVALS
    quick: bool = False
    round_seconds: float = 300.0


LORA_Q_V = {"rank": 32, "targets": "q,v", "modules": ("q", "v")}

WORKLOADS = (
    Workload(
        "seedling",
        "LoRA r=32 q,v and generation, seedling-t5 (4.7 M), DialogSum text",
        "seedling-t5",
        DIALOGUES,
        "lora",
        **LORA_Q_V,
        generated=(256, 64),
        most_steps=4,
        quick=True,
        round_seconds=70.0,
    ),
    Workload(
        "bert",
        "LoRA r=8 query,value and class head, bert-base shape, ChnSentiCorp lengths",
        "bert-base",
        REVIEWS,
        "lora",
        rank=8,
        targets="q,v",
        modules=("query", "value"),
        width=128,
        classes=2,
        quick=True,
        round_seconds=80.0,
    ),
    Workload(
        "t5",
        "LoRA r=32 q,v and generation, Flan-T5-base shape, DialogSum lengths",
        "flan-t5-base",
        DIALOGUES,
        "lora",
        **LORA_Q_V,
        batch=(16, 4),
        generated=(256, 64),
        quick=True,
        round_seconds=380.0,
    ),
    Workload(
        "bloom",
        "LoRA r=8 on q,k,v, BLOOM-560m shape, prompt masked, 25 % label tokens",
        "bloom-560m",
        INSTRUCTIONS,
        "lora",
        rank=8,
        targets="qkv",
        modules=("query_key_value",),
        width=256,
        batch=(8, 4),
    ),
    Workload(
        "t5-full",
        "full fine-tuning, T5-base shape, DialogSum lengths",
        "flan-t5-base",
        DIALOGUES,
        "full",
        learning_rate=5e-5,
        batch=(16, 4),
    ),
    Workload(
        "decode",
        "decoding alone, Flan-T5-base shape, 37 tokens an answer: LoRA unmerged beside CTranslate2 merged",
        "flan-t5-base",
        DIALOGUES,
        "decode",
        **LORA_Q_V,
        generated=(128, 64),
        rivals=("ctranslate2",),
    ),
    Workload(
        "qwen",
        "LoRA r=8 q,v, Qwen3-0.6B shape, prompt masked, 25 % label tokens",
        "qwen3-0.6b",
        INSTRUCTIONS,
        "lora",
        rank=8,
        targets="q,v",
        modules=("q_proj", "v_proj"),
        width=256,
        batch=(8, 4),
    ),
    *(
        Workload(
            f"t5-{word.partition('(')[0]}",
            f"{word}, Flan-T5-base shape, DialogSum lengths",
            "flan-t5-base",
            DIALOGUES,
            word,
            batch=(16, 4),
        )
        for word in ("dora(rank=8)", "ia3", "prompt(tokens=20)")  # PEFT's prefix of a T5 does less than luthier's
    ),
)

BY_NAME = {w.name: w for w in WORKLOADS}
