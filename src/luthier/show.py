"""What a person sees in the terminal: progress with the time that remains, tables, verdicts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import humane
from .humane import ABSENT
from .pages import by_set
from .report import caveat_lines, headlines, standings, table

DONE = 0
FORECAST = ("train", "evaluate", "predict")
WIDE = 150
"""Columns of a table that goes to a file or a pipe."""


class Progress:
    """Bars on the error stream of a terminal: one for the study, one for each trial at work."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._study = self._bars.add_task("trials", total=None, note="")
        self._at_work: dict[str, tuple[str, bars.TaskID]] = {}
        """Trial -> its phase, and the bar of that."""

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def tell(self, event: Mapping[str, Any]) -> None:
        """Show one progress event of a study."""
        if event.get("phase") == "forecast":
            forecast(event, self._bars.console)
            return
        if event.get("phase") == "pilot":
            self._bars.console.print(event["sentence"]["en"], markup=False, highlight=False, soft_wrap=True)
            return
        ended = "exit" in event or event.get("phase") == "kept"
        self._bars.update(self._study, total=event["of"], completed=event["number"] - (0 if ended else 1))
        phase, bar = self._at_work.get(event["trial"], ("", None))
        if bar is not None and (ended or event.get("phase", phase) != phase):
            self._bars.remove_task(bar)
            del self._at_work[event["trial"]]
        if "phase" not in event or ended:
            return
        if event["trial"] not in self._at_work:
            bar = self._bars.add_task(f"  {event['method']} · {event['phase']}", total=event["total"], note="")
            self._at_work[event["trial"]] = event["phase"], bar
        note = f"loss {event['loss']:.3f}" if "loss" in event else ""
        self._bars.update(self._at_work[event["trial"]][1], completed=event["done"], note=note)


def results(found: Mapping[str, Any], pages: Sequence[Path]) -> None:
    """The table and the verdicts of a study."""
    console = Console()
    head, *lines = _measured(table(found))
    primary = found["study"].get("primary")
    drawn = Table(*map(escape, head))
    for line in lines:
        # Only the primary metric keeps its interval here; the report has them all.
        drawn.add_row(*(escape(c if h == primary else c.split(" [")[0]) for h, c in zip(head, line)))
    (console if console.is_terminal else Console(width=WIDE)).print(drawn)
    for line in (*headlines(found), *standings(found)):
        console.print(line, markup=False, highlight=False)
    if caveats := caveat_lines(found):
        console.print("caveats:")
    for line in caveats:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    for page in pages:
        print(page)


def suite(found: Mapping[str, Any], folder: Path) -> None:
    """The table of a suite and what must be known about it."""
    console = Console()
    head, *lines = by_set.table(found)
    drawn = Table(*map(escape, head))
    for line in lines:
        drawn.add_row(*map(escape, line))
    (console if console.is_terminal else Console(width=WIDE)).print(drawn)
    for caveat in found["caveats"]:
        console.print(caveat, markup=False, highlight=False, soft_wrap=True)
    print(folder / f"{found['suite']}.md")


def _measured(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table without the columns in which nothing was measured."""
    kept = [i for i, cells in enumerate(zip(*lines[1:])) if set(cells) != {ABSENT}]
    return [[line[i] for i in kept] for line in lines]


def plan(prepared: Any, as_json: bool) -> int:
    """What a study would run."""
    facts = {**prepared.facts, "trials": [t.id for t in prepared.trials]}
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return DONE
    counts = ", ".join(f"{n} {split}" for split, n in facts["data"]["rows"].items())
    backbone = facts["backbone"]
    print(f"{backbone['name']} ({backbone['parameters']:,} parameters, {backbone['precision']})")
    print(f"{facts['data']['source']}: {counts}; task {facts['task']}, best by {facts['primary']}")
    for note in (*backbone["caveats"], *facts["data"]["notes"]):
        print(f"  note: {note}")
    for one in prepared.whole:
        print("\n".join(trial.id if not prepared.smaller else f"{one.rows:,} rows: {trial.id}" for trial in one.trials))
    return DONE


def forecast(found: Mapping[str, Any], console: Console | None = None) -> None:
    """What a study will take: the whole in a line, then every trial."""
    console = console or Console()
    if "error" in found:
        console.print(f"no forecast: {found['error']}", markup=False, highlight=False)
        return
    memory, disk = humane.size(found["peak_bytes"]), humane.size(found["disk_bytes"])
    free, left = humane.size(found["free_bytes"]), humane.size(found["free_disk_bytes"])
    sizes = f"{memory} of memory ({free} free), {disk} of disk ({left} free)"
    beside = f", {found['at_once']} trials beside each other" if found.get("at_once", 1) > 1 else ""
    line = f"forecast: {humane.duration(found['seconds'])}{beside}, {sizes}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
    for note in found["notes"]:
        console.print(f"  {note}", markup=False, highlight=False, soft_wrap=True)
    drawn = Table("method")
    for name in ("search", *FORECAST, "all", "memory", "disk"):
        drawn.add_column(name, justify="right")
    for trial in found["trials"].values():
        parts = [trial[f"{part}_seconds"] for part in ("search", *FORECAST)]
        times = [humane.duration(s) if s else "" for s in (*parts, trial["seconds"])]
        sizes = [humane.size(trial["peak_bytes"]), humane.size(trial["disk_bytes"]) if trial["disk_bytes"] else ""]
        drawn.add_row(escape(trial["method"]), *times, *sizes)
    (console if console.is_terminal else Console(file=console.file, width=WIDE)).print(drawn)
    for trial in found["too_large"]:
        line = f"{trial['method']} does not fit ({humane.size(trial['peak_bytes'])}); what would: {trial['would']}"
        console.print(line, markup=False, highlight=False)


def rows(found: Sequence[Mapping[str, Any]], as_json: bool, whole: Any = None) -> int:
    """Records as a table, or as JSON."""
    if as_json:
        print(json.dumps(found if whole is None else whole, ensure_ascii=False))
        return DONE
    if not found:
        print("nothing here yet", file=sys.stderr)
        return DONE
    drawn = Table()
    for head in found[0]:
        drawn.add_column(escape(head), overflow="fold")
    for record in found:
        drawn.add_row(*(escape(str(value)) for value in record.values()))
    Console().print(drawn)
    return DONE
