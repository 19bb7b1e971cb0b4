"""Compare: choose, see what it will take and the same as a command, start, watch, stop, go on."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from markupsafe import Markup

from ... import humane
from ...caveats_zh import in_chinese
from ...methods import METHODS
from ...spell import parse_list
from .. import fragments, job, progress
from ..shared import QUIET, SEEN, Shared, Studio, study_choice, told
from ..wish import KINDS, Wish

WORD = "compare"
SUGGESTED = (
    "zero_shot",
    "full",
    "lora(rank=16)",
    "dora(rank=8)",
    "ia3",
    "bitfit(everywhere=True)",
    "prompt(tokens=20)",
)
CHOSEN = ("zero_shot", "lora(rank=16)", "bitfit(everywhere=True)")
SECONDS = 2.0
"""Between two looks at a running study."""


class Choices:
    """The choices of a study, as they stand on the page."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        say = studio.say
        backbones = list(studio.backbones)
        self.backbone = gr.Dropdown(backbones, value=backbones[0], label=say("backbone"), elem_id="backbone")
        others = [word for word in METHODS if word not in {s.split("(")[0] for s in SUGGESTED} and word != "peft"]
        self.methods = gr.Dropdown(
            [*SUGGESTED, *others],
            value=list(CHOSEN),
            multiselect=True,
            allow_custom_value=True,
            label=say("methods"),
            info=say("methods_info"),
            elem_id="methods",
        )
        with gr.Row():
            named = [(say(f"budget_{kind}"), kind) for kind in KINDS]
            self.kind = gr.Radio(named, value="epochs", label=say("budget"), elem_id="budget", scale=2, min_width=220)
            self.amount = gr.Number(3, label=say("amount"), minimum=0, elem_id="amount", scale=1, min_width=120)
        with gr.Accordion(say("more"), open=False, elem_id="more"):
            with gr.Row():
                self.train_rows = gr.Number(
                    0, label=say("train_rows"), precision=0, minimum=0, elem_id="train-rows", min_width=140
                )
                self.test_rows = gr.Number(
                    0, label=say("test_rows"), precision=0, minimum=0, elem_id="test-rows", min_width=140
                )
                self.seeds = gr.Number(1, label=say("seeds"), precision=0, minimum=1, elem_id="seeds", min_width=110)
            self.search = gr.Checkbox(True, label=say("search"), elem_id="search")
        self.name = gr.Textbox(label=say("name"), info=say("name_info"), elem_id="name", max_lines=1)

    @property
    def all(self) -> list[Any]:
        return [
            *(self.backbone, self.methods, self.kind, self.amount),
            *(self.train_rows, self.test_rows, self.seeds, self.search, self.name),
        ]

    def wish(self, data: str | None, mapping: tuple[str, str, str], *chosen: Any) -> tuple[Wish, str]:
        """What was chosen, and the folder that was wished for.

        Raises:
            UserError: something that is not there, or means nothing.
        """
        backbone, methods, kind, amount, train_rows, test_rows, seeds, search, name = chosen
        if backbone not in self.studio.backbones:
            backbone = ""
        words = tuple(map(repr, parse_list(", ".join(methods or ()), METHODS))) if methods else ()
        source = self.studio.place.source(data)
        rows = (train_rows or None, test_rows or None)
        wish = Wish(backbone, source, words, kind, amount or 0, *rows, int(seeds or 1), bool(search), *mapping)
        return wish, name or (data or "").split("/")[-1]


