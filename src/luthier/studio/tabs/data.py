"""Data: drop a file or take a built-in set, see what each column is for and what is wrong, make a mended copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from ...tasks import TASKS
from .. import fragments, rows
from ..place import DATA
from ..shared import SEEN, Shared, Studio, told

WORD = "data"
FIRST = {"en": "dialogues", "zh": "reviews-zh"}
"""What is looked at before anything is chosen."""


def choice(studio: Studio) -> gr.Dropdown:
    """Where files are dropped and a data set is chosen; other tabs listen to it."""
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            dropped = gr.File(
                file_count="multiple", type="filepath", label=studio.say("drop"), elem_id="drop", height=150
            )
        with gr.Column(scale=1, min_width=280):
            chosen = gr.Dropdown(
                list(studio.place.data()),
                value=FIRST[studio.language],
                label=studio.say("data_set"),
                info=studio.say("data_set_info"),
                elem_id="data-set",
            )
            faults = gr.HTML(elem_classes="lt-faults")

    @told(studio, 1)
    def keep(paths: list[str] | None) -> Any:
        name = studio.place.keep([Path(path) for path in paths or []])
        return gr.update(choices=list(studio.place.data()), value=name)

    dropped.upload(keep, [dropped], [faults, chosen], **SEEN)
    return chosen


def build(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    faults = gr.HTML(elem_id="data-faults")
    summary = gr.HTML(elem_id="data-summary")
    columns = gr.HTML(elem_id="columns")
    with gr.Row():
        tasks = [(studio.say("task_auto"), ""), *((word, word) for word in TASKS)]
        task = gr.Dropdown(tasks, value="", label=studio.say("task"), elem_id="task", min_width=180)
        answer = gr.Dropdown([""], value="", label=studio.say("answer_column"), elem_id="answer-column", min_width=180)
    prompt = gr.Textbox(label=studio.say("prompt"), lines=2, elem_id="prompt")
    apply = gr.Button(studio.say("apply"), elem_id="apply")
    with gr.Accordion(studio.say("preview"), open=True):
        preview = gr.HTML(elem_id="preview")
    with gr.Accordion(studio.say("notes"), open=False):
        notes = gr.HTML()
    checked = _checking(studio, shared)
    shown = [summary, columns, preview, notes, task, answer, prompt, shared.mapping, *checked]

    def show(name: str | None, chosen: tuple[str, str, str]) -> list[Any]:
        looked = rows.look(rows.Asked(studio.place.source(name), *chosen))
        names = [c.name for c in looked.columns]
        return [
            _summary(studio, str(name), looked),
            _columns(studio, looked),
            fragments.table(names, ([row[n] for n in names] for row in looked.preview), "preview"),
            fragments.listed(looked.notes),
            gr.update(value=chosen[0]),
            gr.update(choices=["", *names], value=looked.answer),
            looked.prompt,
            chosen,
            *NOTHING_FOUND,
        ]

    @told(studio, len(shown))
    def look(name: str | None) -> Any:
        return show(name, ("", "", ""))

    @told(studio, len(shown))
    def mapped(name: str | None, *chosen: str) -> Any:
        return show(name, tuple(text or "" for text in chosen))  # type: ignore[arg-type]

    for event in (shared.data.change, shared.page.load):
        event(look, [shared.data], [faults, *shown], **SEEN)
    apply.click(mapped, [shared.data, task, prompt, answer], [faults, *shown], **SEEN)


NOTHING_FOUND = ("", gr.update(visible=False), gr.update(visible=False))
"""What `_checking` shows of rows that were not checked yet."""


def _checking(studio: Studio, shared: Shared) -> list[Any]:
    """What is wrong with the rows, and a mended copy; returns what shows the findings."""
    gr.HTML(str(fragments.note(studio.say("check_note"))))
    check = gr.Button(studio.say("check"), variant="primary", elem_id="check")
    faults = gr.HTML(elem_id="check-faults")
    found = gr.HTML(elem_id="findings")
    kinds = gr.CheckboxGroup([], label=studio.say("mend_kinds"), visible=False, elem_id="kinds")
    mend = gr.Button(studio.say("mend"), visible=False, elem_id="mend")
    outcome = gr.HTML(elem_id="mended")

    @told(studio, 3)
    def checked(name: str | None, chosen: tuple[str, str, str]) -> Any:
        asked = rows.Asked(studio.place.source(name), *chosen)
        all_found = rows.findings(asked, studio.backbones[0])
        every, usual = rows.usual(all_found)
        named = [(studio.say(f"kind_{kind}"), kind) for kind in every]
        return (
            fragments.findings(all_found, studio.language),
            gr.update(choices=named, value=usual, visible=bool(every)),
            gr.update(visible=bool(every)),
        )

    @told(studio, 2)
    def mended(name: str | None, chosen: tuple[str, str, str], which: list[str]) -> Any:
        asked = rows.Asked(studio.place.source(name), *chosen)
        folder = studio.place.free_data(f"{(name or '').split('/')[-1]}-clean")
        before, made = rows.mend(asked, which, folder)
        after = sum(map(len, made.splits.values()))
        facts = {"name": folder.name, "before": before, "after": after, "changes": len(made.changes)}
        chosen_now = gr.update(choices=list(studio.place.data()), value=f"{DATA}/{folder.name}")
        return chosen_now, fragments.note(studio.say("mended", **facts))

    check.click(checked, [shared.data, shared.mapping], [faults, found, kinds, mend], **SEEN)
    mend.click(mended, [shared.data, shared.mapping, kinds], [faults, shared.data, outcome], **SEEN)
    return [found, kinds, mend]


def _summary(studio: Studio, name: str, looked: rows.Looked) -> Markup:
    counts = [
        studio.say("rows_of", rows=f"{count:,}", split=rows.split_word(split, studio.language))
        for split, count in looked.rows.items()
    ]
    comma = ", " if studio.language == "en" else "，"
    facts = {"name": name, "splits": comma.join(counts), "task": looked.task or studio.say("task_none")}
    parts = [fragments.paragraphs([studio.say("data_summary", **facts)])]
    parts += [fragments.warn(studio.say("synthetic"))] if looked.synthetic else []
    parts += [] if looked.task else [fragments.warn(studio.say("no_task"))]
    return fragments.joined(parts)


def _columns(studio: Studio, looked: rows.Looked) -> Markup:
    head = [studio.say(key) for key in ("column", "role", "filled", "example")]
    body = ([c.name, studio.say(f"role_{c.role}"), f"{c.filled:,} / {c.of:,}", c.example] for c in looked.columns)
    return fragments.table(head, body, "columns")
