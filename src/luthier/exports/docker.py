"""A folder from which a small container is built that serves one trial on a processor."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import bases, files
from . import sample as samples
from .card import measured, proof
from .certificate import ParityFailed, fresh, verdict
from .learned import Learned
from .pins import pinned

PORT = 8321
NEEDED = ("torch", "transformers", "safetensors", "numpy", "jinja2", "pyyaml", "rich", "fastapi", "uvicorn")
QUANTISED = ("bitsandbytes", "accelerate")
FOR_GPUS = ("nvidia-", "triton", "cuda-")
"""Packages that a processor has no use for."""
HEALTH = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{PORT}/readyz', timeout=4)"


def write(learned: Learned, folder: Path, rows: int) -> Mapping[str, Any]:
    """luthier itself, the trial without anybody's rows, its backbone, and the Dockerfile; returns the certificate.

    Raises:
        ParityFailed: what the folder's own luthier computes differs from the trial.
    """
    trial = f"trials/{learned.run.folder.name}"
    _copy_package(learned, folder / "luthier")
    _copy_trial(learned, folder / trial)
    if not learned.origin.built_in:
        learned.origin.copy_model(folder / "backbone")
    files.write_text(folder / "requirements.txt", requirements(learned))
    files.write_text(folder / "Dockerfile", dockerfile(command(trial)))
    files.write_text(folder / ".dockerignore", "README.md\ncertificate.json\nmanifest.json\n**/__pycache__\n")
    certificate = _certify(learned, folder, trial, rows)
    files.write_text(folder / "README.md", readme(learned, certificate))
    return certificate


def command(trial: str) -> list[str]:
    """What the container runs; without the token in its environment it ends with a sentence that says so."""
    served = ["python", "-m", "luthier.cli", "serve", trial, "--host", "0.0.0.0", "--port", str(PORT)]
    return [*served, "--token-env", "LUTHIER_TOKEN"]


def dockerfile(words: list[str]) -> str:
    """A slim image, pinned requirements before the files that change, a user without rights, a health check."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"""\
FROM python:{python}-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 HF_HUB_OFFLINE=1
WORKDIR /app
# Index of PyTorch's builds for processors, which are several times smaller.
ARG TORCH_INDEX=""
COPY requirements.txt .
RUN pip install ${{TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"}} -r requirements.txt
RUN useradd --create-home --uid 10001 luthier
COPY . .
USER 10001
EXPOSE {PORT}
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD {json.dumps(["python", "-c", HEALTH])}
CMD {json.dumps(words)}
"""


def requirements(learned: Learned) -> str:
    """Pinned, without what only graphics cards need."""
    names = [
        *NEEDED,
        *(QUANTISED if learned.backbone.quantised else ()),
        *(["peft"] if learned.run.method.word == "peft" else []),
    ]
    lines = pinned(names).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(FOR_GPUS))


def readme(learned: Learned, certificate: Mapping[str, Any]) -> str:
    """How it is built, started and asked."""
    name = learned.run.folder.name
    return f"""\
# {learned.run.method!r} on {learned.origin.name} for {learned.task.word}, as a container

```bash
docker build -t luthier-served .        # --build-arg TORCH_INDEX=… for PyTorch's smaller builds for processors
docker run -p {PORT}:{PORT} -e LUTHIER_TOKEN="$(openssl rand -hex 32)" luthier-served
```

It answers in OpenAI's API under `/v1`, model `{name}`, to whoever sends the token; `/readyz` says when it can.
The container runs as a user without rights and needs no network. Rows of the data set are not in it.

## Measured

{measured(learned)}

## Certificate

{proof(certificate)}
"""


def _copy_package(learned: Learned, folder: Path) -> None:
    source = Path(__file__).resolve().parents[1]
    others = tuple(bases.PLACE / name for name in bases.names() if name != learned.origin.name)
    for path in sorted(p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        if not any(path.is_relative_to(other) for other in others):
            files.write_bytes(folder / path.relative_to(source), path.read_bytes())


def _copy_trial(learned: Learned, folder: Path) -> None:
    """What answering needs: the spec and the delta, sealed again; predictions hold rows of the data and stay here."""
    source = learned.run.folder
    spec = files.read_json(source / "trial.json")
    if not learned.origin.built_in:
        spec["backbone"] = " + ".join(["./backbone", *learned.backbone.new_tokens()])
    files.write_json(folder / "trial.json", spec)
    for path in sorted((source / "delta").iterdir()):
        files.write_bytes(folder / "delta" / path.name, path.read_bytes())
    facts = {k: v for k, v in files.read_json(source / files.MANIFEST).items() if k != "files"}
    files.seal(folder, facts)


def _certify(learned: Learned, folder: Path, trial: str, rows: int) -> dict[str, Any]:
    sample = samples.draw(learned.run, rows)
    request = {"folder": trial, "examples": samples.as_json(sample)}
    said = fresh([sys.executable, "-B", "-m", "luthier.exports.sample"], request, folder, folder.resolve())
    if said.facts["place"] != str((folder / "luthier").resolve()):
        raise ParityFailed(f"the copy of luthier in the folder was not the one that ran ({said.facts['place']})")
    return verdict(learned, sample, said, "docker")
