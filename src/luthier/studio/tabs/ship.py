"""Ship: download what a method learned, or export it with its certificate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from markupsafe import Markup

from ... import files, humane
from .. import fragments, job
from ..place import Place
from ..shared import QUIET, SEEN, Shared, Studio, told
from ..standing import methods_of

WORD = "ship"
KINDS = {
    "adapter": ("adapter",),
    "low_rank": ("adapter", "--as", "lora"),
    "merged": ("merged",),
    "space": ("space",),
    "docker": ("docker",),
}
"""What can be chosen -> the words of `luthier export`."""
EXPORTS = "exports"
LINK = Markup('<p><a class="lt-download" href="{}" download>{}</a></p>{}')


def build(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    faults = gr.HTML(elem_id="ship-faults")
    trial = gr.Dropdown([], label=studio.say("trial"), elem_id="trial")
    delta = gr.HTML(elem_id="delta")
    gr.HTML(str(Markup("<h3>{}</h3>{}").format(studio.say("export"), fragments.note(studio.say("export_note")))))
    named = [(studio.say(f"export_{kind}"), kind) for kind in KINDS]
    kind = gr.Radio(named, value="adapter", label=studio.say("export_kind"), elem_id="export-kind")
    export = gr.Button(studio.say("export"), variant="primary", elem_id="export")
    made = gr.HTML(elem_id="exported")

    @told(studio, 2)
    def look(name: str | None) -> Any:
        known = methods_of(studio.place.trials(name)) if name is not None else {}
        found = [(method, trial) for trial, method in known.items()]
        empty = fragments.note(studio.say("no_study_chosen" if name is None else "no_results"))
        first = next(iter(known), None)
        return gr.update(choices=found, value=first), _delta(studio, str(name), first) if first else empty

    @told(studio, 2)
    def chosen(name: str | None, which: str | None) -> Any:
        return ("" if which is None else _delta(studio, str(name), which)), ""

    @told(studio, 1)
    def exported(name: str | None, which: str | None, form: str) -> Any:
        folder = studio.place.trial(name, which)
        out = Place(studio.place.study(name) / EXPORTS).free(f"{form}-{which}")
        kind_word, *more = KINDS.get(form, KINDS["adapter"])
        printed = job.ask(["export", kind_word, str(folder), "--out", str(out), *more, "--json"])
        return _exported(studio, str(name), out, json.loads(printed))

    for event in (panel.select, shared.study.change):
        event(look, [shared.study], [faults, trial, delta], **QUIET)
    trial.change(chosen, [shared.study, trial], [faults, delta, made], **QUIET)
    export.click(exported, [shared.study, trial, kind], [faults, made], **SEEN)


def _delta(studio: Studio, name: str, trial: str) -> Markup:
    """The link to what was learned."""
    folder = studio.place.trial(name, trial)
    if not (folder / "delta").is_dir():
        method = files.read_json(folder / "trial.json")["method"]
        return fragments.note(studio.say("no_delta", method=method))
    url = f"/files/delta?{urlencode({'study': name, 'trial': trial})}"
    return LINK.format(url, studio.say("download_delta"), fragments.note(studio.say("download_note")))


def _exported(studio: Studio, name: str, out: Path, made: Mapping[str, Any]) -> Markup:
    """What was written, what its certificate says, and the link to it."""
    said = [studio.say("exported", folder=out, size=humane.size(made.get("bytes")), rows=made.get("rows"))]
    if logits := made.get("logits"):
        found = {key: f"{logits[key]:.2g}" for key in ("largest_difference", "tolerance")}
        said.append(studio.say("certificate_logits", **found))
    if made.get("same_answers") is not None:
        said.append(studio.say("certificate_answers", same=made["same_answers"], rows=made["rows"]))
    if metric := made.get("metric"):
        facts = {key: f"{metric[key]:.4f}" for key in ("loaded", "trial")}
        said.append(studio.say("certificate_metric", name=metric["name"], **facts))
    url = f"/files/export?{urlencode({'study': name, 'export': out.name})}"
    return (
        fragments.paragraphs(said[:1])
        + fragments.listed(said[1:])
        + LINK.format(url, studio.say("download_export"), "")
    )
