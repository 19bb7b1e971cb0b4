"""The studio without a browser: names that lead nowhere else, words of a command, jobs, votes, the door."""

from __future__ import annotations

import ast
import asyncio
import json
import math
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from luthier.cli import parser
from luthier.errors import DataError, UserError
from luthier.files import read_json, write_json, write_jsonl
from luthier.records import Budget, Prediction, to_json
from luthier.studio import fragments, job, progress, rows, votes
from luthier.studio.door import Door
from luthier.studio.place import Place, slug
from luthier.studio.wish import Wish
from luthier.studio.words import LANGUAGES, preferred, say, words

HOSTILE = '<img src=x onerror=alert(1)>"&'
STUDIO = Path(rows.__file__).parent
PARSER = parser()
UPLOADS = Path("uploads").absolute()


# -- words ------------------------------------------------------------------------------------------------------------


def keys_said() -> tuple[set[str], set[str]]:
    """The keys that the sources name, and the beginnings of those they put together."""
    whole, begun = set(), set()
    for path in STUDIO.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                begun.add(str(node.values[0].value))
    return whole, begun


def test_every_word_is_said_somewhere_and_holds_the_same_values_in_both_languages():
    whole, begun = keys_said()
    for key, (english, chinese) in words().items():
        assert key in whole or any(start and key.startswith(start) for start in begun), f"nobody says {key}"
        assert english and chinese, key
        names = [set(re.findall(r"(?<!{){(\w+)}", text)) for text in (english, chinese)]
        assert names[0] == names[1] or key.startswith("finding_"), key


def test_every_key_that_is_said_has_words():
    said = {
        node.args[0].value
        for path in STUDIO.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "say"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert len(said) > 60 and said <= set(words())


@pytest.mark.parametrize(
    ("accepted", "remembered", "fixed", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", None, None, "zh"),
        ("en-GB,en;q=0.9,zh;q=0.1", None, None, "en"),
        ("de,zh;q=0.3,en;q=0.2", None, None, "zh"),
        ("de-DE", None, None, "en"),
        ("zh;q=broken, ,;;", None, None, "en"),
        ("zh-CN", "en", None, "en"),
        ("zh-CN", None, "en", "en"),
        ("en", "xx", "zh", "zh"),
    ],
)
def test_the_language_is_the_one_chosen_before_then_the_apps_then_the_browsers(accepted, remembered, fixed, language):
    assert preferred(accepted, remembered, fixed) == language


# -- the folder -------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder with one study of one finished trial, a secret beside it, and links that lead to the secret."""
    secret = tmp_path / "secret"
    write_json(secret / "study.json", {"trials": []})
    write_json(secret / "t" / "manifest.json", {})
    write_json(secret / "t" / "trial.json", {})
    root = tmp_path / "runs"
    write_json(root / "one" / "study.json", {"trials": ["a"]})
    write_json(root / "one" / "a" / "manifest.json", {"status": "done"})
    write_json(root / "one" / "a" / "trial.json", {})
    (root / "out").symlink_to(secret)
    (root / "one" / "b").symlink_to(secret / "t")
    (root / "data").mkdir()
    (root / "data" / "leak").symlink_to(secret)
    return Place(root)


def test_only_what_lies_in_the_folder_has_a_name(place: Place):
    assert list(place.studies()) == ["one"] and list(place.trials("one")) == ["a"]
    assert not [name for name in place.data() if "/" in name]
    outside = ("../secret", str(place.root.parent / "secret"), "out", "", ".", "one/..", None, "one/../../secret")
    for name in outside:
        with pytest.raises(UserError):
            place.study(name)
        with pytest.raises(UserError):
            place.trial("one", name)
        with pytest.raises(DataError):
            place.source(name)


@given(st.text(max_size=80))
@settings(max_examples=30, deadline=None)
def test_a_wished_name_stays_below_the_folder(wished: str):
    root = Path("nowhere-at-all")
    folder = Place(root).free(wished)
    assert folder.parent == root and folder.name not in ("", ".", "..", "data")
    assert slug(wished) == slug(slug(wished)) and not set(slug(wished)) & set("/\\#\0 \n'\"")


def test_dropped_files_become_a_data_set(place: Place, tmp_path: Path):
    for name in ("train.jsonl", "study.json", "../x.csv"):
        (tmp_path / Path(name).name).write_text('{"text": "a", "label": "b"}\n', encoding="utf-8")
    name = place.keep([tmp_path / "train.jsonl"])
    assert name == "data/train" and place.data()[name] == str(place.root / "data" / "train")
    again = place.keep([tmp_path / "train.jsonl", tmp_path / "study.json"])
    assert again == "data/train-2"
    assert sorted(p.name for p in (place.root / "data" / "train-2").iterdir()) == ["rows.json", "train.jsonl"]
    assert list(place.studies()) == ["one"], "a dropped study.json is no study"
    (tmp_path / "a.exe").write_text("x")
    for wrong in ([], [tmp_path / "a.exe"]):
        with pytest.raises(DataError):
            place.keep(wrong)


def test_dropped_files_of_one_name_are_all_kept(place: Place, tmp_path: Path):
    paths = [tmp_path / name for name in ("a b.csv", "a-b.csv", "A-B.csv", "a-b.csv.gz", "x/a-b.csv")]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"text\n{number}\n", encoding="utf-8")
    kept = place.root / place.keep(paths)
    texts = {p.name: p.read_text(encoding="utf-8").split()[1] for p in kept.iterdir()}
    assert texts == {"a-b.csv": "0", "a-b-2.csv": "1", "A-B-3.csv": "2", "a-b.csv.gz": "3", "a-b-4.csv": "4"}