def build(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    faults = gr.HTML(elem_id="compare-faults")
    chosen_data = gr.HTML(elem_id="compare-data")
    choices = Choices(studio)
    command = gr.HTML(elem_id="command", elem_classes="lt-command")
    with gr.Row():
        foresee = gr.Button(studio.say("forecast"), elem_id="forecast-button", min_width=140)
        start = gr.Button(studio.say("start"), variant="primary", elem_id="start", min_width=140)
    forecast = gr.HTML(elem_id="forecast")
    gr.HTML(str(fragments.note(studio.say("outlives"))))
    shown = _watching(studio, shared, panel)
    asked = [shared.data, shared.mapping, *choices.all]

    @told(studio, 2)
    def spelled(*chosen: Any) -> Any:
        wish, name = choices.wish(*chosen)
        data = Markup("<p>{}: <code>{}</code></p>").format(studio.say("data_set"), chosen[0])
        return _command(studio, wish.command(studio.place.free(name))), data

    @told(studio, 1)
    def foreseen(*chosen: Any) -> Any:
        wish, _ = choices.wish(*chosen)
        return _forecast(studio, json.loads(job.ask(["plan", *wish.words()[1:], "--json"])))

    @told(studio, 1 + len(shown))
    def started(*chosen: Any) -> Any:
        wish, name = choices.wish(*chosen)
        folder = studio.place.free(name)
        job.start(folder, wish.words())
        job.settle(folder)
        return study_choice(studio, folder.name), *_now(studio, folder.name)

    for changed in (shared.data, shared.mapping, *choices.all):
        changed.change(spelled, asked, [faults, command, chosen_data], **QUIET)
    shared.page.load(spelled, asked, [faults, command, chosen_data], **QUIET)
    foresee.click(lambda: str(fragments.note(studio.say("forecast_wait"))), None, [forecast], **QUIET).then(
        foreseen, asked, [faults, forecast], **SEEN
    )
    start.click(started, asked, [faults, shared.study, *shown], **SEEN)


def _watching(studio: Studio, shared: Shared, panel: gr.Tab) -> list[Any]:
    """How far the chosen study is; returns what shows it: words, curves, what can be pressed, the clock."""
    faults = gr.HTML(elem_id="progress-faults")
    now = gr.HTML(elem_id="progress")
    with gr.Row():
        stop = gr.Button(studio.say("stop"), variant="stop", visible=False, elem_id="stop", min_width=120)
        resume = gr.Button(studio.say("resume"), visible=False, elem_id="resume", min_width=120)
    curve = gr.HTML(elem_id="curve")
    clock = gr.Timer(SECONDS, active=False)
    shown = [now, curve, stop, resume, clock]

    @told(studio, len(shown))
    def looked(name: str | None) -> Any:
        return _now(studio, name)

    @told(studio, len(shown))
    def stopped(name: str | None) -> Any:
        job.stop(studio.place.study(name))
        gr.Info(studio.say("stopping"))
        return _now(studio, name)

    @told(studio, len(shown))
    def resumed(name: str | None) -> Any:
        folder = studio.place.study(name)
        job.resume(folder)
        job.settle(folder)
        return _now(studio, name)

    for event in (shared.study.change, panel.select, clock.tick):
        event(looked, [shared.study], [faults, *shown], **QUIET)
    for button, done in ((stop, stopped), (resume, resumed)):
        button.click(done, [shared.study], [faults, *shown], **SEEN)
    return shown


def _command(studio: Studio, line: str) -> Markup:
    return Markup("<h4>{}</h4><pre>{}</pre>").format(studio.say("command"), line)


def _now(studio: Studio, name: str | None) -> list[Any]:
    """Where the chosen study stands: words, curves, what can be pressed, whether to look again soon."""
    if name is None:
        return ["", "", gr.update(visible=False), gr.update(visible=False), gr.update(active=False)]
    folder = studio.place.study(name)
    state = job.state(folder)
    running = state == job.RUNNING
    found = progress.stages(folder, running)
    parts = [fragments.paragraphs([studio.say(f"state_{state}", name=name)], f"state {state}")]
    if state == job.FAILED:
        parts.append(fragments.fault(job.refused(job.fault(folder), name), studio.language))
    if found:
        parts.append(fragments.stages(found, progress.marks(folder, found), studio.language))
    elif running:
        parts.append(fragments.note(studio.say("preparing")))
    figure = progress.curves(folder, found) if found else None
    drawn = fragments.plot(figure, studio.say("curves")) if figure else ""
    again = state in (job.STOPPED, job.FAILED) and (folder / "study.json").exists()
    visible = (gr.update(visible=running), gr.update(visible=again), gr.update(active=running))
    return [str(fragments.joined(parts)), str(drawn), *visible]


def _forecast(studio: Studio, found: dict[str, Any]) -> Markup:
    """What a study will take, in a sentence and a row for each trial."""
    whole = studio.say(
        "forecast_all",
        time=humane.duration(found["seconds"]),
        memory=humane.size(found["peak_bytes"]),
        free=humane.size(found["free_bytes"]),
        disk=humane.size(found["disk_bytes"]),
    )
    notes = found["notes"] if studio.language == "en" else map(in_chinese, found["notes"])
    beside = [studio.say("forecast_beside", n=n) for n in [found["at_once"]] if n > 1]
    parts = [fragments.paragraphs([whole, *beside]), *map(fragments.warn, notes)]
    for trial in found["too_large"]:
        facts = {"method": trial["method"], "memory": humane.size(trial["peak_bytes"]), "would": trial["would"]}
        parts.append(fragments.warn(studio.say("forecast_too_large", **facts)))
    head = [studio.say(f"column_{key}") for key in ("method", "search", "train", "predict", "all", "memory", "disk")]
    times = ("search_seconds", "train_seconds", "predict_seconds", "seconds")
    rows = [
        [
            t["method"],
            *(humane.duration(t[key]) if t[key] else "" for key in times),
            *(humane.size(t[key]) if t[key] else "" for key in ("peak_bytes", "disk_bytes")),
        ]
        for t in found["trials"].values()
    ]
    return fragments.joined([*parts, fragments.table(head, rows)])
