"""The built-in sentences: each pattern and word with one translation, split by combination."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from luthier import tasks
from luthier.data.dialogue_parts.scene import slots_of
from luthier.data.sentences import patterns, sentences, words
from luthier.errors import DataError

SIZES = {"train": 2000, "dev": 200, "test": 200}


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    return {split: sentences(split, size) for split, size in SIZES.items()}


def test_rows_depend_on_their_place_alone():
    assert sentences("test", 9)[:4] == sentences("test", 4) != sentences("test", 4, seed=1)


def test_both_sides_of_a_pattern_say_the_same_slots():
    for en, zh in patterns():
        assert slots_of(en) == slots_of(zh) and set(slots_of(en)) <= set(words()), (en, zh)
        assert all(en.count(f"{{{slot}}}") == zh.count(f"{{{slot}}}") == 1 for slot in slots_of(en))


def test_every_word_has_one_translation():
    for side in (0, 1):
        said = Counter(value[side] for values in words().values() for value in values)
        assert max(said.values()) == 1, said.most_common(3)


def test_a_sentence_and_its_translation_tell_the_same_facts(rows):
    """Read back by the words themselves: what a row holds in English stands on its other side."""
    known = {en: zh for values in words().values() for en, zh in values}
    for row in rows["train"][:300]:
        en = row["en"].lower()
        held = [zh for word, zh in known.items() if re.search(rf"\b{re.escape(word.lower())}\b", en)]
        assert len(held) >= 2 and all(zh in row["zh"] for zh in held), row


def test_sentences_look_like_sentences(rows):
    for row in rows["train"]:
        assert row["en"][0].isupper() and row["en"][-1] in ".?" and row["zh"][-1] in "。？"
        assert not re.search(r"[\[\]{}|=]", row["en"] + row["zh"])
        assert not re.search("[\u4e00-\u9fff]", row["en"]) and not re.search("[A-Za-z]", row["zh"])


def test_splits_share_no_sentence_but_all_words(rows):
    for side in ("en", "zh"):
        seen = {split: {row[side] for row in rows[split]} for split in SIZES}
        for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
            assert not seen[a] & seen[b]
        assert len(seen["train"]) > 0.97 * SIZES["train"]
    shown = "\n".join(row["zh"] for row in rows["train"])
    assert all(zh in shown for values in words().values() for _, zh in values)


@pytest.mark.parametrize(("answer", "into"), [("", "Chinese"), ("en", "英文")])
def test_either_side_may_be_the_answer(rows, answer, into):
    task, _ = tasks.infer(rows["train"], answer=answer)
    assert task.word == "translate" and task.answer == (answer or "zh") and into in task.prompt


@pytest.mark.parametrize(("asked", "named"), [(("train", 0), "0 rows"), (("valid", 1), "valid")])
def test_bad_requests_are_told(asked, named):
    with pytest.raises(DataError, match=named):
        sentences(*asked)
