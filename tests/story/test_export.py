"""Train, export, and load again where no luthier is: the same logits, a Space that answers, a container's command."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from luthier.answers import predict
from luthier.exports import space
from luthier.files import read_json
from tests.story.conftest import ENVIRONMENT, Told, luthier
from tests.unit import test_export as unit

TOKEN = "open-sesame-0123456789"
ALONE = {k: v for k, v in ENVIRONMENT.items() if k != "PYTHONPATH"}


def python(code: str, folder: Path) -> str:
    """What a new process prints that runs `code` in `folder`."""
    asked = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=folder, env=ALONE, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


@contextmanager
def running(words: Sequence[str], folder: Path, path: str, **environment: str) -> Iterator[int]:
    """The port of a server process that answers `path` with 200; it is ended by its own id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [w.replace("PORT", str(port)) for w in words]
    environment = {k: v.replace("PORT", str(port)) for k, v in environment.items()}
    log = folder.parent / "log.txt"
    with log.open("w") as errors:
        process = subprocess.Popen(words, cwd=folder, env=ALONE | environment, stdout=errors, stderr=errors)
    try:
        until = time.monotonic() + 300
        while ask(port, "GET", path)[0] != 200:
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, verb: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    """Status and text of one request; 0 where nobody listens yet."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        line.request(verb, path, json.dumps(body) if body else None, {"content-type": "application/json"} | headers)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionError:
        return 0, ""
    finally:
        line.close()


@pytest.mark.matrix  # fresh processes; tests/unit/test_export.py compares in this one
def test_what_is_exported_runs_without_luthier(told: Told, say, tmp_path):
    source, out = told.trial("lora"), tmp_path / "out"
    answer = say("export", "adapter", source, "--out", out, "--rows", "3", "--json")
    assert answer.code == 0, answer.err
    made = json.loads(answer.out)
    assert made["luthier_loaded"] is False and set(made["loaded_by"]) == {"python", "torch", "transformers", "peft"}
    assert made["passed"] and 0 < made["same_tokens"] == made["rows"] <= 3
    logits, fp32 = made["logits"], made["precision"] == "fp32"
    assert 0 <= logits["largest_difference"] < (1e-4 if fp32 else 0.02 * logits["largest_logit"])
    assert read_json(out / "certificate.json")["logits"] == made["logits"]
    card = (out / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "peft" and front["base_model"] == "seedling-t5" and front["license"] == "apache-2.0"
    mean = read_json(told.folder / "results.json")["trials"][1]["metrics"]["rouge1"]
    assert f"{100 * mean['mean']:.1f} | [{100 * mean['low']:.1f}, {100 * mean['high']:.1f}]" in card
    code = re.search(r"```python\n(.*?)```", card, re.S)[1]
    said = python(code, out).rstrip("\n").splitlines()[-1]
    assert said.strip() == predict(source, None, "<dialogue>")[0]["prediction"], "the card's code, run as it stands"


def test_the_command_line_says_what_cannot_be(told: Told, say, tmp_path):
    for words, why in (
        (("adapter", told.folder), "is a study of several trials"),
        (("adapter", told.trial("zero")), "it learned nothing"),
        (("merged", told.trial("prompt")), "rows stand in the input"),
        (("adaptor", told.trial("lora")), "did you mean adapter"),
        (("adapter", told.trial("lora"), "--rank", "4"), "without --as"),
        (("adapter", told.trial("lora"), "--as", "gguf"), "--as lora"),
        (("merged", told.trial("lora"), "--as", "lora"), "leave it out"),
    ):
        answer = say("export", *words, "--out", tmp_path / "out")
        assert answer.code == 2 and why in answer.err and "Traceback" not in answer.err, answer.err
        assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_a_failed_parity_is_a_failed_command(told: Told, say, monkeypatch, tmp_path):
    from luthier.exports import certificate

    monkeypatch.setattr(certificate, "LOADED", tmp_path / "nobody.py")
    answer = say("export", "adapter", told.trial("lora"), "--out", tmp_path / "out", "--rows", "1")
    assert answer.code == 1 and "was not made" in answer.err
    assert list(tmp_path.glob("*out*")) == list(tmp_path.glob(".*out*")) == []


loaded_here = unit.here


@pytest.mark.matrix
def test_a_space_starts_and_answers(loaded_here, monkeypatch, tmp_path):
    pytest.importorskip("gradio", reason="a Space needs the extra app")
    monkeypatch.setattr(space, "_ask", lambda folder: None)  # the app is started below
    from luthier.exports.wish import Wish, export

    source, out = unit.trial(tmp_path, "bert", "lora(rank=4)"), tmp_path / "space"
    export(Wish("space", source, out, rows=2))
    front = yaml.safe_load((out / "README.md").read_text().split("---\n")[1])
    assert front["sdk"] == "gradio" and (out / front["app_file"]).exists()
    assert front["sdk_version"] == __import__("gradio").__version__
    pins = (out / "requirements.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.!-]+", line) for line in pins)
    assert {"torch", "transformers", "peft"} <= {line.split("==")[0] for line in pins}
    steps = yaml.safe_load((out / ".github" / "workflows" / "space.yml").read_text())["jobs"]
    assert (
        steps["sync"]["needs"] == "test" and steps["sync"]["steps"][-1]["env"]["HF_TOKEN"] == "${{ secrets.HF_TOKEN }}"
    )
    assert any(step.get("run") == "python app.py --probe" for step in steps["test"]["steps"])
    quiet = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": "PORT"}
    with running([sys.executable, "-B", "app.py"], out, "/", **quiet) as port:
        _, begun = ask(port, "POST", "/gradio_api/call/answer", {"data": ["a b c"]})
        _, told = ask(port, "GET", f"/gradio_api/call/answer/{json.loads(begun)['event_id']}")
    assert "event: complete" in told, told
    said = json.loads(next(line for line in told.splitlines() if line.startswith("data: "))[6:])[0]
    right = predict(source, None, "a b c")[0]
    assert said["label"] == right["prediction"]
    shares = {c["label"]: c["confidence"] for c in said["confidences"]}
    assert shares == pytest.approx(right["probabilities"], abs=1e-5)


@pytest.mark.matrix
def test_a_container_s_command_serves_what_nothing_else_runs(say, tmp_path):
    source, out = unit.trial(tmp_path, "bert", "bottleneck(size=8)"), tmp_path / "container"
    answer = say("export", "docker", source, "--out", out, "--rows", "2", "--json")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["logits"]["largest_difference"] == 0
    assert not [p for p in out.rglob("predictions.jsonl")] and not (out / "examples").exists(), "no rows of the data"
    lines = (out / "Dockerfile").read_text().splitlines()
    parts = dict(line.split(" ", 1) for line in lines if line.split(" ", 1)[0] in ("FROM", "USER", "CMD"))
    assert re.fullmatch(r"python:3\.\d+-slim", parts["FROM"]) and int(parts["USER"]) > 0
    assert [line.split(" ", 1)[0] for line in lines].index("USER") < [line.split(" ", 1)[0] for line in lines].index(
        "CMD"
    )
    check = next(line for line in lines if line.startswith("HEALTHCHECK"))
    assert "/readyz" in check
    words = json.loads(parts["CMD"])
    assert words[words.index("--token-env") + 1] == "LUTHIER_TOKEN" and TOKEN not in "\n".join(lines)
    words = [sys.executable, *("127.0.0.1" if w == "0.0.0.0" else "PORT" if w == "8321" else w for w in words[1:])]
    with running(words, out, "/readyz", LUTHIER_TOKEN=TOKEN, PYTHONPATH=str(out)) as port:
        code = json.loads(check.split("CMD ", 1)[1])[2].replace(":8321", f":{port}")
        python(code, out)
        body = {"model": source.name, "input": "a b c"}
        assert ask(port, "POST", "/v1/classify", body)[0] == 401
        status, said = ask(port, "POST", "/v1/classify", body, authorization=f"Bearer {TOKEN}")
    assert status == 200, said
    assert json.loads(said)["data"][0]["label"] == predict(source, None, "a b c")[0]["prediction"]


def test_the_container_says_that_it_wants_a_token(tmp_path):
    from luthier.exports.docker import command

    answer = luthier(*command(str(tmp_path))[3:], folder=tmp_path)
    assert answer.code == 2 and "LUTHIER_TOKEN" in answer.err
    assert os.environ.get("LUTHIER_TOKEN") is None