# -- what was chosen --------------------------------------------------------------------------------------------------


@given(
    st.builds(
        Wish,
        backbone=st.sampled_from(["seedling-t5", "-odd"]),
        data=st.sampled_from(["dialogues", "runs/data/x", "-rf"]),
        methods=st.lists(st.sampled_from(["zero_shot", "lora(rank=8)", "ia3"]), min_size=1, unique=True).map(tuple),
        kind=st.sampled_from(["epochs", "minutes", "steps"]),
        amount=st.integers(1, 50),
        train_rows=st.none() | st.integers(1, 99),
        test_rows=st.none() | st.integers(1, 99),
        seeds=st.integers(1, 4),
        search=st.booleans(),
        prompt=st.sampled_from(["", "Say: {text}", "--out=elsewhere {x}"]),
        answer=st.sampled_from(["", "label", "-a"]),
    )
)
@settings(max_examples=30, deadline=None)
def test_the_words_of_a_wish_are_read_back_by_the_command_line(wish: Wish):
    line = shlex.split(wish.command("runs/here"))
    options = PARSER.parse_args(line[1:])
    assert (options.backbone.removeprefix("./"), options.data.removeprefix("./")) == (wish.backbone, wish.data)
    assert options.methods == ", ".join(wish.methods) and options.out == "runs/here"
    assert getattr(options, wish.kind) == wish.amount
    assert (options.train_rows, options.test_rows, options.seeds) == (wish.train_rows, wish.test_rows, wish.seeds)
    assert (options.prompt or "", options.answer or "") == (wish.prompt, wish.answer)
    assert (options.search is not False) == wish.search


@pytest.mark.parametrize(
    "wrong",
    [
        {"methods": ()},
        {"data": ""},
        {"amount": 0},
        {"kind": "days"},
        {"methods": ("--out=x",)},
        {"kind": "steps", "amount": 1.5},
    ],
)
def test_a_wish_for_nothing_is_refused(wrong: dict[str, Any]):
    with pytest.raises(UserError):
        Wish(**{"backbone": "seedling-t5", "data": "dialogues", "methods": ("ia3",), **wrong}).words()


# -- jobs -------------------------------------------------------------------------------------------------------------

CHILD = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("luthier: interrupted", flush=True), sys.exit(130)))
print(sys.argv[1:], flush=True)
if "refuse" in sys.argv:
    sys.exit(print("luthier: No such 'x'.\\n  possible: a, b\\n  do: choose\\n", file=sys.stderr) or 2)
