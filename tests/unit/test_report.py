"""The report: right facts, inert data, one offline file."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier import charts, pages, report, show
from luthier.baselines import words_in
from luthier.errors import Damaged, UserError
from luthier.metrics import METRICS
from luthier.pages import beside, headline, humane, lengths, summary
from luthier.records import Prediction

HOSTILE = '</script><script>alert(1)</script><img src="http://evil.example/x.png" onerror=alert(2)>|`x`\n# not a heading\n![p](http://evil.example/p)'
CHINESE = "宽敞明亮的房间，早餐也不错，|下次还来。"
DIALOGUE = "#Person1#: Ms. Dawson, I need you to take a dictation.\n#Person2#: Yes, sir..."
METHODS = ("zero_shot", "full", "lora(rank=32)", "prompt(tokens=50)", "bitfit(everywhere=True)")


def trial(number: int, method: str, mean: float, **changes: Any) -> dict[str, Any]:
    trained = (0, 247_577_856, 3_538_944, 38_400, 110_592)[number]
    return {
        "id": f"{number:02d}-{method.split('(')[0]}",
        "method": method,
        "seed": 0,
        "status": "done",
        "error": None,
        "learning_rate": None if number == 0 else 3e-4,
        "metrics": {
            "rouge1": {"mean": mean, "low": mean - 0.018, "high": mean + 0.017, "n": 40},
            "rougeL": {"mean": mean - 0.07, "low": mean - 0.09, "high": mean - 0.05, "n": 40},
        },
        "trainable_parameters": trained,
        "total_parameters": 247_577_856 + trained * (number != 1),
        "shipped_bytes": 4 * trained + 400 * (number > 0),
        "train_seconds": 0.0 if number == 0 else 61.2 + 300 * (number == 1),
        "predict_seconds": 48.7,
        "peak_bytes": 1_900_000_000 + 2_300_000_000 * (number == 1),
        "tokens": 40_000,
        "caveats": [],
        "dev": []
        if number == 0
        else [{"epoch": e, "metric": "rouge1", "mean": mean - 0.03 / e} for e in (1.0, 2.0, 3.0)],
        "best_epoch": None if number == 0 else 3.0,
        **changes,
    }


def verdict(a: str, b: str, difference: float, word: str, metric: str = "rouge1") -> dict[str, Any]:
    return {
        "metric": metric,
        "a": a,
        "b": b,
        "difference": difference,
        "low": difference - 0.012,
        "high": difference + 0.013,
        "p": 0.0004 if word in ("better", "worse") else 0.31,
        "verdict": word,
        "sentence": {"en": f"{a} is {word} than/with {b} on {metric}.", "zh": f"{a} 与 {b} 在 {metric} 上：{word}。"},
    }


def results() -> dict[str, Any]:
    trials = [
        trial(0, METHODS[0], 0.233),
        trial(1, METHODS[1], 0.421, caveats=["Adafactor instead of AdamW: memory was short."]),
        trial(2, METHODS[2], 0.414),
        trial(3, METHODS[3], 0.297, caveats=[HOSTILE]),
        trial(
            4,
            METHODS[4],
            0.0,
            status="failed",
            error="out of memory: 3.1 GB wanted <b>now</b>",
            metrics={},
            train_seconds=None,
            peak_bytes=None,
            dev=[],
            best_epoch=None,
        ),
    ]
    ids = [t["id"] for t in trials]
    return {
        "study": {
            "name": "dialogue <i>study</i>",
            "backbone": {
                "name": "flan-t5-base",
                "kind": "encoder-decoder",
                "parameters": 247_577_856,
                "fingerprint": "9f2c",
                "precision": "fp32",
            },
            "data": {
                "source": "dialogsum",
                "synthetic": False,
                "rows": {"train": 400, "dev": 50, "test": 40},
                "notes": ["3 rows dropped: empty summary", "2 rows of test were in train and are left out"],
            },
            "task": "summarise",
            "prompt": "Summarize the following conversation.\n\n{dialogue}\n\nSummary: ",
            "budget": {"epochs": 3.0, "steps": None, "batch_size": 16},
            "methods": list(METHODS),
            "seeds": [0],
            "margin": 0.01,
            "metrics": ["rouge1", "rougeL"],
            "primary": "rouge1",
            "command": "luthier compare flan-t5-base dialogsum --minutes 30",
        },
        "trials": trials,
        "verdicts": [
            verdict(ids[1], ids[2], 0.007, "cannot tell"),
            verdict(ids[0], ids[1], -0.188, "worse"),
            verdict(ids[1], ids[3], 0.124, "better"),
            verdict(ids[1], ids[2], 0.004, "tie", "rougeL"),
        ],
        "environment": {
            "luthier": "0.1.0",
            "python": "3.11.7",
            "torch": "2.9",
            "platform": "Linux",
            "cpu": "two cores",
            "threads": 2,
            "commit": "abc1234",
            "date": "2026-08-14",
            "seed": 0,
        },
    }


def write_study(folder: Path, facts: dict[str, Any], rows: int = 40) -> Path:
    """A study folder as the stages leave it, with hostile and Chinese text in it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    chance = random.Random(3)
    words = ["memo", "employees", "office", "dictation", "party", "train", "birthday", "computer", "traffic", "bus"]
    examples = [
        {
            "id": f"test-{n}",
            "group": f"g{n}",
            "fields": {
                "dialogue": f"{DIALOGUE}\n#Person1#: {' '.join(chance.choices(words, k=30))}",
                "topic": "hidden topic",
            },
            "references": [" ".join(chance.choices(words, k=18)) for _ in range(3)],
        }
        for n in range(rows)
    ]
    examples[0]["fields"]["dialogue"] = HOSTILE
    examples[1]["fields"]["dialogue"] = CHINESE
    write_lines(folder / "examples" / "test.jsonl", examples)
    for t in facts["trials"]:
        if t["status"] == "failed":
            continue
        said = [
            {
                "id": e["id"],
                "group": e["group"],
                "prediction": " ".join(chance.choices(words, k=chance.randint(4, 34))),
                "references": e["references"],
                "tokens": 20,
                "milliseconds": 12.5,
            }
            for e in examples
        ]
        said[0]["prediction"], said[1]["prediction"], said[2]["prediction"] = HOSTILE, CHINESE, ""
        write_lines(folder / t["id"] / "predictions.jsonl", said)
        if t["learning_rate"]:
            write_lines(
                folder / t["id"] / "steps.jsonl",
                [
                    {
                        "step": n,
                        "loss": 1.1 + 2.4 / (1 + n / 12) + chance.gauss(0, 0.12),
                        "learning_rate": 3e-4,
                        "tokens": 900,
                        "seconds": 0.8,
                        "peak_bytes": 1_900_000_000,
                    }
                    for n in range(1, 76)
                ],
            )
    return folder


