"""Side by side: the same test row under every method, and blind votes between two of them."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from ...errors import UserError
from .. import fragments, votes
from ..shared import QUIET, SEEN, Shared, Studio, told
from ..standing import example_of, methods_of, ordered, predictions_of, rows_beside

WORD = "beside"


def build(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    _rows(studio, shared, panel)
    with gr.Column(elem_id="voting"):
        _voting(studio, shared, panel)


def _rows(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    """One row at a time."""
    faults = gr.HTML(elem_id="beside-faults")
    pick = gr.Radio([], label=studio.say("pick"), visible=False, elem_id="pick")
    at = gr.State(0)
    with gr.Row():
        back = gr.Button(studio.say("previous"), visible=False, elem_id="previous", min_width=110)
        on = gr.Button(studio.say("next"), visible=False, elem_id="next", min_width=110)
    row = gr.HTML(elem_id="row")
    shown = [pick, back, on, at, row]

    @told(studio, len(shown))
    def look(name: str | None) -> Any:
        if name is None or not (studio.place.study(name) / "results.json").exists():
            hidden = [gr.update(visible=False)] * 3
            return [*hidden, 0, fragments.note(studio.say("no_study_chosen" if name is None else "no_results"))]
        found = rows_beside(studio.place.study(name))
        picks = [(studio.say(f"pick_{word}"), word) for word in found.picks]
        first = found.picks[0] if found.picks else "random"
        visible = gr.update(visible=True)
        return [gr.update(choices=picks, value=first, visible=True), visible, visible, 0, _row(studio, name, first, 0)]

    def turned(step: int) -> Any:
        @told(studio, 2)
        def turn(name: str | None, which: str, place: int) -> Any:
            place = 0 if step == 0 else place + step
            return place, _row(studio, name, which, place)

        return turn

    for event in (panel.select, shared.study.change):
        event(look, [shared.study], [faults, *shown], **QUIET)
    for event, step in ((pick.input, 0), (back.click, -1), (on.click, 1)):
        event(turned(step), [shared.study, pick, at], [faults, at, row], **QUIET)


def _row(studio: Studio, name: str | None, pick: str, place: int) -> Markup:
    rows = ordered(rows_beside(studio.place.study(name)).rows, pick)
    if not rows:
        return fragments.note(studio.say("no_results"))
    row = rows[place % len(rows)]
    head = studio.say("place", n=place % len(rows) + 1, of=len(rows), id=row.id)
    return fragments.note(head) + fragments.row_beside(row, studio.language)


def _voting(studio: Studio, shared: Shared, panel: gr.Tab) -> None:
    """Two answers without names, and what the votes say."""
    gr.HTML(str(Markup("<h3>{}</h3>{}").format(studio.say("voting"), fragments.note(studio.say("voting_note")))))
    faults = gr.HTML(elem_id="vote-faults")
    with gr.Row():
        one = gr.Dropdown([], label=studio.say("vote_a"), elem_id="vote-a", min_width=180)
        other = gr.Dropdown([], label=studio.say("vote_b"), elem_id="vote-b", min_width=180)
    begin = gr.Button(studio.say("vote_begin"), elem_id="vote-begin")
    pair = gr.State(None)
    shown = gr.HTML(elem_id="vote-pair")
    with gr.Row(visible=False) as buttons:
        press = {c: gr.Button(studio.say(f"vote_{c}"), elem_id=f"vote-{c}", min_width=130) for c in votes.CHOICES}
    kept = gr.HTML(elem_id="vote-kept")
    ask = gr.Button(studio.say("vote_result"), elem_id="vote-result")
    result = gr.HTML(elem_id="tally")

    @told(studio, 4)
    def look(name: str | None) -> Any:
        trials = _trials(studio, name)
        choices = [(method, trial) for trial, method in trials.items()]
        values = [*trials, None, None]
        return *(gr.update(choices=choices, value=value) for value in values[:2]), "", None

    @told(studio, 3)
    def shown_next(name: str | None, a: str | None, b: str | None) -> Any:
        found = votes.next_pair(studio.place.study(name), *_pair(studio, name, a, b))
        return found, _shown(studio, name, found), gr.update(visible=True)

    def chosen(choice: str) -> Any:
        @told(studio, 4)
        def cast(name: str | None, a: str | None, b: str | None, now: votes.Pair | None) -> Any:
            folder, two = studio.place.study(name), _pair(studio, name, a, b)
            if now is not None:
                votes.vote(folder, now, choice)
            counted = votes.tally(folder, *two)
            told_votes = counted.wins + counted.losses + counted.equal
            said = fragments.note(studio.say("vote_kept", votes=told_votes, left=counted.left))
            if not counted.left:
                return None, "", gr.update(visible=False), said
            following = votes.next_pair(folder, *two)
            return following, _shown(studio, name, following), gr.update(), said

        return cast

    @told(studio, 1)
    def counted(name: str | None, a: str | None, b: str | None) -> Any:
        found = votes.tally(studio.place.study(name), *_pair(studio, name, a, b))
        return _tally(studio, found, _trials(studio, name))

    for event in (panel.select, shared.study.change):
        event(look, [shared.study], [faults, one, other, result, pair], **QUIET)
    begin.click(shown_next, [shared.study, one, other], [faults, pair, shown, buttons], **SEEN)
    for choice, button in press.items():
        button.click(chosen(choice), [shared.study, one, other, pair], [faults, pair, shown, buttons, kept], **QUIET)
    ask.click(counted, [shared.study, one, other], [faults, result], **SEEN)


def _trials(studio: Studio, name: str | None) -> dict[str, str]:
    """Trial -> method, of every trial that has answered."""
    if name is None:
        return {}
    found = studio.place.trials(name)
    return methods_of({trial: folder for trial, folder in found.items() if (folder / "predictions.jsonl").exists()})


def _pair(studio: Studio, name: str | None, a: str | None, b: str | None) -> Any:
    """What the two said, and their names, always in the same order: votes are between two, whoever is named first."""
    first, second = sorted((str(a), str(b)))
    if first == second:
        raise UserError(f"Both are {first}.", "two different methods", studio.say("vote_same_method"))
    folder = studio.place.study(name)
    for trial in (first, second):
        studio.place.trial(name, trial)
    return (predictions_of(folder, first), predictions_of(folder, second)), (first, second)


def _shown(studio: Studio, name: str | None, pair: votes.Pair) -> Markup:
    """The row, and two answers that nobody can name."""
    asked = fragments.fields(example_of(studio.place.study(name), pair.row))
    sides = ((studio.say("answer_left"), pair.said_left), (studio.say("answer_right"), pair.said_right))
    shape = Markup('<div class="lt-card"><h3>{}</h3><p class="text">{}</p></div>')
    cards = fragments.joined(shape.format(head, text or studio.say("empty_answer")) for head, text in sides)
    return Markup('<div class="asked">{}</div><div class="lt-pair">{}</div>').format(asked, cards)


def _tally(studio: Studio, found: votes.Tally, methods: dict[str, str]) -> Markup:
    names = {"a": methods[found.a], "b": methods[found.b]}
    decided = found.wins + found.losses
    more = studio.say("tally_more", equal=found.equal, same=found.same, left=found.left)
    if not decided:
        return fragments.paragraphs([studio.say("tally_none", **names), more])
    low, high = found.interval
    facts = {"rate": f"{found.rate:.0%}", "low": f"{low:.0%}", "high": f"{high:.0%}", "decided": decided}
    even = [studio.say("tally_even")] if low <= 0.5 <= high else []
    return fragments.paragraphs([studio.say("tally", **names, **facts), *even, more])
