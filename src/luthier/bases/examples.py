"""Turn the corpus into numbered examples on disk and serve them in batches.

Examples lie end to end in two flat arrays of 16-bit token numbers, with offsets, so
that they are read without being loaded whole. Batches hold examples of like length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from .corpus import Document
from .dialogue_tasks import ON_DIALOGUE, summary_given
from .text_tasks import ON_TEXT, Pair, question_and_answer, translate
from .tokenizer import FIRST_SENTINEL, SENTINEL_COUNT, SPECIALS

END = SPECIALS.index("</s>")
LONGEST_INPUT = 384
LONGEST_TARGET = 112
HIDDEN_SHARE = 0.2
HIDDEN_SPAN = 3
SHARES = {"spans": 0.30, "dialogue": 0.34, "text": 0.24, "summary": 0.06, "question": 0.03, "translation": 0.03}
"""How the examples are divided among the families of tasks."""

Example = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Batch:
    """Padded inputs and targets; a target of -100 is padding and never learnt."""

    inputs: np.ndarray
    targets: np.ndarray


class ExampleStore:
    """Examples kept in flat arrays."""

    def __init__(self, folder: Path) -> None:
        self.inputs = np.load(folder / "inputs.npy", mmap_mode="r")
        self.targets = np.load(folder / "targets.npy", mmap_mode="r")
        self.offsets = np.load(folder / "offsets.npy")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self) -> np.ndarray:
        """Input and target length of every example."""
        return np.diff(self.offsets, axis=0)

    def batch(self, members: Sequence[int]) -> Batch:
        """Pad some examples to the longest among them."""
        sizes = self.lengths_of(members)
        inputs = np.zeros((len(members), sizes[:, 0].max()), dtype=np.int64)
        targets = np.full((len(members), sizes[:, 1].max()), -100, dtype=np.int64)
        for row, member in enumerate(members):
            (a, b), (c, d) = self.offsets[member], self.offsets[member + 1]
            inputs[row, : c - a] = self.inputs[a:c]
            targets[row, : d - b] = self.targets[b:d]
        return Batch(inputs, targets)

    def lengths_of(self, members: Sequence[int]) -> np.ndarray:
        """Input and target length of some examples."""
        chosen = np.asarray(members)
        return self.offsets[chosen + 1] - self.offsets[chosen]


def save_examples(examples: Sequence[Example], folder: Path) -> None:
    """Write examples as flat arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = np.array([(0, 0)] + [(len(a), len(b)) for a, b in examples], dtype=np.int64)
    np.save(folder / "offsets.npy", sizes.cumsum(axis=0))
    np.save(folder / "inputs.npy", np.concatenate([a for a, _ in examples]).astype(np.uint16))
    np.save(folder / "targets.npy", np.concatenate([b for _, b in examples]).astype(np.uint16))


def hide_spans(tokens: Sequence[int], rng: random.Random) -> Example:
    """T5's span corruption: runs of tokens give way to sentinels; the target is the runs."""
    count = max(1, min(SENTINEL_COUNT, round(len(tokens) * HIDDEN_SHARE / HIDDEN_SPAN)))
    block = len(tokens) / count
    given: list[int] = []
    hidden: list[int] = []
    at = 0
    for number in range(count):
        span = min(rng.randint(1, 2 * HIDDEN_SPAN - 1), max(1, int(block) - 1))
        start = int(number * block) + rng.randint(0, max(0, int(block) - span - 1))
        sentinel = FIRST_SENTINEL + number
        given += [*tokens[at:start], sentinel]
        hidden += [sentinel, *tokens[start : start + span]]
        at = start + span
    return [*given, *tokens[at:], END], [*hidden, END]


def span_examples(documents: Sequence[Document], tokenizer: Tokenizer, count: int, rng: random.Random) -> list[Example]:
    """Corrupted passages of varied length, drawn from documents at random."""
    examples: list[Example] = []
    lengths = [len(one.text) for one in documents]
    while len(examples) < count:
        drawn = rng.choices(documents, lengths, k=min(2000, count))
        encoded = tokenizer.encode_batch([one.text for one in drawn], add_special_tokens=False)
        for ids in (one.ids for one in encoded):
            size = rng.choice((64, 96, 128, 192, 256))
            start = rng.randrange(max(1, len(ids) - size))
            window = ids[start : start + size]
            if len(window) >= 24:
                examples.append(hide_spans(window, rng))
    return examples[:count]


