"""A suite of sets: a line for each set, the average, and what must be known before a figure is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from luthier import humane
from luthier.data.table import count

from . import fenced, plain


def table(told: Mapping[str, Any]) -> list[list[str]]:
    """A header, a row for each set and one for the average, as plain text."""
    methods = [(m["method"], m["sets"], m["average"]) for m in told["methods"]]
    columns = [*methods, ("always the commonest label", told["always"]["sets"], told["always"]["average"])]
    rows = [["set", "metric", "training rows", "test rows", *(name for name, _, _ in columns)]]
    for one in told["sets"]:
        counts = [humane.exact(one["rows"][split]) for split in ("train", "test")]
        cells = [humane.scored(one["metric"], figures[one["name"]]) for _, figures, _ in columns]
        rows.append([one["name"], one["metric"], *counts, *cells])
    if any(average for _, _, average in methods):
        rows.append(["average", "", "", "", *(humane.scored("average", average) for _, _, average in columns)])
    return rows


def markdown(told: Mapping[str, Any]) -> str:
    """The page: the table, what must be known, and where the reports of the sets are."""
    head, *rows = [[plain(cell) for cell in row] for row in table(told)]
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2), *rows]
    links = [f"[{plain(one['name'])}]({quote(one['name'])}/report.md)" for one in told["sets"]]
    return "\n".join(
        [
            f"# {plain(told['suite'])}: {plain(told['backbone'])} on {count(len(told['sets']), 'set')}",
            "",
            "Points out of 100 on the metric of each set, with 95 % intervals.",
            "",
            *(f"| {' | '.join(cells)} |" for cells in lines),
            "",
            *(f"- {plain(caveat)}" for caveat in told["caveats"]),
            "",
            f"Reports: {', '.join(links)}",
            "",
            fenced(told["command"]),
            "",
        ]
    )