time.sleep(60)
"""


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "COMMAND", (sys.executable, "-c", CHILD))


def wait(folder: Path, state: str) -> str:
    until = time.monotonic() + 20
    while job.state(folder) != state and time.monotonic() < until:
        time.sleep(0.02)
    return job.state(folder)


def test_a_study_runs_alone_and_can_be_stopped(child: None, tmp_path: Path):
    job.start(tmp_path, ["compare", "a"])
    assert job.state(tmp_path) == job.RUNNING
    facts = read_json(tmp_path / "studio" / "job.json")
    assert os.getsid(facts["pid"]) != os.getsid(0), "closing the terminal must not end it"
    with pytest.raises(UserError, match="runs already"):
        job.start(tmp_path, ["compare", "a"])
    until = time.monotonic() + 20
    while "compare" not in job.fault(tmp_path) and time.monotonic() < until:
        time.sleep(0.02)
    job.stop(tmp_path)
    assert wait(tmp_path, job.STOPPED) == job.STOPPED
    assert str(["compare", "a", "--out", str(tmp_path), "--resume"]) in job.fault(tmp_path)
    with pytest.raises(UserError, match="does not run"):
        job.stop(tmp_path)
    job.resume(tmp_path)
    assert job.state(tmp_path) == job.RUNNING
    job.stop(tmp_path)
    assert wait(tmp_path, job.STOPPED) == job.STOPPED


def test_what_refuses_a_study_is_told_in_its_words(child: None, tmp_path: Path):
    job.start(tmp_path, ["refuse"])
    with pytest.raises(UserError) as told:
        job.settle(tmp_path, 20)
    assert (told.value.what, told.value.possible, told.value.do) == ("No such 'x'.", "a, b", "choose")
    assert job.state(tmp_path) == job.FAILED
    with pytest.raises(UserError, match="No such 'x'"):
        job.ask(["refuse"])


def test_a_number_that_another_process_has_by_now_is_no_study(tmp_path: Path):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        write_json(
            tmp_path / "studio" / "job.json",
            {"pid": other.pid, "born": "0", "log_begins": 0, "asked": None, "words": []},
        )
        assert job.born(other.pid) is not None and job.state(tmp_path) != job.RUNNING
    finally:
        other.communicate(b"\n")
    assert job.born(other.pid) is None


def test_a_fault_of_ours_names_its_last_line_and_no_traceback():
    error = job.refused("Traceback (most recent call last):\n  File x\nValueError: odd", "luthier plan")
    assert "ValueError: odd" in error.what and "Traceback" not in str(error)


# -- progress ---------------------------------------------------------------------------------------------------------


def study(folder: Path, **budget: Any) -> Path:
    """Three trials: one done, one at step 3 of 4 with a line half written, one that waits."""
    trial = {"seed": 0, "budget": to_json(Budget(steps=4, search=0.0, **budget))}
    for name, method in (("z", "zero_shot"), ("l", "lora(rank=8)"), ("i", "ia3")):
        write_json(folder / name / "trial.json", trial | {"method": method})
    facts = {"trials": ["z", "l", "i"], "data": {"rows": {"train": 40}}, "metrics": ["rouge1"], "primary": "rouge1"}
    write_json(folder / "study.json", facts)
    write_json(folder / "z" / "manifest.json", {"status": "done"})
    write_jsonl(folder / "l" / "steps.jsonl", [{"step": n, "loss": 3.0 - n} for n in (1, 2, 3)])
    with (folder / "l" / "steps.jsonl").open("a") as log:
        log.write('{"step": 4, "lo')
    return folder


def test_stages_of_a_running_study(tmp_path: Path):
    found = progress.stages(study(tmp_path), running=True)
    assert [s.phase for s in found] == ["done", "training", "waiting"]
    assert (found[1].steps, found[1].of, found[1].loss) == (3, 4, 0.0)
    assert [round(s.share, 3) for s in found] == [1.0, 0.675, 0.0]
    assert [s.phase for s in progress.stages(tmp_path, running=False)] == ["done", "waiting", "waiting"]
    facts = read_json(tmp_path / "study.json")
    write_json(tmp_path / "study.json", facts | {"environment": {"trials_at_once": 2}})
    beside = [s.phase for s in progress.stages(tmp_path, running=True)]
    assert beside == ["done", "training", "training"], "two at work beside each other"
    page = str(fragments.stages(found, progress.marks(tmp_path, found), "zh"))
    assert "3/4 步" in page and "lora(rank=8)" in page
    assert progress.curves(tmp_path, found) is not None
    assert progress.stages(tmp_path / "nothing", running=True) == []


def test_a_failed_trial_says_why(tmp_path: Path):
    write_json(study(tmp_path) / "l" / "failure.json", {"status": "failed", "error": HOSTILE})
    found = progress.stages(tmp_path, running=True)
    assert [s.phase for s in found] == ["done", "failed", "training"]
    page = str(fragments.stages(found, progress.marks(tmp_path, found), "en"))
    assert "&lt;img" in page and "<img" not in page


# -- votes ------------------------------------------------------------------------------------------------------------


def said(*texts: str) -> list[Prediction]:
    return [Prediction(str(n), str(n), text, ("x",), 1, 1.0) for n, text in enumerate(texts)]


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_the_interval_of_a_win_rate_is_wilsons(wins: int, losses: int):
    low, high = votes.wilson(wins, wins + losses)
    if wins + losses:
        oracle = stats.binomtest(wins, wins + losses).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    else:
        assert (low, high) == (0.0, 1.0)


def test_votes_are_kept_and_counted_once_a_row(tmp_path: Path):
    names, both = ("a", "b"), (said("1", "2", "3", "4", "5"), said("x", "y", "z", "4", "w"))
    shown = {votes.next_pair(tmp_path, both, names).row for _ in range(60)}
    assert shown == {"0", "1", "2", "4"}, "the row on which both say the same is not shown"
    first = votes.next_pair(tmp_path, both, names)
    votes.vote(tmp_path, first, votes.EQUAL)
    while (now := votes.tally(tmp_path, both, names)).left:
        pair = votes.next_pair(tmp_path, both, names)
        assert {pair.left, pair.right} == set(names) and pair.row != first.row
        assert pair.said_left == {p.id: p.prediction for p in both[names.index(pair.left)]}[pair.row]
        votes.vote(tmp_path, pair, votes.LEFT if pair.left == "a" else votes.RIGHT)
    assert (now.wins, now.losses, now.equal, now.same, now.rate) == (3, 0, 1, 1, 1.0)
    votes.vote(tmp_path, first, votes.LEFT if first.left == "b" else votes.RIGHT)
    again = votes.tally(tmp_path, both, names)
    assert (again.wins, again.losses, again.equal) == (3, 1, 0), "the last vote on a row counts"
    assert votes.tally(tmp_path, both, ("a", "c")).wins == 0, "another pair has its own votes"
    with pytest.raises(UserError, match="have a vote"):
        votes.next_pair(tmp_path, both, names)
    with pytest.raises(UserError, match="no vote"):
        votes.vote(tmp_path, first, "a")
    assert math.isnan(votes.tally(tmp_path, both, ("a", "c")).rate)


def test_the_order_of_two_answers_is_random(tmp_path: Path):
    both = (said("1"), said("2"))
    lefts = [votes.next_pair(tmp_path, both, ("a", "b")).left for _ in range(200)]
    assert 50 < lefts.count("a") < 150  # beyond seven standard deviations


# -- data -------------------------------------------------------------------------------------------------------------


def test_what_is_in_a_file_and_what_is_wrong_with_it(tmp_path: Path):
    lines = [{"text": f"Room {n} was fine.", "label": ("bad", "good")[n % 2]} for n in range(20)]
    write_jsonl(tmp_path / "x.jsonl", [*lines, lines[0], {"text": HOSTILE, "label": "good", "extra": 1}])
    asked = rows.Asked(str(tmp_path / "x.jsonl"))
    looked = rows.look(asked)
    assert (looked.task, looked.answer, looked.rows) == ("classify", "label", {"train": 22})
    assert {c.name: c.role for c in looked.columns} == {"text": "input", "label": "answer", "extra": "unused"}
    found = rows.findings(asked, "seedling-t5")
    kinds, usual = rows.usual(found)
    assert "duplicate" in kinds and "duplicate" in usual
    for language in LANGUAGES:
        page = str(fragments.findings(found, language))
        assert "<img" not in page and rows.in_words(found[0], language) in page.replace("&#39;", "'")
    assert re.search("[一-鿿]", rows.in_words(found[0], "zh"))
    before, made = rows.mend(asked, ["duplicate"], tmp_path / "clean")
    assert (before, len(made.splits["train"])) == (22, 21) and (tmp_path / "clean" / "changes.jsonl").exists()
    renamed = rows.look(rows.Asked(str(tmp_path / "x.jsonl"), prompt="{extra}: {text}", answer="label"))
    assert {c.name for c in renamed.columns if c.role == "input"} == {"text", "extra"}


# -- the door ---------------------------------------------------------------------------------------------------------


async def hello(scope: Any, receive: Any, send: Any) -> None:
    away = b'<script src="https://cdn.example/x.js"></script><link rel=x href="//fonts.example/y">'
    page = b"<p>hi</p>" + away + b'<script src="/a.js"></script>'
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": page[:40], "more_body": True})
    await send({"type": "http.response.body", "body": page[40:]})


def ask(door: Door, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str) -> tuple[int, str, dict]:
    """Status, page and headers of one request."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(k.replace("_", "-").encode(), v.encode()) for k, v in {"host": "localhost:1", **headers}.items()]
    asyncio.run(door({"type": "http", "method": method, "path": path, "headers": named}, receive, send))
    return sent[0]["status"], sent[1]["body"].decode(), {k.decode(): v.decode() for k, v in sent[0]["headers"]}


