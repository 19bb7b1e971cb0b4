"""The report's account of seeds, reference lines, reasons, clean rows, search, forecasts and training rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from luthier import files, pages, report, why
from luthier import results as outcomes
from luthier.pages import reasons
from luthier.pages.by_rows import learning_curves_by_rows
from luthier.pages.figures import costs, off_front
from luthier.pages.spent import spent
from luthier.pages.summary import Entry, entries
from luthier.records import Example, Prediction
from tests.unit.test_report import Page, results, write_lines, write_study

LONG = "the cat sat on the mat and then it ran away over the hill to a far land of mice where it lived"


def said(texts: list[str], wanted: list[str]) -> list[Prediction]:
    return [Prediction(f"r{i}", f"r{i}", t, (w,), 0, 0.0) for i, (t, w) in enumerate(zip(texts, wanted))]


def test_rambling_costs_precision_and_cutting_shows_it() -> None:
    wanted = ["the cat sat on the mat and then ran"] * 30
    brief, rambling = said(wanted, wanted), said([f"{w} {LONG} {LONG}" for w in wanted], wanted)
    found = why.explain({"brief": brief, "long": rambling}, "rouge1", "brief")
    assert found["cut"] == 10 and found["unit"] == "words" and found["reference_length"] == 9
    assert found["trials"]["brief"]["precision"] == found["trials"]["brief"]["recall"] == 1
    assert found["trials"]["long"]["recall"] == 1 and found["trials"]["long"]["precision"] < 0.3
    assert found["trials"]["long"]["cut"]["mean"] > 0.9 and found["trials"]["long"]["longer"] == 1
    pair = found["pairs"][0]
    assert (pair["a"], pair["b"]) == ("brief", "long") and pair["cut_difference"] < 0.5 * pair["difference"]
    assert [len(row["values"]) for row in found["disagree"]] == [2] * 8


def test_copying_is_seen_against_the_input() -> None:
    wanted = ["somebody ran away from home at night and was found again"] * 4
    examples = {f"r{i}": Example(f"r{i}", f"r{i}", {"text": LONG}, (w,)) for i, w in enumerate(wanted)}
    copied = said([LONG] * 4, wanted)
    found = why.explain({"copy": copied, "own": said(wanted, wanted)}, "rouge1", "own", examples, "{text}")
    assert found["trials"]["copy"]["copied"] == 1 and found["trials"]["own"]["copied"] < 0.3
    assert found["reference_copied"] == found["trials"]["own"]["copied"]


def test_slices_by_length_and_by_column() -> None:
    fields = [{"text": "word " * (1 + i % 3 * 10), "topic": ("sport", "food")[i % 2], "id": f"{i}"} for i in range(90)]
    examples = {f"r{i}": Example(f"r{i}", f"r{i}", f, ("a b",)) for i, f in enumerate(fields)}
    answers = said(["a b" if i % 2 else "c" for i in range(90)], ["a b"] * 90)
    parts = why.explain({"x": answers}, "rouge1", "x", examples, "{text}")["slices"]
    assert [(p["by"], p["name"], p["rows"]) for p in parts] == [
        ("input", "≤ 1", 30),
        ("input", "2–11", 30),
        ("input", "> 11", 30),
        ("topic", "sport", 45),
        ("topic", "food", 45),
    ]
    assert [p["means"]["x"] for p in parts[3:]] == [0.0, 1.0]


def test_labels_have_precision_and_recall_apart() -> None:
    found = why.explain({"m": said(["x"] * 30 + ["y"] * 30, ["x"] * 20 + ["y"] * 40)}, "macro_f1", "m")
    assert found["trials"]["m"]["labels"]["x"] == {"wanted": 20, "said": 30, "precision": 2 / 3, "recall": 1.0}
    assert {p["name"]: p["rows"] for p in found["slices"] if p["by"] == "label"} == {"x": 20, "y": 40}
    assert "cut" not in found and "pairs" not in found


def test_what_says_one_label_only_is_not_ahead_where_that_is_wanted() -> None:
    wanted = ["x"] * 40 + ["y"] * 40
    answers = {
        "best": said(["x"] * 30 + ["y"] * 50, wanted),
        "same": said(["x"] * 80, wanted),
        "other": said(["x"] * 36 + ["y"] * 4 + ["x"] * 30 + ["y"] * 10, wanted),
    }
    facts = results()
    facts["why"] = why.explain(answers, "accuracy", "best")
    known = [Entry(name, name, name, 0, "done", "", {}, [], {}) for name in answers]
    found = reasons.reasons(facts, known)
    assert [(word, v["name"], v["part"]) for word, v in found.said if word == "why_turns_label"] == [
        ("why_turns_label", ["other"], "x")
    ]


def test_a_cut_names_its_unit_in_both_languages() -> None:
    wanted = ["the cat sat on the mat and then ran"] * 30
    facts = results()
    answers = {"best": said(wanted, wanted), "worse": said(["a dog"] * 30, wanted)}
    facts["why"] = why.explain(answers, "rouge1", "best")
    found = reasons.reasons(facts, [Entry(n, n, n, 0, "done", "", {}, [], {}) for n in answers])
    (values,) = (v for word, v in found.said if word == "why_kept")
    assert "cut to 10 words." in pages.say("why_kept", **values)
    assert "截到 10 个词后" in pages.say("why_kept", "zh", **values)


def study(folder: Path, seeds: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """A study folder of two trained methods and one that trains nothing, gathered by `finish`."""
    wanted = [f"the {animal} went home to sleep" for animal in ("cat", "dog", "fox", "hen", "elk") * 12]
    fields = {"dialogue": f"A: {LONG}. B: yes."}
    rows = [{"id": f"e{i}", "group": f"e{i}", "fields": fields, "references": [w, w[4:]]} for i, w in enumerate(wanted)]
    for split in ("train", "dev", "test"):
        write_lines(folder / "examples" / f"{split}.jsonl", rows)
    methods = {"zero_shot": 0.1, "full": 0.7, "lora(rank=8)": 0.6}
    names = [f"{m.split('(')[0]}.s{s}" for m in methods for s in seeds if m != "zero_shot" or s == 0]
    files.write_json(
        folder / "study.json",
        {
            "name": "t",
            "task_spelled": "summarise(prompt='{dialogue}', answer='summary')",
            "prompt": "{dialogue}",
            "data": {"source": "x", "synthetic": False, "rows": {"train": 60}},
            "seeds": list(seeds),
            "margin": 0.01,
            "metrics": ["rouge1", "rougeL"],
            "primary": "rouge1",
            "trials": names,
            "environment": {},
        },
    )
    for name in names:
        method = next(m for m in methods if m.startswith(name.split(".")[0]))
        seed, good = int(name[-1]), methods[method]
        texts = [w if (i * 7 + seed) % 60 < 60 * good else LONG for i, w in enumerate(wanted)]
        predictions = [
            {"id": r["id"], "group": r["group"], "prediction": t, "references": r["references"]}
            | {"tokens": 1, "milliseconds": 1.0}
            for r, t in zip(rows, texts)
        ]
        write_lines(folder / name / "predictions.jsonl", predictions)
        trained = 0 if method == "zero_shot" else 1000 if method == "full" else 10
        files.write_json(folder / name / "trial.json", {"method": method, "seed": seed})
        facts = {
            "status": "done",
            "metrics": {
                m: {"mean": good, "low": good - 0.05, "high": good + 0.05, "n": 60} for m in ("rouge1", "rougeL")
            },
            "trainable_parameters": trained,
            "total_parameters": 1000 + (trained if method != "full" else 0),
            "shipped_bytes": 4 * trained,
            "train_seconds": 0.6 * trained**0.5,
            "predict_seconds": 1.0,
            "peak_bytes": 10**6,
        }
        files.seal(folder / name, facts, ("predictions.jsonl",))
    return outcomes.finish(folder)


def test_several_seeds_compare_methods(tmp_path: Path) -> None:
    found = study(tmp_path, (0, 1, 2))
    assert {(v["a"], v["b"]) for v in found["verdicts"]} == {
        ("zero_shot", "full"),
        ("lora(rank=8)", "full"),
        ("zero_shot", "lora(rank=8)"),
    }
    assert {v["seeds"] for v in found["verdicts"]} == {3}
    assert set(found["why"]["trials"]) == {"zero_shot.s0", "full.s0", "lora.s0"}, "one trial of each is explained"
    headline = report.verdict_lines(found)
    assert headline[0].startswith("full scored best") and any("3 seeds" in s for s in headline)
    shown = costs(entries(found), "rouge1")
    assert [e.name for e, _ in shown[0].key] == ["full", "lora(rank=8)", "zero_shot"], "one point a method"
    for path in report.build(tmp_path):
        text = path.read_text(encoding="utf-8")
        assert "What the seed alone changes" in text and "over 3 seeds" in text and "not of the two methods" not in text


def test_one_seed_compares_trained_models_with_their_costs(tmp_path: Path) -> None:
    found = study(tmp_path)
    sentence = next(v for v in found["verdicts"] if v["a"] == "lora.s0")["sentence"]
    costs_said = "lora.s0 trains 0.99 % of the parameters, ships 40 B and took 10 % of the training time of full.s0."
    assert costs_said in sentence["en"] and sentence["en"].endswith("not of the two methods.")
    assert "只训练 0.99 % 的参数" in sentence["zh"]
    untrained = next(v for v in found["verdicts"] if v["a"] == "zero-shot.s0" or v["a"] == "zero_shot.s0")
    assert "this trained model, not of the method" in untrained["sentence"]["en"]
    lines = {line["kind"]: line for line in found["references"]}
    assert set(lines) == {"lead", "human"} and lines["lead"]["against"]["a"] == "full"
    assert found["detectable"]["difference"] > 0 and "60 rows" in found["detectable"]["sentence"]["en"]
    page = Page(report.build(tmp_path)[1].read_text(encoding="utf-8"))
    assert not page.faults and not page.open
    for words in (
        "What the scores are made of",
        "human against human",
        "人与人之间",
        "needs no model",
        "Recall",
    ):
        assert words in page.text, words
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == json.loads(json.dumps(found))


def test_a_study_that_came_without_examples_still_finishes(tmp_path: Path) -> None:
    study(tmp_path)
    for split in ("train", "dev", "test"):
        (tmp_path / "examples" / f"{split}.jsonl").unlink()
    found = outcomes.finish(tmp_path)
    assert found["references"] == [] and found["verdicts"] and "copied" not in found["why"]["trials"]["full.s0"]


def test_beware_of_what_needs_no_model() -> None:
    facts = results()
    line = {"kind": "lead", "name": "first 2 sentences", "name_zh": "开头 2 句"}
    line["metrics"] = {"rouge1": {"mean": 0.5, "low": 0.48, "high": 0.52, "n": 40}}
    for word, start in (
        ("worse", "clearly above full"),
        ("tie", "is not clearly above it"),
        ("better", "clearly above it"),
    ):
        facts["references"] = [line | {"against": {"verdict": word, "sentence": {"en": "e", "zh": "z"}}}]
        assert any("first 2 sentences" in s and start in s for s in report.verdict_lines(facts)), word
        assert any("开头 2 句" in s for s in report.verdict_lines(facts, "zh"))
    assert report.table(facts)[-1][:2] == ["first 2 sentences", "50.0 [48.0, 52.0]"]
    assert len({len(row) for row in report.table(facts)}) == 1


def shown(path: Path) -> str:
    """What a reader sees."""
    text = path.read_text(encoding="utf-8")
    return Page(text).text if path.suffix == ".html" else text


def test_clean_rows_search_and_forecast_are_shown_where_they_are_known(tmp_path: Path) -> None:
    facts = results()
    lora = facts["trials"][2]
    facts["study"]["leaks"] = {"test": [f"test-{n}" for n in range(10)]}
    lora["metrics_clean"] = {"rouge1": {"mean": 0.377, "low": 0.36, "high": 0.39, "n": 30}}
    probes = [
        {"learning_rate": 1e-3, "steps": 10, "dev_loss": 2.5, "tokens": 9, "seconds": 1.0, "kept": True},
        {"learning_rate": 3e-4, "steps": 10, "dev_loss": 2.9, "tokens": 9, "seconds": 1.0, "kept": False},
        {"learning_rate": 1e-3, "steps": 30, "dev_loss": 2.25, "tokens": 9, "seconds": 1.0, "kept": True},
        {"learning_rate": 1e-1, "steps": 10, "dev_loss": None, "tokens": 9, "seconds": 1.0, "kept": False},
    ]
    lora["search"] = {"tokens": 12_345, "seconds": 33.0, "candidates": probes, "chosen": 1e-3}
    lora |= {"predicted_seconds": 100.0, "predicted_peak_bytes": 2_000_000_000}
    for path in report.build(write_study(tmp_path / "with", facts)):
        text = shown(path)
        assert "(10 of them)" in text
        for words in ("rouge1, clean rows", "37.7", "Search and forecast", "12 k", "3e-4 → 2.9, 1e-3 → 2.25, 1e-1 → ×"):
            assert words in text, words
        assert "100 s → 110 s (+10 %)" in text and "2.0 GB → 1.9 GB (−5 %)" in text
    for path in report.build(write_study(tmp_path / "without", results())):
        text = path.read_text(encoding="utf-8")
        assert "clean rows" not in text and "Search and forecast" not in text and "How much data" not in text


def with_rows(rows: int, gain: float) -> dict[str, Any]:
    facts = results()
    facts["study"]["data"]["rows"]["train"] = rows
    for t in facts["trials"][1:4]:
        t["metrics"]["rouge1"] = {k: v + gain for k, v in t["metrics"]["rouge1"].items() if k != "n"}
    return facts


def test_learning_curves_by_rows(tmp_path: Path) -> None:
    studies = [with_rows(800, 0.05), with_rows(200, 0.0), with_rows(3200, 0.08)]
    found = learning_curves_by_rows(studies)
    assert found.table[0] == ["method", "200", "800", "3,200"]
    full = next(row for row in found.table if row[0] == "full")
    assert full[1:] == ["42.1 [40.3, 43.8]", "47.1 [45.3, 48.8]", "50.1 [48.3, 51.8]"]
    assert {name for name, _ in found.methods} == {"zero_shot", "full", "lora(rank=32)", "prompt(tokens=50)"}
    assert learning_curves_by_rows(studies[:1]) is None and learning_curves_by_rows([]) is None
    facts = with_rows(3200, 0.08) | {"studies": studies}
    for path in report.build(write_study(tmp_path, facts)):
        assert "How much data is enough" in path.read_text(encoding="utf-8")


def test_by_rows_follows_what_was_asked_for_and_says_what_more_brought(tmp_path: Path) -> None:
    """A searched rank may differ by size: one line; what reads no rows was run once: a level line."""
    studies = [with_rows(200, 0.0), with_rows(3200, 0.08)]
    for study, rank in zip(studies, (2, 32)):
        next(t for t in study["trials"] if t["method"].startswith("lora")).update(
            method=f"lora(rank={rank})", asked="lora"
        )
    studies[0]["trials"] = [t for t in studies[0]["trials"] if t["method"] != "zero_shot"]
    found = learning_curves_by_rows(studies)
    rows = {row[0]: row[1:] for row in found.table}
    assert len(rows["lora"]) == 2 and rows["lora"][0] != rows["lora"][1]
    assert rows["zero_shot"][0] == rows["zero_shot"][1] != "–"
    gain = {"metric": "rouge1", "a": "lora · 3,200 rows", "b": "lora · 200 rows", "verdict": "better"}
    gain |= {"sentence": {"en": "lora · 3,200 rows is better.", "zh": "更好。"}}
    for path in report.build(write_study(tmp_path, with_rows(3200, 0.08) | {"studies": studies, "gains": [gain]})):
        text = path.read_text(encoding="utf-8")
        assert "lora · 3,200 rows is better." in text and "still more of them may bring more" in text


def test_what_hardly_moved_is_said_of_those_behind() -> None:
    facts = results()
    full, lora = (next(t for t in facts["trials"] if t["method"].startswith(w)) for w in ("full", "lora"))
    lora |= {"update_norm": 0.004, "trainable_parameters": 10, "total_parameters": 1000}
    lora |= {"dead_tokens": 3, "virtual_tokens": 20}
    full |= {"update_norm": 0.004, "trainable_parameters": 1000, "total_parameters": 1000}
    assert why.unmoved(facts["trials"]) == {lora["id"]: {"share": 0.004, "dead": 3, "all": 20}}
    facts["why"] = {"metric": "rouge1", "trials": {t["id"]: {} for t in (full, lora)}}
    facts["why"]["unmoved"] = why.unmoved(facts["trials"])
    said = [key for key, _ in reasons.reasons(facts, entries(facts)).said]
    assert said == ["why_unmoved", "why_dead"]


def test_a_searched_structure_stands_beside_its_probes() -> None:
    probes = [
        {"learning_rate": r, "steps": n, "dev_loss": loss, "method": m}
        for m, r, n, loss in (
            ("lora(rank=8)", 1e-3, 4, 3.0),
            ("lora(rank=8)", 1e-3, 8, 2.9),
            ("lora(rank=32)", 1e-3, 8, 2.5),
        )
    ]
    facts = results()
    lora = next(t for t in facts["trials"] if t["method"].startswith("lora"))
    search = {"tokens": 9, "seconds": 3.0, "candidates": probes, "chosen": 1e-3, "method": "lora(rank=32)"}
    lora |= {"search": search, "asked": "lora"}
    line = next(s for s in spent(entries(facts)) if s.candidates)
    assert line.candidates == "1e-3 → 2.9, lora(rank=32) 1e-3 → 2.5" and line.chosen == "1e-3, lora(rank=32)"


def test_what_is_on_no_front_is_named() -> None:
    facts = results()
    for t, better in zip(facts["trials"], (0, 0.5, 0, 0)):
        t["metrics"]["rouge1"]["mean"] -= better  # full: worse than lora and dearer in everything
    drawn = costs(entries(facts), "rouge1")
    assert off_front(drawn) == ["full"]


@pytest.mark.parametrize("key", ["references", "why", "detectable"])
def test_an_older_results_file_still_reports(tmp_path: Path, key: str) -> None:
    facts = study(tmp_path)
    del facts[key]
    files.write_json(tmp_path / "results.json", facts)
    assert all(path.is_file() for path in report.build(tmp_path))
