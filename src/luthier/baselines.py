"""Reference lines that need no model: what a method must beat to be worth anything, and how well people do.

    labels      the commonest class, a class drawn by its frequency, naive Bayes on character n-grams
    texts       the first k sentences or words of the input, k chosen on the development rows
    references  each human reference scored against the others of its row, where there are several

They are computed from a study's examples in seconds and stand in the same table as the methods.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .metrics import METRICS, direction
from .metrics.words import CJK
from .records import Example, Prediction
from .score import figures, scores, smallest_detectable
from .sentences import detectable
from .tasks.template import columns_of

SENTENCES = (1, 2, 3, 4, 5)
WORDS = (10, 15, 20, 30, 40, 60, 80)
"""The lengths that lead-k chooses from."""

MOST_DEV = 300
"""Development rows that choose."""

NGRAMS = (1, 2, 3)
"""Lengths of the character n-grams of naive Bayes."""

SMOOTHING = 1.0
"""Added to every n-gram count (Laplace)."""

SENTENCE_END = re.compile(r"(?<=[。！？!?\n])|(?<=\.)(?=\s)")
WORD = re.compile(rf"{CJK.pattern}|[^\W_]+(?:['’-][^\W_]+)*")

Cut = Callable[[str, int], str]
Splits = Mapping[str, Sequence[Example]]


@dataclass(frozen=True)
class Line:
    """One reference line."""

    kind: str
    """`majority`, `random`, `ngrams`, `lead` or `human`."""
    name: str
    name_zh: str
    predictions: Sequence[Prediction]


def reference_lines(splits: Splits, task: Any, split: str = "test") -> list[Line]:
    """Every line that fits the task, predicted for `split`; empty where the rows allow none.

    Args:
        splits: examples of `train`, `dev` and `test`.
        task: a task with `kind`, `prompt` and `best_by`, as `luthier.tasks` makes it.
    """
    train, rows = splits["train"], splits[split]
    if task.kind == "read":
        return []
    if task.kind == "label":
        return [_majority(train, rows), _random(train, rows), _naive_bayes(train, rows, task.prompt)]
    lines = [_lead(splits["dev"], rows, task.prompt, task.best_by), human(rows)]
    return [line for line in lines if line is not None]


def table(lines: Sequence[Line], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """The lines as `results.json` has them: `kind, name, name_zh, metrics{name: {mean, low, high, n}}`."""
    return [
        {"kind": x.kind, "name": x.name, "name_zh": x.name_zh, "metrics": figures(scores(x.predictions, metrics))}
        for x in lines
    ]


def pilot(splits: Splits, task: Any, comparisons: int = 1) -> dict[str, Any] | None:
    """The smallest difference that the test rows can show, from what is known before anything is trained.

    The spread is that between two reference lines on the development rows, so that no test row is looked at:
    the first words against sentences drawn from the input, or naive Bayes from one half of the training rows against
    that from the other. None where the rows allow no pilot.

    Returns:
        metric, difference (a fraction), groups (of the test rows), comparisons, pilot (what was compared), and a
        sentence{en, zh}.
    """
    train, dev = splits["train"], splits["dev"]
    if task.kind == "read" or len(train) < 2 or not dev or not splits["test"]:
        return None
    if task.kind == "label":
        lines = [_naive_bayes(half, dev, task.prompt) for half in (train[::2], train[1::2])]
        pilot_en, pilot_zh = "naive Bayes on halves of the training rows", "训练数据两半上的朴素贝叶斯"
    else:
        lines = [line for line in (_lead(dev, dev, task.prompt, task.best_by), _drawn(dev, task.prompt)) if line]
        pilot_en, pilot_zh = " against ".join(x.name for x in lines), "与".join(x.name_zh for x in lines)
    if len(lines) < 2 or [p.prediction for p in lines[0].predictions] == [p.prediction for p in lines[1].predictions]:
        return None  # two that say the same tell nothing of the spread
    groups = len({e.group for e in splits["test"]})
    found = smallest_detectable(lines[0].predictions, lines[1].predictions, task.best_by, groups, comparisons)
    unit = ("rows", "行") if groups == len(splits["test"]) else ("groups of rows", "组")
    return {
        "metric": task.best_by,
        "difference": found,
        "groups": groups,
        "comparisons": comparisons,
        "pilot": pilot_en,
        "sentence": detectable(found, task.best_by, groups, unit, {"en": pilot_en, "zh": pilot_zh}),
    }


def human(rows: Sequence[Example]) -> Line | None:
    """Every reference of a row against the row's other references; None where no row has two."""
    said = [
        Prediction(f"{e.id}#{i}", e.group, text, (*e.references[:i], *e.references[i + 1 :]), 0, 0.0)
        for e in rows
        for i, text in enumerate(e.references)
        if len(e.references) > 1
    ]
    return Line("human", "human against human", "人与人之间", said) if said else None


def _majority(train: Sequence[Example], rows: Sequence[Example]) -> Line:
    counts = Counter(e.references[0] for e in train)
    label = max(sorted(counts), key=lambda name: counts[name])
    return Line("majority", f"always {label}", f"总是回答 {label}", [_said(e, label) for e in rows])


def _random(train: Sequence[Example], rows: Sequence[Example]) -> Line:
    labels = sorted(e.references[0] for e in train)
    chance = random.Random(0)
    return Line("random", "random class by frequency", "按频率随机", [_said(e, chance.choice(labels)) for e in rows])


def _naive_bayes(train: Sequence[Example], rows: Sequence[Example], prompt: str) -> Line:
    model = NaiveBayes.fitted([_input(e, prompt) for e in train], [e.references[0] for e in train])
    said = map(_said, rows, model.choose([_input(e, prompt) for e in rows]))
    return Line("ngrams", "naive Bayes on character n-grams", "字符 n 元朴素贝叶斯", list(said))


