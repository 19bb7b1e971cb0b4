"""A study's curves in another tool as well: TensorBoard or trackio.

The study's folder stays the record. A trial that begins is mirrored step by step from the events that the study tells;
what no event told, and a trial that was finished or half done before, is read from its folder when it ends. So the same
command with --resume mirrors a finished study, and a mirror that is made again replaces the one before.

    <out>/tensorboard/<trial>/…   or the runs <trial> of a trackio project with the name of <out>
    train/loss, train/learning_rate, …   by step    dev/<metric>, dev/loss   by step    test/<metric>   at the last step
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from . import files
from .errors import UserError
from .spell import closest

Tell = Callable[[dict[str, Any]], None]

WHO = ("phase", "done", "total", "trial", "method", "number", "of")
"""What an event says beside its values."""


class Board(Protocol):
    """Where curves are shown; one run is open at a time."""

    def begin(self, name: str, facts: Mapping[str, Any]) -> None:
        """Open the run `name`, empty, of the trial that `facts` (its trial.json) describe."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One point of some curves."""

    def end(self) -> None:
        """Close the run."""


class TensorBoard:
    """Event files below the study's folder, a folder for each trial."""

    def __init__(self, study: Path) -> None:
        from tensorboard.summary import Writer

        self._open, self._place = Writer, study / "tensorboard"

    def begin(self, name: str, facts: Mapping[str, Any]) -> None:
        shutil.rmtree(self._place / name, ignore_errors=True)
        self._run = self._open(str(self._place / name))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._run.add_scalar(name, value, step)
        self._run.flush()  # left alone it waits for minutes

    def end(self) -> None:
        self._run.close()


class Trackio:
    """Runs of a project on this machine, or where TRACKIO_SPACE_ID or TRACKIO_SERVER_URL of the user say."""

    def __init__(self, study: Path) -> None:
        import trackio

        self._trackio, self._project = trackio, study.resolve().name

    def begin(self, name: str, facts: Mapping[str, Any]) -> None:
        with contextlib.redirect_stdout(sys.stderr):  # it greets, and our standard output may be JSON
            with contextlib.suppress(ValueError):  # the project is new
                for run in self._trackio.Api().runs(self._project):
                    if run.name == name:
                        run.delete()
            quiet = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
            try:
                self._run = self._trackio.init(self._project, name, config=dict(facts), **quiet)
            except ValueError as fault:
                raise UserError(
                    f"trackio takes no project {self._project!r}: {fault}", "another name", "choose one with --out"
                ) from fault

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def end(self) -> None:
        with contextlib.redirect_stdout(sys.stderr):
            self._trackio.finish()


BOARDS: dict[str, Callable[[Path], Board]] = {"tensorboard": TensorBoard, "trackio": Trackio}
"""Word of --mirror, which is also the extra that installs it."""


@contextlib.contextmanager
def mirrored(tell: Tell, study: Path, word: str | None) -> Iterator[Tell]:
    """What a study run in `study` is to tell: `tell`, and its mirror where `word` names one.

    Raises:
        UserError: no such mirror, or one whose library is not installed.
    """
    if word is None:
        yield tell
        return
    mirror = Mirror(study, board(word, study))

    def both(event: dict[str, Any]) -> None:
        tell(event)
        mirror.tell(event)

    try:
        yield both
    finally:
        mirror.close()


def board(word: str, study: Path) -> Board:
    if word not in BOARDS:
        raise UserError(f"There is no mirror {word!r}.", ", ".join(BOARDS), closest(word, BOARDS) or "name one of them")
    try:
        return BOARDS[word](study)
    except ModuleNotFoundError as fault:
        raise UserError(
            f"--mirror {word} needs {fault.name}, which is not installed.",
            f"the extra {word}",
            f"pip install 'luthier[{word}]', or leave --mirror out",
        ) from fault


class Mirror:
    """Passes a study's events on to a board."""

    def __init__(self, study: Path, board: Board) -> None:
        self._study, self._board = study, board
        self._at: str | None = None
        """The trial whose run is open; one that runs beside it is mirrored when it has ended."""
        self._told: set[str] = set()
        """Names of its curves that events told."""

    def tell(self, event: Mapping[str, Any]) -> None:
        """Pass one event on; those that are about no trial's curve change nothing."""
        phase = event.get("phase")
        if phase == "train" and event["done"] == 1 and self._at is None:
            self._begin(self._folder(event["trial"]))
        if phase in ("train", "dev") and self._at == event["trial"]:
            values = {f"{phase}/{name}": value for name, value in event.items() if name not in WHO}
            self._board.log(event["done"], values)
            self._told |= values.keys()
        elif phase == "kept" or "exit" in event:
            self._rest(self._folder(event["trial"]))

    def close(self) -> None:
        """Close what a study that was stopped left open."""
        if self._at is not None:
            self._board.end()
            self._at = None

    def _begin(self, folder: Path) -> None:
        self.close()
        self._board.begin(str(folder.relative_to(self._study)), files.read_json(folder / "trial.json"))
        self._at, self._told = folder.name, set()

    def _rest(self, folder: Path) -> None:
        """What a finished trial's folder holds and no event told."""
        for step, values in recorded(folder):
            if self._at != folder.name:
                self._begin(folder)
            if left := {name: value for name, value in values.items() if name not in self._told}:
                self._board.log(step, left)
        if self._at == folder.name:
            self.close()

    def _folder(self, trial: str) -> Path:
        """Of a study on several data sets, or on several numbers of rows, trials lie in studies below it."""
        return next(self._study.glob(f"**/{trial}/trial.json")).parent


def recorded(folder: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """(step, values) of a finished trial, in order; nothing of one that is not."""
    if not (folder / files.MANIFEST).exists():
        return
    facts = files.read_json(folder / files.MANIFEST)
    steps = files.read_jsonl(folder / "steps.jsonl") if (folder / "steps.jsonl").exists() else []
    for line in steps:
        yield line["step"], {f"train/{name}": value for name, value in line.items() if name != "step"}
    for look in facts.get("dev", ()):
        step = round(len(steps) * look["epoch"] / facts["dev"][-1]["epoch"])  # the last one follows the last step
        yield step, {f"dev/{look['metric']}": look["mean"], "dev/loss": look["loss"]}
    if found := facts.get("metrics"):
        yield len(steps), {f"test/{name}": value["mean"] for name, value in found.items()}
