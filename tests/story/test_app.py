"""The studio in a real browser: from a file to a verdict to a sentence that is tried, in both languages, offline."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from luthier.errors import UserError
from luthier.report import verdict_lines
from luthier.studio.words import say as words
from tests.story.conftest import ENVIRONMENT, Told, lines, write_rows

pytestmark = pytest.mark.skipif(find_spec("gradio") is None, reason="the studio needs the extra app")
playwright = pytest.importorskip("playwright.sync_api", reason="the browser story needs playwright")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
PATIENCE = 240_000
"""Milliseconds: a study of two methods on a busy machine."""
SENTENCES = {
    "en": (("The room {n} was bright and quiet.", "good"), ("The room {n} smelled of smoke.", "bad")),
    "zh": (("房间{n}宽敞明亮，很安静。", "正面"), ("房间{n}有烟味，很吵。", "负面")),
}

LONG = pytest.mark.matrix
"""Left to `make matrix`: a minute of processor time each."""


@dataclass(frozen=True)
class App:
    """A running studio."""

    url: str
    runs: Path
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, bytes, Any]:
        """Status, body and headers; redirects are not followed."""
        asked = urllib.request.Request(self.url + path.lstrip("/"), headers=headers)
        try:
            with urllib.request.build_opener(Still).open(asked, timeout=60) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as fault:
            return fault.code, fault.read(), fault.headers


class Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def opened(place: Path, *words: str, **more: str) -> Iterator[App]:
    """`luthier app` in a process of its own, on a free port."""
    runs, log = place / "runs", place / "app.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "luthier.cli", "app", "--runs", str(runs), "--port", "0", "--json", *words],
            env={**ENVIRONMENT, **more},
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        yield App(json.loads(line)["url"], runs, log)
    finally:
        process.terminate()
        try:
            process.wait(120)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    yield from opened(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """A person at the page, and everything the page did on the way."""

    page: Any
    language: str
    pictures: Path
    strangers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def tab(self, word: str) -> None:
        self.page.locator(
            "#tabs button[role=tab]", has_text=re.compile(f"^{words(f'tab_{word}', self.language)}$")
        ).click()

    def sees(self, selector: str, text: str | re.Pattern[str]) -> None:
        playwright.expect(self.page.locator(selector)).to_contain_text(text, timeout=PATIENCE)

    def picture(self, name: str) -> None:
        self.page.screenshot(path=self.pictures / f"{self.language}-{name}.png", full_page=True)

    def press(self, selector: str) -> None:
        self.page.locator(selector).click()


def visit(browser: Any, app: App, language: str, pictures: Path, **more: Any) -> Visit:
    """Open the studio in a browser that speaks `language`."""
    locale = {"en": "en-GB", "zh": "zh-CN"}[language]
    context = browser.new_context(locale=locale, viewport={"width": 1200, "height": 900}, **more)
    context.set_default_timeout(60_000)
    found = Visit(context.new_page(), language, pictures)

    def asked(request: Any) -> None:
        if urlsplit(request.url).scheme in ("http", "https", "ws", "wss") and not request.url.startswith(app.url):
            found.strangers.append(request.url)

    found.page.on("request", asked)
    found.page.on("pageerror", lambda error: found.faults.append(str(error)))
    found.page.goto(app.url, wait_until="domcontentloaded")
    found.page.wait_for_selector("#tabs button[role=tab]", timeout=PATIENCE)
    return found


def reviews(path: Path, language: str) -> Path:
    """Forty rows with two labels; the last one repeats the first."""
    shapes = SENTENCES[language]
    rows = [{"text": text.format(n=n), "label": label} for n in range(20) for text, label in shapes]
    return write_rows(path, [*rows[:-1], rows[0]])


@LONG
@pytest.mark.parametrize("language", ["en", "zh"])
def test_from_a_file_to_a_sentence(app: App, browser: Any, tmp_path: Path, language: str):
    person = visit(browser, app, language, tmp_path)
    page = person.page
    assert page.url == f"{app.url}{language}/" and page.evaluate("document.documentElement.lang").startswith(language)
    person.sees("#data-summary", "200")  # the set that is looked at first

    page.locator("#drop input[type=file]").set_input_files(reviews(tmp_path / f"hotel_{language}.jsonl", language))
    person.sees("#data-summary", f"data/hotel_{language}")
    person.sees("#columns", words("role_answer", language))
    person.press("#check")
    person.sees("#findings", {"en": "repeat an earlier row", "zh": "重复"}[language])
    person.picture("1-data")
    person.press("#mend")
    person.sees("#mended", f"hotel_{language}-clean")
    person.sees("#data-summary", f"data/hotel_{language}-clean")

    person.tab("compare")
    page.locator("#methods .token", has_text="lora").locator(".token-remove").click()
    page.locator("#budget label", has_text=words("budget_steps", language)).first.click()
    page.locator("#amount input").fill("2")
    page.locator("#more > button").click()
    page.locator("#test-rows input").fill("6")
    page.locator("#search input").uncheck()
    page.locator("#name textarea, #name input").first.fill(f"story {language}")
    person.sees("#command", re.compile(rf"--steps 2 --test-rows 6 --no-search .*--out \S*story-{language}"))
    person.sees("#command", "zero_shot, bitfit(everywhere=True)")
    person.press("#forecast-button")
    person.sees("#forecast", "bitfit(everywhere=True)")
    person.picture("2-compare")
    person.press("#start")
    person.sees("#progress", words("phase_done", language))
    person.sees("#progress", words("state_done", language, name=f"story-{language}"))
    person.picture("3-progress")

    person.tab("verdict")
    results = json.loads((app.runs / f"story-{language}" / "results.json").read_text(encoding="utf-8"))
    assert {t["status"] for t in results["trials"]} == {"done"} and len(results["trials"]) == 2
    for sentence in verdict_lines(results, language):
        person.sees("#verdict", sentence)
    table = page.locator("#results table")
    orders = []
    for _ in range(2):
        table.locator("th button", has_text=words("trainable_parameters", language)).click()
        orders.append(table.locator("tbody td code").all_text_contents())
    assert orders[0] == orders[1][::-1] and orders[0][0].startswith("bitfit")
    person.sees("#pareto", "bitfit")
    person.picture("4-verdict")

    person.tab("try")
    page.locator("#try-0 textarea").fill(SENTENCES[language][0][0].format(n=99))
    person.press("#try-ask")
    playwright.expect(page.locator("#said .lt-voice")).to_have_count(2, timeout=PATIENCE)
    labels = page.locator("#said .lt-voice").first.locator("dt").all_text_contents()
    assert set(labels) == {label for _, label in SENTENCES[language]}
    person.picture("5-try")
    person.tab("ship")
    person.page.locator("#trial input").click()
    person.page.get_by_role("option", name="bitfit(everywhere=True)").click()
    href = page.locator("#delta a").get_attribute("href", timeout=PATIENCE)
    status, body, found = app.get(href)
    assert status == 200 and found["content-type"] == "application/zip"
    names = [name.rpartition("/")[2] for name in zipfile.ZipFile(io.BytesIO(body)).namelist()]
    assert any(name.endswith(".safetensors") for name in names)
    assert app.get(f"/files/report?study=story-{language}")[0] == 200
    person.press("#export")
    person.sees("#ship-faults", "PEFT")  # which knows no bitfit
    page.locator("#export-kind label", has_text=words("export_docker", language)).click()
    person.press("#export")
    person.sees("#exported", words("download_export", language))
    person.picture("6-ship")
    status, body, _ = app.get(page.locator("#exported a").get_attribute("href"))
    names = [name.rpartition("/")[2] for name in zipfile.ZipFile(io.BytesIO(body)).namelist()]
    assert status == 200 and "Dockerfile" in names
    person.tab("history")
    person.sees("#history", f"story-{language}")
    assert not person.strangers, "the page asked other machines"
    assert not person.faults and "Traceback" not in app.log.read_text()


def called(app: App, event: str, data: list[Any]) -> int:
    """The status of a forged call of the event that a component listens to."""
    config = json.loads(app.get("/en/config")[1])
    number = next(d["id"] for d in config["dependencies"] if any(target[1] == event for target in d["targets"]))
    body = json.dumps({"data": data, "fn_index": number, "session_hash": "forged"}).encode()
    headers = {"content-type": "application/json"}
    try:
        request = urllib.request.Request(f"{app.url}en/gradio_api/queue/join", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as fault:
        return fault.code


def test_nothing_outside_the_folder_is_opened(app: App, tmp_path: Path):
    secret = write_rows(tmp_path / "secret.jsonl", [{"text": "hidden words", "label": "x"}] * 4)
    forged = {"path": str(secret), "orig_name": "a.jsonl", "meta": {"_type": "gradio.FileData"}}
    for path in (str(secret), f"file://{secret}", "http://127.0.0.1:1/x.jsonl"):
        assert called(app, "upload", [[forged | {"path": path}]]) == 403
    assert not list(app.runs.glob("data/secret*"))
    for path in (
        f"/en/gradio_api/file={secret}",
        f"/en/gradio_api/file={app.runs}/../app.log",
        f"/files/report?study={tmp_path}",
        "/files/report?study=../",
        "/files/delta?study=..&trial=..",
        "/files/export?study=.&export=..",
    ):
        status, body, _ = app.get(path)
        assert status in (403, 404) and b"hidden" not in body and b"Traceback" not in body, path


def test_the_first_page_speaks_the_browsers_language_and_a_choice_is_remembered(app: App):
    for language, headers in (
        ("zh", {"Accept-Language": "zh-TW,zh;q=0.9"}),
        ("en", {"Accept-Language": "fr"}),
        ("en", {"Accept-Language": "zh", "Cookie": "luthier_language=en"}),
    ):
        status, _, found = app.get("/", **headers)
        assert (status, found["location"]) == (307, f"/{language}/")
    assert app.get("/", Host="evil.example")[0] == 403


def test_other_machines_need_a_token(say: Any, monkeypatch: pytest.MonkeyPatch):
    refused = say("app", "--host", "0.0.0.0")
    assert refused.code == 2 and "--token-env" in refused.err
    monkeypatch.setenv("DOOR", " ")
    refused = say("app", "--token-env", "DOOR")
    assert refused.code == 2 and "DOOR is empty" in refused.err


@LONG
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_can_use_it(app: App, browser: Any, tmp_path: Path, scheme: str):
    person = visit(browser, app, "zh", tmp_path, color_scheme=scheme)
    person.page.set_viewport_size({"width": 390, "height": 844})
    person.sees("#data-summary", "200")
    for word in ("data", "compare"):
        person.tab(word)
        person.page.wait_for_timeout(500)
        width = person.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{word} is {width} pixels wide"
        person.picture(f"phone-{scheme}-{word}")
    assert (person.page.evaluate("document.body.classList.contains('dark')")) == (scheme == "dark")
    person.press(".lt-theme")
    assert (person.page.evaluate("document.body.classList.contains('dark')")) != (scheme == "dark")
    person.page.get_by_role("link", name="English").click()
    person.page.wait_for_url(f"{app.url}en/")
    person.page.goto(app.url)
    assert person.page.url == f"{app.url}en/", "the switch is remembered"
    assert not person.strangers


@LONG
def test_one_batch_of_all_methods_says_what_each_says_alone(told: Told):
    from luthier.studio.voices import Choir

    trials = {p.parent.name: p.parent for p in sorted(told.folder.glob("*/manifest.json"))}
    choir = Choir(list(trials.values()))
    rows = lines(told.folder / "examples" / "test.jsonl")
    for number, row in enumerate(rows[:3]):
        found = choir.say([row["fields"]["dialogue"]])
        right = {name: lines(folder / "predictions.jsonl")[number]["prediction"] for name, folder in trials.items()}
        assert {voice.trial: voice.text for voice in found} == right and len(right) == 3
    for wrong in (["  "], ["word " * 5000], ["x" * 30_000]):
        with pytest.raises(UserError):
            choir.say(wrong)
