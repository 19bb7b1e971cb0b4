"""What holds for every text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from luthier.metrics import METRICS
from luthier.metrics.exact import longest_run
from luthier.metrics.lcs import lcs_length, lcs_places
from luthier.metrics.stem import stem
from luthier.metrics.words import tokens
from luthier.records import Prediction
from luthier.score import scores

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
ORACLE = RougeScorer(list(ROUGE), use_stemmer=True)
STEMMER = PorterStemmer()

WORDS = ("the", "cat", "cats", "runs", "running", "a", ".", "\n", "3", "Dogs")
FEW_WORDS = st.lists(st.sampled_from(WORDS), max_size=25)
ENGLISH = FEW_WORDS.map(" ".join) | st.text(st.characters(codec="ascii"), max_size=40)
CHINESE = st.text(st.sampled_from("我们在北京天气好 ，。abA1\n"), max_size=25)
LETTERS = st.lists(st.sampled_from("abcd"), max_size=30)
ENDINGS = ("", "ies", "ied", "eed", "ing", "ed", "alli", "logi", "fulli", "y", "ization", "ement", "ion", "e", "ll")


@given(ENGLISH, ENGLISH)
@settings(max_examples=150, deadline=None)
def test_english_is_rouge_score(prediction: str, reference: str) -> None:
    theirs = ORACLE.score(reference, prediction)
    for name in ROUGE:
        assert METRICS[name]().pair(prediction, reference) == pytest.approx(theirs[name].fmeasure, abs=1e-9)


@given(st.text("aeiouyslzdtnigc0", max_size=6), st.sampled_from(ENDINGS))
@settings(max_examples=400, deadline=None)
def test_stems_are_nltks(start: str, ending: str) -> None:
    assert stem(start + ending) == STEMMER.stem(start + ending)


@pytest.mark.parametrize("name", (*ROUGE, "f1", "exact_match"))
@given(a=ENGLISH | CHINESE | st.text(max_size=30), b=ENGLISH | CHINESE)
@settings(max_examples=60, deadline=None)
def test_bounds_and_symmetry(name: str, a: str, b: str) -> None:
    metric = METRICS[name]()
    value = metric.pair(a, b)
    assert 0 <= value <= 1
    if name != "rougeLsum":  # the union is taken over the reference's lines, so sides matter there
        assert metric.pair(b, a) == pytest.approx(value)


@given(CHINESE)
@settings(deadline=None)
def test_the_same_text_is_perfect(text: str) -> None:
    said = tokens(text)
    for name, needed in (("rouge1", 1), ("rouge2", 2), ("rougeL", 1), ("rougeLsum", 1)):
        assert METRICS[name]().pair(text, text) == (len(said) >= needed)
    assert METRICS["exact_match"]().pair(text, text) == METRICS["f1"]().pair(text, text) == bool(text.strip())


def table(a: list[str], b: list[str]) -> np.ndarray:
    """The plain dynamic programme."""
    lengths = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            lengths[i + 1, j + 1] = lengths[i, j] + 1 if x == y else max(lengths[i, j + 1], lengths[i + 1, j])
    return lengths


@given(LETTERS, LETTERS)
@settings(deadline=None)
def test_longest_common_subsequence(a: list[str], b: list[str]) -> None:
    places = sorted(lcs_places(a, b))
    assert lcs_length(a, b) == len(places) == table(a, b)[-1, -1]
    left = iter(b)
    assert all(a[i] in left for i in places)  # `in` walks on, so the order is checked too


@given(LETTERS, LETTERS)
@settings(deadline=None)
def test_longest_common_run(a: list[str], b: list[str]) -> None:
    a_text, b_text = "".join(a), "".join(b)
    pieces = (a_text[i:j] for i in range(len(a)) for j in range(i, len(a) + 1))
    assert longest_run(a, b) == max((len(piece) for piece in pieces if piece in b_text), default=0)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1, max_size=30))
@settings(deadline=None)
def test_class_metrics_are_scikit_learns(rows: list[tuple[str, str]]) -> None:
    said, wanted = ([row[i] for row in rows] for i in range(2))
    found = {s.metric: s for s in scores(predictions(said, wanted), ["macro_f1", "mcc", "accuracy_macro_f1"], draws=5)}
    oracle = f1_score(wanted, said, average="macro", labels=sorted(set(wanted)))
    assert found["macro_f1"].mean == pytest.approx(oracle)
    assert found["accuracy_macro_f1"].mean == pytest.approx((accuracy_score(wanted, said) + oracle) / 2)
    if len(set(wanted)) == 1:
        assert found["mcc"].mean == 0
    elif set(said) <= set(wanted):
        assert found["mcc"].mean == pytest.approx(matthews_corrcoef(wanted, said))


@given(st.lists(st.tuples(ENGLISH, ENGLISH), min_size=1, max_size=12), st.integers(1, 3), st.randoms())
@settings(max_examples=40, deadline=None)
def test_interval_holds_the_mean_and_order_is_free(rows: list[tuple[str, str]], size: int, random: object) -> None:
    given_rows = predictions([a for a, _ in rows], [b for _, b in rows], size)
    shuffled = list(given_rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for first, second in zip(*(scores(r, ["rouge", "f1"], draws=50) for r in (given_rows, shuffled))):
        assert 0 <= first.low <= first.mean <= first.high <= 1
        assert first.mean == pytest.approx(second.mean)
        assert first.n == len(first.values) == len({p.group for p in given_rows})


def predictions(said: list[str], wanted: list[str], size: int = 1) -> list[Prediction]:
    return [Prediction(str(i), str(i // size), s, (w,), 0, 0.0) for i, (s, w) in enumerate(zip(said, wanted))]
