"""The data check: what it finds, what it leaves alone, what a mended copy and new splits look like."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from luthier import bases, files, inspection
from luthier.data import read
from luthier.data.blemishes import BLEMISHES, ungarbled
from luthier.data.check import check, leaked
from luthier.data.clean import USUAL, clean, write
from luthier.data.lengths import SAMPLE, Ruler
from luthier.data.quality import script_of
from luthier.data.rows import Columns, every_row
from luthier.data.split import split
from luthier.errors import DataError, SpellingError, UserError
from luthier.records import Example, Prediction, to_json
from luthier.results import outcome
from luthier.score import scores

LABELS = Columns(("text",), "label", labels=True)
SUMMARIES = Columns(("dialogue",), "summary")
SEEDLING = "seedling-t5"


def found(splits, columns=LABELS, ruler=None):
    """(kind, split) -> rows."""
    return {(f.kind, f.split): f.rows for f in check(splits, columns, ruler).findings}


def texts(*given: str, label: str = "1") -> list[dict]:
    return [{"text": text, "label": label} for text in given]


@pytest.fixture(scope="module")
def reviews(shared_data: Path):
    """Real and leaky; a part of train, to be quick."""
    splits = read(shared_data / "chnsenticorp").splits
    return {**splits, "train": splits["train"][:3000]}


# leaks, twins, contradictions


def test_real_leaks_are_counted_word_for_word(reviews):
    got = check(reviews, LABELS)
    own = {s: [row["text"] for row in rows] for s, rows in reviews.items()}
    by_text: dict[str, set] = {}
    for rows in reviews.values():
        for row in rows:
            by_text.setdefault(row["text"], set()).add(row["label"])
    counted = {(f.kind, f.split, f.message.rsplit(" in ", 1)[-1].split(";")[0]): f.rows for f in got.findings}
    for a, b in (("test", "train"), ("dev", "train"), ("test", "dev")):
        assert counted["leak", a, b] == sum(text in set(own[b]) for text in own[a])
    kinds = {(f.kind, f.split): f.rows for f in got.findings if f.kind in ("duplicate", "contradiction")}
    assert kinds["contradiction", "all"] == sum(len(labels) > 1 for labels in by_text.values()) > 0
    assert {s: kinds["duplicate", s] for s in own} == {s: len(t) - len(set(t)) for s, t in own.items()}


def test_real_dialogues_have_no_leak_and_their_references_are_no_twins(shared_data):
    dialogues = read(shared_data / "dialogsum").splits
    one_a_row = [
        {"id": row["id"], "dialogue": row["dialogue"], "summary": one}
        for row in dialogues["test"]
        for one in row["summary"]
    ]
    kinds = {kind for kind, _ in found({"test": one_a_row}, SUMMARIES)}
    assert not kinds & {"leak", "duplicate", "contradiction"}
    assert not leaked(every_row({s: dialogues[s][:600] for s in ("train", "test")}, SUMMARIES)).exact


def test_another_reference_is_no_duplicate_and_the_same_one_is():
    rows = [{"dialogue": "A: Hi. B: Hello.", "summary": s} for s in ("They greet.", "A greeting.", "They greet.")]
    assert found({"train": rows}, SUMMARIES) == {("duplicate", "train"): 1}
    assert not found({"train": [{**row, "id": "d1"} for row in rows]}, SUMMARIES)
    assert not found({"train": [{**row, "group": 7} for row in rows]}, SUMMARIES)


def test_near_twins_across_and_within_splits():
    first = "the hotel room was clean and quiet and the staff were kind to all of us every single day of our stay"
    near, far = (
        first.replace("stay", "visit").upper() + "!",
        "a laptop that gets far too hot to hold after ten minutes of use",
    )
    got = found({"train": texts(first, far), "test": texts(near)})
    assert got == {("near_leak", "test"): 1, ("imbalance", "train"): 2, ("imbalance", "test"): 1}
    assert found({"train": texts(first, far, near)})["near_duplicate", "train"] == 1


def test_leaked_gives_ids_in_order():
    def of(split, *said):
        return [Example(f"{split}-{i}", f"{split}-{i}", {"text": text}, ("1",)) for i, text in enumerate(said)]

    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    got = leaked({"train": of("train", "a b c", long), "test": of("test", f"{long}.", "new here", "a b c", "")})
    assert got.exact == ("test-2",) and got.near == ("test-0",) and list(got) == ["test-2", "test-0"]


def test_contradictions_say_which_labels():
    rows = [*texts("so so", "fine"), *texts("so so", label="0"), *texts("so so", label="0")]
    (finding,) = (f for f in check({"train": rows[:3], "test": rows[3:]}, LABELS).findings if f.kind == "contradiction")
    assert finding.rows == 1 and finding.split == "all"
    assert finding.examples[0]["labels"] == {"train row 1": "1", "train row 3": "0", "test row 1": "0"}


# inside rows


GERMAN, CHINESE = "Größe und Übermut für 5 € – „ganz“ naïve Äußerung", "这家酒店的服务很好，我们还会再来"


@pytest.mark.parametrize("text", [GERMAN, CHINESE, "Ответ: да", "smile 😀 now", "naïve", "“quoted” — it’s"])
def test_a_wrong_decoding_is_undone(text):
    once = "".join(bytes([b]).decode("cp1252", errors="ignore") or chr(b) for b in text.encode("utf-8"))
    assert once != text and ungarbled(once) == text
    twice = "".join(bytes([b]).decode("cp1252", errors="ignore") or chr(b) for b in once.encode("utf-8"))
    assert ungarbled(twice) == text


def test_utf8_read_as_gb18030_is_undone():
    text = "你好我们的酒店在这里"  # an even number of bytes: nothing was lost on the way
    wrong = text.encode("utf-8").decode("gb18030")
    assert wrong != text and ungarbled(wrong) == text


@pytest.mark.parametrize(
    "text",
    [
        GERMAN,
        CHINESE,
        "«Où êtes-vous ?» — à côté",
        "ÄÖÜ äöü Ä–Ö",
        "Ação, coração; São Paulo",
        "a < b and c > d & e",
        "AT&T; R&D",
        "family 👩‍👩‍👧",
        "می‌خواهم",
        "def f():\n    return 1\n\n    # indented",
        "first.  Second after two spaces.",
        "　　段落开头",
        "#Person1#: Hello <unk> </s> <extra_id_0>",
        "联通",
    ],
)
def test_good_text_is_left_alone(text):
    for blemish in BLEMISHES:
        assert not blemish.found(text) or (blemish.kind == "whitespace" and text != text.strip()), blemish.what
        assert blemish.mend is None or blemish.mend(text) in (text, text.strip())


@pytest.mark.parametrize(
    ("text", "kind", "mended"),
    [
        ("a\x07b\u200bc", "encoding", "abc"),
        ("one\u2028two", "encoding", "one\ntwo"),
        ("<p>Hi<br/>you</p> &amp; me", "html", "\nHi\nyou & me"),
        ("a\xa0b", "whitespace", "a b"),
        (" a     b\n", "whitespace", "a b"),
        ("torn \ufffd here", "encoding", None),
        ("锟斤拷", "encoding", None),
    ],
)
def test_blemishes(text, kind, mended):
    (hit,) = (b for b in BLEMISHES if b.found(text))
    assert hit.kind == kind and (hit.mend(text) if hit.mend else None) == mended


def test_empty_rows_are_counted_not_dropped():
    rows = [
        {"text": " ", "label": 1},
        {"text": "good", "label": None},
        {"label": 1},
        *texts("fine"),
        *texts("bad", label="0"),
    ]
    assert found({"train": rows}) == {("empty", "train"): 3}


def test_labels_that_are_rare_alone_or_unseen():
    rows = texts(*(f"good thing number {n} of many" for n in range(10)))
    assert found({"train": rows})["imbalance", "train"] == 10
    got = check({"train": [*rows, *texts("x", label="0")], "test": texts("y", label="2")}, LABELS)
    said = [f.message for f in got.findings if f.kind == "imbalance"]
    assert any("'1' has 10 of 11" in s for s in said) and any("'2' occurs, which train never shows" in s for s in said)
    assert got.labels == {"train": {"1": 10, "0": 1}, "test": {"2": 1}}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Hello", "Latin"),
        ("酒店 wifi 很慢", "Chinese"),
        ("これは本です", "Japanese"),
        ("да", "Cyrillic"),
        ("123 !", ""),
        ("été", "Latin"),
    ],
)
def test_scripts(text, script):
    assert script_of(text) == script


def test_a_row_in_another_language_is_named():
    (finding,) = (
        f for f in check({"train": texts(CHINESE, "很好", "It was fine")}, LABELS).findings if f.kind == "language_mix"
    )
    assert finding.rows == 1 and finding.examples[0]["row"] == "train row 3"


# lengths


def test_the_ruler_counts_what_the_tokenizer_of_the_backbone_counts(shared_data):
    from luthier.pretrained import open_tokenizer

    rows = read(shared_data / "csl_title").splits["dev"][:60]
    said = [row["input"] for row in rows] + ["", "a", "Hello  there\n"]
    ruler = Ruler.open(bases.folder(SEEDLING), SEEDLING)
    oracle = open_tokenizer(str(bases.folder(SEEDLING)))(said, verbose=False)["input_ids"]
    assert ruler.tokens(said).tolist() == [len(ids) for ids in oracle]


def test_a_sample_of_the_rows_misses_none_that_is_too_long():
    ruler, rng = Ruler.open(bases.folder(SEEDLING), SEEDLING), random.Random(0)
    said = [
        " ".join(rng.choices(["word", "房间", "x1", "quite"], k=rng.randrange(1, 40))) for _ in range(SAMPLE + 1500)
    ]
    measured, exact = ruler.measure(said, 60), ruler.tokens(said)
    assert np.array_equal(measured.over, exact > 60) and measured.over.any()
    assert measured.longest == exact.max() and abs(measured.median - np.median(exact)) <= 2


def test_what_will_be_cut_is_said():
    ruler = Ruler.open(bases.folder(SEEDLING), SEEDLING)
    rows = [
        {"dialogue": "one two three " * 400, "summary": "short"},
        {"dialogue": "hi", "summary": "many words " * 200},
    ]
    (finding,) = (f for f in check({"train": rows}, SUMMARIES, ruler).findings if f.kind == "too_long")
    assert finding.rows == 2 and "512 tokens" in finding.message and "128 tokens" in finding.message


def test_no_ruler_without_a_tokenizer(tmp_path):
    with pytest.raises(UserError, match=r"gives no lengths.*\n.*tokenizer\.json"):
        Ruler.open(tmp_path, "nothing")


# columns


def test_any_columns_can_be_looked_at():
    splits = {"train": [{"id": 1, "left": "aa bb", "right": "cc"}, {"id": 2, "left": "aa bb", "right": "cc"}]}
    task, columns, notes = inspection.settle(splits, {})
    assert task is None and columns.inputs == ("left", "right") and "no known shape" in notes[0]
    assert found(splits, columns) == {("duplicate", "train"): 1}
    _, named, _ = inspection.settle(splits, {"columns": "left", "answer": "right", "task": "classify"})
    assert named == Columns(("left",), "right", labels=True)
    with pytest.raises(DataError, match=r"no column 'lef'.*\n.*left.*\n.*did you mean left"):
        inspection.settle(splits, {"columns": "lef"})
    with pytest.raises(DataError, match="no column 'nope'"):
        inspection.settle(splits, {"answer": "nope"})


def test_chats_are_read_as_the_task_reads_them():
    rows = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}] * 2
    task, columns, _ = inspection.settle({"train": rows}, {})
    kinds = {f.kind: f.rows for f in inspection.inspect({"train": rows}, task, columns).findings}
    assert kinds == {"duplicate": 1}


# a mended copy


def test_a_copy_is_mended_and_every_change_is_logged():
    splits = {
        "train": [*texts(" good ", "good", "leaked", "odd", ""), *texts("odd", label="0"), *texts("caf\u00c3\u00a9")],
        "test": texts("leaked", "leaked"),
    }
    before = json.dumps(splits)
    made = clean(splits, LABELS)
    assert json.dumps(splits) == before
    assert [row["text"] for row in made.splits["train"]] == ["good", "café"]
    assert made.splits["test"] == splits["test"]
    log = [(c["split"], c["row"], c["kind"], c["before"], c["after"]) for c in made.changes]
    assert log == [
        ("train", 1, "whitespace", " good ", "good"),
        ("train", 7, "encoding", "caf\u00c3\u00a9", "café"),
        ("train", 2, "duplicate", "good", None),
        ("train", 3, "leak", "leaked", None),
        ("train", 4, "contradiction", "odd", None),
        ("train", 5, "empty", "", None),
        ("train", 6, "contradiction", "odd", None),
    ]


def test_html_is_mended_on_request_only():
    splits = {"train": texts("<b>bold</b> move", "plain")}
    assert clean(splits, LABELS).splits == splits and "html" not in USUAL
    assert clean(splits, LABELS, ("html",)).splits["train"][0]["text"] == "bold move"


def test_cleaning_refuses():
    with pytest.raises(SpellingError, match=r"'htlm' cannot be mended.*\n.*html"):
        clean({"train": texts("a")}, LABELS, ("htlm",))
    with pytest.raises(DataError, match="Nothing of train would be left"):
        clean({"train": texts("a"), "test": texts("a")}, LABELS)


def test_a_copy_is_written_to_a_new_folder_only(tmp_path):
    paths = write(tmp_path / "new", {"train": texts("好")}, [])
    assert [p.name for p in paths] == ["train.jsonl", "changes.jsonl"] and read(tmp_path / "new").splits[
        "train"
    ] == texts("好")
    with pytest.raises(UserError, match="exists already"):
        write(tmp_path / "new", {"train": texts("x")})
    for odd in (b"x", float("inf"), [{"deep": float("-inf")}]):
        with pytest.raises(UserError, match="'raw' of train holds"):
            write(tmp_path / "other", {"train": [{"raw": odd}]})
    assert not (tmp_path / "other").exists()


def test_a_real_copy_has_nothing_left_to_learn_by_heart(reviews):
    made = clean(reviews, LABELS).splits
    own = {s: {row["text"] for row in rows} for s, rows in made.items()}
    assert not own["train"] & own["test"] and not own["train"] & own["dev"] and not own["dev"] & own["test"]
    assert len(made["test"]) == len(reviews["test"]) and len(made["train"]) == len(own["train"])


# new splits


def test_labels_keep_their_shares(reviews):
    rows = [row for own in reviews.values() for row in own][:3000]
    made = split(rows, LABELS, {"dev": 0.1, "test": 0.2})
    whole = np.mean([row["label"] for row in rows])
    for name, share in (("train", 0.7), ("dev", 0.1), ("test", 0.2)):
        assert abs(len(made[name]) - share * len(rows)) <= 3
        assert abs(np.mean([row["label"] for row in made[name]]) - whole) < 0.01
    held = every_row(made, LABELS)
    assert all(not list(leaked(held, a, b)) for a, b in (("test", "train"), ("dev", "train"), ("test", "dev")))


def test_splits_follow_the_rows_and_the_seed_alone():
    rows = [{"text": f"{word} {n} {word}", "label": n % 2, "group": n // 4} for n in range(80) for word in ("ab", "cd")]
    shares = {"dev": 0.2, "test": 0.2}
    sides = split(rows, LABELS, shares)
    shuffled = random.Random(1).sample(rows, len(rows))
    key = json.dumps
    assert {s: set(map(key, r)) for s, r in sides.items()} == {
        s: set(map(key, r)) for s, r in split(shuffled, LABELS, shares).items()
    }
    assert sides != split(rows, LABELS, shares, seed=1)
    groups = [{row["group"] for row in own} for own in sides.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))


@pytest.mark.parametrize(
    ("rows", "shares", "named"),
    [
        (texts("a", "b", "c"), {"dev": 1.5, "test": 0.1}, "--dev is 1.5"),
        (texts("a", "b", "c"), {"dev": 0.6, "test": 0.5}, "leave 0 to train on"),
        (texts("a", "b", "c"), {"dev": 0, "test": 0}, "leave 1 to train on"),
        (texts("a", "a", "a"), {"dev": 0.1, "test": 0.1}, "1 groups of like inputs"),
    ],
)
def test_splitting_refuses(rows, shares, named):
    with pytest.raises(UserError, match=named):
        split(rows, LABELS, shares)


# two columns in a comparison


def test_leaked_rows_are_left_out_of_the_clean_metrics(tmp_path):
    from luthier.results import _clean_metrics

    said = [Prediction(f"t{i}", f"t{i}", "1" if i < 6 else "0", ("1",), 0, 1.0) for i in range(10)]
    study = {"metrics": ["accuracy"], "leaks": {"test": ["t0", "t1", "t2"]}}
    (clean_score,) = scores(said[3:], ["accuracy"])
    assert _clean_metrics(study, said) == {
        "accuracy": {name: getattr(clean_score, name) for name in ("mean", "low", "high", "n")}
    }
    for leaks in ({}, {"leaks": {"test": []}}, {"leaks": {"test": [p.id for p in said]}}):
        assert _clean_metrics({"metrics": ["accuracy"], **leaks}, said) == {}
    files.write_json(tmp_path / "t" / "trial.json", {"method": "lora", "seed": 0})
    assert to_json(outcome(tmp_path / "t"))["metrics_clean"] == {}
