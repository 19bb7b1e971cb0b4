"""Word vectors to start from, counted over the whole corpus in a minute.

A short run sees a tenth of the corpus, and a rare piece a handful of times. Who stands beside whom is counted over all
of it, turned into positive pointwise mutual information, and its strongest directions become the embedding
(Levy and Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization", section 3; context counts
smoothed by the power 0.75 as in Levy, Goldberg and Dagan 2015, section 3.2).
"""

from __future__ import annotations

import numpy as np

REACH = 4
SMOOTHING = 0.75
EIGENVALUE_POWER = 0.25
"""Below 1/2, so that the few strongest directions do not drown the rest."""
EXTRA = 32
POWER_ROUNDS = 3
COUNTED_AT_ONCE = 4_000_000


def neighbour_counts(ids: np.ndarray, size: int) -> np.ndarray:
    """(size, size) how often two pieces stand within REACH of each other, near ones counting more."""
    counts = np.zeros(size * size, dtype=np.float32)
    for start in range(0, len(ids), COUNTED_AT_ONCE):
        part = ids[start : start + COUNTED_AT_ONCE].astype(np.int64)
        for gap in range(1, REACH + 1):
            if len(part) > gap:
                counts += np.bincount(part[:-gap] * size + part[gap:], minlength=size * size).astype(np.float32) / gap
    square = counts.reshape(size, size)
    return square + square.T


def information(counts: np.ndarray) -> np.ndarray:
    """Positive pointwise mutual information of the counts."""
    rows = counts.sum(axis=1)
    contexts = rows**SMOOTHING / (rows**SMOOTHING).sum()
    expected = np.maximum(rows[:, None] * contexts[None, :], 1e-12)
    found = np.log(np.maximum(counts / expected, 1.0, dtype=np.float32))
    return (found + found.T) / 2


def directions(ids: np.ndarray, size: int, width: int, seed: int = 0) -> np.ndarray:
    """(size, width) the strongest directions of what neighbours tell, the strongest first."""
    rng = np.random.default_rng(seed)
    facts = information(neighbour_counts(ids, size))
    basis = rng.standard_normal((size, width + EXTRA)).astype(np.float32)
    for _ in range(POWER_ROUNDS):
        basis, _ = np.linalg.qr(facts @ basis)
    values, turns = np.linalg.eigh(basis.T @ (facts @ basis))
    strongest = np.argsort(-np.abs(values))[:width]
    return ((basis @ turns[:, strongest]) * np.abs(values[strongest]) ** EIGENVALUE_POWER).astype(np.float32)


def word_vectors(found: np.ndarray, width: int, seed: int = 0) -> np.ndarray:
    """(size, width) vectors of mean square one from the first directions, random ones for unseen pieces."""
    rng = np.random.default_rng(seed)
    kept = found[:, :width]
    unseen = np.square(kept).sum(axis=1) < 1e-9
    kept = kept - kept[~unseen].mean(axis=0)
    kept[unseen] = rng.standard_normal((int(unseen.sum()), width))
    turned = kept @ np.linalg.qr(rng.standard_normal((width, width)))[0]
    return (turned / np.sqrt(np.square(turned).mean(axis=1, keepdims=True))).astype(np.float32)
