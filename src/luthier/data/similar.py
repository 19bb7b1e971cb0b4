"""Texts that are the same, and texts that nearly are.

Near means a Jaccard likeness of at least 0.8 between sets of three neighbouring words (Broder 1997, "On the
resemblance and containment of documents", section 2); a Chinese character is a word. Pairs are found with a prefix
filter: two sets that are this like share one of the few rarest members of each (Chaudhuri, Ganti and Kaushik 2006, "A
Primitive Operator for Similarity Joins in Data Cleaning", section 4), and every pair found is then counted out. So,
unlike with MinHash, nothing depends on a seed and no pair is a guess.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

NEAR = 0.8
"""Least likeness of two texts that are nearly the same."""

WIDTH = 3
"""Words of a shingle."""

MOST_PAIRS = 1_000_000
"""Pairs that are counted out; where rows all follow one pattern, the ones nearest in length come first."""

TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")

COMMON, FEWEST_COPIES = 0.01, 50
"""Shingles in more than this share of the texts, and in more than so many, are a template's and tell nothing."""

ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
"""Odd multipliers that spread three word numbers over 64 bits."""

CHUNK = 4_000_000
"""Set members that are compared in one go."""


@dataclass(frozen=True)
class Likeness:
    """Which of N texts are alike.

    Attributes:
        same: (N,) the number of each text among the different ones; -1 where it is empty.
        near: (P, 2) pairs of those numbers, the smaller first, that are nearly the same.
        crowded: texts of which not every possible neighbour was looked at (`MOST_PAIRS`).
    """

    same: np.ndarray
    near: np.ndarray
    crowded: int = 0

    @cached_property
    def neighbours(self) -> dict[int, list[int]]:
        """Number of a text -> the numbers of those nearly the same."""
        found: dict[int, list[int]] = defaultdict(list)
        for a, b in self.near.tolist():
            found[a].append(b)
            found[b].append(a)
        return found


def likeness(texts: Sequence[str], least: float = NEAR) -> Likeness:
    """Compare all texts with each other."""
    numbers: dict[str, int] = {}
    same = np.array([numbers.setdefault(text, len(numbers)) if text.strip() else -1 for text in texts], np.int64)
    near, crowded = near_pairs(list(numbers), least)
    return Likeness(same, near, crowded)


def near_pairs(texts: Sequence[str], least: float = NEAR) -> tuple[np.ndarray, int]:
    """(P, 2) positions of texts with a likeness of `least` or more, and how many texts were too crowded to be sure."""
    sets = _Sets.of(texts)
    pairs, crowded = _candidates(sets, least)
    if not len(pairs):
        return pairs, crowded
    step = max(1, CHUNK // max(1, 2 * int(sets.sizes[pairs].max())))
    parts = [sets.likeness(pairs[i : i + step]) for i in range(0, len(pairs), step)]
    return pairs[np.concatenate(parts) >= least - 1e-9], crowded


@dataclass(frozen=True)
class _Sets:
    """The shingles of each text: `members` is sorted by text, within a text the rarest comes first."""

    members: np.ndarray
    """(M,) rank of a shingle by how rare it is."""
    owners: np.ndarray
    """(M,) position of the text."""
    sizes: np.ndarray
    """(N,) shingles per text."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Sets:
        words, lengths = _words(texts)
        owners = np.repeat(np.arange(len(texts)), lengths)
        starts = np.flatnonzero(owners[: -WIDTH + 1] == owners[WIDTH - 1 :])
        shingles = sum((words[starts + i] * ODD[i] for i in range(WIDTH)), np.zeros(len(starts), np.uint64))
        _, kinds, counts = np.unique(shingles, return_inverse=True, return_counts=True)
        ranks = np.empty(len(counts), np.int64)
        ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
        telling = counts[kinds] <= max(FEWEST_COPIES, COMMON * len(texts))
        keys = _different(owners[starts][telling] << 32 | ranks[kinds][telling])
        return cls(keys & 0xFFFFFFFF, keys >> 32, np.bincount(keys >> 32, minlength=len(texts)))

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.sizes) - self.sizes

    def likeness(self, pairs: np.ndarray) -> np.ndarray:
        """Jaccard likeness of each of the (P, 2) pairs."""
        numbers = np.repeat(np.arange(len(pairs)), self.sizes[pairs].sum(1))
        texts = pairs.reshape(-1)
        lengths = self.sizes[texts]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        keys = np.sort(numbers << 32 | self.members[np.repeat(self.starts[texts], lengths) + within])
        shared = np.bincount(keys[1:][keys[1:] == keys[:-1]] >> 32, minlength=len(pairs))
        return shared / (self.sizes[pairs].sum(1) - shared)


def _words(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The words of all texts as numbers, one text behind the other, and how many each has."""
    numbers: dict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__  # type: ignore[attr-defined]
    words, lengths = array("q"), []
    for text in texts:
        found = TOKEN.findall((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold())
        if found:
            found += [""] * (WIDTH - len(found))  # a text of one or two words is one shingle
        words.extend(map(numbers.__getitem__, found))
        lengths.append(len(found))
    return np.array(words, np.uint64), np.array(lengths, np.int64)


def _candidates(sets: _Sets, least: float) -> tuple[np.ndarray, int]:
    """Pairs that share a rare shingle and whose sizes allow the likeness; at most about `MOST_PAIRS`."""
    place = np.arange(len(sets.owners)) - sets.starts[sets.owners]
    prefix = sets.sizes - np.ceil(least * sets.sizes - 1e-9) + 1
    kept = place < prefix[sets.owners]
    members, owners = sets.members[kept], sets.owners[kept]
    order = np.lexsort((owners, sets.sizes[owners], members))
    members, owners = members[order], owners[order]
    left, pairs, gap = np.arange(len(members)), np.zeros(0, np.int64), 0
    while len(left) and len(pairs) < MOST_PAIRS:  # nearest in size first, then further away
        gap += 1
        left = left[left + gap < len(members)]
        left = left[members[left + gap] == members[left]]
        a, b = owners[left], owners[left + gap]
        fits = sets.sizes[a] >= least * sets.sizes[b] - 1e-9
        left, a, b = left[fits], a[fits], b[fits]
        pairs = _different(np.concatenate([pairs, np.minimum(a, b) << 32 | np.maximum(a, b)]))
    return np.stack([pairs >> 32, pairs & 0xFFFFFFFF], axis=1), len(_different(owners[left]))


def _different(values: np.ndarray) -> np.ndarray:
    """`np.unique`, which is far slower here since it hashes."""
    ordered = np.sort(values)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
