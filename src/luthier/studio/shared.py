"""What every tab of one page knows, and how what goes wrong is told in it."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from ..errors import Damaged, UserError
from . import fragments
from .place import Place
from .voices import Choir
from .words import say

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_name": False}
"""Of an event that a person need not see."""
SEEN: dict[str, Any] = {"show_progress": "minimal", "api_name": False}


@dataclass
class Studio:
    """One page: its folder and its language."""

    place: Place
    language: str
    backbones: Sequence[str]
    choir: dict[str, Choir] = field(default_factory=dict)
    """The study that answers under Try; one at a time in all languages, because it holds a backbone."""

    def say(self, key: str, **values: Any) -> str:
        return say(key, self.language, **values)


@dataclass(frozen=True)
class Shared:
    """What several tabs listen to."""

    page: gr.Blocks
    study: gr.Dropdown
    data: gr.Dropdown
    mapping: gr.State
    """(task, prompt, answer) as chosen under Data; empty texts leave it to the columns."""


def told(studio: Studio, more: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates what happens on a press: its first output is the tab's place for faults, `more` follow.

    A fault is told in luthier's own words and changes nothing else; one of ours leaves its traceback in the terminal.
    """

    def around(work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def done(*chosen: Any) -> Any:
            try:
                found = work(*chosen)
            except UserError as fault:
                return _fault(fault)
            except Damaged as fault:
                return _fault(UserError(str(fault)))
            except Exception:
                traceback.print_exc(file=sys.stderr)
                return _fault(UserError(studio.say("our_fault")))
            return _plain("", *(found if more > 1 else [found] if more else []))

        return done

    def _fault(error: UserError) -> Any:
        return _plain(fragments.fault(error, studio.language), *(gr.update() for _ in range(more)))

    return around


def _plain(*values: Any) -> Any:
    """Markup as a plain text; a single value alone, as the library wants it."""
    found = [str(v) if isinstance(v, str) else v for v in values]
    return found if len(found) > 1 else found[0]


def study_choice(studio: Studio, chosen: str | None) -> Any:
    """The list of studies as it is now; what was chosen stays, else the newest one is."""
    names = list(studio.place.studies())
    value = chosen if chosen in names else (names[0] if names else None)
    info = studio.say("study_info" if names else "no_studies")
    return gr.update(choices=names, value=value, info=info)