def _pairs(documents: Sequence[Document], tasks: Sequence, rng: random.Random) -> Iterator[Pair]:
    """Endless pairs from documents and weighted tasks drawn at random."""
    makers = [make for make, _ in tasks]
    weights = [weight for _, weight in tasks]
    while True:
        (make,) = rng.choices(makers, weights)
        pair = make(rng.choice(documents), rng)
        if pair and pair[1].strip():
            yield pair


def task_examples(pairs: Iterator[Pair], tokenizer: Tokenizer, count: int, rng: random.Random) -> list[Example]:
    """Encode pairs; what is too long is cut in the target or left out in the input."""
    examples: list[Example] = []
    while len(examples) < count:
        drawn = [next(pairs) for _ in range(min(4000, count))]
        inputs = tokenizer.encode_batch([given for given, _ in drawn])
        targets = tokenizer.encode_batch([wanted for _, wanted in drawn])
        for given, wanted in zip(inputs, targets, strict=True):
            if len(given.ids) <= LONGEST_INPUT:
                examples.append((given.ids, wanted.ids[:LONGEST_TARGET]))
    return examples[:count]


def make_examples(documents: Sequence[Document], tokenizer: Tokenizer, count: int, seed: int) -> list[Example]:
    """The whole training mixture, shuffled; both languages get an equal say where both exist."""
    rng = random.Random(seed)
    by_lang = {lang: [one for one in documents if one.lang == lang] for lang in ("en", "zh")}
    prose = {
        lang: [one for one in group if not one.kind.startswith(("dialogue", "title", "poem", "qa"))]
        for lang, group in by_lang.items()
    }
    talks = {lang: [one for one in group if one.kind == "dialogue"] for lang, group in by_lang.items()}
    summed = [one for one in documents if one.kind == "dialogue-summary"]
    asked = [one for one in documents if one.kind in ("qa", "math")]
    parallel = [one for one in documents if one.kind == "parallel"]
    size = {family: round(count * share) for family, share in SHARES.items()}
    examples: list[Example] = []
    for lang, share in (("en", 0.5), ("zh", 0.5)):
        examples += span_examples(by_lang[lang], tokenizer, int(size["spans"] * share), rng)
        pairs = _pairs(prose[lang], ON_TEXT, rng)
        examples += task_examples(pairs, tokenizer, int(size["text"] * share), rng)
    for lang, share in (("en", 0.75), ("zh", 0.25)):
        pairs = _pairs(talks[lang], ON_DIALOGUE, rng)
        examples += task_examples(pairs, tokenizer, int(size["dialogue"] * share), rng)
    for family, group, make in (
        ("summary", summed, summary_given),
        ("question", asked, question_and_answer),
        ("translation", parallel, translate),
    ):
        examples += task_examples(_pairs(group, [(make, 1)], rng), tokenizer, size[family], rng)
    rng.shuffle(examples)
    return examples


def batches(store: ExampleStore, tokens: int, seed: int) -> Iterator[Batch]:
    """Endless batches of about `tokens` tokens; examples of like length go together."""
    lengths = store.lengths()
    for epoch in range(10**6):
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(len(store))
        for start in range(0, len(order), 4096):
            pool = order[start : start + 4096]
            pool = pool[np.lexsort((lengths[pool, 1], lengths[pool, 0] // 16))]
            groups = _grouped(pool, lengths, tokens)
            for number in rng.permutation(len(groups)):
                yield store.batch(groups[number])


def _grouped(pool: np.ndarray, lengths: np.ndarray, tokens: int) -> list[list[int]]:
    """Cut a sorted pool into runs whose padded size stays within the budget."""
    groups: list[list[int]] = [[]]
    widest = np.zeros(2, dtype=np.int64)
    for member in pool:
        wider = np.maximum(widest, lengths[member])
        if groups[-1] and wider.sum() * (len(groups[-1]) + 1) > tokens:
            groups.append([])
            wider = lengths[member]
        groups[-1].append(int(member))
        widest = wider
    return groups
