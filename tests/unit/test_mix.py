"""Instructions of many tasks: what is drawn of each, what is never trained, and what is said task by task."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier import tasks
from luthier.by_task import by_task
from luthier.data import complete, read
from luthier.errors import DataError, SpellingError
from luthier.pages import by_task as page
from luthier.pages import summary
from luthier.records import Example, Prediction
from luthier.score import scores
from luthier.tasks.mixture import shares

SIZES = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 5000), min_size=1, max_size=8)


@settings(deadline=None)
@given(sizes=SIZES, cap=st.integers(1, 4000), temperature=st.floats(1, 50))
def test_shares_follow_the_rule(sizes, cap, temperature):
    dealt = shares(sizes, cap, temperature)
    capped = {name: min(n, cap) for name, n in sizes.items()}
    total = sum(capped.values())
    whole = sum(n ** (1 / temperature) for n in capped.values())
    assert set(dealt) == set(sizes) and all(n >= 1 for n in dealt.values())
    for name, n in dealt.items():
        assert abs(n - max(1, total * capped[name] ** (1 / temperature) / whole)) <= 1 + 1e-6
    assert total <= sum(dealt.values()) <= total + len(sizes)
    if temperature == 1:
        assert dealt == capped


def test_temperature_goes_from_proportions_to_equal_shares():
    sizes = {"large": 900, "small": 100}
    assert shares(sizes, 3000, 1) == sizes
    assert shares(sizes, 3000, 2) == {"large": 750, "small": 250}
    assert shares(sizes, 3000, 1e9) == {"large": 500, "small": 500}
    assert shares(sizes, 50, 1) == {"large": 50, "small": 50}


def rows(**sizes: int) -> list[dict[str, str]]:
    return [{"dataset": n, "input": f"{n} {i}", "target": f"t{i}"} for n, count in sizes.items() for i in range(count)]


def test_train_is_a_mixture_dev_picks_by_what_is_trained_test_keeps_all():
    held = rows(a=40, b=10, c=8)
    task, notes = tasks.infer(held, task="instruct(held_out=('c',),temperature=2.0)")
    assert (task.by, task.prompt, task.answer) == ("dataset", "{input}", "target")
    assert "the tasks are named by dataset" in notes
    train, notes = tasks.examples(task, held, "train")
    assert Counter(e.fields["dataset"] for e in train) == {"a": 33, "b": 17}
    assert len({e.id for e in train}) == 50, "rows that come again have ids of their own"
    assert "train: 8 rows of held-out tasks were left out (c)" in notes
    assert any("17 to 33 a task; 7 rows were not drawn, 7 are there again" in n for n in notes), notes
    assert [e.id for e in train] == [e.id for e in tasks.examples(task, held, "train")[0]]
    dev, _ = tasks.examples(task, held, "dev")
    assert {e.fields["dataset"] for e in dev} == {"a", "b"} and len(dev) == 50
    assert len(tasks.examples(task, held, "test")[0]) == len(held)
    assert len(tasks.examples(task, held, "train", need_answers=False)[0]) == len(held), "rows to answer are all kept"
    assert tasks.parse_task(repr(task)) == task


def test_what_a_mixture_refuses():
    for held_out, message in ((("d",), "no task 'd'"), (("a", "b"), "every task is held out")):
        task, _ = tasks.infer(rows(a=3, b=3), task=f"instruct(held_out={held_out!r})")
        with pytest.raises(DataError, match=message):
            tasks.examples(task, rows(a=3, b=3), "train")
    with pytest.raises(DataError, match="names the task of a row"):
        tasks.infer([{"input": "x", "target": "y"}], task="instruct")
    task, _ = tasks.infer(rows(a=3), task="instruct")
    with pytest.raises(DataError, match="names no task"):
        tasks.examples(task, [*rows(a=3), {"dataset": "", "input": "x", "target": "y"}], "train")
    for word in ("instruct(cap=0)", "instruct(temperature=0.5)"):
        with pytest.raises(SpellingError):
            tasks.parse_task(word)


# -- scored task by task ----------------------------------------------------------------------------------------------


def study(right: dict[str, float], seeds: int = 0):
    """Three tasks of 40, 30 and 60 rows, the last never trained; each method is right with its own probability."""
    named = {"a": 40, "b": 30, "never": 60}
    test = [Example(f"{n}{i}", f"{n}{i}", {"dataset": n}, ("yes",)) for n, size in named.items() for i in range(size)]
    train = [Example(f"t{n}", "t", {"dataset": n}, ("yes",)) for n in ("a", "b")]
    draw = np.random.default_rng(seeds)
    said = {
        name: [Prediction(e.id, e.group, "yes" if draw.random() < p else "no", e.references, 1, 0.0) for e in test]
        for name, p in right.items()
    }
    facts = {"by": "dataset", "metrics": ["exact_match"], "primary": "exact_match", "margin": 0.01}
    runs = {name: {0: one} for name, one in said.items()}
    return said, by_task(said, runs, {"train": train, "test": test}, facts)


def test_tasks_are_scored_one_by_one_and_means_weigh_them_alike():
    said, found = study({"zero_shot": 0.3, "lora": 0.8})
    assert [(t["name"], t["seen"], t["rows"]) for t in found["tasks"]] == [
        ("never", False, 60), ("a", True, 40), ("b", True, 30)
    ]  # fmt: skip
    for t in found["tasks"]:
        for name, own in said.items():
            mine = [p for p in own if p.id.rstrip("0123456789") == t["name"]]
            assert t["trials"][name]["exact_match"]["mean"] == scores(mine, ["exact_match"])[0].mean
    a, b = (t["trials"]["lora"]["exact_match"]["mean"] for t in found["tasks"][1:])
    mean = found["means"]["seen"]["trials"]["lora"]["exact_match"]
    assert mean["mean"] == pytest.approx((a + b) / 2) and mean["low"] < mean["mean"] < mean["high"] and mean["n"] == 2
    assert found["means"]["never_seen"]["tasks"] == 1
    (verdict,) = found["verdicts"]
    assert (verdict["a"], verdict["b"], verdict["verdict"]) == ("lora", "zero_shot", "better")
    assert verdict["difference"] == pytest.approx(
        found["tasks"][0]["trials"]["lora"]["exact_match"]["mean"]
        - found["tasks"][0]["trials"]["zero_shot"]["exact_match"]["mean"]
    )


def trials(said) -> list[dict]:
    return [
        {"id": n, "method": n, "seed": 0, "metrics": {"exact_match": scores(p, ["exact_match"])[0].__dict__}}
        for n, p in said.items()
    ]


@pytest.mark.parametrize(
    ("right", "key"), [(0.8, "unseen_better"), (0.05, "unseen_worse"), (0.33, "unseen_cannot_tell")]
)
def test_the_report_says_what_carries_over(right, key):
    said, found = study({"zero_shot": 0.35, "lora": right})
    results = {"study": {"primary": "exact_match"}, "trials": trials(said), "by_task": found}
    shown = page.by_task(results, summary.entries(results))
    assert [word for word, _ in shown.said] == [key] and shown.said[0][1]["names"] == ["lora"]
    assert [line.name for line in shown.means] == ["mean_never_seen", "mean_seen"] and len(shown.lines) == 3
    assert all(len(line.cells) == 2 and sum(line.best) >= 1 for line in shown.lines)


def test_without_tasks_there_is_nothing_to_say():
    assert by_task({}, {}, {"train": [], "test": []}, {"by": "dataset"}) is None
    said, found = study({"lora": 0.5})
    assert found["verdicts"] == []
    results = {"study": {"primary": "exact_match"}, "trials": trials(said), "by_task": found}
    assert page.sentences(results) == []
    assert page.sentences({**results, "by_task": {**found, "tasks": found["tasks"][1:]}}) == [("none_unseen", {})]
    assert page.by_task({"study": {}, "trials": []}, []) is None


def test_thirty_one_data_sets_of_instructions(shared_data):
    """The real mixture: whole data sets held out, capped, nothing of them in train or dev."""
    table = read(shared_data / "instruct_t0_mix")
    held_out = ("glue_mrpc", "rotten_tomatoes")
    names = sorted({row["dataset"] for row in table.splits["train"]})
    held_out = tuple(names[:2])
    task, _ = tasks.infer(table.splits["train"], task=f"instruct(held_out={held_out!r}, cap=100)")
    table = complete(table, lambda row: tasks.input_keys(task, row))
    train, notes = tasks.examples(task, table.splits["train"], "train")
    counts = Counter(e.fields["dataset"] for e in train)
    assert set(counts) == set(names) - set(held_out) and max(counts.values()) <= 100
    assert not set(held_out) & {e.fields["dataset"] for e in tasks.examples(task, table.splits["dev"], "dev")[0]}
    tested = {e.fields["dataset"] for e in tasks.examples(task, table.splits["test"], "test")[0]}
    assert set(held_out) <= tested and any("mixture of" in n for n in notes)
    assert json.dumps(notes)


# -- several data sets as one ------------------------------------------------------------------------------------------


def test_data_sets_of_different_shapes_become_one(tmp_path):
    from luthier.mixing import gathered

    def write(name: str, held: list[dict]) -> str:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in held), encoding="utf-8")
        return str(path)

    talks = [
        {"dialogue": f"A: hello {i}. B: bye {i}.", "summary": [f"They talk {i}.", f"Talk {i}."]} for i in range(30)
    ]
    views = [{"text": f"fine thing number {i}", "label": ("good", "bad")[i % 2]} for i in range(40)]
    table = gathered({"talk": write("talks", talks), "view": write("views", views)})
    whole = [row for own in table.splits.values() for row in own]
    assert Counter(row["task"] for row in whole) == {"talk": 30, "view": 40}
    first = next(row for row in whole if row["task"] == "talk")
    assert first["input"].startswith("Summarize the following conversation.\n\nA: hello") and len(first["target"]) == 2
    assert {t for row in whole if row["task"] == "view" for t in row["target"]} == {"good", "bad"}
    for split in ("dev", "test"):
        assert {row["task"] for row in table.splits[split]} == {"talk", "view"}
    task, _ = tasks.infer(table.splits["train"], task="instruct(held_out=('view',))")
    assert (task.prompt, task.by, task.answer) == ("{input}", "task", "target")
    train, _ = tasks.examples(task, table.splits["train"], "train")
    assert {e.fields["task"] for e in train} == {"talk"} and len(train[0].references) == 2
    assert any(note.startswith("talk: ") for note in table.notes)
    from luthier.errors import UserError

    with pytest.raises(UserError, match="makes no mixture"):
        gathered({"talk": "dialogues"})


def test_real_data_sets_are_mixed(shared_data):
    from luthier.mixing import gathered

    table = gathered(
        {"dialogue": str(shared_data / "mts_dialog"), "review": str(shared_data / "chnsenticorp" / "dev_clean.jsonl")}
    )
    assert {row["task"] for row in table.splits["test"]} == {"dialogue", "review"}
    assert all(row["input"].strip() and row["target"] for own in table.splits.values() for row in own)
