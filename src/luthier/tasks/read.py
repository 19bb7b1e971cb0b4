"""The task behind `--task read`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import SpellingError
from ..records import Example
from ..spell import spelled
from .template import columns_of, fill

TEXTS = ("text", "content", "document", "article", "passage", "body", "story")
"""Columns that hold a plain text, the first that is there."""


@spelled
@dataclass(frozen=True)
class Read:
    """Go on training on plain text, and be measured by how little unseen text surprises.

    Example: "The ferry stops in winter, when the harbour freezes." -> every token, predicted from those before it.
    Right: perplexity over the tokens of all texts (Jelinek et al. 1977, "Perplexity: a measure of the difficulty of
        speech recognition tasks"), which picks the checkpoint, and bits per byte, which compares tokenizers (Gao et
        al. 2020, "The Pile: An 800GB Dataset of Diverse Text for Language Modeling", section 3.1); lower is better.
    Limits: one backbone's perplexities compare, two backbones' do not. A long document is read in windows that never
        hold two documents, and nothing is dropped: a token is predicted exactly once, the first of a window from the
        `overlap` tokens before it. Encoder-decoders read what precedes a window and write the window (a short
        document counts as two halves). Encoders see both sides of a word and are refused.
    Defaults: a line of a .txt file is a document, in jsonl the column `text`; `document='source'` names a column whose
        rows are parts of one work and stay together. 64 tokens of overlap.
    """

    word: ClassVar[str] = "read"
    kind: ClassVar[str] = "read"
    metrics: ClassVar[tuple[str, ...]] = ("perplexity", "bits_per_byte")
    best_by: ClassVar[str] = "perplexity"
    max_new_tokens: ClassVar[int] = 0
    """Nothing is written."""

    prompt: str = ""
    answer: str = ""
    document: str = ""
    """Column that names the work a row is part of; empty: every row is one of its own."""
    overlap: int = 64
    """Tokens that a window reads again from the one before, uncounted; 1 is the least."""

    def __post_init__(self) -> None:
        if self.overlap < 1:
            raise SpellingError(f"read: overlap={self.overlap}.", "1 or more tokens", "leave it out for 64")
        columns = columns_of(self.prompt)
        if columns and self.prompt != f"{{{columns[0]}}}":
            raise SpellingError(
                f"read: the prompt {self.prompt!r} holds more than the text.",
                "one column alone, such as {text}",
                "texts are read as they are: put the words into the data, or choose a task with an answer",
            )

    def preceded(self, text: str) -> Read:
        """Itself: there is no question to put words before, and methods that want to are refused."""
        return self

    def prompt_text(self, example: Example) -> str:
        """The text that is read."""
        return fill(self.prompt, example.fields)
