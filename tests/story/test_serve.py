"""Train, serve, ask with the real client: the same answers as `luthier predict`, whoever else asks meanwhile."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luthier.files import read_jsonl
from tests.story.conftest import ENVIRONMENT, Told

TOKEN = "open-sesame-0123456789"


@dataclass(frozen=True)
class Up:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    models: tuple[str, ...]
    log: Path

    def ask(self, verb: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON (or text) of one request with the token; bytes go out as they are."""
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"} | headers
        line.request(verb, path, raw, {k: v for k, v in sent.items() if v})
        answer = line.getresponse()
        text = answer.read().decode()
        line.close()
        return answer.status, json.loads(text) if "json" in answer.headers.get("content-type", "") else text

    def complete(self, model: str, prompt: str, **more: Any) -> dict[str, Any]:
        status, answer = self.ask("POST", "/v1/completions", {"model": model, "prompt": prompt, **more})
        assert status == 200, answer
        return answer


@pytest.fixture(scope="module")
def up(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The three trials of the told study behind a token, on a free port of this machine."""
    log = tmp_path_factory.mktemp("serve") / "log"
    trials = sorted(str(p.parent) for p in told.folder.glob("*/manifest.json"))
    words = ["serve", *trials, "--port", "0", "--token-env", "DOOR", "--trials-from", str(told.folder), "--json"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "luthier.cli", *words],
            env={**ENVIRONMENT, "DOOR": TOKEN},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        hello = json.loads(line)
        yield Up(process, int(hello["url"].split(":")[2].split("/")[0]), tuple(hello["models"]), log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def texts(told: Told) -> list[str]:
    return [e["fields"]["dialogue"] for e in read_jsonl(told.folder / "examples" / "test.jsonl")]


@pytest.fixture(scope="module")
def right(told: Told, up: Up) -> dict[str, list[str]]:
    """Model -> its predictions of the study, in the order of `texts`."""
    return {m: [p["prediction"] for p in read_jsonl(told.folder / m / "predictions.jsonl")] for m in up.models}


def test_the_real_client_hears_what_predict_says(told: Told, up: Up, texts, right, say):
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{up.port}/v1", api_key=TOKEN, max_retries=0)
    with client:
        assert {m.id for m in client.models.list()} == set(up.models) and len(up.models) == 3
        for model in up.models:
            messages: list[Any] = [{"role": "user", "content": texts[0]}]
            chat = client.chat.completions.create(model=model, messages=messages, temperature=0)
            usage = {"include_usage": True}
            streamed = list(
                client.chat.completions.create(model=model, messages=messages, stream=True, stream_options=usage)
            )
            plain = client.completions.create(model=model, prompt=texts[:2])
            flowing = client.completions.create(model=model, prompt=texts[0], stream=True)
            pieces = "".join(c.choices[0].delta.content or "" for c in streamed if c.choices)
            assert chat.choices[0].message.content == pieces == right[model][0]
            assert [c.text for c in plain.choices] == right[model][:2]
            assert "".join(c.choices[0].text for c in flowing) == right[model][0]
            assert streamed[-1].usage == chat.usage and chat.usage.total_tokens > chat.usage.completion_tokens > 0
            assert chat.choices[0].finish_reason in ("stop", "length") and chat.system_fingerprint
        with pytest.raises(openai.NotFoundError, match="no-such"):
            client.completions.create(model="no-such", prompt="a")
        with pytest.raises(openai.BadRequestError, match="frequency_penalty"):
            client.completions.create(model=model, prompt="a", frequency_penalty=1.0)
    lora = next(m for m in up.models if m.startswith("lora"))
    assert say("predict", told.folder / lora, "--text", texts[1]).out.strip() == right[lora][1]


def test_what_a_client_wishes(up: Up, texts):
    model = up.models[0]
    short = up.complete(model, texts[0], max_tokens=2)
    assert short["usage"]["completion_tokens"] == 2 and short["choices"][0]["finish_reason"] == "length"
    drawn = [
        [c["text"] for c in up.complete(model, texts[0], temperature=1.5, seed=s, n=3, max_tokens=8)["choices"]]
        for s in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) > 1
    whole = up.complete(model, texts[0])["choices"][0]["text"]
    stop = whole[2:6]
    assert up.complete(model, texts[0], stop=[stop])["choices"][0]["text"] == whole[: whole.index(stop)]


def test_every_route_but_the_health_checks_wants_the_token(up: Up):
    _, spec = up.ask("GET", "/openapi.json")
    assert {"/v1/models", "/v1/classify", "/admin/models/{name}", "/metrics", "/docs"} <= set(spec["paths"])
    routes = [(verb.upper(), path) for path, verbs in spec["paths"].items() for verb in verbs]
    for verb, path in [*routes, ("GET", "/openapi.json"), ("GET", "/nowhere"), ("POST", "/v1/../docs")]:
        for wrong in ("", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"):
            status, answer = up.ask(verb, path, b"{}" if verb == "POST" else None, authorization=wrong)
            assert status == (200 if path in ("/livez", "/readyz", "/health") else 401), (verb, path, wrong, answer)
    assert TOKEN not in up.log.read_text()


HOSTILE = (
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"model": "M", "prompt": "\\ud800"}',
    b'{"model": "M", "prompt": "a", "temperature": NaN}',
    b'{"model": "M", "prompt": "a", "temperature": 1e400}',
    b'{"model": "M", "prompt": "a", "temperature": -1}',
    b'{"model": "M", "prompt": "a", "max_tokens": 1.5}',
    b'{"model": "M", "prompt": "a", "max_tokens": 0}',
    b'{"model": "M", "prompt": "a", "max_tokens": true}',
    b'{"model": "M", "prompt": "a", "max_tokens": ' + b"9" * 5000 + b"}",
    b'{"model": "M", "prompt": "a", "seed": ' + b"9" * 100 + b"}",
    b'{"model": "M", "prompt": "a", "n": 5}',
    b'{"model": "M", "prompt": "a", "stop": ["a", "b", "c", "d", "e"]}',
    b'{"model": "M", "prompt": "a", "stop": [""]}',
    b'{"model": "M", "prompt": "a", "prompt": "b"}',
    b'{"model": "M", "prompt": "a", "logit_bias": {"1": 2}}',
    b'{"model": "M", "prompt": [1, 2]}',
    b'{"model": "M", "prompt": []}',
    b'{"model": ["M"], "prompt": "a"}',
    b'{"model": "M", "prompt": ' + json.dumps(["a"] * 32).encode() + b', "n": 4}',
    b'{"model": "M", "prompt": "' + b"word " * 5000 + b'"}',
    b'{"model": "M", "prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"model": "../../etc/passwd", "prompt": "a"}',
    b'{"model": "M\\u0000", "prompt": "a"}',
)


def test_what_is_wrong_has_a_code_that_clients_know(up: Up):
    long = {"model": up.models[0], "prompt": "word " * 5000}
    status, answer = up.ask("POST", "/v1/completions", long)
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")
    status, answer = up.ask("GET", "/v1/completions")
    assert (status, answer["error"]["code"]) == (405, "wrong_method")
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    status, answer = up.ask("POST", "/v1/chat/completions", {"model": up.models[0], "messages": image})
    assert status == 400 and answer["error"]["param"].startswith("messages.0.content")
    assert "str" not in answer["error"]["param"].split(".")


@pytest.mark.parametrize(
    ("field", "param", "said"),
    [
        ("tools", "tools", "tools: not available"),
        ("max_token", None, "body: a field is not known; did you mean max_tokens?"),
        ("sk_secret_of_a_client", None, "body: a field is not known"),
    ],
)
def test_a_field_that_is_not_known_is_named_where_it_is_the_apis_own(up: Up, field, param, said):
    body = {"model": up.models[0], "messages": [{"role": "user", "content": "a"}], field: [1]}
    status, answer = up.ask("POST", "/v1/chat/completions", body)
    assert (status, answer["error"]["param"], answer["error"]["message"]) == (400, param, said)


def test_hostile_bodies_are_the_clients_fault(up: Up):
    for raw in HOSTILE:
        status, answer = up.ask("POST", "/v1/completions", raw.replace(b'"M"', json.dumps(up.models[0]).encode()))
        assert 400 <= status < 500, (raw[:80], status, answer)
        assert set(answer["error"]) == {"message", "type", "param", "code"} and answer["error"]["message"]
    chats = ([], [{"role": "robot", "content": "a"}], [{"role": "assistant", "content": "a"}], [{"role": "user"}])
    for messages in chats:
        assert up.ask("POST", "/v1/chat/completions", {"model": up.models[0], "messages": messages})[0] == 400
    assert up.ask("POST", "/v1/classify", {"model": up.models[0], "input": "a"})[0] == 400
    assert up.ask("POST", "/v1/completions", b"{}", **{"content-type": "text/plain"})[0] == 415
    assert up.ask("POST", "/v1/completions", b" " * 64_000_000)[0] == 413
    assert up.ask("DELETE", "/v1/models")[0] == 405
    assert up.ask("GET", "/readyz") == (200, "yes\n"), "and it lives on"


def test_only_names_from_the_named_folder_can_be_added(told: Told, up: Up):
    path = str(told.folder / up.models[0])
    for name in (path, "../" + up.models[0], "/etc/passwd", "examples", "tokens", "", "https://example.org/x", "."):
        status, answer = up.ask("POST", "/admin/models", {"name": name})
        assert status in (400, 404), (name, answer)
        assert str(told.folder.parent) not in answer["error"]["message"].replace(name, "")


def test_deltas_come_and_go_under_load_and_no_answer_is_wrong(up: Up, texts, right):
    stays, comes = up.models[0], up.models[1:]
    wrong, answered, over = [], [], threading.Event()

    def client(number: int) -> None:
        for turn in itertools.count(number):
            if over.is_set() and turn > number + 5:
                return
            model, which = (up.models[turn % 3], turn % len(texts))
            status, answer = up.ask("POST", "/v1/completions", {"model": model, "prompt": texts[which]})
            if status == 404 and model in comes:
                continue
            said = answer["choices"][0]["text"] if status == 200 else answer
            (answered if said == right[model][which] else wrong).append((model, which, said))

    clients = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for one in clients:
        one.start()
    for name in comes:
        assert up.ask("DELETE", f"/admin/models/{name}")[0] == 204
        assert name in up.ask("GET", "/admin/models")[1]
        assert up.ask("GET", f"/v1/models/{name}")[0] == 404
        status, model = up.ask("POST", "/admin/models", {"name": name})
        assert status == 200 and model["id"] == name
    over.set()
    for one in clients:
        one.join(60)
    assert not wrong and len(answered) >= 12 and any(model == stays for model, *_ in answered)


def test_the_schema_is_kept_by_every_route(up: Up):
    schemathesis = pytest.importorskip("schemathesis", reason="the fuzzer of the API is not installed")
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode

    headers = {"authorization": f"Bearer {TOKEN}"}
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{up.port}/openapi.json", headers=headers)
    few = settings(
        max_examples=2, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    seen = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            if mode is GenerationMode.NEGATIVE and operation.method.upper() != "POST":
                continue  # nothing to get wrong without a body

            @few
            @given(case=operation.as_strategy(generation_mode=mode))
            def keeps(case):
                seen.add(case.call_and_validate(headers=headers).status_code)

            keeps()
    assert {200, 400, 404} <= seen and max(seen) < 500


def test_figures_count_what_happened(up: Up):
    status, text = up.ask("GET", "/metrics")
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert status == 200 and float(figures['luthier_tokens_total{kind="said"}']) > 0
    assert float(figures["luthier_models"]) == 3 and figures["luthier_rows_waiting"] == "0"
    assert any(name.startswith('luthier_requests_total{route="/v1/completions"') for name in figures)


def test_a_stop_signal_lets_answers_end(up: Up, texts):
    line = http.client.HTTPConnection("127.0.0.1", up.port, timeout=60)
    body = {"model": up.models[0], "prompt": texts[0], "stream": True, "temperature": 1, "max_tokens": 100}
    line.request(
        "POST",
        "/v1/completions",
        json.dumps(body),
        {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    )
    answer = line.getresponse()
    os.kill(up.process.pid, signal.SIGTERM)
    assert answer.read().decode().endswith("data: [DONE]\n\n")
    line.close()
    assert up.process.wait(60) == 0, up.log.read_text()


def test_what_would_be_open_to_others_is_refused(told: Told, say, monkeypatch):
    trial = told.trial("lora")
    monkeypatch.setenv("EMPTY", " ")
    for words, said in (
        (("--host", "0.0.0.0"), "token"),
        (("--token-env", "EMPTY"), "EMPTY is empty"),
        (("--trials-from", str(told.folder)), "--token-env"),
        (("--rows", "0"), "--rows 0"),
    ):
        answer = say("serve", trial, "--port", "0", *words)
        assert answer.code == 2 and said in answer.err, (words, answer)
    assert "holds no trial" in say("serve", told.folder, "--port", "0").err
