"""The running text of the corpus as one flat array of token numbers, and windows cut from it.

The English documents lie before the Chinese ones, each followed by its end token. Windows are cut at random places, all
of one length, so a batch holds no padding and every document is reached however short a run is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from .corpus import Document
from .tokenizer import SPECIALS

END = SPECIALS.index("</s>")
LANGUAGES = ("en", "zh")
ENCODED_AT_ONCE = 2000


class Text:
    """Token numbers end to end, with the ends of the documents and what kind each one is."""

    def __init__(self, folder: Path) -> None:
        self.ids = np.load(folder / "ids.npy", mmap_mode="r")
        self.ends = np.load(folder / "ends.npy")
        self.kinds = np.load(folder / "kinds.npy")
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        self.kind_names: list[str] = facts["kinds"]
        self.langs: tuple[str, ...] = LANGUAGES
        self.parts = {lang: tuple(facts["parts"][lang]) for lang in LANGUAGES}

    def kinds_at(self, starts: np.ndarray) -> np.ndarray:
        """The kind of the document that holds each place."""
        return self.kinds[np.searchsorted(self.ends, starts, side="right")].astype(np.int64)

    def starts(self, rng: np.random.Generator, rows: int, length: int) -> np.ndarray:
        """Random places with room for `length` tokens behind them; the languages take turns."""
        return np.array([self._start(rng, length, self.langs[row % len(self.langs)]) for row in range(rows)])

    def only(self, lang: str) -> Text:
        """The same text, windows of one language."""
        alone = copy(self)
        alone.langs = (lang,)
        return alone

    def at(self, starts: np.ndarray, length: int) -> np.ndarray:
        """(rows, length) token numbers from given places."""
        return self.ids[starts[:, None] + np.arange(length)].astype(np.int64)

    def _start(self, rng: np.random.Generator, length: int, lang: str) -> int:
        first, behind = self.parts[lang]
        return int(rng.integers(first, behind - length))


def save_text(documents: Sequence[Document], words: Tokenizer, folder: Path) -> None:
    """Encode documents into a folder that `Text` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({f"{one.lang}/{one.kind}" for one in documents})
    ids, ends, kinds, parts, at = [], [], [], {}, 0
    for lang in LANGUAGES:
        first, group = at, [one for one in documents if one.lang == lang]
        for start in range(0, len(group), ENCODED_AT_ONCE):
            chunk = group[start : start + ENCODED_AT_ONCE]
            for one, encoded in zip(chunk, words.encode_batch_fast([d.text for d in chunk], add_special_tokens=False)):
                piece = np.array([*encoded.ids, END], dtype=np.uint16)
                at += len(piece)
                ids.append(piece)
                ends.append(at)
                kinds.append(names.index(f"{one.lang}/{one.kind}"))
        parts[lang] = (first, at)
    np.save(folder / "ends.npy", np.array(ends, dtype=np.int64))
    np.save(folder / "kinds.npy", np.array(kinds, dtype=np.uint8))
    (folder / "facts.json").write_text(json.dumps({"kinds": names, "parts": parts}), encoding="utf-8")
    np.save(folder / "ids.npy", np.concatenate(ids))
