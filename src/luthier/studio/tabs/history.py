"""History: all studies of the folder, and what is different between two trials."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from ... import history, humane
from .. import fragments
from ..shared import QUIET, SEEN, Shared, Studio, told

WORD = "history"
COLUMNS = ("study", "backbone", "data", "task", "trials", "date")
BETWEEN = " › "


def build(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    faults = gr.HTML(elem_id="history-faults")
    gr.HTML(str(Markup("<h3>{}</h3>").format(studio.say("history"))))
    table = gr.HTML(elem_id="history")
    gr.HTML(str(Markup("<h3>{}</h3>").format(studio.say("diff"))))
    with gr.Row():
        one = gr.Dropdown([], label=studio.say("trial_a"), elem_id="diff-a", min_width=240)
        other = gr.Dropdown([], label=studio.say("trial_b"), elem_id="diff-b", min_width=240)
    compare = gr.Button(studio.say("compare_two"), elem_id="diff")
    found = gr.HTML(elem_id="difference")

    @told(studio, 3)
    def look() -> Any:
        names = [f"{study}{BETWEEN}{trial}" for study in studio.place.studies() for trial in studio.place.trials(study)]
        values = [*names[:2], None, None][:2]
        return _table(studio), *(gr.update(choices=names, value=value) for value in values)

    @told(studio, 1)
    def differ(a: str | None, b: str | None) -> Any:
        folders = [studio.place.trial(*_named(chosen)) for chosen in (a, b)]
        rows = history.difference(*folders)
        if not rows:
            return fragments.note(studio.say("no_difference"))
        head = [studio.say("what"), studio.say("first"), studio.say("second")]
        return fragments.table(head, ([row["what"], row["a"], row["b"]] for row in rows), "different")

    panel.select(look, None, [faults, table, one, other], **QUIET)
    compare.click(differ, [one, other], [faults, found], **SEEN)


def _named(chosen: str | None) -> tuple[str | None, str | None]:
    study, _, trial = (chosen or "").partition(BETWEEN)
    return study or None, trial or None


def _table(studio: Studio) -> Markup:
    rows = history.studies(studio.place.root)
    if not rows:
        return fragments.note(studio.say("no_studies"))
    root = f"{studio.place.root}/"
    shown = ({**row, "date": humane.day(row["date"])} for row in rows)
    cells = ([str(row[key]).removeprefix(root) for key in COLUMNS] for row in shown)
    return fragments.table([studio.say(f"history_{key}") for key in COLUMNS], cells)
