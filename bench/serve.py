"""Many clients, many deltas, one backbone: is every answer right, and what does mixing cost?

    python bench/serve.py                       # 16 clients x 8 deltas x 2,000 requests, deltas come and go
    python bench/serve.py --requests 200 --json

The deltas are untrained ones with noise, of eight methods, so that their answers differ; `seedling-t5` reads the
built-in dialogues. Each answer is compared with the one that its delta gives alone. Three loads are timed, each after
the other on the same machine: eight deltas mixed, the same requests on one delta, and the same eight on a server loop
that answers one request at a time with PEFT's `set_adapter` (`--no-peft` leaves it out).
"""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import json
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORDS = (
    "lora(rank=8)",
    "dora(rank=8)",
    "ia3",
    "bitfit(everywhere=True)",
    "prompt(tokens=8)",
    "prefix(tokens=8)",
    "bottleneck(size=8)",
    "layernorm",
)
TASK = "summarise(prompt='Summarize the following conversation.\\n\\n{dialogue}\\n\\nSummary: ', answer='summary')"
MOST = 16
"""New tokens of an answer."""


def trial_folder(root: Path, bone: Any, word: str, seed: int = 0, task: str = TASK) -> Path:
    """A finished trial in `root` whose delta is a fresh one plus noise; nothing was trained."""
    import torch

    from luthier import files, store
    from luthier.methods import METHODS
    from luthier.records import Budget, to_json
    from luthier.spell import parse
    from luthier.tasks import parse_task
    from luthier.trial import Trial, fresh_delta

    method = parse(word, METHODS)
    trial = Trial(bone.name, bone.precision, bone.fingerprint, repr(method), task, Budget(), seed, "noise")
    folder = root / trial.id
    files.write_json(folder / "trial.json", to_json(trial))
    if method.trains:
        delta = fresh_delta(bone, method, parse_task(task), seed)
        noise = torch.Generator().manual_seed(seed + 1)
        with torch.no_grad():
            for parameter in delta.trained().values():
                parameter.add_(
                    torch.randn(parameter.shape, generator=noise) * parameter.std().nan_to_num(0.0).clamp(0.05, 0.2)
                )
        store.save(folder / "delta", bone, method, delta)
    files.seal(folder, {"id": trial.id, "status": "done"})
    return folder


@dataclass
class Load:
    """What one load of requests came to."""

    right: int = 0
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    """(model, what it said, what it says alone)."""
    away: int = 0
    """Answers that a model is not served just now."""
    tokens: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    """Seconds to the first piece of a streamed answer."""

    def facts(self) -> dict[str, Any]:
        ranked = sorted(self.latencies)
        return {
            "requests": self.right + len(self.wrong),
            "wrong": len(self.wrong),
            "away": self.away,
            "requests_per_second": round((self.right + len(self.wrong)) / self.seconds, 2),
            "tokens_per_second": round(self.tokens / self.seconds, 1),
            "p50_seconds": round(statistics.median(ranked), 4),
            "p99_seconds": round(ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))], 4),
            "first_token_p50_seconds": round(statistics.median(self.firsts), 4) if self.firsts else None,
        }


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, token: str) -> None:
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def ask(self, verb: str, path: str, body: Any = None) -> tuple[int, bytes]:
        self.line.request(verb, path, None if body is None else json.dumps(body), self.headers)
        answer = self.line.getresponse()
        return answer.status, answer.read()

    def complete(self, model: str, prompt: str, stream: bool) -> tuple[int, str, int, float]:
        """Status, text, tokens said (0 where it streamed), seconds to the first piece."""
        body = {"model": model, "prompt": prompt, "max_tokens": MOST, "stream": stream}
        started = time.perf_counter()
        if not stream:
            status, raw = self.ask("POST", "/v1/completions", body)
            answer = json.loads(raw)
            if status != 200:
                return status, "", 0, 0.0
            return status, answer["choices"][0]["text"], answer["usage"]["completion_tokens"], 0.0
        self.line.request(
            "POST", "/v1/completions", json.dumps(body | {"stream_options": {"include_usage": True}}), self.headers
        )
        answer, text, first, said = self.line.getresponse(), "", 0.0, 0
        if answer.status != 200:
            answer.read()
            return answer.status, "", 0, 0.0
        for raw in answer:
            if raw.startswith(b"data: {"):
                piece = json.loads(raw[6:])
                text += "".join(c["text"] for c in piece["choices"])
                said = piece.get("usage", {}).get("completion_tokens", said)
                first = first or time.perf_counter() - started
        return 200, text, said, first