def write_lines(path: Path, lines: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


class Page(HTMLParser):
    """What a browser would find in the page."""

    void = {"meta", "input", "br", "img", "link"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open and self.open[-1] == "script" else self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = write_study(tmp_path_factory.mktemp("study"), results())
    markdown, html = report.build(folder)
    assert (markdown.name, html.name) == ("report.md", "report.html")
    return markdown.read_text(encoding="utf-8"), html.read_text(encoding="utf-8")


def test_page_is_well_formed_and_needs_no_network(built: tuple[str, str]) -> None:
    page = Page(built[1])
    assert not page.faults and not page.open
    for tag, attributes in page.tags:
        assert tag not in ("img", "link", "iframe", "object", "base", "form", "i"), tag
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "srcset", "action", "style"), (tag, name)
            if name == "href":
                assert value and value.startswith("#"), value
    style = built[1].split("<style>")[1].split("</style>")[0]
    assert "url(" not in style and "@import" not in style
    assert len(page.scripts) == 1 and "fetch" not in page.scripts[0]


def test_every_anchor_and_id_is_there_once(built: tuple[str, str]) -> None:
    page = Page(built[1])
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    wanted = {a["href"][1:] for t, a in page.tags if t == "a"} | {
        a["aria-labelledby"] for _, a in page.tags if a.get("aria-labelledby")
    }
    assert wanted <= set(ids) and {"results", "differences", "cost", "beside"} <= wanted


def test_policy_allows_our_script_only(built: tuple[str, str]) -> None:
    page = Page(built[1])
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_hostile_text_is_shown_and_inert(built: tuple[str, str]) -> None:
    markdown, html = built
    assert "alert(1)" in Page(html).text and html.count("<script") == 1
    assert "<script" not in markdown and "<img" not in markdown and "<b>" not in markdown
    assert not re.search(r"(?<!\\)\]\(http", markdown)
    assert not re.search(r"^# not a heading", markdown, re.MULTILINE)


def test_brackets_are_marked_only_where_they_would_be_a_link() -> None:
    assert pages.plain("12.0 [9.8, 14.5]: clearly above") == "12.0 [9.8, 14.5]: clearly above"
    assert pages.plain("[a](b) [c][d]") == "[a\\](b) [c\\][d]"
    assert pages.plain("[note]: http://x") == "\\[note]: http://x"


def test_every_trial_verdict_and_reason_appears(built: tuple[str, str]) -> None:
    page, markdown = Page(built[1]).text, built[0]
    facts = results()
    for t in facts["trials"]:
        assert t["method"] in page and t["method"] in markdown
    for v in facts["verdicts"]:
        english, chinese = (summary.in_words(facts, v, language) for language in pages.LANGUAGES)
        assert english in page and chinese in page and pages.plain(english) in markdown
    assert "out of memory: 3.1 GB wanted <b>now</b>" in page
    assert "out of memory: 3.1 GB wanted &lt;b>now&lt;/b>" in markdown
    for note in facts["study"]["data"]["notes"]:
        assert note in page and note in markdown
    assert "42.1 [40.3, 43.8]" in page and "42.1 [40.3, 43.8]" in markdown
    assert "hidden topic" not in page, "the prompt names only the dialogue"
    assert CHINESE in page and facts["study"]["command"] in page


def test_markdown_tables_are_rectangular(built: tuple[str, str]) -> None:
    lines = built[0].split("\n")
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    tables = 0
    for n, line in enumerate(lines):
        if re.fullmatch(r"\|(-+:?\|)+", line):
            tables += 1
            end = next(k for k in range(n, len(lines)) if not lines[k].startswith("|"))
            assert len(set(cells[n - 1 : end])) == 1, lines[n - 1 : end]
            assert end > n + 1, f"empty table at {n}"
            assert not lines[n - 2]
    assert tables >= 4
    assert sum(line.startswith("|") for line in lines) == sum(c > 0 for c in cells), "a stray row outside a table"


def test_same_study_same_bytes(tmp_path: Path) -> None:
    first, second = (write_study(tmp_path / name, results()) for name in "ab")
    for a, b in zip(report.build(first), report.build(second)):
        assert a.read_bytes() == b.read_bytes()


def test_headline_names_the_best_its_equals_and_one_seed() -> None:
    said = report.verdict_lines(results())
    assert said[0] == "full scored best on rouge1: 42.1 [40.3, 43.8]."
    assert "Cannot be told apart from it on these 40 test rows: lora(rank=32)." in said
    assert "Clearly behind it: prompt(tokens=50) and zero_shot." in said
    recommended = next(s for s in said if s.startswith("Recommended for now: full, which ships 990 MB."))
    assert "lora(rank=32) ships 14 MB and may be as good" in recommended
    assert any(s.startswith("One seed") for s in said)
    assert said[-1] == "full is better than/with prompt(tokens=50) on rouge1.", "names for ids, only the primary metric"
    chinese = report.verdict_lines(results(), "zh")
    assert len(chinese) == len(said) and "得分最好的是 full" in chinese[0]


def test_one_line_a_method_says_all_its_comparisons() -> None:
    facts = results()
    said = report.standings(facts)
    decisive = [v for v in facts["verdicts"] if v["metric"] == "rouge1"]
    assert len(said) == len({v["a"] for v in decisive}) and said == [s for s in said if s.count("95 %") >= 1]
    assert sum(line.count("95 %") for line in said) == len(decisive)
    assert any(line.startswith("full: ") and "better than prompt(tokens=50) (+" in line for line in said)


def test_an_interval_without_zero_that_decides_nothing_says_why() -> None:
    facts = results()
    unsure = next(v for v in facts["verdicts"] if v["verdict"] == "cannot tell" and v["metric"] == "rouge1")
    unsure |= {"low": 0.001, "high": 0.02, "p": 0.061}
    assert sum("; p = 0.06, corrected for the number of comparisons" in line for line in report.standings(facts)) == 1


def test_the_lighter_of_two_that_tie_is_recommended() -> None:
    facts = results()
    for v in facts["verdicts"]:
        v["verdict"] = "tie" if v["verdict"] == "cannot tell" else v["verdict"]
    recommended = next(s for s in report.verdict_lines(facts) if s.startswith("Recommended: lora(rank=32)."))
    assert "ships 14 MB instead of 990 MB" in recommended and "took 17 % of its training time" in recommended


def test_a_lead_that_lies_within_the_margin_is_none() -> None:
    facts = results()
    for v in facts["verdicts"][:1]:
        v |= {"verdict": "better", "low": 0.002, "high": 0.006, "margin": 0.01}
    said = report.verdict_lines(facts)
    assert "As good within the margin of 1.0: lora(rank=32)." in said
    assert any(s.startswith("Recommended: lora(rank=32).") for s in said)


def test_nothing_is_recommended_below_a_line_that_needs_no_model() -> None:
    facts = results()
    line = {"name": "first words", "name_zh": "开头", "kind": "lead", "metrics": {"rouge1": {"mean": 0.5}}}
    facts["references"] = [line | {"against": verdict("full", "first words", -0.08, "worse")}]
    (said,) = [s for s in report.verdict_lines(facts) if "recommend" in s.lower()]
    assert said.startswith("Nothing to recommend yet: first words needs no model")
    assert any("目前没有可推荐的方法：开头" in s for s in report.verdict_lines(facts, "zh"))


def test_many_leaked_rows_and_missing_seeds_are_named_at_the_top() -> None:
    facts = results()
    facts["study"]["leaks"] = {"test": [str(i) for i in range(9)]}
    facts["trials"] += [{**t, "id": t["id"] + "-s1", "seed": 1} for t in facts["trials"][1:3]]
    said = report.verdict_lines(facts)
    assert any("9 of the 40 test rows also stand in the training rows" in s for s in said)
    assert any("ran with 2 seeds" in s and "Fewer finished of prompt(tokens=50)" in s for s in said)
    facts["study"]["leaks"] = {"test": ["1"]}
    assert not any("also stand in" in s for s in report.verdict_lines(facts))


def test_what_the_rows_cannot_tell_is_no_reason_to_leave_out_the_tuning() -> None:
    facts = results()
    facts["verdicts"][1]["verdict"] = "cannot tell"
    assert not any(s.startswith("Recommended: no tuning") for s in report.verdict_lines(facts))


def test_an_untuned_method_that_ties_with_the_best_is_said() -> None:
    facts = results()
    facts["verdicts"][1]["verdict"] = "tie"
    assert any(s.startswith("Recommended: no tuning. zero_shot trains nothing") for s in report.verdict_lines(facts))


def test_an_untuned_method_ahead_of_what_the_rows_cannot_tell_is_recommended_for_now_only() -> None:
    facts = results()
    untuned = next(t for t in facts["trials"] if t["method"] == "zero_shot")
    untuned["metrics"] = {"rouge1": {"mean": 0.9, "low": 0.1, "high": 0.95, "n": 40}}
    for v in facts["verdicts"]:
        v["verdict"] = "cannot tell"
    (said,) = [s for s in report.verdict_lines(facts) if s.startswith("Recommended")]
    assert said.startswith("Recommended for now: no tuning. zero_shot trains nothing, and no method is shown to be")
    assert "full may be: only more" in said and "as good within the margin" not in said


def test_several_seeds_speak_of_methods() -> None:
    facts = results()
    second = [{**t, "id": t["id"] + "-s1", "seed": 1} for t in facts["trials"]]
    facts["trials"] += second
    facts["study"]["seeds"] = [0, 1]
    facts["verdicts"].append(verdict(second[1]["id"], second[2]["id"], 0.031, "better"))
    said = report.verdict_lines(facts)
    assert said[0] == "full scored best on rouge1: 42.1 (42.1–42.1)."
    assert any("2 seeds" in s for s in said) and not any(s.startswith("One seed") for s in said)
    assert any("Cannot be told" in s and "lora" in s for s in said), "one open comparison keeps the pair open"
    assert [row[0] for row in report.table(facts)[1:3]] == ["full · seed 0", "full · seed 1"]


def test_a_caveat_of_several_seeds_is_said_once_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = results()
    caveat = "{} of 250 test inputs were cut to the length limit"
    facts["trials"] = [trial(1, "full", 0.4, id=f"full.s{s}", seed=s, caveats=[caveat.format(9 + s)]) for s in range(3)]
    facts["trials"].append(trial(2, "ia3", 0.0, status="failed", error="it was <b>lost</b>", metrics={}, dev=[]))
    facts["verdicts"] = []
    markdown, html = (p.read_text(encoding="utf-8") for p in report.build(write_study(tmp_path, facts)))
    english, chinese = report.caveat_lines(facts), report.caveat_lines(facts, "zh")
    assert english == [f"full · seeds 0, 1, 2: {caveat.format('9–11')}", "ia3: failed: it was <b>lost</b>"]
    assert chinese == [
        "full · 种子 0、1、2：250 条测试输入中有 9–11 条因长度上限被截断",
        "ia3：失败：it was <b>lost</b>",
    ]
    show.results(facts, ())
    told = capsys.readouterr().out
    for line in english:
        assert line in told and pages.plain(line) in markdown
        assert markdown.count(pages.plain(line)) == 1
    shown = Page(html).text
    for said in (english[0].split(": ")[1], chinese[0].split("：")[1], "full · seeds 0, 1, 2", "full · 种子 0、1、2"):
        assert shown.count(said) == 1


def test_lower_is_better_turns_the_order() -> None:
    facts = results()
    facts["study"]["primary"] = "perplexity"
    facts["verdicts"] = []
    for t, mean in zip(facts["trials"], (30.0, 12.0, 11.5, 20.0)):
        t["metrics"] = {"perplexity": {"mean": mean, "low": mean - 1, "high": mean + 1, "n": 40}}
    assert report.verdict_lines(facts)[0] == "lora(rank=32) scored best on perplexity: 11.5 [10.5, 12.5]."


def test_table_has_a_header_and_every_trial() -> None:
    rows = report.table(results())
    assert len(rows) == 6 and len({len(r) for r in rows}) == 1
    assert rows[1][:2] == ["full", "42.1 [40.3, 43.8]"]
    assert rows[2][3:] == ["3e-4", "3.5 M", "1.4 %", "14 MB", "61 s", "49 s", "1.9 GB", "done"]
    assert rows[-1][0] == METHODS[4] and rows[-1][-1] == "failed"


@pytest.mark.parametrize("status", ["failed", "refused", "diverged", "unfinished"])
def test_a_study_without_a_finished_trial_still_reports(tmp_path: Path, status: str) -> None:
    facts = results()
    facts["verdicts"] = []
    for t in facts["trials"]:
        t.update(status=status, error="it was | not to be", metrics={}, dev=[])
    for path in report.build(write_study(tmp_path, facts)):
        text = path.read_text(encoding="utf-8")
        assert "No trial finished" in text and text.count("not to be") >= 5
    assert report.verdict_lines(facts)[0] == "No trial finished, so nothing can be said about quality."


def test_synthetic_data_are_called_so(tmp_path: Path) -> None:
    facts = results()
    facts["study"]["data"]["synthetic"] = True
    for path in report.build(write_study(tmp_path, facts)):
        text = path.read_text(encoding="utf-8")
        assert "Synthetic data" in text and "none was generated" not in text


def test_nothing_but_results_still_reports(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"study": {}, "trials": []}), encoding="utf-8")
    markdown, html = report.build(tmp_path)
    assert "There are no predictions to show" in html.read_text(encoding="utf-8")
    assert humane.ABSENT in markdown.read_text(encoding="utf-8")


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no results\.json"):
        report.build(tmp_path)
    (tmp_path / "results.json").write_text('{"study": ', encoding="utf-8")
    with pytest.raises(Damaged):
        report.build(tmp_path)
    outside = results()
    outside["trials"][1]["id"] = "../elsewhere"
    with pytest.raises(Damaged, match="no folder of this study"):
        report.build(write_study(tmp_path / "outside", outside))
    folder = write_study(tmp_path / "torn", results())
    with (folder / "02-lora" / "steps.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 76, "lo')
    for path in report.build(folder):
        assert "02-lora/steps.jsonl holds a torn line" in path.read_text(encoding="utf-8")


def test_rows_are_capped_and_said_so(tmp_path: Path) -> None:
    folder = write_study(tmp_path, results(), rows=230)
    predictions = [
        json.loads(line) for line in (folder / "01-full" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for p in predictions:
        p["prediction"] = "long " * 500
    write_lines(folder / "01-full" / "predictions.jsonl", predictions)
    html = report.build(folder)[1].read_text(encoding="utf-8")
    assert html.count('<details class="row"') == 200
    assert "200 of 230 test rows" in Page(html).text and "2000 characters (200 were)" in Page(html).text


def test_hostile_text_survives_whole_in_what_a_reader_sees() -> None:
    page = Page(pages.both("best", best=[HOSTILE], metric="<m>", score="1"))
    assert " ".join(HOSTILE.split()) in page.text
    assert {t for t, _ in page.tags} == {"span", "code"}


def prediction(id: str, text: str) -> Prediction:
    return Prediction(id, id, text, ("a b c",), 3, 1.0)


def test_picks_are_the_rows_they_claim() -> None:
    a = beside.Said("a", 0, [prediction(i, i) for i in "xyz"], {"x": 0.9, "y": 0.5, "z": 0.1})
    b = beside.Said("b", 1, [prediction(i, i + i) for i in "xyz"], {"x": 0.8, "y": 0.0, "z": 0.1})
    shown = beside.side_by_side([a, b], {}, "{text}", lower_is_better=False)
    place = {
        pick: [r.id for r in sorted(shown.rows, key=lambda r: r.picks[pick])] for pick in ("disagree", "top", "worst")
    }
    assert place == {"disagree": ["y", "x", "z"], "top": ["x", "y", "z"], "worst": ["z", "y", "x"]}
    flipped = beside.side_by_side([a, b], {}, "{text}", lower_is_better=True)
    assert next(r.id for r in flipped.rows if r.picks["top"] == 0) == "z"


def test_rows_carry_the_metric_of_the_shelf() -> None:
    said = [prediction("x", "a b"), prediction("y", "")]
    rouge = METRICS["rouge1"]()
    assert beside.row_values("rouge1", said) == {p.id: rouge.pair(p.prediction, "a b c") for p in said}
    assert beside.row_values("rouge1", said)["x"] > beside.row_values("rouge1", said)["y"] == 0.0
    assert beside.row_values("a metric nobody has", said) == {} and beside.row_values("rouge1", []) == {}


def test_labels_fall_back_to_right_or_wrong() -> None:
    said = [Prediction(i, i, i, ("x",), 0, 1.0, {"x": 0.6, "y": 0.4}) for i in "xy"]
    assert beside.row_metric("macro_f1", said) == "accuracy"
    assert beside.row_values("macro_f1", said) == {"x": 1.0, "y": 0.0}
    assert beside.row_metric("rouge1", said) == "rouge1"


def test_lengths_count_words_and_characters() -> None:
    assert words_in("#Person1# doesn't know, well-known.") == 4
    assert words_in("房间很大，wifi 好。") == 6
    rows, in_characters = lengths.lengths(
        [beside.Said("a", 0, [prediction("x", "one two"), prediction("y", "one two three four")], {})]
    )
    assert not in_characters and rows[0].five == (3.0,) * 5 and rows[1].five[2] == 3.0
    chinese = [Prediction("x", "x", "好", ("房间宽敞",), 1, 1.0)]
    assert lengths.lengths([beside.Said("a", 0, chinese, {})])[1]


def test_shown_fields_follow_the_prompt() -> None:
    fields = {"dialogue": "d", "topic": "t"}
    assert dict(beside.shown_fields(fields, "Read {dialogue}")) == {"dialogue": "d"}
    assert dict(beside.shown_fields(fields, "no column")) == fields
    assert dict(beside.shown_fields(fields, "a stray { brace")) == fields


POINTS = st.lists(st.tuples(st.just(0.0) | st.floats(1e-3, 1e10), st.floats(0, 1)), min_size=1, max_size=8)


@given(POINTS)
@settings(max_examples=60, deadline=None)
def test_front_is_what_nothing_beats(pairs: list[tuple[float, float]]) -> None:
    points = [charts.Point(str(n), n, x, y, y, y) for n, (x, y) in enumerate(pairs)]
    found = charts.front(points)
    for p in points:
        beaten = any(q.x <= p.x and q.y >= p.y and (q.x, q.y) != (p.x, p.y) for q in points)
        assert (p not in found) == beaten
    drawing = charts.scatter(points, charts.Frame(350, 300, humane.count, str))
    assert not Page(str(drawing)).faults and "nan" not in drawing


@given(st.floats(1e-6, 1e12), st.floats(1.001, 1e6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_ticks_lie_inside_their_scale(low: float, ratio: float, log: bool) -> None:
    scale = charts.Scale(low, low * ratio, 0, 100, log)
    ticks = scale.ticks()
    assert len(ticks) <= 12 and all(-0.1 <= scale(t) <= 100.1 for t in ticks)
    assert ticks == sorted(set(ticks))


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_plain_text_stays_one_inert_table_cell(text: str) -> None:
    cell = pages.plain(text)
    assert len(cell.splitlines()) <= 1 and not re.search(r"(?<!\\)(\\\\)*\|", cell)
    assert not re.search(r"<[A-Za-z/!?]", cell.replace("<br>", "\n"))
    fence = pages.fenced(text).split("\n")[0].removesuffix("text")
    assert fence not in text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (humane.count(3_538_944), "3.5 M"),
        (humane.count(999_600), "1.0 M"),
        (humane.count(512), "512"),
        (humane.count(0), "0"),
        (humane.size(1_100_000), "1.1 MB"),
        (humane.duration(61.2), "61 s"),
        (humane.duration(252), "4 min 12 s"),
        (humane.duration(3599.7), "1 h 00 min"),
        (humane.duration(0.42), "0.4 s"),
        (humane.rate(3e-4), "3e-4"),
        (humane.rate(2.5e-5), "2.5e-5"),
        (humane.share(1, 3000), "0.033 %"),
        (humane.share(1, 1), "100 %"),
        (humane.p_value(0.0002), "< 0.001"),
        (humane.signed("rouge1", -0.021), "−2.1"),
        (humane.signed("rouge1", 0.021), "+2.1"),
        (humane.signed("rouge1", -0.0001), "0.0"),
        (humane.points("perplexity", 12.34), "12.3"),
        (humane.points("rouge1", None), humane.ABSENT),
        (humane.size(float("nan")), humane.ABSENT),
    ],
)
def test_numbers_are_humane(written: str, expected: str) -> None:
    assert written == expected


def test_every_phrase_has_two_languages_and_the_same_blanks() -> None:
    for word, pair in pages.words().items():
        assert len(pair) == 2 and all(pair), word
        assert len({frozenset(re.findall(r"\{(\w+)\}", phrase)) for phrase in pair}) == 1, word


def test_every_phrase_is_used_and_every_used_one_is_there() -> None:
    source = "".join(
        p.read_text(encoding="utf-8")
        for p in (*pages.FOLDER.glob("*.py"), *pages.FOLDER.glob("report.*"), pages.FOLDER.parent / "report.py")
    )
    for word in pages.words():
        assert re.search(rf"[\"']{word}[\"']", source) or word.removesuffix("_note") in (
            "real",
            "synthetic",
            "unstated",
        ), word
    for word in re.findall(r"(?:both|say|heading)\(\"(\w+)\"", source):
        assert word in pages.words(), word
    assert headline.UNTUNED[0] == "zero_shot"


def test_a_copy_without_texts_holds_every_figure_and_no_row(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", results())
    whole, bare = report.build(study), report.build(study, tmp_path / "copy", texts=False)
    assert {p.parent.name for p in bare} == {"copy"} and {p.name for p in bare} == {p.name for p in whole}
    for with_texts, without in zip(whole, bare):
        first, second = (p.read_text(encoding="utf-8") for p in (with_texts, without))
        assert "dictation" in first and "dictation" not in second and len(second) < len(first)
        assert "42.1" in second and "Rows and answers were left out" in second