@dataclass(frozen=True)
class NaiveBayes:
    """Multinomial naive Bayes on counts of character n-grams.

    Source: Manning, Raghavan and Schütze 2008, "Introduction to Information Retrieval", section 13.2, with add-one
        smoothing; n-grams that training never saw are passed over.
    """

    labels: Sequence[str]
    grams: np.ndarray
    """(grams,) those of the training texts, sorted."""
    prior: np.ndarray
    """(labels,) log probability."""
    likelihood: np.ndarray
    """(labels, grams) log probability of an n-gram in a text of that label."""

    @classmethod
    def fitted(cls, texts: Sequence[str], wanted: Sequence[str]) -> NaiveBayes:
        labels = sorted(set(wanted))
        row = {label: i for i, label in enumerate(labels)}
        codes, owners = ngrams(texts)
        grams, places = np.unique(codes, return_inverse=True)
        cells = np.array([row[label] for label in wanted])[owners] * len(grams) + places
        counts = np.bincount(cells, minlength=len(labels) * len(grams)).reshape(len(labels), -1) + SMOOTHING
        times = Counter(wanted)
        prior = np.log([times[label] / len(wanted) for label in labels])
        return cls(labels, grams, prior, np.log(counts / counts.sum(axis=1, keepdims=True)))

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, labels) joint log probability."""
        codes, owners = ngrams(texts)
        places = np.minimum(np.searchsorted(self.grams, codes), max(0, len(self.grams) - 1))
        known = self.grams[places] == codes if len(self.grams) else np.zeros(len(codes), bool)
        found = [np.bincount(owners[known], row[places[known]], len(texts)) for row in self.likelihood]
        return np.stack(found, axis=1) + self.prior

    def choose(self, texts: Sequence[str]) -> list[str]:
        """The likeliest label of each text."""
        return [self.labels[i] for i in self.scores(texts).argmax(axis=1)]


def ngrams(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Every run of `NGRAMS` characters, in lower case, as a number, and the place of the text it stands in.

    Three characters fit into 63 bits; 1 is added to each, so that shorter runs are other numbers.
    """
    lower = [text.lower() for text in texts]
    whole = np.frombuffer("".join(lower).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64) + 1
    owners = np.repeat(np.arange(len(lower)), [len(text) for text in lower])
    found = []
    for size in NGRAMS:
        count = max(0, len(whole) - size + 1)
        code = sum((whole[i : i + count] << (21 * (size - 1 - i)) for i in range(size)), np.zeros(count, np.int64))
        inside = owners[:count] == owners[size - 1 :]
        found.append((code[inside], owners[:count][inside]))
    codes, places = zip(*found)
    return np.concatenate(codes), np.concatenate(places)


def first_sentences(text: str, count: int) -> str:
    """The first lines or sentences of a text, whichever end sooner."""
    return "".join(sentences(text)[:count]).strip()


def sentences(text: str) -> list[str]:
    """A text cut behind its line ends and sentence marks, nothing lost but blank pieces."""
    return [piece for piece in SENTENCE_END.split(text) if piece.strip()]


def first_words(text: str, count: int) -> str:
    """The start of a text up to its word number `count`; every Chinese, Japanese or Korean character is a word."""
    ends = [m.end() for m in WORD.finditer(text)]
    return text if len(ends) <= count else text[: ends[count - 1]]


def words_in(text: str) -> int:
    """Words, where every Chinese, Japanese or Korean character counts as one."""
    return sum(1 for _ in WORD.finditer(text))


def _lead(dev: Sequence[Example], rows: Sequence[Example], prompt: str, metric: str) -> Line | None:
    """The start of the input, as much of it as scores best on the development rows."""
    if not dev or not any(_input(e, prompt) for e in rows):
        return None
    scorer, dev = METRICS[metric](), dev[:MOST_DEV]
    choices = [("sentence", "句", first_sentences, k) for k in SENTENCES]
    choices += [("word", "词", first_words, k) for k in WORDS]

    def said(among: Sequence[Example], choice: tuple[str, str, Cut, int]) -> list[Prediction]:
        return [_said(e, choice[2](_input(e, prompt), choice[3])) for e in among]

    def quality(choice: tuple[str, str, Cut, int]) -> float:
        return direction(metric) * float(scorer.value(scorer.tally(said(dev, choice)).sum(axis=0)))

    chosen = max(choices, key=quality)
    unit, unit_zh, _, k = chosen
    text = "".join(_input(e, prompt) for e in dev)
    if unit == "word" and len(CJK.findall(text)) > 0.3 * len(text):
        unit, unit_zh = "character", "字"
    return Line("lead", f"first {k} {unit}{'s' * (k > 1)}", f"开头 {k} {unit_zh}", said(rows, chosen))


def _drawn(rows: Sequence[Example], prompt: str) -> Line | None:
    """As many sentences as the reference has words for, drawn anywhere in the input."""
    chance = random.Random(0)
    said = []
    for e in rows:
        pieces = [piece.strip() for piece in sentences(_input(e, prompt))]
        chance.shuffle(pieces)
        said.append(_said(e, first_words(" ".join(pieces), words_in(e.references[0]))))
    return Line("drawn", "random sentences", "随机句子", said) if any(p.prediction for p in said) else None


def _input(e: Example, prompt: str) -> str:
    """The longest of the columns that the prompt shows."""
    shown = [e.fields[name] for name in columns_of(prompt) if name in e.fields] or list(e.fields.values())
    return max(shown, key=len, default="")


def _said(e: Example, text: str) -> Prediction:
    return Prediction(e.id, e.group, text, e.references, 0, 0.0)
