"""The built-in passages: one right answer each, split without overlap, and harder than looking for like words."""

from __future__ import annotations

import re
from collections import Counter
from statistics import mean

import pytest

from luthier.data import passages as module
from luthier.data.passages import KINDS, NAME, drawn, nearest, passages, subjects
from luthier.data.table import SPLITS
from luthier.errors import DataError
from luthier.metrics.exact import F1

SIZES = {"train": 1500, "dev": 200, "test": 400}


@pytest.fixture(scope="module")
def rows() -> dict[str, list[tuple[dict, str]]]:
    return {split: [drawn(split, 0, at) for at in range(size)] for split, size in SIZES.items()}


def test_rows_depend_on_their_place_alone():
    assert passages("test", 12)[:5] == passages("test", 5)
    assert passages("test", 5) != passages("test", 5, seed=1)


def test_the_answer_stands_in_the_passage_once(rows):
    """Who knows the facts is always right, and no second reading is possible: that is BEST."""
    for split in SPLITS:
        for row, _ in rows[split]:
            (answer,) = row["answers"]
            assert row["context"].count(answer) == 1, row
            assert answer not in row["question"]


def name_in(question: str) -> str:
    """The one that a question is about, read by the templates of the questions."""
    asked = [q for facts in subjects().values() for fact in facts for q in fact.asked]
    patterns = (re.escape(one).replace(re.escape(f"{{{NAME}}}"), "(.+)") for one in asked)
    return min((found[1] for found in (re.fullmatch(p, question) for p in patterns) if found), key=len)


def test_of_two_the_sentence_with_the_answer_names_the_right_one(rows):
    mixed = [row for row, kind in rows["train"] if kind == "two"]
    for row in mixed:
        sentence = next(one for one in re.split("(?<=。)", row["context"]) if row["answers"][0] in one)
        assert name_in(row["question"]) in sentence, row
    assert len(mixed) > 300


def test_splits_share_no_passage_and_no_asked_fact(rows):
    contexts = {split: {row["context"] for row, _ in rows[split]} for split in SPLITS}
    asked = {split: {(row["question"], row["answers"][0]) for row, _ in rows[split]} for split in SPLITS}
    for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not contexts[a] & contexts[b]
        assert not asked[a] & asked[b]
    assert len(contexts["train"]) > 0.99 * SIZES["train"]


def test_nothing_is_left_unfilled(rows):
    for row, _ in rows["train"]:
        assert not re.search(r"[\[\]{}|]", row["context"] + row["question"] + row["answers"][0]), row


def test_kinds_have_their_shares(rows):
    assert sum(KINDS.values()) == 100
    found = Counter(kind for _, kind in rows["train"])
    assert all(abs(found[kind] / SIZES["train"] - share / 100) < 0.06 for kind, share in KINDS.items())


def test_like_words_find_the_sentence_but_not_the_answer(rows):
    found = [(nearest(row), row["answers"], kind) for row, kind in rows["test"]]
    assert mean(F1().pair(said, answers[0]) for said, answers, _ in found) < 0.4
    holds = {kind: mean(answers[0] in said for said, answers, k in found if k == kind) for kind in KINDS}
    assert 0.5 < mean(holds.values()) < 0.95


def test_every_fact_can_be_told_by_name_and_asked():
    for subject, (name, *facts) in subjects().items():
        assert name.slot == NAME and len(facts) >= 5, subject
        for fact in facts:
            assert len(fact.told) >= 2 and len(fact.asked) >= 2 and len(fact.values) >= 1
            assert any(f"{{{NAME}}}" in one for one in fact.told), (subject, fact.slot)
            assert all(f"{{{fact.slot}}}" in one for one in fact.told)
            assert all(f"{{{NAME}}}" in one for one in fact.asked)


@pytest.mark.parametrize(("words", "named"), [(("train", 0), "0 rows"), (("valid", 1), "valid")])
def test_bad_requests_are_told(words, named):
    with pytest.raises(DataError, match=named):
        module.passages(*words)