def test_a_page_fetches_nothing_from_elsewhere():
    status, page, headers = ask(Door(hello, UPLOADS, ["localhost"]))
    assert (status, page) == (200, '<p>hi</p><script src="/a.js"></script>')
    assert headers["content-length"] == str(len(page)) and "default-src 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:1", "", "127.0.0.2"])
def test_another_name_is_turned_away(host: str):
    assert ask(Door(hello, UPLOADS, ["localhost", "127.0.0.1"]), host=host)[0] == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:1"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:2"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_another_site_cannot_press_a_button(headers: dict[str, str], status: int):
    assert ask(Door(hello, UPLOADS, ["localhost"]), "POST", **headers)[0] == status


FILE = {"path": str(UPLOADS / "x" / "a.csv"), "url": "http://localhost:1/file=x", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"data": ["http://a.example is a text", {"x": [FILE]}]}, 200),
        ({"data": [FILE | {"path": "/etc/passwd"}]}, 403),
        ({"data": [FILE | {"path": str(UPLOADS / ".." / "a")}]}, 403),
        ({"data": [FILE | {"path": "a\0b"}]}, 403),
        ({"data": [FILE | {"path": None}]}, 403),
        ({"data": [{"x": [FILE | {"path": "http://a.example/x"}]}]}, 403),
        ({"data": [FILE | {"path": " FTP://a.example/x"}]}, 403),
        (b"{not json", 403),
        (b"[" * 100_000, 403),
        (b" " * ((1 << 23) + 1), 403),
    ],
)
def test_a_call_that_names_anything_but_an_upload_is_turned_away(body: Any, status: int):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert ask(Door(hello, UPLOADS, ["localhost"]), "POST", "/en/gradio_api/queue/join", raw)[0] == status
    assert ask(Door(hello, UPLOADS, ["localhost"]), "POST", "/en/gradio_api/upload", raw)[0] == 200, (
        "files are not calls"
    )


