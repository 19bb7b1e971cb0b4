"""Scores, verdicts and files of outputs: what is said, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from luthier.errors import DataError, SpellingError, UserError
from luthier.outputs import read_outputs, score_file
from luthier.records import Prediction, dumps
from luthier.score import chosen, resolution, scores, verdicts
from luthier.statistics import groups_needed, paired_sd, smallest_detectable


def rows(said: list[str], wanted: list[str], size: int = 1) -> list[Prediction]:
    return [Prediction(f"r{i}", f"g{i // size}", s, (w,), 0, 0.0) for i, (s, w) in enumerate(zip(said, wanted))]


def flips(share: float, count: int = 400, seed: int = 0) -> list[Prediction]:
    """Answers that are right with a given probability."""
    rng = np.random.default_rng(seed)
    wanted = rng.choice(["yes", "no"], count).tolist()
    wrong = np.random.default_rng(seed + 1).random(count) >= share
    return rows([("no" if w == "yes" else "yes") if x else w for w, x in zip(wanted, wrong)], wanted)


def test_mean_is_over_rows_and_values_are_per_group() -> None:
    given = [
        Prediction("1", "x", "a", ("a",), 0, 0.0),
        Prediction("2", "y", "a", ("b",), 0, 0.0),
        Prediction("3", "x", "a", ("a",), 0, 0.0),
        Prediction("4", "x", "b", ("a",), 0, 0.0),
    ]
    score = scores(given, ["accuracy"])[0]
    assert (score.mean, score.n, score.values) == (0.5, 2, (2 / 3, 0.0))
    assert scores(given, ["macro_f1"])[0].values == ()


def test_rows_of_a_group_move_together() -> None:
    said, wanted = ["a", "b"] * 60, ["a", "a"] * 60
    repeated = [t for t in said for _ in range(3)], [t for t in wanted for _ in range(3)]
    alone, together = scores(rows(said, wanted), ["accuracy"])[0], scores(rows(*repeated, size=3), ["accuracy"])[0]
    counted_apart = scores(rows(*repeated), ["accuracy"])[0]
    assert (alone.low, alone.high, alone.n) == (together.low, together.high, together.n)
    assert counted_apart.high - counted_apart.low < 0.7 * (together.high - together.low)


def test_the_seed_decides() -> None:
    given = flips(0.7)
    assert scores(given, ["accuracy", "mcc"]) == scores(given, ["accuracy", "mcc"])
    assert scores(given, ["accuracy"], seed=1) != scores(given, ["accuracy"])


def test_families_and_lists() -> None:
    assert [m.word for m in chosen(["rouge", "f1"])] == ["rouge1", "rouge2", "rougeL", "rougeLsum", "f1"]
    assert [m.word for m in chosen(["rougeL", "rouge"])] == ["rougeL", "rouge1", "rouge2", "rougeLsum"]
    assert [m.word for m in chosen("mcc, accuracy")] == ["mcc", "accuracy"]
    with pytest.raises(SpellingError, match="rouge3"):
        chosen(["rouge3"])
    with pytest.raises(SpellingError, match="No metric is named"):
        chosen([])


def test_what_scores_refuses() -> None:
    with pytest.raises(UserError, match="0 predictions"):
        scores([], ["rouge1"])
    with pytest.raises(UserError, match="'r0' is there twice"):
        scores([*rows(["a"], ["a"]), *rows(["a"], ["a"])], ["rouge1"])


def test_better_worse_and_its_mirror() -> None:
    trials = {"good": flips(0.9), "bad": flips(0.6)}
    better = verdicts(trials, ["accuracy"])[0]
    worse = verdicts(trials, ["accuracy"], pairs=[("bad", "good")])[0]
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert (better.difference, better.low, better.p) == pytest.approx((-worse.difference, -worse.high, worse.p))
    assert better.low <= better.difference <= better.high
    assert "good is better than bad on accuracy: +" in better.sentence["en"]
    assert "bad 不如 good" in worse.sentence["zh"]


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "accuracy_macro_f1", "mcc", "rouge1"])
def test_every_kind_of_metric_finds_a_large_difference(metric: str) -> None:
    found = verdicts({"good": flips(0.9), "bad": flips(0.6)}, [metric])[0]
    assert found.verdict == "better" and found.p < 0.001


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "rougeL"])
def test_the_same_outputs_tie_where_there_are_enough(metric: str) -> None:
    many, few = flips(0.8, 1000), flips(0.8, 60)
    tie, open_ = verdicts({"a": many, "b": many}, [metric])[0], verdicts({"a": few, "b": few}, [metric])[0]
    assert (tie.verdict, tie.p, tie.difference) == ("tie", 1.0, 0.0)
    assert "a and b tie on" in tie.sentence["en"] and "相当" in tie.sentence["zh"]
    assert open_.verdict == "cannot tell", "60 rows without a difference do not show that it is below one point"
    assert "About 240 more rows" in open_.sentence["en"]


def test_cannot_tell_says_how_many_more() -> None:
    trials = {"a": rows(["x"] * 10 + ["y"] * 10, ["x"] * 20), "b": rows(["x"] * 8 + ["y"] * 12, ["x"] * 20)}
    found = verdicts(trials, ["accuracy"])[0]
    assert found.verdict == "cannot tell"
    assert "20 rows cannot tell a and b apart on accuracy: +10.00 points" in found.sentence["en"]
    assert "more rows could settle it" in found.sentence["en"] and "大约再有" in found.sentence["zh"]


def test_a_real_difference_inside_the_margin_is_called_both() -> None:
    found = verdicts({"good": flips(0.9), "bad": flips(0.6)}, ["accuracy"], margin=0.5)[0]
    assert found.verdict == "better"
    assert "less than the margin of 50.00 points" in found.sentence["en"]
    assert "小于 50.00 个百分点" in found.sentence["zh"]


def test_one_seed_speaks_of_models() -> None:
    trials = {"a": flips(0.9), "b": flips(0.6)}
    assert "not of the two methods" in verdicts(trials, ["accuracy"])[0].sentence["en"]
    assert "seed" not in verdicts(trials, ["accuracy"], one_seed=False)[0].sentence["en"]


def test_more_comparisons_need_more_evidence() -> None:
    wanted = ["x"] * 200  # a alone is right 12 times, b alone 3 times
    a, b = rows(["x"] * 197 + ["y"] * 3, wanted), rows(["y"] * 12 + ["x"] * 188, wanted)
    trials = {"a": a, "b": b, "c": b}
    alone = verdicts(trials, ["accuracy"], pairs=[("a", "b")])[0]
    among = verdicts(trials, ["accuracy"])[0]
    assert (alone.verdict, among.verdict) == ("better", "cannot tell")
    assert (among.difference, among.p) == (alone.difference, pytest.approx(3 * alone.p))
    assert "p = 0.11, corrected for the number of comparisons (3)" in among.sentence["en"]
    sd = paired_sd([1] * 197 + [0] * 3, [0] * 12 + [1] * 188)
    more = groups_needed(among.difference, sd, 0.01, 0.05 / 3) - 200
    assert int(re.search("About ([0-9]+) more rows", among.sentence["en"])[1]) == pytest.approx(more, rel=0.15)


def test_rows_are_paired_by_id_not_by_place() -> None:
    a, b = flips(0.9), flips(0.6)
    straight, crossed = verdicts({"a": a, "b": b}, ["accuracy"]), verdicts({"a": a, "b": b[::-1]}, ["accuracy"])
    assert straight == crossed


def test_groups_of_several_rows_go_by_permutation() -> None:
    said, wanted = ["a", "a", "b"] * 7, ["a"] * 21
    trials = {"a": rows(["a"] * 21, wanted, size=3), "b": rows(said, wanted, size=3)}
    found = verdicts(trials, ["accuracy"])[0]
    assert found.p == pytest.approx(2 / 2**7, abs=0.005), "seven groups, all for a: 2 of 128 exchanges"


def test_what_verdicts_refuses() -> None:
    a = flips(0.9, 20)
    with pytest.raises(UserError, match="b and a answered different rows: r19"):
        verdicts({"a": a, "b": a[:-1]}, ["accuracy"])
    with pytest.raises(UserError, match="another group or other references in b"):
        verdicts({"a": a, "b": rows([p.prediction for p in a], ["maybe"] * 20)}, ["accuracy"])
    with pytest.raises(UserError, match="names 'c'"):
        verdicts({"a": a, "b": a}, ["accuracy"], pairs=[("a", "c")])
    with pytest.raises(UserError, match=r"margin=-0\.1"):
        verdicts({"a": a, "b": a}, ["accuracy"], margin=-0.1)
    assert verdicts({"a": a}, ["accuracy"]) == []


def test_planning_figures() -> None:
    assert smallest_detectable(0.1, 400) == pytest.approx(smallest_detectable(0.1, 100) / 2)
    assert paired_sd([0.1, 0.3, 0.2], [0.1, 0.1, 0.2]) == pytest.approx(np.std([0, 0.2, 0], ddof=1))
    assert groups_needed(0.0, 0.0, 0.0) == float("inf")
    for sd, groups in ((-1.0, 5), (float("nan"), 5), (0.1, 0)):
        with pytest.raises(UserError, match=f"groups={groups}"):
            smallest_detectable(sd, groups)
    with pytest.raises(UserError, match="2 and 3 values"):
        paired_sd([0, 1], [0, 1, 2])


def test_more_than_there_can_be_is_not_called_detectable() -> None:
    def told(times: int) -> str:
        wanted = ["yes", "no", "no"] * times
        a, b = rows(["yes", "yes", "no"] * times, wanted), rows(["no", "no", "no"] * times, wanted)
        found = resolution(verdicts({"a": a, "b": b}, ["accuracy"]), a)
        assert found and (found["difference"] > 1) == (times == 1)
        return found["sentence"]["en"]

    assert "With 3 rows, not even a true difference of 100 points on accuracy" in told(1)
    assert "are found in 4 of 5 studies" in told(100)


TABLE = [
    {"text": "a b", "one": "a b", "two": "a c", "doc": "d1"},
    {"text": "c d", "one": "", "two": "c d", "doc": "d1"},
    {"text": "e f", "one": "e f", "two": None, "doc": "d2"},
    {"text": "g", "one": "h", "two": "g", "doc": "d2"},
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "outputs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in TABLE), encoding="utf-8")
    return path


def test_outputs_are_read_with_their_groups(table: Path) -> None:
    by_column = read_outputs(table, "text", ["one", " two"], group="doc")
    by_rows = read_outputs(table, "text", ["one"], group_rows=2)
    assert list(by_column) == ["one", "two"]
    assert [p.group for p in by_column["one"]] == ["d1", "d1", "d2", "d2"]
    assert [p.group for p in by_rows["one"]] == ["0", "0", "1", "1"]
    assert by_column["two"][2].prediction == "" and by_column["two"][2].references == ("e f",)
    assert [p.group for p in read_outputs(table, "text", ["one"])["one"]] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"references": "txt"}, r"no column 'txt'.*\n.*text, one, two, doc"),
        ({"outputs": ["one", "three"]}, "no column 'three'"),
        ({"group": "dok"}, "no column 'dok'"),
        ({"group_rows": 3}, "4 rows do not make groups of 3"),
        ({"group_rows": 0}, "groups of 0"),
        ({"group": "doc", "group_rows": 2}, "grouped by column 'doc' and by 2 rows"),
        ({"group": "two"}, "Row 3 has no 'two'"),
        ({"outputs": ["one", "one"]}, r"\['one', 'one'\]"),
        ({"outputs": []}, "outputs are"),
        ({"references": "one"}, "Row 2 has no reference"),
    ],
)
def test_what_outputs_refuse(table: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_outputs(table, **{"references": "text", "outputs": ["one", "two"], **settings})  # type: ignore[arg-type]


def test_lists_are_several_references_and_numbers_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('{"r": ["a", "b"], "o": "a"}\n{"r": 3, "o": 3}\n', encoding="utf-8")
    found = read_outputs(path, "r", ["o"])["o"]
    assert [(p.prediction, p.references) for p in found] == [("a", ("a", "b")), ("3", ("3",))]
    path.write_text('{"r": "a", "o": {"text": ["x"]}}\n', encoding="utf-8")
    with pytest.raises(DataError, match="Row 1 holds a dict as o"):
        read_outputs(path, "r", ["o"])


def test_files_with_splits_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text('{"train": [{"r": "a", "o": "a"}], "test": [{"r": "a", "o": "a"}]}', encoding="utf-8")
    with pytest.raises(DataError, match="train, test"):
        read_outputs(path, "r", ["o"])


def test_a_file_is_scored_in_the_shape_of_results(table: Path) -> None:
    found = score_file(table, "text", ["one", "two"], ["rouge1", "exact_match"], group="doc")
    assert set(found) == {"study", "trials", "caveats", "verdicts", "references", "why", "detectable", "environment"}
    assert found["references"] == [], "the outputs differ within a group, so its references are not of one input"
    assert [t["id"] for t in found["trials"]] == ["one", "two"]
    assert found["trials"][0]["metrics"]["exact_match"]["mean"] == 0.5
    assert set(found["trials"][0]["metrics"]["rouge1"]) == {"mean", "low", "high", "n"}
    assert found["trials"][0]["caveats"] == ["1 of 4 outputs are empty and were scored as such"]
    assert [(v["metric"], v["a"], v["b"]) for v in found["verdicts"]] == [
        ("rouge1", "one", "two"),
        ("exact_match", "one", "two"),
    ]
    assert set(found["verdicts"][0]["sentence"]) == {"en", "zh"}
    assert found["study"]["data"]["groups"] == 2 and found["study"]["primary"] == "rouge1"
    assert json.loads(dumps(found)) == found
