"""The built-in chats and keywords: made from passages, with one right answer, split without overlap."""

from __future__ import annotations

import re

import pytest

from luthier import tasks
from luthier.data import passages
from luthier.data.chats import chats
from luthier.data.keywords import BETWEEN, keywords
from luthier.data.table import SPLITS
from luthier.errors import DataError
from luthier.metrics.sets import items

SIZES = {"train": 400, "dev": 80, "test": 80}
MADE = {"chats": chats, "keywords": keywords}


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, list[dict]]]:
    return {name: {split: make(split, size) for split, size in SIZES.items()} for name, make in MADE.items()}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_rows_depend_on_their_place_alone(make):
    assert make("test", 9)[:4] == make("test", 4) != make("test", 4, seed=1)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
@pytest.mark.parametrize(("words", "named"), [(("train", 0), "0 rows"), (("valid", 1), "valid")])
def test_bad_requests_are_told(make, words, named):
    with pytest.raises(DataError, match=named):
        make(*words)


def test_every_answer_stands_once_in_what_the_user_brought(rows):
    for split in SPLITS:
        for row in rows["chats"][split]:
            said = row["messages"]
            assert [m["role"] for m in said] == ["user", "assistant"] * (len(said) // 2) and len(said) in (4, 6)
            passage, _, first = said[0]["content"].partition("\n\n")
            questions = [first, *(m["content"] for m in said[2::2])]
            assert all(passage.count(m["content"]) == 1 for m in said[1::2]), row
            assert not any(m["content"] in question for m in said[1::2] for question in questions)
            assert len(set(questions)) == len(questions), "no question comes twice"
            assert not re.search(r"[\[\]{}|]", "".join(m["content"] for m in said))


def test_chats_are_read_as_chats(rows):
    task, _ = tasks.infer(rows["chats"]["train"])
    assert isinstance(task, tasks.Chat)
    examples, _ = tasks.examples(task, rows["chats"]["dev"], "dev")
    assert len(examples) == sum(len(row["messages"]) // 2 for row in rows["chats"]["dev"])
    assert len({e.group for e in examples}) == SIZES["dev"], "the turns of a chat are one group"


def test_keywords_stand_in_the_text_and_are_no_numbers(rows):
    for split in SPLITS:
        for row in rows["keywords"][split]:
            terms = row["keywords"].split(BETWEEN)
            places = [row["text"].index(term) for term in terms]
            assert places == sorted(places) and len(terms) >= 2
            assert items(row["keywords"]) == set(terms), "set F1 divides what is written as it was meant"
            assert not re.search(r"\d", row["keywords"])


def test_asides_hold_no_keyword(rows):
    asides = [part for line in passages.lines(passages.ASIDES) for part in re.split(r"[\[\]|]", line)]
    for row in rows["keywords"]["train"]:
        assert not any(term in aside for term in row["keywords"].split(BETWEEN) for aside in asides)


def test_splits_share_no_text_and_no_one_that_is_asked_about(rows):
    for name, about in (("chats", _questions), ("keywords", lambda row: {row["text"]})):
        seen = {split: set().union(*map(about, rows[name][split])) for split in SPLITS}
        for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
            assert not seen[a] & seen[b], name
        assert len(seen["train"]) > 0.9 * SIZES["train"]


def _questions(row: dict) -> set[str]:
    """Every question names the one it asks about."""
    first, *more = (m["content"] for m in row["messages"][::2])
    return {first.partition("\n\n")[2], *more}
