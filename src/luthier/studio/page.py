"""The page in one language: the study that is looked at on top, the tabs below."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from .shared import QUIET, Shared, Studio, study_choice
from .tabs import beside, compare, data, history, ship, trying, verdict
from .words import LANGUAGES

TABS = (data, compare, verdict, beside, trying, ship, history)
HEAD = Markup(
    '<header class="lt-top"><h1>luthier</h1><p>{tagline}</p><nav>'
    '<a href="/{other}/" data-language="{other}" lang="{other}">{name}</a>'
    '<button type="button" class="lt-theme">{theme}</button></nav></header>'
)


def page(studio: Studio) -> gr.Blocks:
    """Everything of one language."""
    with gr.Blocks(title=studio.say("title"), analytics_enabled=False) as blocks:
        gr.HTML(str(_head(studio)))
        with gr.Row(elem_classes="lt-study"):
            study = gr.Dropdown(
                [], label=studio.say("study"), info=studio.say("no_studies"), elem_id="study", scale=4, min_width=220
            )
            again = gr.Button(studio.say("refresh"), elem_id="refresh", scale=0, min_width=110)
        with gr.Tabs(elem_id="tabs"):
            opened = [gr.Tab(studio.say(f"tab_{tab.WORD}"), id=tab.WORD) for tab in TABS]
            with opened[0]:
                chosen = data.choice(studio)
            shared = Shared(blocks, study, chosen, gr.State(("", "", "")))
            for tab, panel in zip(TABS, opened):
                with panel:
                    tab.build(studio, shared, panel)

        def look(now: str | None) -> Any:
            return study_choice(studio, now)

        for event in (again.click, blocks.load):
            event(look, [study], [study], **QUIET)
    return blocks


def _head(studio: Studio) -> Markup:
    other = next(language for language in LANGUAGES if language != studio.language)
    texts = {key: studio.say(key) for key in ("tagline", "theme")}
    return HEAD.format(other=other, name=studio.say("other_language"), **texts)
