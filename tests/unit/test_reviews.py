"""The built-in reviews: reproducible, distinct, split without overlap, and as hard as they say."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from luthier.data import reviews as module
from luthier.data.review_parts import MARKS, Domain
from luthier.data.reviews import BEST, SPEECHES, WAYS, drawn, lexicon, reviews
from luthier.data.table import SPLITS
from luthier.errors import DataError

LANGUAGES = tuple(SPEECHES)
SIZES = {"train": 1500, "dev": 200, "test": 400}


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], list[tuple[dict, str]]]:
    """(language, split) -> rows with the way each is reviewed in."""
    return {(lang, s): [drawn(s, 0, lang, at) for at in range(n)] for lang in LANGUAGES for s, n in SIZES.items()}


def texts(rows, language: str, split: str) -> list[str]:
    return [row["text"] for row, _ in rows[language, split]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_rows_depend_on_their_place_alone(language):
    assert reviews("dev", 12, language=language)[:5] == reviews("dev", 5, language=language)
    assert reviews("dev", 5, language=language) != reviews("dev", 5, seed=1, language=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_splits_share_no_text_and_hold_few_repeats(rows, language):
    by_split = {split: texts(rows, language, split) for split in SPLITS}
    for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not set(by_split[a]) & set(by_split[b])
    assert len(set(by_split["train"])) > 0.98 * len(by_split["train"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_unfilled(rows, language):
    for split in SPLITS:
        for text in texts(rows, language, split):
            assert text.strip() == text and len(text) > 3
            assert not re.search(r"[\[\]{}|]", text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_and_ways_have_their_shares(rows, language):
    labels = Counter(row["label"] for row, _ in rows[language, "train"])
    assert set(labels) == set(SPEECHES[language].labels)
    assert min(labels.values()) > 0.45 * SIZES["train"]
    assert sum(WAYS.values()) == 100
    # The split is drawn after the way, so small splits hold some ways a little more often than others.
    ways = Counter(way for _, way in rows[language, "train"])
    assert all(abs(ways[way] / SIZES["train"] - share / 100) < 0.05 for way, share in WAYS.items())


@pytest.mark.parametrize("language", LANGUAGES)
def test_open_reviews_are_a_fair_coin_and_no_others(language):
    """Who knows the way and the side is wrong on half of the open reviews alone: that is BEST."""
    found = [drawn("train", 1, language, at) for at in range(3000)]
    opened = [row["label"] for row, way in found if way == "open"]
    share = len(opened) / len(found)
    assert 0.35 < opened.count(SPEECHES[language].labels[1]) / len(opened) < 0.65
    assert abs((1 - share / 2) - BEST) < 0.01


@pytest.mark.parametrize("language", LANGUAGES)
def test_counting_words_is_far_from_the_best(rows, language):
    train, test = ([row for row, _ in rows[language, split]] for split in ("train", "test"))
    ways = [way for _, way in rows[language, "test"]]
    right = [said == row["label"] for said, row in zip(lexicon(test, train), test, strict=True)]
    by_way = {way: [ok for ok, one in zip(right, ways, strict=True) if one == way] for way in WAYS}
    assert 0.75 < sum(right) / len(right) < BEST - 0.04
    shares = {way: sum(found) / len(found) for way, found in by_way.items()}
    assert shares["contrast"] < shares["plain"] - 0.1


@pytest.mark.parametrize("language", LANGUAGES)
def test_some_are_typed_carelessly(rows, language):
    ends = Counter(text[-1] for text in texts(rows, language, "train"))
    assert 0.5 < ends[SPEECHES[language].end] / SIZES["train"] < 0.95


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_aspect_is_said_in_all_ways(language):
    for domain in SPEECHES[language].domains.values():
        assert len(domain.said) >= 6
        assert all(marks[mark] for marks in domain.said.values() for mark in MARKS)


def test_an_aspect_without_a_way_is_refused():
    with pytest.raises(ValueError, match="bed has no phrasing"):
        Domain("x", "x", "bed\n+ soft", "x").said  # noqa: B018


@pytest.mark.parametrize(
    ("words", "named"), [(("train", 0), "0 rows"), (("valid", 1), "valid"), (("train", 1, 0, "fr"), "fr")]
)
def test_bad_requests_are_told(words, named):
    with pytest.raises(DataError, match=named):
        module.reviews(*words)