@dataclass(frozen=True)
class Asking:
    """Who asks what."""

    port: int
    token: str
    models: Sequence[str]
    prompts: Sequence[str]
    right: dict[tuple[str, int], str]
    clients: int
    requests: int
    changing: Sequence[str] = ()
    """Models that are removed and added again all the while."""


def load(asking: Asking) -> Load:
    """Let the clients ask, and compare every answer."""
    found, lock, left = Load(), threading.Lock(), iter(range(asking.requests))
    over = threading.Event()

    def client(number: int) -> None:
        mine, dice = Client(asking.port, asking.token), random.Random(number)
        while True:
            with lock:
                if next(left, None) is None:
                    return
            while True:  # until it is answered: a model may be away
                model, which = dice.choice(asking.models), dice.randrange(len(asking.prompts))
                started = time.perf_counter()
                status, text, said, first = mine.complete(model, asking.prompts[which], dice.random() < 0.25)
                if status == 200:
                    break
                with lock:
                    found.away += 1
                if status not in (404, 429):
                    raise SystemExit(f"{model} answered {status}")
                time.sleep(0.02)
            with lock:
                found.latencies.append(time.perf_counter() - started)
                found.tokens += said
                if first:
                    found.firsts.append(first)
                if text == asking.right[model, which]:
                    found.right += 1
                else:
                    found.wrong.append((model, text, asking.right[model, which]))

    def changer() -> None:
        mine = Client(asking.port, asking.token)
        while asking.changing and not over.wait(0.3):
            name = random.choice(asking.changing)
            mine.ask("DELETE", f"/admin/models/{name}")
            over.wait(0.1)
            assert mine.ask("POST", "/admin/models", {"name": name})[0] == 200

    changing, threads = (
        threading.Thread(target=changer),
        [threading.Thread(target=client, args=(n,)) for n in range(asking.clients)],
    )
    started = time.perf_counter()
    for thread in (changing, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    found.seconds = time.perf_counter() - started
    over.set()
    changing.join()
    return found


def alone(bone: Any, folders: Sequence[Path], prompts: Sequence[str]) -> dict[tuple[str, int], str]:
    """(model, prompt) -> what the delta says with nobody else in the room, through the path of `luthier predict`."""
    import dataclasses

    import numpy as np

    from luthier.decode import Decoding
    from luthier.encode import Plan
    from luthier.predict import predict
    from luthier.ship.served import open_served

    right = {}
    for folder in folders:
        served = open_served(folder, bone)
        asked = [dataclasses.replace(served.asked(text), id=str(n)) for n, text in enumerate(prompts)]
        empty = np.zeros(0, np.int32)
        made = Plan(tuple(map(served.ids, asked)), (empty,) * len(asked), np.full(len(asked), -1, np.int32))
        for said in predict(bone, served.delta, served.task, asked, made, Decoding(MOST)):
            right[served.name, int(said.id)] = said.prediction
    return right


def peft_loop(bone: Any, folders: Sequence[Path], prompts: Sequence[str], requests: int) -> dict[str, Any]:
    """The usual server loop, without HTTP: `set_adapter`, then the library's `generate`, one request at a time."""
    import torch
    import transformers
    from peft import PeftModel

    from luthier.ship.served import open_served

    plain = transformers.AutoModelForSeq2SeqLM.from_pretrained(bone.path, dtype=torch.float32)
    model = PeftModel.from_pretrained(plain, folders[0] / "delta", adapter_name="a0").eval()
    for number, folder in enumerate(folders[1:], 1):
        model.load_adapter(folder / "delta", adapter_name=f"a{number}")
    served = open_served(folders[0], bone)
    ids = [torch.from_numpy(served.ids(served.asked(text))).long()[None] for text in prompts]
    dice, tokens, started = random.Random(0), 0, time.perf_counter()
    for _ in range(requests):
        model.set_adapter(f"a{dice.randrange(len(folders))}")
        with torch.inference_mode():
            said = model.generate(input_ids=dice.choice(ids), max_new_tokens=MOST, min_new_tokens=1, do_sample=False)
        tokens += said.shape[1] - 1
    seconds = time.perf_counter() - started
    return {
        "requests": requests,
        "requests_per_second": round(requests / seconds, 2),
        "tokens_per_second": round(tokens / seconds, 1),
    }


@contextmanager
def server(folders: Sequence[Path]) -> Iterator[tuple[int, str]]:
    """`luthier serve` in a process of its own, on a free port of this machine; yields (port, token)."""
    token = secrets.token_hex(16)
    words = ["serve", *map(str, folders), "--port", "0", "--token-env", "BENCH", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "luthier.cli", *words, "--trials-from", str(folders[0].parent)],
        env=os.environ | {"BENCH": token},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(json.loads(process.stdout.readline())["url"].split(":")[2].split("/")[0]), token
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def main(words: Sequence[str] | None = None) -> int:
    options = _options(words)
    from luthier.backbone import Backbone
    from luthier.data.dialogues import dialogues

    bone = Backbone("seedling-t5", "fp32")
    prompts = sorted((row["dialogue"] for row in dialogues("test", 80)), key=len)[: options.prompts]
    with tempfile.TemporaryDirectory() as place:
        kinds = [trial_folder(Path(place) / "kinds", bone, word, seed) for seed, word in enumerate(WORDS)]
        loras = [trial_folder(Path(place) / "loras", bone, WORDS[0], seed) for seed in range(len(WORDS))]
        right = alone(bone, [*kinds, *loras[1:]], prompts)
        found: dict[str, Any] = {}
        with server(kinds) as (port, token):
            names = [folder.name for folder in kinds]
            asking = Asking(port, token, names, prompts, right, options.clients, options.requests)
            load(dataclasses.replace(asking, requests=2 * options.clients))  # the first steps of a process are slow
            for name, changed in (
                ("mixed, deltas come and go", {"changing": names[1:4]}),
                ("mixed", {}),
                *((f"one: {n}", {"models": [n]}) for n in (names if options.each else names[:1])),
            ):
                found[name] = load(dataclasses.replace(asking, **changed)).facts()
        with server(loras) as (port, token):
            names = [folder.name for folder in loras]
            found["8 loras"] = load(dataclasses.replace(asking, port=port, token=token, models=names)).facts()
        if options.peft:
            found["peft set_adapter loop"] = peft_loop(bone, loras, prompts, max(8, options.requests // 8))
    print(json.dumps(found, indent=1) if options.json else table(found))
    return 1 if any(facts.get("wrong") for facts in found.values()) else 0


def table(found: dict[str, Any]) -> str:
    columns = ("requests", "wrong", "away", "requests_per_second", "tokens_per_second", "p50_seconds", "p99_seconds")
    heads = [*columns, "first_token_p50_seconds"]
    lines = ["| load | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    return "\n".join(
        [*lines, *(f"| {n} | " + " | ".join(str(f.get(h, "")) for h in heads) + " |" for n, f in found.items())]
    )


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--requests", type=int, default=2000, help="of each load")
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--each", action="store_true", help="also time every delta alone")
    parser.add_argument("--no-peft", dest="peft", action="store_false")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
