"""The notebook runs from its first cell to its last, in one fresh Python process, and is kept without outputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tests.story.conftest import shell

NOTEBOOK = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_it_is_a_notebook_that_reads_well_in_git():
    """What the format asks of version 4.5; a notebook library would bring a kernel, sockets and forty packages."""
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5) and NOTEBOOK["metadata"]["language_info"]
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in NOTEBOOK["cells"]:
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | code
        assert cell["cell_type"] == "code" or cell["cell_type"] == "markdown"
        assert not cell.get("outputs") and cell.get("execution_count") is None, "kept without what it printed"
        assert all(line.endswith("\n") for line in cell["source"][:-1]), "a line of the cell is a line of the file"


def test_every_cell_is_python():
    for number, text in enumerate(CODE):
        compile(text, f"cell {number}", "exec")


@pytest.mark.matrix  # trains two methods and writes 96 summaries: three quarters of a minute on one core
def test_it_runs_from_top_to_bottom(tmp_path: Path):
    """As a kernel would: one process, one namespace, the cells in order."""
    cells = tmp_path / "cells.json"
    cells.write_text(json.dumps(CODE), encoding="utf-8")
    kernel = (
        "import json, sys\nfor text in json.load(open(sys.argv[1])): exec(compile(text, 'cell', 'exec'), globals())"
    )
    asked = shell([sys.executable, "-c", kernel, str(cells)], tmp_path, seconds=900)
    assert asked.code == 0, asked.err
    for word in (
        "zero_shot",
        "lora(rank=16)",
        "bitfit(everywhere=True)",
        "true differences of",
        "the reference",
        " says: ",
    ):
        assert word in asked.out, asked.out
    assert (tmp_path / "runs" / "quickstart" / "results.json").exists()
