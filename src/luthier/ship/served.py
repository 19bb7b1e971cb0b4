"""A finished trial that answers under a name, and the folders such trials may come from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .. import files, store
from ..answers import single, spoken
from ..backbone import Backbone
from ..batches import Layout
from ..delta import Delta
from ..encode import plan
from ..errors import DataError, Refused, TooLong, UserError
from ..predict import label_ids
from ..records import Example
from ..results import finished
from ..tasks.template import columns_of, required_columns
from ..trial import Run, trained_delta


@dataclass(frozen=True, eq=False)
class Served:
    """One version of one delta: rows that are being written keep theirs, whatever is removed meanwhile."""

    name: str
    run: Run
    delta: Delta
    version: str
    """Digest of the delta's files."""
    made: int = 0
    """When the trial ended, in seconds since 1970: its folder may go while it is served."""

    @cached_property
    def layout(self) -> Layout:
        return Layout.of(self.run.backbone, self.delta)

    @cached_property
    def shots(self) -> list[Example]:
        return self.run.shots()

    @cached_property
    def label_ids(self) -> Any:
        """Of the words that its labels are said with; made once, with the tokenizer."""
        return label_ids(self.run.backbone, self.task)

    @property
    def task(self) -> Any:
        return self.run.task

    @property
    def most(self) -> int:
        """New tokens of an answer in the trial's evaluation."""
        return self.run.decoding.max_new_tokens

    def asked(self, row: str | Mapping[str, str]) -> Example:
        """One text where `luthier predict --text` would put it, or a row of the prompt's columns.

        Raises:
            DataError: other columns than the prompt has, or one text for several that it needs.
        """
        if isinstance(row, str):
            return single(self.task, row)
        wanted, needed = columns_of(self.task.prompt), required_columns(self.task.prompt)
        if not set(needed) <= set(row) <= set(wanted):
            raise DataError(f"The columns are {sorted(row)}.", ", ".join(wanted), "name exactly these")
        return Example("text", "text", dict.fromkeys(wanted, "") | dict(row), ())

    def asked_chat(self, turns: Sequence[tuple[str, str]]) -> Example:
        """A chat trial reads all (role, text) turns, any other the last user turn.

        Raises:
            DataError: the last turn is not the user's.
        """
        role = turns[-1][0]
        if role != "user":
            raise DataError(f"The last message is the {role}'s.", "the user's", "end messages with role user")
        return spoken(self.task, turns)

    def ids(self, example: Example) -> np.ndarray:
        """The prompt's token ids, exactly as in the trial's evaluation, without virtual ids.

        Raises:
            TooLong: the prompt is longer than the trial's limit; evaluation would cut it, a server says so.
        """
        filler = self.task.labels[0] if self.task.kind == "label" else "?"
        made = plan(
            self.run.backbone,
            self.task,
            [dataclasses.replace(example, references=(filler,))],
            self.run.budget,
            self.shots,
        )
        if made.cut_inputs:
            most = self.run.budget.max_input_tokens
            raise TooLong(
                f"The prompt has more than the {most} tokens this model was trained to read.", "less", "shorten it"
            )
        if not len(made.inputs[0]):
            raise Refused(f"The prompt has {len(made.inputs[0])} tokens.", "1 or more", "write a text")
        return made.inputs[0]


def open_served(folder: Path, backbone: Backbone | None = None) -> Served:
    """A finished trial on `backbone`, or on a backbone of its own where there is none yet.

    Raises:
        UserError: no trial there that ended well, or one of another backbone.
        Damaged: a file of the trial is not what its manifest says.
    """
    finished(folder)
    run = Run(folder, tell=lambda _: None)
    if run.task.kind == "read":
        raise Refused(
            f"{folder.name} was trained to read text; it answers nothing.",
            "trials of tasks that answer",
            f"luthier export merged {folder} makes an ordinary model of it",
        )
    if backbone is not None:
        if run.trial.fingerprint != backbone.fingerprint:
            raise UserError(
                f"{folder.name} was trained on another backbone ({run.trial.backbone}).",
                f"trials on {backbone.name}: a server has one backbone",
                "start another server for it",
            )
        run.backbone = backbone
    delta = trained_delta(run).eval()
    if not store.finite(delta.shipped()):
        raise UserError(f"{folder.name} holds weights that are no numbers.", "a whole delta", "train it again")
    listed = files.read_json(folder / files.MANIFEST)["files"]
    digests = [f"{name} {fact['sha256']}" for name, fact in listed.items() if name.startswith("delta/")]
    version = hashlib.sha256("\n".join([run.backbone.fingerprint, *digests]).encode()).hexdigest()[:16]
    return Served(folder.resolve().name, run, delta, version, int((folder / "manifest.json").stat().st_mtime))


def trials_in(root: Path | None) -> dict[str, Path]:
    """Names that may be added while serving: finished trials in `root` or one folder deeper, links left out."""
    if root is None:
        return {}
    found = [p.parent for pattern in ("*/manifest.json", "*/*/manifest.json") for p in sorted(root.glob(pattern))]
    inside = [f for f in found if f.resolve().is_relative_to(root.resolve()) and not f.is_symlink()]
    return {f.name: f for f in inside if (f / "trial.json").exists()}
