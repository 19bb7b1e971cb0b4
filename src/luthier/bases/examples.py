"""Turn the corpus into numbered examples on disk and serve them in batches.

Examples lie end to end in two flat arrays of 16-bit token numbers, with offsets, so
that they are read without being loaded whole. Batches hold examples of like length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from .corpus import Document
from .dialogue_tasks import ON_DIALOGUE, summary_given
from .question_tasks import asked_piece
from .text_tasks import ON_TEXT, Pair, question_and_answer, translate

LONGEST_INPUT = 380
LONGEST_TARGET = 110
SHARES = {"dialogue": 0.42, "text": 0.30, "piece": 0.10, "summary": 0.08, "question": 0.06, "translation": 0.04}
"""How the examples are divided among the families of tasks."""

Example = tuple[list[int], list[int]]


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

    def rows(self, members: Sequence[int]) -> list[Example]:
        """Some examples as lists of token numbers."""
        found = []
        for member in members:
            (a, b), (c, d) = self.offsets[member], self.offsets[member + 1]
            found.append((self.inputs[a:c].tolist(), self.targets[b:d].tolist()))
        return found


def save_examples(examples: Sequence[Example], folder: Path) -> None:
    """Write examples as flat arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = np.array([(0, 0)] + [(len(a), len(b)) for a, b in examples], dtype=np.int64)
    np.save(folder / "offsets.npy", sizes.cumsum(axis=0))
    np.save(folder / "inputs.npy", np.concatenate([a for a, _ in examples]).astype(np.uint16))
    np.save(folder / "targets.npy", np.concatenate([b for _, b in examples]).astype(np.uint16))


def _pairs(documents: Sequence[Document], tasks: Sequence, rng: random.Random) -> Iterator[Pair]:
    """Endless pairs from documents and weighted tasks drawn at random."""
    makers = [make for make, _ in tasks]
    weights = [weight for _, weight in tasks]
    while True:
        (make,) = rng.choices(makers, weights)
        pair = make(rng.choice(documents), rng)
        if pair and pair[1].strip():
            yield pair


def task_examples(pairs: Iterator[Pair], words: Tokenizer, count: int) -> list[Example]:
    """Encode pairs; those too long on either side are left out."""
    found: list[Example] = []
    while len(found) < count:
        drawn = [next(pairs) for _ in range(min(4000, count))]
        inputs = words.encode_batch_fast([given for given, _ in drawn], add_special_tokens=False)
        targets = words.encode_batch_fast([wanted for _, wanted in drawn], add_special_tokens=False)
        for given, wanted in zip(inputs, targets):
            if 0 < len(given.ids) <= LONGEST_INPUT and 0 < len(wanted.ids) <= LONGEST_TARGET:
                found.append((given.ids, wanted.ids))
    return found[:count]


def make_examples(documents: Sequence[Document], words: Tokenizer, count: int, seed: int) -> list[Example]:
    """The supervised tasks, shuffled; both languages get an equal say where both have texts for it."""
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
        pairs = _pairs(prose[lang], ON_TEXT, rng)
        examples += task_examples(pairs, words, int(size["text"] * share))
        pairs = _pairs(prose[lang], [(asked_piece, 1)], rng)
        examples += task_examples(pairs, words, int(size["piece"] * share))
    for lang, share in (("en", 0.75), ("zh", 0.25)):
        pairs = _pairs(talks[lang], ON_DIALOGUE, rng)
        examples += task_examples(pairs, words, int(size["dialogue"] * share))
    for family, group, make in (
        ("summary", summed, summary_given),
        ("question", asked, question_and_answer),
        ("translation", parallel, translate),
    ):
        examples += task_examples(_pairs(group, [(make, 1)], rng), words, size[family])
    rng.shuffle(examples)
    return examples


def batches(store: ExampleStore, tokens: int, seed: int) -> Iterator[list[Example]]:
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
                yield store.rows(groups[number])


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
