"""A folder that is a Hugging Face Space, and a repository that tests it and syncs it there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from .. import files
from ..answers import answered
from ..errors import Refused, UserError
from ..records import Example
from ..tasks import Chat
from . import adapter, merged
from .card import card, languages, proof
from .certificate import LOADED, ParityFailed, certify
from .contents import columns, is_chat
from .learned import Learned
from .pins import pinned

SECONDS = 600
PROBE = {"en": "The train was late, and nobody told us why.", "zh": "火车晚点了，没有人告诉我们原因。"}
"""What the finished app is asked: no text of anybody's data."""

WORKFLOW = """\
# Tests the Space, then copies it to the hub. Set the secret HF_TOKEN (a token that may write to the Space) and the
# variable HF_SPACE (owner/name) in this repository's settings.
name: space
on:
  push:
    branches: [main]
  pull_request:
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          lfs: true
      - uses: actions/setup-python@v5
        with:
          python-version: "@PYTHON@"
      - run: pip install -r requirements.txt gradio==@GRADIO@
      - run: python app.py --probe
  sync:
    needs: test
    if: github.event_name == 'push' && github.ref == 'refs/heads/main'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          lfs: true
      - uses: actions/setup-python@v5
        with:
          python-version: "@PYTHON@"
      - run: pip install huggingface_hub==@HUB@
      - run: hf upload "$HF_SPACE" . --repo-type space --exclude ".git/*" --exclude ".github/*"
        env:
          HF_TOKEN: ${{ secrets.HF_TOKEN }}
          HF_SPACE: ${{ vars.HF_SPACE }}
"""


def write(learned: Learned, folder: Path, rows: int, license: str | None) -> Mapping[str, Any]:
    """The Space; returns its certificate.

    Raises:
        UserError: gradio is not installed, so no version can be named; Refused: a method that only luthier runs.
        ParityFailed: the model, or the app around it, answers something else.
    """
    if learned.task.kind == "read":
        raise Refused(
            f"The task {learned.task.word} has no answers, so there is nothing to show on a page.",
            "tasks with an answer",
            "luthier export adapter …",
        )
    gradio = _gradio()
    model = folder / "model"
    as_adapter = adapter.has_form(learned) and not learned.own_head
    if as_adapter:
        adapter.write(learned, model, with_base=learned.origin.id is None)
    elif learned.method.word in adapter.MERGEABLE:
        merged.write(learned, model)
    else:
        adapter.check(learned)
    certificate = certify(learned, model, "space", rows)
    files.write_text(model / "README.md", card(learned, certificate, license, adapter=as_adapter))
    for source in (LOADED, LOADED.with_name("app.py")):
        files.write_bytes(folder / source.name, source.read_bytes())
    files.write_json(folder / "probe.json", _probe(learned))
    libraries = ["torch", "transformers", "safetensors", *(["peft"] if as_adapter else [])]
    files.write_text(folder / "requirements.txt", pinned(libraries))
    files.write_text(folder / "README.md", readme(learned, certificate, gradio, license))
    files.write_text(folder / ".gitattributes", "*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    files.write_text(folder / ".github" / "workflows" / "space.yml", workflow(gradio))
    _ask(folder)
    return certificate


def readme(learned: Learned, certificate: Mapping[str, Any], gradio: str, license: str | None) -> str:
    """The Space's front matter and page."""
    front = {
        "title": f"{learned.task.word} with {learned.origin.name.rsplit('/', 1)[-1]}",
        "emoji": "🎻",
        "colorFrom": "yellow",
        "colorTo": "red",
        "sdk": "gradio",
        "sdk_version": gradio,
        "python_version": _python(),
        "app_file": "app.py",
        "pinned": False,
        "license": license or learned.origin.license or "unknown",
        "tags": ["luthier", learned.task.word],
    } | ({"models": [learned.origin.id]} if learned.origin.id else {})
    head = yaml.safe_dump(front, allow_unicode=True, sort_keys=False)
    return (
        f"---\n{head}---\n\n# {front['title']}\n\n`{learned.run.method!r}` over `{learned.origin.name}`; its card is "
        f"`model/README.md`.\n\n## Certificate\n\n{proof(certificate)}\n\n## Publish\n\n"
        "Put this folder into a GitHub repository, set its secret `HF_TOKEN` and its variable `HF_SPACE` (owner/name) "
        "and push: `.github/workflows/space.yml` tests the app and copies it to the Space. "
        "`python app.py` serves it on this machine.\n"
    )


def workflow(gradio: str) -> str:
    """The test and the sync, with versions of what is installed here."""
    marks = {"@PYTHON@": _python(), "@GRADIO@": gradio, "@HUB@": version("huggingface_hub")}
    text = WORKFLOW
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text


def _probe(learned: Learned) -> dict[str, Any]:
    """A row, and what the trial answers to it."""
    text = PROBE["zh" if "zh" in languages(learned) else "en"]
    if is_chat(learned):
        fields, row = Chat.fields([("user", text)]), {"messages": [{"role": "user", "content": text}]}
    else:
        fields = dict.fromkeys(columns(learned), text)
        row = {"fields": fields}
    said = answered(learned.run, learned.delta, [Example("probe", "probe", fields, ())])[0]
    return {"row": row, "answer": said["prediction"], "probabilities": said["probabilities"]}


def _ask(folder: Path) -> None:
    """Let the finished app answer its probe."""
    words = [sys.executable, "-B", "app.py", "--probe"]
    asked = subprocess.run(words, cwd=folder, capture_output=True, timeout=SECONDS, check=False)
    if asked.returncode:
        lines = asked.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise ParityFailed(f"the app does not answer as the trial does: {lines[-1][:500]}")
    json.loads(asked.stdout.decode("utf-8").splitlines()[-1])


def _gradio() -> str:
    try:
        return version("gradio")
    except PackageNotFoundError as fault:
        raise UserError(
            f"A Space names the version of {fault.name or 'gradio'} it was tested with, and none is installed.",
            "the extra app",
            "pip install 'luthier[app]'",
        ) from fault


def _python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
