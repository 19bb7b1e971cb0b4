"""The proof that an export computes what the trial computed.

A fresh process loads the finished folder with the libraries its users have, reads test rows as text, and sends back
token ids, logits and answers. All of it is compared with the trial; a difference above the tolerance is a failed
export.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from safetensors.torch import load as read_tensors
from torch import Tensor

from .. import files
from ..errors import LuthierError
from ..records import Prediction
from ..score import scores
from . import sample as samples
from .learned import Learned

ROWS = 16
"""Test rows of a certificate, unless the user says otherwise."""
SECONDS = 3600
LOADED = Path(__file__).resolve().parent / "standalone" / "loaded.py"

TOLERANCE = {"fp32": 1e-4, "bf16": 5e-2, "int8": 5e-2, "nf4": 5e-2}
"""Largest difference of a logit, as a share of the largest logit: what two orders of the same sums may make."""
DIFFERENT_ANSWERS = {"fp32": 1 / 16, "bf16": 1 / 4, "int8": 1 / 4, "nf4": 1 / 4}
"""Share of the rows whose answers may differ: a near tie between two tokens falls either way."""


class ParityFailed(LuthierError):
    """The exported folder does not compute what the trial computed; it was not kept."""


@dataclass(frozen=True)
class Said:
    """What a fresh process told about a folder."""

    facts: Mapping[str, Any]
    logits: Sequence[Tensor]


def certify(learned: Learned, folder: Path, exported: str, rows: int = ROWS) -> dict[str, Any]:
    """Compare a finished folder with its trial; returns what certificate.json holds.

    Raises:
        ParityFailed: it could not be loaded, or computes something else.
    """
    sample = samples.draw(learned.run, rows)
    base = None if learned.origin.id else str(learned.origin.folder)
    inside = (folder / "base").is_dir() or not files.read_json(folder / "task.json")["adapter"]
    request = {
        "folder": str(folder),
        "base": None if inside else base,
        "rows": samples.asked(learned.run, sample),
        "positions": samples.POSITIONS,
    }
    said = fresh([sys.executable, "-I", str(LOADED)], request, folder)
    return verdict(learned, sample, said, exported)


def fresh(command: Sequence[str], request: Mapping[str, Any], place: Path, path: Path | None = None) -> Said:
    """Ask a new process.

    Args:
        place: its working folder.
        path: where it finds packages before the installed ones.

    Raises:
        ParityFailed: it ended badly.
    """
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false"} | ({"PYTHONPATH": str(path)} if path else {})
    with tempfile.TemporaryDirectory() as outside:
        words = Path(outside) / "request.json"
        files.write_json(words, request)
        try:
            asked = subprocess.run(
                [*command, str(words)], cwd=place, env=environment, capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as fault:
            raise ParityFailed(f"the exported folder had not answered after {SECONDS} s") from fault
    if asked.returncode:
        lines = asked.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {asked.returncode}"]
        raise ParityFailed(f"the exported folder cannot be used in a fresh process: {lines[-1][:500]}")
    header = json.loads(asked.stdout[8 : 8 + int.from_bytes(asked.stdout[:8], "little")])
    tensors = read_tensors(asked.stdout)
    return Said(json.loads(header["__metadata__"]["facts"]), [tensors[str(n)] for n in range(len(tensors))])


def verdict(learned: Learned, sample: samples.Sample, said: Said, exported: str) -> dict[str, Any]:
    """The certificate.

    Raises:
        ParityFailed: other tokens, other logits, other answers.
    """
    precision = learned.backbone.precision
    own = samples.computed(learned.run, learned.delta, sample)
    largest = max(c.logits.abs().max().item() for c in own)
    difference = max(_apart(c.logits, theirs) for c, theirs in zip(own, said.logits, strict=True))
    tolerance = TOLERANCE[precision] * max(1.0, largest)
    same_tokens = [r["ids"] == m.inputs[0].tolist() for r, m in zip(said.facts["rows"], sample.plans)]
    found = {
        "exported": exported,
        "trial": learned.run.folder.name,
        "method": repr(learned.method),
        "precision": precision,
        "device": said.facts["device"],
        "loaded_by": said.facts["libraries"],
        "luthier_loaded": said.facts["luthier_loaded"],
        "warnings": said.facts["warnings"],
        "rows": len(sample.examples),
        "rows_passed_over_as_cut": sample.cut,
        "same_tokens": sum(same_tokens),
        "logits": {"largest_difference": difference, "largest_logit": largest, "tolerance": tolerance},
        "conversion": learned.conversion,
    }
    found |= _read(own, said) if learned.task.kind == "read" else _answers(learned, sample, said)
    faults = _faults(found, said, precision)
    if faults:
        raise ParityFailed(f"the exported {exported} does not compute what the trial computed: {'; '.join(faults)}")
    return found | {"passed": True}


def _faults(found: Mapping[str, Any], said: Said, precision: str) -> list[str]:
    """Every reason why a folder is no faithful copy."""
    faults = []
    if found["same_tokens"] != found["rows"]:
        faults.append(f"{found['rows'] - found['same_tokens']} of {found['rows']} rows become other tokens")
    logits = found["logits"]
    if not logits["largest_difference"] <= logits["tolerance"]:  # also true of NaN
        faults.append(
            f"logits differ by {logits['largest_difference']:.3g}, {logits['tolerance']:.3g} is the tolerance"
        )
    same = found["same_answers"]
    if same is not None and not found["conversion"] and found["rows"] - same > _may_differ(found["rows"], precision):
        faults.append(f"{found['rows'] - same} of {found['rows']} answers differ")
    for names, what in ((said.facts["unexpected"], "are not read"), (said.facts["missing"], "are missing")):
        if names:
            faults.append(f"{len(names)} tensors {what}, first {names[0]}")
    return faults


def _may_differ(rows: int, precision: str) -> int:
    return max(1, round(rows * DIFFERENT_ANSWERS[precision]))


def _apart(own: Tensor, theirs: Tensor) -> float:
    if own.shape != theirs.shape:
        raise ParityFailed(f"logits have the shape {tuple(theirs.shape)}, the trial's have {tuple(own.shape)}")
    return (own - theirs).abs().max().item()


def _answers(learned: Learned, sample: samples.Sample, said: Said) -> dict[str, Any]:
    """Answers one by one, and the task's metric over them, against what the trial wrote down."""
    trial = samples.recorded(learned.run, sample)
    loaded = [r["answer"] for r in said.facts["rows"]]
    name = learned.task.best_by
    own, theirs = (_metric(sample, texts, name) for texts in (trial, loaded))
    return {
        "same_answers": sum(a == b for a, b in zip(trial, loaded)),
        "metric": {"name": name, "trial": own, "loaded": theirs, "difference": theirs - own},
    }


def _read(own: Sequence[samples.Computed], said: Said) -> dict[str, Any]:
    """How likely the texts are, where nothing is answered."""
    trial, loaded = (mean(values) for values in ([c.nats for c in own], [r["nats"] for r in said.facts["rows"]]))
    metric = {"name": "nats_per_token", "trial": trial, "loaded": loaded, "difference": loaded - trial}
    return {"same_answers": None, "metric": metric}


def _metric(sample: samples.Sample, texts: Sequence[str], name: str) -> float:
    said = [Prediction(e.id, e.group, text, e.references, 0, 0.0) for e, text in zip(sample.examples, texts)]
    return scores(said, [name], draws=10)[0].mean
