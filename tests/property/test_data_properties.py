"""Whatever a file holds, reading it gives all rows or a sentence; whatever a row holds, its prompt holds it too."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.data import complete, read
from luthier.data.formats import FORMATS
from luthier.errors import UserError
from luthier.tasks import examples, infer, input_keys
from luthier.tasks.template import columns_of, fill

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
WORDS = TEXT.filter(lambda text: text.strip() and text not in ("NaN", "nan"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def held(name: str, content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return read(path)


@given(st.sampled_from(FORMATS), st.booleans(), st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(suffix, packed, raw):
    try:
        table = held(f"a{suffix}" + ".gz" * packed, gzip.compress(raw) if packed else raw)
    except UserError as refusal:
        assert refusal.what and refusal.do
    else:
        assert all(rows for rows in table.splits.values())


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_any_json_is_read_or_refused_and_can_be_written_again(value):
    for suffix in (".json", ".jsonl"):
        try:
            table = held(f"a{suffix}", json.dumps(value).encode())
        except UserError:
            continue
        json.dumps(dict(table.splits), ensure_ascii=False).encode("utf-8")


@given(st.lists(st.fixed_dictionaries({"text": WORDS, "summary": WORDS}), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_rows_survive_every_format_and_encoding(rows):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["text", "summary"])
    writer.writeheader()
    writer.writerows(rows)
    plain = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert held("a.jsonl", plain.encode(encoding)).splits["train"] == rows
        assert held("a.csv", out.getvalue().encode(encoding)).splits["train"] == rows


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_cut_loses_nothing_and_shares_nothing(pairs):
    rows = [{"id": a, "text": f"text {b}", "summary": str(i)} for i, (a, b) in enumerate(pairs)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    task, _ = infer(rows)
    try:
        table = complete(held("a.jsonl", content), lambda row: input_keys(task, row))
    except UserError:
        return
    sides = [table.splits[split] for split in ("train", "dev", "test")]
    assert all(sides)
    assert sorted(row["summary"] for side in sides for row in side) == sorted(row["summary"] for row in rows)
    for column in ("id", "text"):
        seen = [{row[column] for row in side} for side in sides]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


@given(st.lists(st.fixed_dictionaries({"dialogue": TEXT, "summary": TEXT}), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_every_row_is_an_example_or_counted_and_its_prompt_holds_it_whole(rows):
    task, _ = infer(rows)
    usable = [row for row in rows if row["dialogue"].strip() and row["summary"].strip()]
    try:
        made, notes = examples(task, rows, "train")
    except UserError:
        assert not usable
        return
    assert [(e.fields["dialogue"], e.references) for e in made] == [(r["dialogue"], (r["summary"],)) for r in usable]
    assert all(e.fields["dialogue"] in task.prompt_text(e) for e in made)
    assert (len(usable) < len(rows)) == any("left out" in note for note in notes)


@given(st.text(max_size=40), st.dictionaries(st.text("abc?", min_size=1, max_size=3), TEXT, max_size=4))
@settings(max_examples=100)
def test_escaped_text_comes_back_and_templates_fill_or_are_refused(text, fields):
    assert fill(text.replace("{", "{{").replace("}", "}}"), {}) == text
    try:
        names = columns_of(text)
    except UserError:
        return
    fill(text, {**fields, **{name: "x" for name in names}})
