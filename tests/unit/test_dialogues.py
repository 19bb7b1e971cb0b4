"""The built-in dialogues: reproducible, distinct, split without overlap, and summarisable from what is said."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from statistics import mean

import pytest

from luthier.data import dialogues as module
from luthier.data.dialogue_parts import SCENES, TALK
from luthier.data.dialogue_parts.scene import SLOT, SPEAKERS, read_script, slots_of
from luthier.data.dialogues import LENGTHS, TURNS, dialogues, lead, split_of
from luthier.data.table import SPLITS
from luthier.errors import DataError

LANGUAGES = tuple(SCENES)
SUMMARY_LENGTHS = {"en": (8, 35), "zh": (15, 62)}
"""Words, or characters with a `#Person1#` as two."""
FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an the and or but so as to of in on at for from with by is are was be it its has have had will would can
        could may not that this which who whose they them their there because if than then does do did into about
        after before up out also""",
    )
)


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], list[dict]]:
    """(language, split) -> rows; enough of each to measure."""
    sizes = {"train": 3000, "dev": 400, "test": 400}
    return {(lang, split): dialogues(split, n, language=lang) for lang in LANGUAGES for split, n in sizes.items()}


def summaries(row: dict) -> list[str]:
    return row["summary"] if isinstance(row["summary"], list) else [row["summary"]]


def pieces(text: str, language: str) -> list[str]:
    """Words in lower case, or Chinese characters; a `#Person1#` is one piece."""
    pattern = r"#person\d#|[a-z0-9][a-z0-9,:']*[a-z0-9]|[a-z0-9]" if language == "en" else r"#person\d#|\w"
    return re.findall(pattern, text.lower())


def content(text: str) -> list[str]:
    return [word.removesuffix("'s") for word in pieces(text, "en") if word not in FUNCTION_WORDS]


def spoken_length(row: dict, language: str) -> int:
    said = [line.split(TALK[language].colon, 1)[1] for line in row["dialogue"].splitlines()]
    return len(" ".join(said).split()) if language == "en" else len("".join(said))


def told_length(summary: str, language: str) -> int:
    return len(summary.split()) if language == "en" else len(re.sub(r"#Person\d#", "人们", summary))


def unigram_f1(guess: str, reference: str, language: str) -> float:
    a, b = Counter(pieces(guess, language)), Counter(pieces(reference, language))
    return 2 * sum((a & b).values()) / (sum(a.values()) + sum(b.values()))


# --- the rows


def test_rows_have_the_documented_shape(rows):
    for (language, split), found in rows.items():
        assert len({row["id"] for row in found}) == len(found)
        for row in found:
            assert set(row) == {"id", "dialogue", "summary"} and row["id"].startswith(f"{language}-{split}-")
            assert isinstance(row["summary"], list) == (split == "test")
            if split == "test":
                assert len(set(row["summary"])) == module.REFERENCES


def test_nothing_is_left_unfilled(rows):
    for found in rows.values():
        for row in found:
            for text in (row["dialogue"], *summaries(row)):
                assert not re.search(r"[{}\[\]|/=~\\>]", text), text
                assert not re.search(r"  | [,.?!]|,,|\.\.|，，|。。|，。|^[，。]", text), text


def test_every_text_of_a_scene_can_be_filled():
    """Each phrasing names known slots only: no row that nobody drew yet can fail."""
    for language in LANGUAGES:
        for scene in SCENES[language]:
            known = {*scene.slots, *SPEAKERS, "you"}
            beats = [*scene.beats, *(beat for ending in scene.endings for beat in ending.beats)]
            texts = [text for beat in beats for turn in beat.turns for text in turn.phrasings]
            for text in [*texts, *(told for ending in scene.endings for told in ending.told)]:
                assert set(slots_of(text)) <= known, (scene.name, text)
                assert text.count("[") == text.count("]") and not re.search(r"\[[^\]]*\[", text), text
            retold = {name.removesuffix(":told") for text in texts for name in SLOT.findall(text) if ":told" in name}
            assert not retold & {slot for ending in scene.endings for slot in ending.correctable.split()}, scene.name


