"""Whatever the rows say, the check answers, twins are exactly those a count finds, and no row is lost."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data.blemishes import BLEMISHES, seen_only, spaced, ungarbled
from luthier.data.check import check, leaked
from luthier.data.clean import clean
from luthier.data.rows import Columns, every_row
from luthier.data.similar import NEAR, TOKEN, WIDTH, likeness, near_pairs
from luthier.data.split import split
from luthier.data.table import SPLITS
from luthier.errors import DataError

LABELS = Columns(("text",), "label", labels=True)

words = st.lists(st.sampled_from(["a", "b", "c", "d", "酒", "店", "!"]), max_size=14).map(" ".join)
rows = st.lists(
    st.fixed_dictionaries({"text": words, "label": st.sampled_from(["0", "1", ""])}), min_size=1, max_size=14
)
tables = st.dictionaries(st.sampled_from(SPLITS), rows, min_size=1)
anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def shingles(text: str) -> set[tuple[str, ...]]:
    found = TOKEN.findall(text.casefold())
    found += [""] * (WIDTH - len(found)) if found else []
    return {tuple(found[i : i + WIDTH]) for i in range(len(found) - WIDTH + 1)}


@settings(max_examples=150, deadline=None)
@given(st.lists(words, max_size=12, unique=True))
def test_near_pairs_are_those_of_a_count_of_all_pairs(texts):
    sets = [shingles(text) for text in texts]
    expected = {
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(sets), 2)
        if a and b and len(a & b) / len(a | b) >= NEAR - 1e-9
    }
    pairs, crowded = near_pairs(texts)
    assert {tuple(p) for p in pairs.tolist()} == expected and not crowded


@given(st.lists(words, max_size=12))
def test_equal_texts_have_equal_numbers(texts):
    same = likeness(texts).same.tolist()
    assert all(
        (a == b) == (same[i] == same[j])
        for (i, a), (j, b) in combinations(enumerate(texts), 2)
        if a.strip() and b.strip()
    )
    assert [n < 0 for n in same] == [not text.strip() for text in texts]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["text", "label", "id", "group"]), anything), min_size=1, max_size=6))
def test_the_check_answers_whatever_a_row_holds(held):
    for columns in (LABELS, Columns(("text", "label")), Columns(("text",), "label")):
        for finding in check({"train": held, "test": held[:2]}, columns).findings:
            assert 0 < finding.rows <= len(held) and finding.message and len(finding.examples) <= 3


@given(st.text(max_size=60))
def test_mending_twice_is_mending_once(text):
    for mend in (ungarbled, seen_only, spaced):
        assert mend(mend(text)) == mend(text)
    for blemish in BLEMISHES:
        assert blemish.mend is None or blemish.found(text) == (blemish.mend(text) != text)


@settings(max_examples=80, deadline=None)
@given(tables)
def test_a_clean_copy_is_clean_and_its_log_accounts_for_every_row(table):
    try:
        made = clean(table, LABELS)
    except DataError as fault:
        assert "would be left" in str(fault)
        return
    out = Counter(change["split"] for change in made.changes if change["after"] is None)
    assert all(len(made.splits[s]) + out[s] == len(table[s]) for s in table)
    kinds = {(f.kind, f.split) for f in check(made.splits, LABELS).findings}
    assert not {k for k, s in kinds} & {"leak", "near_leak", "empty", "whitespace", "encoding"}
    assert not {("duplicate", "train"), ("duplicate", "dev")} & kinds


@settings(max_examples=80, deadline=None)
@given(rows, st.integers(0, 3))
def test_new_splits_hold_every_row_once_and_share_no_input(held, seed):
    try:
        made = split(held, LABELS, {"dev": 0.2, "test": 0.2}, seed)
    except DataError as fault:
        assert "too few" in str(fault)
        return
    key = repr
    assert Counter(map(key, held)) == Counter(key(row) for own in made.values() for row in own)
    assert all(made[name] for name in SPLITS)
    placed = every_row(made, LABELS)
    assert not any(list(leaked(placed, a, b)) for a, b in combinations(SPLITS[::-1], 2))
