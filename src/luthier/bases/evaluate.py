"""What the bases can do before any tuning, as a Markdown section.

    python -m luthier.bases.evaluate DATA_FOLDER [--base seedling-lm=FOLDER …] > section.md

Everything is measured on documents that no run has trained on (held out by a hash of their text). Without `--base` the
shipped bases are measured.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer

from . import corpus, dialogue_tasks, folder, names, text_tasks
from .encoder import MASK
from .measure import bits
from .recipes import RECIPES
from .text import LANGUAGES, Text, save_text
from .text_tasks import Pair

LOADERS = {"causal": AutoModelForCausalLM, "seq2seq": AutoModelForSeq2SeqLM, "encoder": AutoModelForMaskedLM}
ASKED = {
    "repeat one or two sentences": text_tasks.copy_passage,
    "give the first or last sentence": text_tasks.place_of_sentence,
    "say yes or no: is the word there": text_tasks.mentions,
    "choose the kind of text": text_tasks.kind_of_text,
    "say who said it": dialogue_tasks.who_said,
}
PROMPTS = (
    "Repeat the text.\n\nMy cat likes the warm stone near the old well.",
    "What is the first sentence of the text?\n\nThe river rose at night. Nobody heard the water. The bridge was gone.",
    "下文的第一句话是什么？\n\n春天来了，河水涨了。孩子们在岸边放风筝。晚上大家一起吃饭。",
    "Summarize the following conversation.\n\nAnn: Are you free on Friday?\nBob: Yes, after five.\n"
    "Ann: Then let us go to the lake.\n\nSummary: ",
    "概括下面的对话。\n\n小明：你今天去图书馆吗？\n小红：去，我要还两本书。\n小明：那我们下午三点一起去吧。\n\n概括：",
    "Answer the question.\n\nWhat is the capital of France?",
)
HIDDEN = (
    "The old man sat down by the<mask> and told us a story.",
    "今天天气很<mask>，我们去公园吧。",
    "他说<mask>：“好的。”",
)
COUNT = 40
ANSWER_TOKENS = 60


class Published:
    """A published folder with its recipe."""

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self.words = Tokenizer.from_file(str(place / "tokenizer.json"))
        self.recipe = RECIPES[name](self.words)
        self.tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=True)
        loader = LOADERS[self.recipe.kind]
        self.model: Any = loader.from_pretrained(place, local_files_only=True, dtype=torch.float32).eval()

    def say(self, prompt: str) -> str:
        """The greedy answer."""
        given = self.tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            out = self.model.generate(**given, do_sample=False, max_new_tokens=ANSWER_TOKENS)[0]
        new = out[given.input_ids.shape[1] :] if self.recipe.kind == "causal" else out
        return self.tokenizer.decode(new, skip_special_tokens=True).strip()

    def fill(self, text: str, count: int = 3) -> str:
        """The likeliest fillers of the first mask."""
        given = self.tokenizer(text, return_tensors="pt")
        at = (given.input_ids[0] == MASK).nonzero()[0, 0]
        with torch.no_grad():
            scores = self.model(**given).logits[0, at]
        return ", ".join(self.tokenizer.decode([i]).strip() for i in scores.topk(count).indices.tolist())


def pairs(documents: Sequence[corpus.Document], make, lang: str) -> list[Pair]:
    """Questions about unseen documents, the same ones every time."""
    rng = random.Random(0)
    talks = make.__module__.endswith("dialogue_tasks")
    group = [d for d in documents if d.lang == lang and (d.kind == "dialogue") == talks]
    found = filter(None, (make(rng.choice(group), rng) for _ in range(60 * COUNT)))
    return [(given, said) for given, said in found if len(given) < 1200 and len(said) < 200][:COUNT]


def bits_rows(bases: Sequence[Published], unseen: Sequence[corpus.Document]) -> list[str]:
    """Loss and bits a byte of every base."""
    rows = [
        "| base | what is said | loss en | loss zh | bits a byte en | bits a byte zh |",
        "|---|---|---|---|---|---|",
    ]
    for base in bases:
        with tempfile.TemporaryDirectory() as place:
            save_text(unseen, base.words, Path(place))
            text = Text(Path(place))
            found = [bits(base.recipe, base.model, base.words, text, lang) for lang in LANGUAGES]
        what = {"causal": "the whole text", "seq2seq": "what is hidden, a fifth", "encoder": "what is hidden, a third"}[
            base.recipe.kind
        ]
        shown = [f"{one[key]:.2f}" for key in ("loss", "bits_per_byte") for one in found]
        rows.append(f"| {base.name} | {what} | {' | '.join(shown)} |")
    return rows


def asked_rows(bases: Sequence[Published], unseen: Sequence[corpus.Document]) -> list[str]:
    """How often the exact answer comes."""
    heads = " | ".join(f"{base.name} {lang}" for base in bases for lang in LANGUAGES)
    rows = [f"| asked | {heads} |", "|---|" + "---|" * (len(bases) * len(LANGUAGES))]
    for what, make in ASKED.items():
        cells = []
        for base in bases:
            for lang in LANGUAGES:
                asked = pairs(unseen, make, lang)
                right = sum(base.say(given) == wanted.strip() for given, wanted in asked)
                cells.append(f"{right} of {len(asked)}")
        rows.append(f"| {what} | {' | '.join(cells)} |")
    return rows


def sample_rows(base: Published) -> list[str]:
    """Greedy answers, or the likeliest fillers, unchanged."""
    rows = [f"### {base.name}", "", "| input | output |", "|---|---|"]
    if base.recipe.kind == "encoder":
        return rows + [f"| {text} | {base.fill(text)} |" for text in HIDDEN]
    return rows + [f"| {_cell(prompt)} | {_cell(base.say(prompt)) or '(nothing)'} |" for prompt in PROMPTS]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "⏎")


def section(bases: Sequence[Published], data: Path) -> str:
    """The whole section."""
    _, unseen = corpus.split_documents(data)
    lines = [
        "## What the built-in backbones can do before tuning",
        "",
        f"On {len(unseen)} documents held out of every run (1 in {corpus.HELD_OUT_ONE_IN}, by a hash of the text).",
        "",
        *bits_rows(bases, unseen),
        "",
        f"Instructions on {COUNT} unseen passages each, greedy answers that equal the wanted one.",
        "",
        *asked_rows([base for base in bases if base.recipe.kind != "encoder"], unseen),
        "",
    ]
    for base in bases:
        lines += [*sample_rows(base), ""]
    return "\n".join(lines)


def main(given: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m luthier.bases.evaluate", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the *.jsonl.gz shards")
    parser.add_argument("--base", action="append", default=[], metavar="NAME[=FOLDER]")
    options = parser.parse_args(given)
    found = []
    for one in options.base or names():
        name, _, place = one.partition("=")
        found.append(Published(name, Path(place) if place else folder(name)))
    print(section(found, options.data))


if __name__ == "__main__":
    main()
