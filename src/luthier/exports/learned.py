"""A finished trial that learned something, and all that an export says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from .. import files
from ..answers import opened
from ..backbone import Backbone
from ..delta import Delta
from ..encode import uses_head
from ..errors import Refused, UserError
from ..methods import METHODS, Method
from ..pretrained import sketch_classifier
from ..results import finished, outcome
from ..spell import parse
from ..store import HEAD_NAMES
from ..trial import Run
from .origin import Origin, origin_of


@dataclass(frozen=True, eq=False)
class Learned:
    """What an export starts from."""

    run: Run
    method: Method
    delta: Delta
    origin: Origin
    facts: Mapping[str, Any]
    """The trial's row of results.json."""
    study: Mapping[str, Any]
    """The study's study.json, and its verdicts where it is finished; empty where the trial came alone."""
    conversion: Mapping[str, Any] | None = None
    """What was lost where the delta is no longer the trial's own."""

    @property
    def backbone(self) -> Backbone:
        return self.run.backbone

    @property
    def task(self) -> Any:
        return self.run.task

    @property
    def head(self) -> bool:
        """Classes are read from a trained head."""
        return uses_head(self.backbone, self.task)

    @cached_property
    def classifier(self) -> nn.Module | None:
        """The model library's classifier of this architecture, without weights, if its head is the one trained here."""
        theirs = sketch_classifier(self.backbone.model.config) if self.delta.head is not None else None
        if theirs is None:
            return None
        start = f"{HEAD_NAMES[self.backbone.kind]}."
        known = {name.removeprefix(start) for name in theirs.state_dict() if name.startswith(start)}
        return theirs if known == {name.removeprefix("out.") for name in self.delta.head.state_dict()} else None

    @property
    def own_head(self) -> bool:
        """The head is luthier's own: the model library makes another one for this architecture."""
        return self.head and self.classifier is None

    @property
    def computed(self) -> str:
        """The number format that the trial computed in, as torch calls it."""
        return str(self.backbone.model.dtype).removeprefix("torch.")


def learned_of(folder: Path) -> Learned:
    """Open a trial's folder.

    Raises:
        UserError: a study's folder, no trial, an unfinished or failed one; Refused: a method that learns nothing.
    """
    facts = _checked(folder)
    run, delta = opened(folder)
    return Learned(run, run.method, delta, origin_of(run.backbone), facts, _study(folder))


def _checked(folder: Path) -> dict[str, Any]:
    """How the trial ended."""
    if (folder / "study.json").exists():
        trials = [name for name in files.read_json(folder / "study.json")["trials"] if _trains(folder / name)]
        raise UserError(
            f"{folder} is a study of several trials, and an export takes one.",
            ", ".join(str(folder / name) for name in trials) or "a study with a method that trains",
            "name one of these folders",
        )
    word = files.read_json(folder / "trial.json")["method"] if (folder / "trial.json").exists() else ""
    if word and not parse(word, METHODS).trains:
        raise Refused(
            f"{folder.name} is {word}: it learned nothing, so there is nothing to export.",
            "trials of methods that train",
            "use the backbone itself, or export another trial",
        )
    return finished(folder)


def _trains(folder: Path) -> bool:
    return outcome(folder)["status"] == "done" and outcome(folder)["trainable_parameters"] > 0


def _study(folder: Path) -> dict[str, Any]:
    place = folder.resolve().parent
    study = files.read_json(place / "study.json") if (place / "study.json").exists() else {}
    results = files.read_json(place / "results.json") if (place / "results.json").exists() else {}
    return study | {"verdicts": results.get("verdicts", [])}
