"""Reading: every accepted shape comes in whole, every broken one is refused in a sentence, nothing vanishes unsaid."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import sys
import types
from functools import partial
from pathlib import Path

import pytest

from luthier.data import complete, read, sources
from luthier.errors import DataError, UserError

ROWS = [{"dialogue": f"A: train {i}? B: yes — “soon”.", "summary": f"They take train {i}."} for i in range(20)]
CHINESE = [{"text": f"这家酒店的房间很干净，服务也不错，第{i}次来了", "label": "1"} for i in range(8)]


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def put(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return str(path)


def said(table, *words: str) -> bool:
    return any(all(word in note for word in words) for note in table.notes)


def as_csv(rows: list[dict], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


# formats


TEXTS = {
    "jsonl": lines(ROWS),
    "json": json.dumps(ROWS),
    "csv": as_csv(ROWS),
    "tsv": as_csv(ROWS, "\t"),
}


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_every_text_format_gives_the_same_rows(tmp_path, suffix, packed):
    content = TEXTS[suffix].encode("utf-8")
    name = f"rows.{suffix}" + ".gz" * packed
    table = read(put(tmp_path / name, gzip.compress(content) if packed else content))
    assert table.splits == {"train": ROWS}
    assert table.encodings == {name: "utf-8"} and not table.synthetic


def test_parquet_and_both_kinds_of_arrow(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="parquet needs the extra `parquet`")
    import pyarrow.parquet as pq

    held = pa.Table.from_pylist(ROWS)
    pq.write_table(held, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "b.arrow", held.schema) as file:
        file.write_table(held)
    with pa.ipc.new_stream(tmp_path / "c.arrow", held.schema) as stream:
        stream.write_table(held)
    for name in ("a.parquet", "b.arrow", "c.arrow"):
        assert read(tmp_path / name).splits["train"] == ROWS
    put(tmp_path / "torn.parquet", (tmp_path / "a.parquet").read_bytes()[:-20])
    with pytest.raises(DataError, match=r"torn\.parquet cannot be read"):
        read(tmp_path / "torn.parquet")


PAIRS = [{"id": i, "translation": {"en": f"Train {i} left.", "zh": f"{i}次车开走了。"}} for i in range(3)]
PAIR_COLUMNS = [{"id": p["id"], **{f"translation.{k}": v for k, v in p["translation"].items()}} for p in PAIRS]


def test_objects_are_columns_named_with_a_dot(tmp_path):
    for name, content in (("a.jsonl", lines(PAIRS)), ("b.json", json.dumps({"train": PAIRS}))):
        table = read(put(tmp_path / name, content))
        assert table.splits["train"] == PAIR_COLUMNS and said(table, "translation.en, translation.zh")
    deep = [{"a": {"b": {"c": "x"}, "d": ["y"]}, "n": None}, {"a": None, "n": {}}, {"a": {"d": []}, "n": None}]
    table = read(put(tmp_path / "deep.jsonl", lines(deep)))
    assert table.splits["train"] == [{"a.b.c": "x", "a.d": ["y"], "n": None}, {"n": {}}, {"a.d": [], "n": None}]
    table = read(put(tmp_path / "odd.jsonl", lines([{"a.b": {"c": "x"}, "a": 1}, {"a.b": 0, "a": 2}])))
    assert table.splits["train"] == [{"a.b.c": "x", "a": 1}, {"a.b": 0, "a": 2}], "a zero is no empty object"
    assert any(note.endswith("the parts of a.b are columns, named with a dot: a.b.c") for note in table.notes)
    whole = [{"answers": {"text": ["x"], "answer_start": [1]}, "answer": {"text": "x"}}]
    assert read(put(tmp_path / "squad.jsonl", lines(whole))).splits["train"] == whole
    with pytest.raises(DataError, match=r"row 1 has 'a\.b' twice"):
        read(put(tmp_path / "twice.jsonl", lines([{"a.b": 1, "a": {"b": 2}}])))


def test_objects_of_parquet_and_of_the_hub_are_columns_too(tmp_path, monkeypatch):
    fake = types.ModuleType("datasets")
    fake.load_dataset = lambda *name: {"train": FakeSplit(PAIRS)}
    monkeypatch.setitem(sys.modules, "datasets", fake)
    assert read("owner/pairs:en-zh").splits["train"] == PAIR_COLUMNS
    pa = pytest.importorskip("pyarrow", reason="parquet needs the extra `parquet`")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(PAIRS), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").splits["train"] == PAIR_COLUMNS


def test_parquet_without_pyarrow_names_the_install_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError) as refusal:
        read(put(tmp_path / "a.parquet", b"PAR1"))
    assert refusal.value.do == "pip install 'luthier[parquet]'"


def test_txt_is_one_row_a_line(tmp_path):
    table = read(put(tmp_path / "a.txt", "one\u2028still one\r\n\r\ntwo\n"))
    assert table.splits["train"] == [{"text": "one\u2028still one"}, {"text": "two"}]


def test_json_objects_with_data_or_splits(tmp_path):
    assert read(put(tmp_path / "a.json", json.dumps({"data": ROWS, "version": 1}))).splits == {"train": ROWS}
    table = read(put(tmp_path / "b.json", json.dumps({"train": ROWS, "validation": ROWS[:2], "by": "us"})))
    assert table.splits == {"train": ROWS, "dev": ROWS[:2]}
    assert said(table, "ignored", "by")
    for wrong in ({"val": ROWS, "dev": ROWS}, {"rows": ROWS}, "text", {}):
        with pytest.raises(DataError):
            read(put(tmp_path / "c.json", json.dumps(wrong)))


def test_json_that_is_json_lines_is_read_and_said(tmp_path):
    table = read(put(tmp_path / "a.json", lines(ROWS)))
    assert table.splits["train"] == ROWS and said(table, "JSON lines")


def test_unquoted_tsv_keeps_its_quotes(tmp_path):
    table = read(put(tmp_path / "a.tsv", 'label\ttext\n1\t"好评"如潮\n0\t"差\n'))
    assert [row["text"] for row in table.splits["train"]] == ['"好评"如潮', '"差']
    assert said(table, "quotation marks")


def test_crlf_byte_order_mark_and_line_separators_change_nothing(tmp_path):
    rows = [{"text": "a\u2028b\u2029c\x85d", "label": "x"}, {"text": "e", "label": "y"}]
    table = read(put(tmp_path / "a.jsonl", "\ufeff" + lines(rows).replace("\n", "\r\n")))
    assert table.splits["train"] == rows


def test_cells_of_ten_megabytes(tmp_path):
    limit = csv.field_size_limit()
    cell = "word " * 2_000_000
    assert read(put(tmp_path / "a.csv", f"text,label\n{cell},1\n")).splits["train"][0]["text"] == cell
    assert csv.field_size_limit() == limit, "a global setting of the csv module was left changed"


def test_empty_columns_of_spreadsheets_are_dropped_and_an_index_is_kept(tmp_path):
    assert read(put(tmp_path / "a.csv", "text,label,,\na,1,,\n")).splits["train"] == [{"text": "a", "label": "1"}]
    assert read(put(tmp_path / "b.csv", ",text\n0,a\n")).splits["train"] == [{"": "0", "text": "a"}]


# encodings and characters


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_encodings_are_found_and_said(tmp_path, encoding, suffix):
    text = lines(CHINESE) if suffix == "jsonl" else as_csv(CHINESE)
    raw = text.encode(encoding)
    if encoding.startswith("utf-16-"):
        raw = "\ufeff".encode(encoding) + raw
    table = read(put(tmp_path / f"a.{suffix}", raw))
    assert table.splits["train"] == CHINESE
    found = "utf-16" if encoding.startswith("utf-16") else encoding
    assert table.encodings == {f"a.{suffix}": found}
    assert said(table, "read as", found) == (encoding != "utf-8")


def test_what_is_no_text_is_refused(tmp_path):
    texts = {
        "latin-1": "text,label\nun café très bon,1\n".encode("latin-1"),
        "big5": "text,label\n繁體中文也可以讀嗎？這是測試,1\n".encode("big5"),
        "shift-jis": "text,label\nこれはテストです。,1\n".encode("shift-jis"),
        "torn utf-8": "text,label\n这家酒店很好,1\n很好,0\n".encode()[:-5] + b"\xff,1\n",
        "utf-16 without mark": "text,label\ngood,1\n".encode("utf-16-le"),
        "cut utf-16": "text,label\ngood,1\n".encode("utf-16")[:-1],
        "random": bytes((i * 73 + 41) % 256 for i in range(4096)),
    }
    for name, raw in texts.items():
        with pytest.raises(DataError) as refusal:
            read(put(tmp_path / "a.csv", raw))
        assert "a.csv" in refusal.value.what, name
        assert "UTF-8" in refusal.value.do, name


def test_nul_and_lone_surrogates_are_replaced_and_counted(tmp_path):
    text = '{"text": "a\\u0000b\\ud800c", "label": "\\udfff"}\n{"text": "\\ud83d\\ude00", "label": "x\0"}\n' + lines(
        ROWS
    )
    table = read(put(tmp_path / "a.jsonl", text))
    assert table.splits["train"][0] == {"text": "a\ufffdb\ufffdc", "label": "\ufffd"}
    assert table.splits["train"][1] == {"text": "😀", "label": "x\ufffd"}
    assert said(table, "3 characters") and said(table, "1 NUL character")


def test_nan_is_empty(tmp_path):
    table = read(put(tmp_path / "a.jsonl", '{"text": "a", "label": NaN}\n{"text": "b", "label": 1.5}\n'))
    assert [row["label"] for row in table.splits["train"]] == [None, 1.5] and said(table, "1 NaN")
    table = read(put(tmp_path / "a.csv", "text,label\na,NaN\nbanana,nan\n"))
    assert table.splits["train"] == [{"text": "a", "label": ""}, {"text": "banana", "label": ""}]
    assert said(table, "2 cells")


# refusals


BROKEN = {
    "half.jsonl": ('{"a": "x"}\n{"a": "b", "s"\n', "line 2"),
    "list.jsonl": ('{"a": 1}\n[1]\n', "row 2"),
    "twin.jsonl": ('{"a": 1, "b": 2, "a": 3}\n', "'a' is there twice"),
    "deep.jsonl": ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n", "nested too deeply"),
    "digits.jsonl": ('{"a": ' + "9" * 5000 + "}\n", "line 1"),
    "half.json": ('[{"a": 1},\n{"a": }]', "line 2"),
    "none.json": ("[]", "no rows"),
    "empty.jsonl": ("", "is empty"),
    "blank.txt": ("\n \n", "no rows"),
    "header.csv": ("text,label\n", "no rows"),
    "blank.csv": ("\n\n", "no header"),
    "ragged.csv": ("text,label\na,1\nb,2,3\n", "line 3 has 3 cells, the header 2"),
    "short.csv": ("text,label\na\n", "line 2 has 1 cell,"),
    "quote.csv": ('text,label\na,1\n"b,2\nc,3\n', "cannot be read"),
    "twin.csv": ("text,label,text\na,1,b\n", "two columns called 'text'"),
    "rows.zip": ("PK", "no known format (.zip)"),
    "rows": ("a", "no known format (no suffix)"),
    "rows.gz": ("a", "no known format"),
    "plain.jsonl.gz": ('{"a": 1}\n', "not a whole gzip file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_by_name_and_place(tmp_path, name):
    content, reason = BROKEN[name]
    with pytest.raises(DataError) as refusal:
        read(put(tmp_path / name, content))
    assert name in refusal.value.what and reason in refusal.value.what
    assert refusal.value.possible and refusal.value.do


def test_torn_gzip_at_every_tenth(tmp_path):
    whole = gzip.compress(lines(ROWS).encode())
    for size in range(1, len(whole), max(1, len(whole) // 10)):
        with pytest.raises(DataError, match="gzip"):
            read(put(tmp_path / "a.jsonl.gz", whole[:size]))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_pipes_devices_and_links_to_nowhere_never_hang(tmp_path):
    os.mkfifo(tmp_path / "train.jsonl")
    os.symlink("/dev/zero", tmp_path / "zero.jsonl")
    os.symlink(tmp_path / "gone", tmp_path / "lost.jsonl")
    for name in ("train.jsonl", "zero.jsonl", "lost.jsonl", ""):
        with pytest.raises(DataError):
            read(tmp_path / name)


def test_a_folder_called_like_a_file_is_a_folder(tmp_path):
    (tmp_path / "rows.jsonl").mkdir()
    with pytest.raises(DataError, match="no data file"):
        read(tmp_path / "rows.jsonl")


def test_missing_data_suggests_what_is_there(tmp_path):
    put(tmp_path / "train.jsonl", lines(ROWS))
    with pytest.raises(DataError) as refusal:
        read(tmp_path / "trian.jsonl")
    assert "train.jsonl" in refusal.value.do
    for typed in (
        "",
        "\0",
        "x" * 100_000,
        "dialogue",
        str(tmp_path / "nowhere" / "a.csv"),
        "https://example.org/a.csv",
    ):
        with pytest.raises(DataError):
            read(typed)


# folders, samples, names


def test_folders_go_by_exact_stem_and_name_the_rest(tmp_path):
    for name in ("train.jsonl", "val.jsonl", "test.jsonl", "test_clean.jsonl", "README.md"):
        put(tmp_path / name, lines(ROWS))
    (tmp_path / "more").mkdir()
    table = read(tmp_path)
    assert list(table.splits) == ["train", "dev", "test"]
    assert said(table, "ignored", "README.md", "more/", "test_clean.jsonl")
    put(tmp_path / "dev.csv", as_csv(ROWS))
    with pytest.raises(DataError, match=r"two files for dev: dev\.csv and val\.jsonl"):
        read(tmp_path)


def test_a_folder_with_one_other_file_uses_it_and_with_two_asks(tmp_path):
    put(tmp_path / "reviews.jsonl", lines(ROWS))
    assert read(tmp_path).splits == {"train": ROWS}
    put(tmp_path / "more.jsonl", lines(ROWS))
    with pytest.raises(DataError, match="nothing says which"):
        read(tmp_path)


def test_one_file_of_a_folder_of_splits_leaves_the_others_and_says_so(tmp_path):
    put(tmp_path / "train.jsonl", lines(ROWS))
    put(tmp_path / "test.jsonl", lines(ROWS))
    assert said(read(tmp_path / "train.jsonl"), "not used", "test.jsonl")
    assert list(read(tmp_path / "test.jsonl").splits) == ["test"]


def test_samples(tmp_path):
    path = put(tmp_path / "a.jsonl", lines(ROWS))
    table = read(f"{path}#7")
    kept = table.splits["train"]
    assert len(kept) == 7 and all(row in ROWS for row in kept) and kept == sorted(kept, key=ROWS.index)
    assert said(table, "7 rows of 20", "seed 0") and kept == read(f"{path}#7").splits["train"]
    assert read(f"{path}#999").splits["train"] == ROWS and said(read(f"{path}#999"), "all 20 rows")
    for wrong in ("0", "x", "", "-1", "1.5", "00", "1e3", "٣"):
        with pytest.raises(DataError, match="asks for"):
            read(f"{path}#{wrong}")
    real = put(tmp_path / "b#3.jsonl", lines(ROWS))
    assert len(read(real).splits["train"]) == 20, "a path that exists goes before a sample"
    assert len(read(f"{real}#2").splits["train"]) == 2


def test_samples_leave_given_test_rows_alone(tmp_path):
    for name in ("dev", "test"):
        put(tmp_path / f"{name}.jsonl", lines(ROWS))
    table = read(f"{tmp_path}#10")
    assert {split: len(rows) for split, rows in table.splits.items()} == {"dev": 10, "test": 20}
    (tmp_path / "dev.jsonl").unlink()
    with pytest.raises(DataError, match="only test rows"):
        read(f"{tmp_path}#10")


def test_built_in_names_call_their_generator(monkeypatch, tmp_path):
    def made(split, rows, language="en"):
        return [{"id": f"{split}-{i}", "dialogue": language, "summary": str(i)} for i in range(rows)]

    monkeypatch.setitem(sources.BUILT_IN, "dialogues", made)
    monkeypatch.setitem(sources.BUILT_IN, "dialogues-zh", partial(made, language="zh"))
    monkeypatch.chdir(tmp_path)
    table = read("dialogues")
    assert table.synthetic and {s: len(r) for s, r in table.splits.items()} == sources.BUILT_IN_ROWS
    assert read("dialogues-zh").splits["train"][0]["dialogue"] == "zh"
    assert len(read("dialogues#30").splits["train"]) == 30
    (tmp_path / "dialogues").mkdir()
    assert said(read("dialogues"), "./dialogues")


class FakeSplit(list):
    def to_list(self) -> list:
        return list(self)


def test_hub_ids(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError) as refusal:
        read("owner/name")
    assert "luthier[hub]" in refusal.value.do and "train.jsonl" in refusal.value.do

    def load(name):
        if name != "owner/name":
            raise ConnectionError("offline\nlong trace")
        return {"train": FakeSplit(ROWS), "validation": FakeSplit([{"text": math.nan}]), "extra": FakeSplit()}

    fake = types.ModuleType("datasets")
    fake.load_dataset = load
    monkeypatch.setitem(sys.modules, "datasets", fake)
    table = read("owner/name#5")
    assert len(table.splits["train"]) == 5 and table.splits["dev"] == [{"text": None}]
    assert said(table, "ignored", "extra")
    with pytest.raises(UserError, match="ConnectionError: offline\\)"):
        read("owner/other")
    with pytest.raises(DataError, match="There is no data"):
        read("owner/name.jsonl")
    fake.load_dataset = lambda name: {"train": FakeSplit()}
    with pytest.raises(DataError, match="no rows"):
        read("owner/name")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    with pytest.raises(DataError, match=r"owner/name is a folder here.*no part 'part'"):
        read("owner/name:part")


def test_fingerprint_is_of_the_rows(tmp_path):
    one = read(put(tmp_path / "a.jsonl", lines(ROWS)))
    two = read(put(tmp_path / "b.csv", as_csv(ROWS)))
    assert one.fingerprint() == two.fingerprint() != read(f"{tmp_path / 'a.jsonl'}#5").fingerprint()


# cutting


def folder(tmp_path: Path, **splits: list[dict]):
    for split, rows in splits.items():
        put(tmp_path / f"{split}.jsonl", lines(rows))
    return read(tmp_path)


def numbered(n: int, start: int = 0) -> list[dict]:
    return [{"text": f"text {i}", "label": str(i % 2)} for i in range(start, start + n)]


def sizes(table) -> dict[str, int]:
    return {split: len(rows) for split, rows in table.splits.items()}


@pytest.mark.parametrize(
    ("held", "made"),
    [
        ({"train": 100}, {"train": 80, "dev": 10, "test": 10}),
        ({"train": 100, "test": 7}, {"train": 90, "dev": 10, "test": 7}),
        ({"train": 100, "dev": 20}, {"train": 90, "dev": 20, "test": 10}),
        ({"train": 10, "dev": 40}, {"train": 10, "dev": 20, "test": 20}),
        ({"dev": 100, "test": 50}, {"train": 90, "dev": 10, "test": 50}),
        ({"dev": 100}, {"train": 80, "dev": 10, "test": 10}),
        ({"train": 5}, {"train": 3, "dev": 1, "test": 1}),
    ],
)
def test_missing_splits_are_cut_and_said(tmp_path, held, made):
    table = folder(tmp_path, **{split: numbered(n, 1000 * k) for k, (split, n) in enumerate(held.items())})
    whole = complete(table)
    assert sizes(whole) == made
    assert said(whole, *(f"no {split}" for split in made if split not in held), "seed 0")
    before = sorted(row["text"] for rows in table.splits.values() for row in rows)
    assert sorted(row["text"] for rows in whole.splits.values() for row in rows) == before


def test_given_splits_stay_as_they_are(tmp_path):
    table = folder(tmp_path, train=numbered(9), dev=numbered(2), test=numbered(2))
    assert complete(table) is table


def test_the_cut_goes_by_rows_and_not_by_their_order(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = numbered(50)
    one = complete(read(put(path, lines(rows)))).splits
    two = complete(read(put(path, lines(rows[::-1])))).splits
    assert one["test"] == two["test"][::-1] and one["dev"] == two["dev"][::-1]


def test_groups_stay_together(tmp_path):
    rows = [{"id": i // 3, "text": f"text {i}"} for i in range(60)]
    rows += [{"id": 100 + i, "text": f"shared {i // 4}"} for i in range(40)]
    table = complete(folder(tmp_path, train=rows), lambda row: [row["text"]])
    where: dict[str, set[str]] = {}
    for split, held in table.splits.items():
        for row in held:
            where.setdefault(f"id {row['id']}", set()).add(split)
            where.setdefault(row["text"], set()).add(split)
    assert all(len(splits) == 1 for splits in where.values())
    assert sizes(table)["test"] <= 10 and sizes(table)["dev"] <= 10


def test_lopsided_groups_leave_something_to_train_on(tmp_path):
    rows = [{"group": "big", "text": str(i)} for i in range(98)] + [{"group": g, "text": g} for g in "ab"]
    assert sizes(complete(folder(tmp_path, train=rows))) == {"train": 98, "dev": 1, "test": 1}


def test_too_little_to_cut_is_refused(tmp_path):
    with pytest.raises(DataError, match="4 rows in 4 groups"):
        complete(folder(tmp_path, train=numbered(4)))
    with pytest.raises(DataError, match="20 rows in 1 group"):
        complete(folder(tmp_path, train=[{"text": "same", "group": "g"}] * 20))


def test_test_rows_are_never_trained_on(tmp_path):
    with pytest.raises(DataError, match="test rows only"):
        complete(folder(tmp_path, test=numbered(100)))


# the real thing


def test_real_folders_load(shared_data):
    held = {"dialogsum": (12460, 500, 500), "chnsenticorp": (9600, 1200, 1200), "superglue/RTE": (32, 277, None)}
    for name, counts in held.items():
        table = read(shared_data / name)
        assert tuple(len(table.splits[s]) if s in table.splits else None for s in ("train", "dev", "test")) == counts
    assert said(table, "ignored", "dev32.jsonl", "train_full.jsonl.gz")
    assert sizes(complete(read(shared_data / "csl_title"))) == {"train": 900, "dev": 100, "test": 1000}
