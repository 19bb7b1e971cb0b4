"""Files as strangers have them: where the splits are, what separates cells, which labels a cut and a sample keep."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from luthier.data import complete, read, sets
from luthier.data.check import check
from luthier.data.labels import labels_of, with_every_label
from luthier.data.rows import Columns
from luthier.data.table import Table
from luthier.errors import DataError


def rows(n: int, start: int = 0, labels: int = 2) -> list[dict]:
    return [{"text": f"text {i}", "label": f"l{i % labels}"} for i in range(start, start + n)]


def put(path: Path, held: list[dict] | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = held if isinstance(held, str) else "".join(json.dumps(row) + "\n" for row in held)
    path.write_text(text, encoding="utf-8", newline="")
    return path


def said(table: Table, *words: str) -> bool:
    return any(all(word in note for word in words) for note in table.notes)


def sizes(table: Table) -> dict[str, int]:
    return {split: len(held) for split, held in table.splits.items()}


# quotation marks


LOOSE = "text\tlabel\n" + "".join(f"line {i}\tpos\n" for i in range(9)) + '" Nobody came .\tpos\n'
LOOSE += "".join(f"line {i}\tneg\n" for i in range(9, 20)) + 'so he went home . "\tneg\n'


def test_loose_quotes_of_a_tsv_join_no_rows(tmp_path):
    table = read(put(tmp_path / "a.tsv", LOOSE))
    held = table.splits["train"]
    assert len(held) == 22 and held[9] == {"text": '" Nobody came .', "label": "pos"}
    assert said(table, "quotation marks were read as text", "join 22 rows into 10")


@pytest.mark.parametrize(
    "columns", [{"text": "two\nlines", "label": "1"}, {"text": "para\n\nafter a gap, and\ta tab", "label": "a\nb"}]
)
def test_real_quotes_of_a_tsv_still_hold_lines_and_tabs(tmp_path, columns):
    with (tmp_path / "a.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), delimiter="\t")
        writer.writeheader()
        writer.writerows([columns] * 3)
    table = read(tmp_path / "a.tsv")
    assert table.splits["train"] == [columns] * 3 and not said(table, "quotation")


def test_where_a_quote_could_be_either_the_header_decides(tmp_path):
    one_column = read(put(tmp_path / "a.tsv", 'text\n"two\nlines"\n'))
    assert one_column.splits["train"] == [{"text": "two\nlines"}]
    quoted = read(put(tmp_path / "b.tsv", '"a"\t"b"\n"x\ty\nz"\t"w"\n'))
    assert quoted.splits["train"] == [{"a": "x\ty\nz", "b": "w"}]


# separators


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_csv_without_commas_is_read_by_what_its_header_shows(tmp_path, mark, word):
    text = f'text{mark}label\nWell, so{mark}pos\n"a{mark}b"{mark}neg\n'
    table = read(put(tmp_path / "a.csv", text))
    assert table.splits["train"] == [{"text": "Well, so", "label": "pos"}, {"text": f"a{mark}b", "label": "neg"}]
    assert said(table, f"separated by {word}")
    with pytest.raises(DataError, match=f"seems to be separated by {word}, and read so, b.csv line 3 has 3 cells"):
        read(put(tmp_path / "b.csv", f"text{mark}label\na{mark}1\nb{mark}c{mark}2\n"))


def test_a_semicolon_inside_a_comma_s_header_separates_nothing(tmp_path):
    for name, text in (("a", "a;b,c\n1,2\n"), ("b", '"a;b"\n1\n'), ("c", '"a;b",c\n1,2\n')):
        table = read(put(tmp_path / f"{name}.csv", text))
        assert "a;b" in table.splits["train"][0] and not said(table, "separated")


def test_a_list_inside_jsonl(tmp_path):
    for indent in (None, 1):
        table = read(put(tmp_path / "a.jsonl", "\n " + json.dumps(rows(3), indent=indent)))
        assert table.splits["train"] == rows(3) and said(table, "one JSON list")
    with pytest.raises(DataError, match=r"row 1 is \[1\]"):
        read(put(tmp_path / "b.jsonl", "[1]\n[2]\n"))
    with pytest.raises(DataError, match=r"c\.jsonl is not JSON.* line 3"):
        read(put(tmp_path / "c.jsonl", '[\n{"a": 1},\n{"a": }]'))


# where the splits are


@pytest.mark.parametrize("name", ["valid", "Dev", "EVAL", "development", "Validation", "val"])
def test_every_name_of_dev_in_any_case(tmp_path, name):
    for stem in ("Train", name, "TEST"):
        put(tmp_path / f"{stem}.jsonl", rows(4))
    assert sizes(read(tmp_path)) == {"train": 4, "dev": 4, "test": 4}
    held = {"Train": rows(3), name: rows(2)}
    assert sizes(read(put(tmp_path / "one" / "x.json", json.dumps(held)))) == {"train": 3, "dev": 2}


def test_a_folder_for_each_split_is_one_data_set(tmp_path):
    for stem, n in (("train/b", 3), ("train/a", 2), ("Validation/data", 1), ("test/data", 1)):
        put(tmp_path / f"{stem}.jsonl", rows(n, 10 * n))
    put(tmp_path / "train" / "README.md", "about")
    put(tmp_path / "train" / "state.json", "{}")
    assert sets(str(tmp_path)) == {}
    table = read(tmp_path)
    assert sizes(table) == {"train": 5, "dev": 1, "test": 1}
    assert table.splits["train"] == [*rows(2, 20), *rows(3, 30)], "the files in the order of their names"
    assert said(table, "2 files", "train/a.jsonl, train/b.jsonl")
    assert said(table, "ignored", "train/README.md") and "train/a.jsonl" in table.encodings
    put(tmp_path / "val" / "x.jsonl", rows(1))
    with pytest.raises(DataError, match="two files for dev: Validation/ and val/"):
        read(tmp_path)


def test_a_torn_file_in_the_folder_of_a_split_is_named_with_its_folder(tmp_path):
    put(tmp_path / "train" / "a.jsonl", rows(2))
    put(tmp_path / "test" / "a.jsonl", '{"a": 1}\n{"a"\n')
    with pytest.raises(DataError, match=r"test/a\.jsonl line 2"):
        read(tmp_path)


def test_folders_of_other_names_are_sets_of_their_own(tmp_path):
    for name in ("one", "two", "eval"):
        put(tmp_path / name / "train.jsonl", rows(2))
    assert list(sets(str(tmp_path))) == ["eval", "one", "two"]


def test_numbered_parts_are_one_file(tmp_path):
    for number in (1, 0):
        put(tmp_path / "data" / f"train-0000{number}-of-00002.jsonl", rows(2, 10 * number))
    put(tmp_path / "data" / "test-00000-of-00001.jsonl", rows(1))
    for place in (tmp_path, tmp_path / "data"):
        table = read(place)
        assert sizes(table) == {"train": 4, "test": 1} and table.splits["train"] == [*rows(2), *rows(2, 10)]
    assert said(read(tmp_path), "data/")
    assert said(read(tmp_path / "data" / "train-00000-of-00002.jsonl"), "not used", "train-00001-of-00002.jsonl")
    put(tmp_path / "data" / "train.jsonl", rows(1))
    with pytest.raises(DataError, match="two files for train"):
        read(tmp_path)


def test_parts_that_are_missing_are_named(tmp_path):
    for number in (0, 3):
        put(tmp_path / f"train-0000{number}-of-00004.jsonl", rows(2))
    with pytest.raises(DataError, match=r"2 of the 4 parts of train: train-00001-of-00004\.jsonl, train-00002-of"):
        read(tmp_path)
    for number in (1, 2):
        put(tmp_path / "one" / f"train-0000{number}-of-00002.jsonl", rows(2, number))
    assert sizes(read(tmp_path / "one")) == {"train": 4}, "some count from one"


def test_parts_of_parquet_with_the_facts_beside_them(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="parquet needs the extra `parquet`")
    import pyarrow.parquet as pq

    for number in (0, 1):
        held = pa.Table.from_pylist(rows(2, 10 * number))
        pq.write_table(held, tmp_path / f"train-0000{number}-of-00002.parquet")
    put(tmp_path / "dataset_info.json", "{}")
    assert read(tmp_path).splits == {"train": [*rows(2), *rows(2, 10)]}


# labels in samples and cuts


def test_what_looks_like_labels():
    assert labels_of(rows(6))[:3] == ["l0", "l1", "l0"]
    assert labels_of([{"q": f"text {i}", "y": i % 2} for i in range(6)])[:2] == ["0", "1"]
    nothing = [""] * 6
    assert labels_of([{"text": f"text {i}", "summary": f"sum {i}"} for i in range(6)]) == nothing
    assert labels_of([{"group": i % 2, "text": f"text {i}"} for i in range(6)]) == nothing
    books = [{"book": i // 3, "text": f"text {i}"} for i in range(6)]
    assert labels_of(books, [[0, 1, 2], [3, 4, 5]]) == nothing, "what only one group shows is its name, no label"
    assert labels_of([{"text": "a", "label": ["x", "y"]}] * 6) == nothing


def test_a_sample_is_changed_only_where_it_lacks_a_label():
    labels = ["a"] * 8 + ["b", "c"]
    assert with_every_label([0, 8, 9], labels) == [0, 8, 9]
    kept = with_every_label([0, 1, 2, 8], labels)
    assert len(kept) == 4 and {labels[i] for i in kept} == {"a", "b", "c"}
    assert with_every_label([0, 1], labels) == [0, 1], "too small for all three"


def test_a_sample_shows_every_label_and_so_does_what_is_cut_from_it(tmp_path):
    held = rows(400) + [{"text": f"rare {i}", "label": f"r{i}"} for i in range(5)]
    path = put(tmp_path / "a.jsonl", random.Random(1).sample(held, len(held)))
    table = read(f"{path}#30")
    wanted = {"l0", "l1", *(f"r{i}" for i in range(5))}
    assert sizes(table) == {"train": 30} and {row["label"] for row in table.splits["train"]} == wanted
    assert said(table, "every label is shown")
    whole = complete(table)
    assert sizes(whole) == {"train": 24, "dev": 3, "test": 3}
    assert {row["label"] for row in whole.splits["train"]} == wanted


@pytest.mark.parametrize("column", ["label", "Question type"])
def test_a_cut_leaves_every_label_to_train(column):
    held = [{"text": f"text {i}", column: f"l{i % 2 if i < 40 else i}"} for i in range(60)]
    whole = complete(Table({"train": held}, "x"))
    assert sizes(whole) == {"train": 48, "dev": 6, "test": 6}
    assert len({row[column] for row in whole.splits["train"]}) == 22


def test_labels_that_fill_whole_groups_hinder_no_cut():
    held = [{"document": i // 10, "text": f"text {i}"} for i in range(100)]
    whole = complete(Table({"train": held}, "x"), lambda row: [str(row["document"])])
    assert sizes(whole) == {"train": 80, "dev": 10, "test": 10}


@pytest.mark.parametrize(("column", "values"), [("id", 1), ("group", 2)])
def test_too_few_groups_are_blamed_on_the_column_that_made_them(column, values):
    held = [{column: str(i % values), "text": f"text {i}"} for i in range(20)]
    with pytest.raises(DataError, match=f"20 rows in {values} groups? of equal '{column}'") as refusal:
        complete(Table({"train": held}, "x"), lambda row: [row["text"]])
    assert "different inputs" not in refusal.value.possible and f"rename '{column}'" in refusal.value.do
    with pytest.raises(DataError, match="1 group, too few") as refusal:
        complete(Table({"train": [{"text": "same"}] * 20}, "x"))
    assert "different inputs" in refusal.value.possible


# spellings of labels


def misspelt(labels: list) -> list[tuple[int, str]]:
    held = [{"text": f"text number {i}", "label": label} for i, label in enumerate(labels * 3)]
    found = check({"train": held[::2], "test": held[1::2]}, Columns(("text",), "label", labels=True)).findings
    return [(f.rows, f.message) for f in found if f.split == "all"]


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (["pos", "Pos", "neg"], ("'pos' 3 rows", "'Pos' 3 rows")),
        (["pos", " POS", "neg"], ("'pos'", "'POS'")),
        (["very good", "very  good", "bad"], ("'very good'", "'very  good'")),
        (["1", 1, 1.0, 0], ("'1' 6 rows", "'1.0' 3 rows")),
    ],
)
def test_spellings_of_one_label_are_named(labels, named):
    ((rows_of_others, message),) = misspelt(labels)
    assert rows_of_others == 3 and "look like spellings of one" in message and all(word in message for word in named)


def test_words_for_no_label_are_named():
    ((number, message),) = misspelt(["pos", "neg", "null", "None", "N/A"])
    assert number == 9 and all(f"'{word}' 3 rows" in message for word in ("null", "None", "N/A"))
    assert not misspelt(["pos", "neg", 0, 1, "inf", "infinity", None])
