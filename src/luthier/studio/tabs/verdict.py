"""Verdict: the sentences, the table that sorts, quality against cost, the whole report."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from .. import fragments
from ..shared import QUIET, SEEN, Shared, Studio, told
from ..standing import Standing, standing

WORD = "verdict"
COSTS = ("trainable", "shipped", "train_time", "memory")
REPORT = Markup(
    '<p><a class="lt-download" href="{url}" target="_blank" rel="noopener">{open}</a></p>'
    '<iframe class="lt-report" src="{url}" title="{title}" loading="lazy"></iframe>'
)


def build(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    faults = gr.HTML(elem_id="verdict-faults")
    words = gr.HTML(elem_id="verdict", elem_classes="lt-verdict")
    table = gr.HTML(elem_id="results")
    costs = [(studio.say(word), word) for word in COSTS]
    cost = gr.Radio(costs, value=COSTS[0], label=studio.say("cost"), visible=False, elem_id="cost")
    plot = gr.HTML(elem_id="pareto")
    with gr.Accordion(studio.say("report"), open=False, visible=False, elem_id="report") as whole:
        report = gr.HTML()
    shown = [words, table, cost, plot, whole, report]

    @told(studio, len(shown))
    def look(name: str | None, which: str) -> Any:
        if name is None or not (studio.place.study(name) / "results.json").exists():
            empty = fragments.note(studio.say("no_study_chosen" if name is None else "no_results"))
            return empty, "", gr.update(visible=False), "", gr.update(visible=False), ""
        found = standing(studio.place.study(name))
        return (
            _words(studio, found),
            _table(studio, found),
            gr.update(visible=True),
            _plot(studio, found, which),
            gr.update(visible=True),
            _report(studio, name),
        )

    @told(studio, 1)
    def drawn(name: str | None, which: str) -> Any:
        return _plot(studio, standing(studio.place.study(name)), which)

    for event in (panel.select, shared.study.change):
        event(look, [shared.study, cost], [faults, *shown], **QUIET)
    cost.input(drawn, [shared.study, cost], [faults, plot], **SEEN)


def _words(studio: Studio, found: Standing) -> Markup:
    caveats = found.caveats(studio.language)
    more = Markup("<details><summary>{} ({})</summary>{}</details>")
    said = fragments.paragraphs(found.sentences(studio.language))
    return said + (more.format(studio.say("caveats"), len(caveats), fragments.listed(caveats)) if caveats else "")


def _table(studio: Studio, found: Standing) -> Markup:
    head = [studio.say(key) if key in NAMED else key for key in found.head()]
    return Markup("<h3>{}</h3>{}{}").format(
        studio.say("results"), fragments.note(studio.say("results_note")), fragments.sortable(head, found.rows())
    )


NAMED = ("method", "trainable_parameters", "shipped_bytes", "train_seconds", "predict_seconds", "peak_bytes")


def _plot(studio: Studio, found: Standing, which: str) -> Markup:
    figure = next((f for f in found.plots() if f.word == which), None)
    if figure is None:
        return Markup("")
    caption = f"{studio.say('pareto', metric=found.metric)}: {studio.say(which)}. {studio.say('front')}"
    return fragments.plot(figure, caption)


def _report(studio: Studio, name: str) -> Markup:
    texts = {"open": studio.say("report_open"), "title": studio.say("report")}
    return REPORT.format(url=f"/files/report?study={quote(name)}", **texts)
