"""Try: type once, see what every method of the study answers."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ... import files
from ...tasks import parse_task
from ...tasks.template import columns_of
from .. import fragments
from ..shared import QUIET, SEEN, Shared, Studio, told
from ..voices import Choir

WORD = "try"
MOST_COLUMNS = 4
"""Text boxes that are laid out; a prompt rarely reads more columns."""


def build(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    gr.HTML(str(fragments.note(studio.say("try_note"))))
    faults = gr.HTML(elem_id="try-faults")
    boxes = [
        gr.Textbox(label=studio.say("try_text"), lines=3, visible=n == 0, elem_id=f"try-{n}")
        for n in range(MOST_COLUMNS)
    ]
    ask = gr.Button(studio.say("try_say"), variant="primary", elem_id="try-ask")
    said = gr.HTML(str(fragments.note(studio.say("try_empty"))), elem_id="said")

    @told(studio, 1 + MOST_COLUMNS)
    def look(name: str | None) -> Any:
        names = _columns(studio, name)
        labels = [n if len(names) > 1 else f"{studio.say('try_text')} ({n})" for n in names] or [studio.say("try_text")]
        shown = [gr.update(label=label, visible=True) for label in labels[:MOST_COLUMNS]]
        hidden = [gr.update(visible=False, value="") for _ in range(MOST_COLUMNS - len(shown))]
        key = "no_study_chosen" if name is None else "try_empty"
        return [fragments.note(studio.say(key)), *shown, *hidden]

    @told(studio, 1)
    def answered(name: str | None, *texts: str) -> Any:
        choir = _choir(studio, name)
        found = choir.say([text or "" for text in texts[: max(1, len(choir.columns))]])
        methods = files.read_json(studio.place.study(name) / "study.json")["methods"]
        return fragments.voices(found, methods, studio.language)

    for event in (panel.select, shared.study.change):
        event(look, [shared.study], [faults, said, *boxes], **QUIET)
    for event in (ask.click, boxes[0].submit):
        event(answered, [shared.study, *boxes], [faults, said], concurrency_limit=1, **SEEN)


def _columns(studio: Studio, name: str | None) -> tuple[str, ...]:
    """The columns that the study's prompt reads; nothing is loaded for that."""
    path = None if name is None else studio.place.study(name) / "study.json"
    if path is None or not path.exists():
        return ()
    return columns_of(parse_task(files.read_json(path)["task_spelled"]).prompt)


def _choir(studio: Studio, name: str | None) -> Choir:
    """The study's trials, opened; again where more of them are finished by now."""
    trials = studio.place.trials(name)
    done = [t for t in trials.values() if files.read_json(t / files.MANIFEST).get("status") == "done"]
    key = "\n".join(map(str, done))
    if key not in studio.choir:
        studio.choir.clear()
        studio.choir[key] = Choir(done)
    return studio.choir[key]
