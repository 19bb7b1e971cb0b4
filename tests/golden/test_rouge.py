"""ROUGE against the packages that the field's figures are made with, on real texts."""

from __future__ import annotations

import csv
import gzip
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

from luthier.metrics import METRICS
from luthier.metrics.stem import stem
from luthier.metrics.words import tokens
from luthier.records import Prediction

ROUGE = ("rouge1", "rouge2", "rougeL", "rougeLsum")
ORACLE = RougeScorer(list(ROUGE), use_stemmer=True)
OUTPUTS = {  # column -> the mean ROUGE-1 of its 1,500 rows that the lab's own notebook reports
    "original_model_summaries": 0.23328,
    "instruct_model_summaries": 0.42143,
    "peft_model_summaries": 0.40813,
}


@pytest.fixture(scope="module")
def lab(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "dialogsum-lab-outputs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def agree(prediction: str, reference: str) -> None:
    theirs = ORACLE.score(reference, prediction)
    for name in ROUGE:
        assert METRICS[name]().pair(prediction, reference) == pytest.approx(theirs[name].fmeasure, abs=1e-9), name


def test_stems_of_thousands_of_real_words(shared_data: Path) -> None:
    with gzip.open(shared_data / "dialogsum" / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        words = set(re.findall("[a-z0-9]+", file.read(4_000_000).lower()))
    assert len(words) > 5000
    theirs = PorterStemmer()
    assert [w for w in words if stem(w) != theirs.stem(w)] == []


@pytest.mark.parametrize("column", OUTPUTS)
def test_every_value_of_real_outputs(lab: list[dict[str, str]], column: str) -> None:
    for row in lab[::10]:
        agree(row[column], row["human_baseline_summaries"])


@pytest.mark.parametrize("column", OUTPUTS)
def test_published_means(lab: list[dict[str, str]], column: str) -> None:
    rows = [Prediction(str(i), str(i), r[column], (r["human_baseline_summaries"],), 0, 0.0) for i, r in enumerate(lab)]
    assert METRICS["rouge1"]().tally(rows)[:, 0].mean() == pytest.approx(OUTPUTS[column], abs=1e-4)


def test_texts_of_several_lines(shared_data: Path) -> None:
    lines = (shared_data / "mts_dialog" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    dialogues = [json.loads(line)["dialogue"] for line in lines]
    short = [d for d in dialogues if "\n" in d and d.isascii() and len(d) < 750]
    assert len(short) > 40
    for prediction, reference in pairwise(short[:40]):
        agree(prediction, reference)


def test_tokens_of_ascii_are_theirs() -> None:
    text = "It's 3.5% of U.S. GDP_growth; re-elected (twice) — “Dying skies”, the NEWS: happily cars' logically."
    plain = text.encode("ascii", "replace").decode()
    theirs = [w if len(w) <= 3 else PorterStemmer().stem(w) for w in re.findall("[a-z0-9]+", plain.lower())]
    assert list(tokens(plain)) == theirs == list(tokens(text))