def test_dialogues_alternate_between_two_speakers(rows):
    for (language, _), found in rows.items():
        for row in found:
            speakers = [line.split(TALK[language].colon, 1)[0] for line in row["dialogue"].splitlines()]
            assert TURNS[0] <= len(speakers) <= TURNS[1]
            assert len(set(speakers)) == 2 and all(a != b for a, b in pairwise(speakers))
            assert set(speakers) <= set(TALK[language].names) or speakers[:2] == ["#Person1#", "#Person2#"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_and_names_both_speak(rows, language):
    numbered = mean("#Person1#" in row["dialogue"] for row in rows[language, "train"])
    assert 0.4 < numbered < 0.6


def test_lengths_are_those_of_a_short_conversation(rows):
    for language in LANGUAGES:
        found = rows[language, "train"]
        lengths = [spoken_length(row, language) for row in found]
        low, high = LENGTHS[language]
        assert low <= min(lengths) and max(lengths) <= high
        assert (90 if language == "en" else 140) <= mean(lengths) <= (130 if language == "en" else 200)
        shortest, longest = SUMMARY_LENGTHS[language]
        for split in SPLITS:
            told = [told_length(text, language) for row in rows[language, split] for text in summaries(row)]
            assert shortest <= min(told) and max(told) <= longest


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_distinct(rows, language):
    found = rows[language, "train"]
    assert len({row["dialogue"] for row in found}) / len(found) > 0.98
    assert len({row["summary"] for row in found}) / len(found) > 0.9


@pytest.mark.parametrize("language", LANGUAGES)
def test_splits_share_no_dialogue_and_no_summary(rows, language):
    for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")):
        one, other = rows[language, a], rows[language, b]
        assert not {row["dialogue"] for row in one} & {row["dialogue"] for row in other}
        told = [{text for row in part for text in summaries(row)} for part in (one, other)]
        assert not told[0] & told[1]


def test_chinese_is_written_full_width(rows):
    for split in SPLITS:
        for row in rows["zh", split]:
            for text in (row["dialogue"].replace("\n", ""), *summaries(row)):
                bare = re.sub(r"#Person\d#", "", text)
                assert not re.search(r"[,.?!:;()\s]", bare), text
                assert bare.endswith(("。", "？", "！", "……")), text


def test_english_sentences_start_with_a_capital_and_end_with_a_mark(rows):
    for split in SPLITS:
        for row in rows["en", split]:
            for text in [*(line.split(": ", 1)[1] for line in row["dialogue"].splitlines()), *summaries(row)]:
                assert re.match(r"[A-Z0-9#]", text) and text[-1] in ".?!", text
                assert not re.search(r"[.?!] [a-z]", text), text
                assert not re.search(r"\ba (?!us|un|one)[aeiou]|\ban [bcdfgjklmnpqrstvwz]", text.lower()), text


# --- what they teach


def test_summaries_can_be_told_from_the_dialogue(rows):
    """Copying helps: most content words of a summary are said."""
    said = [mean(w in set(content(row["dialogue"])) for w in content(row["summary"])) for row in rows["en", "train"]]
    assert mean(said) > 0.7
    seen = [mean(c in row["dialogue"] for c in row["summary"]) for row in rows["zh", "train"]]
    assert mean(seen) > 0.75


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rule_baseline_stays_clearly_below_who_knows_the_facts(rows, language):
    """A reference scored against the others is what knowing the facts is worth; the first turns are not that."""
    found = rows[language, "test"]
    knowing = mean(unigram_f1(row["summary"][0], other, language) for row in found for other in row["summary"][1:])
    rule = mean(unigram_f1(lead(row), other, language) for row in found for other in row["summary"][1:])
    assert 0 < rule < knowing - 0.2


def test_lead_is_the_first_turns():
    row = {"dialogue": "A: one\nB: two\nA: three\nB: four"}
    assert lead(row) == "A: one B: two A: three" and lead(row, turns=1) == "A: one"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_corrected_fact_is_told_right(monkeypatch, language):
    """About 30 % of the rows say a fact wrong first; the summary has the value that holds in the end."""
    marked = ("<{wrong}> <{right}>",)
    talk = replace(TALK[language], corrected_at_once=marked, corrected_when_asked=marked, corrected_late=marked)
    monkeypatch.setitem(module.TALK, language, talk)
    hard = 0
    for row in dialogues("train", 400, language=language):
        found = re.search("<(.+?)> ?<(.+?)>", row["dialogue"])
        if not found:
            continue
        wrong, right, told = (text.lower() for text in (*found.groups(), row["summary"]))
        assert row["dialogue"].lower().count(wrong) > 1, "it was said before it was corrected"
        assert right in told and wrong not in told.replace(right, ""), row
        hard += 1
    assert 0.2 < hard / 400 < 0.4


def test_only_customers_make_small_remarks_at_a_counter(monkeypatch):
    """`Do you have a pen?` is nothing that the bank asks; the customer is the one who speaks first."""
    marked = {tone: ("<aside> >> Yes. >> Good.",) for tone in TALK["en"].asides}
    monkeypatch.setitem(module.TALK, "en", replace(TALK["en"], asides=marked))
    monkeypatch.setitem(module.SCENES, "en", tuple(s for s in SCENES["en"] if s.tone in ("counter", "phone")))
    remarks = 0
    for row in dialogues("train", 150):
        said = row["dialogue"].splitlines()
        for line in said:
            if "<aside>" in line:
                assert line.split(":")[0] == said[0].split(":")[0]
                remarks += 1
    assert remarks > 20


# --- the promise about splits and repetition


def test_every_ending_tells_the_same_facts_in_each_summary():
    """The split is drawn from the facts, so a summary that left one out could appear in two splits."""
    for language in LANGUAGES:
        for scene in SCENES[language]:
            for ending in scene.endings:
                assert len(ending.told) > module.REFERENCES
                assert {slots_of(told) for told in ending.told} == {ending.facts}, (scene.name, ending.told)


def test_every_fact_is_said_in_a_turn_that_is_never_left_out():
    for language in LANGUAGES:
        for scene in SCENES[language]:
            for ending in scene.endings:
                said = set()
                for beat in scene.beats + ending.beats:
                    for turn in beat.turns if beat.kind == "always" else ():
                        said |= set.intersection(*(set(slots_of(text)) for text in turn.phrasings))
                assert set(ending.facts) <= said, (scene.name, set(ending.facts) - said)
                assert set(ending.correctable.split()) <= set(ending.facts), scene.name


def test_the_forms_of_two_values_differ():
    """Two values told alike would be one fact with two splits."""
    for language in LANGUAGES:
        for scene in SCENES[language]:
            for name, choices in scene.values.items():
                told = [choice.split(" = ")[-1] for choice in choices]
                said = [choice.split(" = ")[0] for choice in choices]
                assert len(set(told)) == len(told) and len(set(said)) == len(said), (scene.name, name)


def test_split_of_facts_is_the_documented_hash():
    def written_again(scene: str, ending: int, facts: dict[str, str]) -> str:
        text = f"{scene}\n{ending}\n" + "\n".join(f"{k}={v}" for k, v in sorted(facts.items()))
        tenth = int(hashlib.sha256(text.encode("utf-8")).hexdigest()[:16], 16) % 10
        return "dev" if tenth == 8 else "test" if tenth == 9 else "train"

    drawn = [("play", number % 2, {"day": str(number), "a": "周一"}) for number in range(2000)]
    shares = Counter(split_of(*one) for one in drawn)
    assert all(split_of(*one) == written_again(*one) for one in drawn)
    assert shares["train"] > 1500 and shares["dev"] > 120 and shares["test"] > 120


def test_at_least_fifteen_scenes_and_no_third_person_is_a_speaker():
    from luthier.data.dialogue_parts import en_talk, zh_talk

    for language, talk in (("en", en_talk), ("zh", zh_talk)):
        assert len({scene.name for scene in SCENES[language]}) == len(SCENES[language]) >= 15
        assert not set(talk.TALK.names) & set(talk.phrases(talk.FRIENDS))
        assert len(set(talk.TALK.names)) == len(talk.TALK.names)


def test_a_longer_draw_starts_like_a_shorter_one_and_seeds_differ():
    short, longer, other = dialogues("dev", 20), dialogues("dev", 40), dialogues("dev", 20, seed=1)
    assert longer[:20] == short
    assert not {row["dialogue"] for row in short} & {row["dialogue"] for row in other}


def test_rows_are_the_same_in_another_process_with_another_hash_seed():
    code = "import json; from luthier.data.dialogues import dialogues; print(json.dumps(dialogues('test', 30)))"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == dialogues("test", 30)


# --- what is refused


@pytest.mark.parametrize(
    ("wrong", "value"),
    [(("validation", 5), "validation"), (("train", 0), "0 rows"), (("train", 5, 0, "de"), "'de'")],
)
def test_a_wrong_request_says_what_was_possible(wrong, value):
    with pytest.raises(DataError) as caught:
        dialogues(*wrong)
    assert value in caught.value.what and caught.value.possible and caught.value.do


def test_a_script_line_that_is_no_turn_is_refused():
    kinds = [beat.kind for beat in read_script("A: hi\n / hello\n?B: hm\n~\nB: bye")]
    assert kinds == ["always", "maybe", "aside", "always"]
    with pytest.raises(ValueError, match="no line of a script"):
        read_script("A: hi\nC: who?")
