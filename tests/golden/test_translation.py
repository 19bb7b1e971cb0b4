"""BLEU and chrF against sacrebleu's corpus scores, on real sentence pairs and on awkward ones."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from luthier.data import read
from luthier.metrics import METRICS
from luthier.records import Prediction


def predictions(said: list[str], wanted: list[list[str]]) -> list[Prediction]:
    return [Prediction(str(i), str(i), s, tuple(w), 0, 0.0) for i, (s, w) in enumerate(zip(said, wanted))]


def ours(word: str, rows: list[Prediction]) -> float:
    metric = METRICS[word]()
    return 100 * float(metric.value(metric.tally(rows).sum(axis=0)))


def theirs(metric: BLEU | CHRF, said: list[str], wanted: list[list[str]]) -> float:
    """Sentence by sentence lists become sacrebleu's reference streams; missing ones are None."""
    most = max(map(len, wanted))
    return metric.corpus_score(said, [[w[i] if i < len(w) else None for w in wanted] for i in range(most)]).score


@pytest.mark.parametrize(("column", "tokenizer"), [("zh", "zh"), ("en", "13a")])
def test_real_pairs(shared_data, column, tokenizer):
    rows = read(shared_data / "tatoeba_en_zh").splits["test"][:300]
    wanted = [row[column] if isinstance(row[column], list) else [row[column]] for row in rows]
    mixed = random.Random(0)
    said = [w[0][: mixed.randrange(1, 40)] if mixed.random() < 0.7 else mixed.choice(wanted)[0] for w in wanted]
    made = predictions(said, wanted)
    assert ours("bleu", made) == pytest.approx(theirs(BLEU(tokenize=tokenizer), said, wanted), abs=1e-9)
    assert ours("chrf", made) == pytest.approx(theirs(CHRF(), said, wanted), abs=1e-9)


WORDS = st.lists(st.sampled_from(["a", "b", "cc", "dd.", "the", "lift,", "is", "out"]), max_size=9).map(" ".join)
FILLED = WORDS.filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(WORDS, st.lists(FILLED, min_size=1, max_size=3)), min_size=1, max_size=5))
def test_awkward_pairs(pairs):
    said, wanted = [p[0] for p in pairs], [p[1] for p in pairs]
    made = predictions(said, wanted)
    assert ours("bleu", made) == pytest.approx(theirs(BLEU(tokenize="13a"), said, wanted), abs=1e-9)
    assert ours("chrf", made) == pytest.approx(theirs(CHRF(), said, wanted), abs=1e-9)


def test_many_draws_at_once_are_the_same_as_one_by_one():
    rows = predictions(["the lift is out", "a cc dd."], [["the lift is broken"], ["a dd."]])
    for word in ("bleu", "chrf"):
        metric = METRICS[word]()
        tally = metric.tally(rows)
        drawn = np.stack([tally[[0, 0]].sum(0), tally[[0, 1]].sum(0), tally[[1, 1]].sum(0)])
        assert metric.value(drawn).tolist() == [float(metric.value(d)) for d in drawn]
