"""The task behind `--task classify`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import SpellingError
from ..records import Example
from ..spell import spelled
from .task import Prompted, check
from .template import SLOT, fill


@spelled
@dataclass(frozen=True)
class Classify(Prompted):
    """Choose one of N labels.

    Example: "The room smelled of smoke and nobody cared." -> "0", read by language models as the word "negative"
        where `words=('negative','positive')` is given. An encoder reads words at a slot: "{text} It was [MASK]."
    Right: accuracy, and macro-F1, the plain mean of the labels' F1 (Sokolova and Lapalme 2009, "A systematic analysis
        of performance measures for classification tasks", table 3).
    Limits: one label a row, one that train shows. At a slot there are as many masks as the longest word has pieces; a
        word scores the mean log-probability of its own pieces times that number: no reward for being short.
    Defaults: macro-F1 picks the checkpoint: always saying the commonest label is often accurate, and of no use. 8 new
        tokens, where a label is written out. A class head learns at its method's rate, at most 4e-3 (`HEAD_RATE`).
    """

    word: ClassVar[str] = "classify"
    kind: ClassVar[str] = "label"

    prompt: str = ""
    answer: str = ""
    max_new_tokens: int = 8
    labels: tuple[str, ...] = ()
    """As the data spells them; collected from train by `with_labels`."""
    segments: tuple[str, ...] = ()
    """The one or two columns an encoder reads; empty: it reads the whole prompt as one."""
    head: bool | None = None
    """True: a class head; False: label words (an encoder's at `[MASK]`); None: a head where an encoder is trained."""
    words: tuple[str, ...] = ()
    """How a language model says each of `labels`, in the same order; `with_labels` fills in the labels themselves."""
    best_by: str = "macro_f1"
    """What picks the checkpoint and leads the report: accuracy, macro_f1, mcc or accuracy_macro_f1."""

    def __post_init__(self) -> None:
        check(self)
        if len(self.segments) > 2:
            raise SpellingError(f"{self.word}: segments={self.segments!r}.", "one or two columns", "leave it out")
        for name, given in (("labels", self.labels), ("words", self.words)):
            if len({w for w in given if isinstance(w, str) and w.strip()}) != len(given):
                raise SpellingError(f"{self.word}: {name}={given!r}.", "different texts", "such as ('bad','good')")

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("accuracy", "macro_f1", self.best_by)))

    def prompt_text(self, example: Example) -> str:
        """What a language model reads before it says the word."""
        return self.around(example)[0]

    def around(self, example: Example) -> tuple[str, str]:
        """The text before the slot, and the text behind it."""
        before, _, behind = self.prompt.partition(SLOT)
        return fill(before, example.fields), fill(behind, example.fields)

    def segment_texts(self, example: Example) -> tuple[str, ...]:
        """What an encoder reads: one text, or two that it keeps apart."""
        return tuple(example.fields[name] for name in self.segments) or ("".join(self.around(example)),)