def test_the_token_opens_and_nothing_else_does():
    door = Door(hello, UPLOADS, (), "sesame")
    for headers in (
        {},
        {"authorization": "Bearer sesam"},
        {"authorization": "Basic sesame"},
        {"cookie": "luthier_studio="},
    ):
        status, page, _ = ask(door, accept_language="zh", **headers)
        assert status == 401 and say("token_ask", "zh") in page and "sesame" not in page
    assert ask(door, authorization="Bearer sesame")[0] == 200
    assert ask(door, "POST", "/enter", b"token=wrong")[0] == 401
    assert ask(door, "POST", "/enter", b"token=" + b"x" * 10_000)[0] == 401
    status, _, headers = ask(door, "POST", "/enter", b"token=sesame")
    assert (status, headers["location"]) == (303, "/")
    assert "HttpOnly" in headers["set-cookie"] and "SameSite=Strict" in headers["set-cookie"]
    kept = headers["set-cookie"].split(";")[0]
    assert ask(door, cookie=kept)[0] == 200 and "sesame" not in kept
    assert ask(Door(hello, UPLOADS, (), "sesame"), cookie=kept)[0] == 401, "another start, another cookie"


@pytest.mark.parametrize("sent", ['luthier_studio="é"', 'luthier_studio="\\351"', "luthier_studio=é"])
def test_a_cookie_of_any_signs_is_a_wrong_one(sent: str):
    assert ask(Door(hello, UPLOADS, (), "sesame"), cookie=sent)[0] == 401


def test_a_token_of_any_signs_opens():
    door = Door(hello, UPLOADS, (), "sésame à")
    assert ask(door, authorization="Bearer sésame à")[0] == 200
    assert ask(door, "POST", "/enter", "token=sésame à".encode())[0] == 303
    assert ask(door, authorization="Bearer sésame")[0] == 401


def test_markup_from_people_is_inert():
    error = UserError(HOSTILE, HOSTILE, HOSTILE)
    for page in (fragments.fault(error, "en"), fragments.table([HOSTILE], [[HOSTILE]]), fragments.listed([HOSTILE])):
        assert "<img" not in str(page)
    assert json.dumps(HOSTILE)
