"""Longest common subsequences, a whole row of the table at a time as the bits of one integer.

Hyyrö 2004, "Bit-parallel LCS-length computation revisited", section 2. A row belongs to the first j tokens of b; its
bit i is 0 where the table grows from i to i + 1 tokens of a.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def lcs_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Number of tokens of the longest common subsequence."""
    *_, last = ((1 << len(a)) - 1, *_rows(a, b))
    return len(a) - last.bit_count()


def lcs_places(a: Sequence[str], b: Sequence[str]) -> set[int]:
    """Places in a of one longest common subsequence: of several, the one that `rouge_score` finds."""
    rows = list(_rows(a, b))
    places: set[int] = set()
    i, j = len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            places.add(i)
        elif rows[j - 1] >> (i - 1) & 1:
            i -= 1
        else:
            j -= 1
    return places


def _rows(a: Sequence[str], b: Sequence[str]) -> Iterator[int]:
    """The row after each token of b."""
    places: dict[str, int] = {}
    for i, token in enumerate(a):
        places[token] = places.get(token, 0) | 1 << i
    full = row = (1 << len(a)) - 1
    for token in b:
        hits = row & places.get(token, 0)
        row = (row + hits | row - hits) & full
        yield row
