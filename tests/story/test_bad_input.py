"""Whatever a user gets wrong: exit 2, no traceback, a message with the value, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from luthier import Backbone, Budget, Study, UserError, bases, files
from luthier.errors import Damaged
from luthier.report import build
from luthier.study import finish, prepare, write
from luthier.trial import Run
from tests.story.conftest import BACKBONE, dialogues, write_rows


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Good rows and every kind of bad file beside them."""
    write_rows(tmp_path / "ok.jsonl", dialogues(24))
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "broken.jsonl").write_text(
        '{"dialogue":"a","summary":"x"}\n{"dialogue": "b", "summary"\n', encoding="utf-8"
    )
    write_rows(tmp_path / "columns.jsonl", [{"foo": "a", "bar": "x"}, {"foo": "b", "bar": "y"}])
    (tmp_path / "bytes.jsonl").write_bytes(bytes((n * n * 7 + n * 13 + n // 7) % 256 for n in range(4096)))
    labels = [{"text": f"Visit {n} was fine.", "label": "good" if n % 2 else "bad"} for n in range(20)]
    (tmp_path / "unseen").mkdir()
    write_rows(tmp_path / "unseen" / "train.jsonl", labels)
    write_rows(tmp_path / "unseen" / "test.jsonl", [*labels[:4], {"text": "So so.", "label": "mixed"}])
    write_rows(tmp_path / "one_label.jsonl", [{"text": f"Visit {n}.", "label": "good"} for n in range(20)])
    (tmp_path / "a_file").write_text("in the way", encoding="utf-8")
    return tmp_path


CASES = {
    "no such data": (["missing.jsonl", "lora"], ["missing.jsonl"]),
    "empty file": (["empty.jsonl", "lora"], ["empty.jsonl"]),
    "broken line": (["broken.jsonl", "lora"], ["broken.jsonl", "2"]),
    "unknown columns": (["columns.jsonl", "lora"], ["foo", "bar", "dialogue"]),
    "no text": (["bytes.jsonl", "lora"], ["bytes.jsonl"]),
    "label that train lacks": (["unseen", "lora"], ["mixed", "good"]),
    "only one label": (["one_label.jsonl", "lora"], ["good", "label"]),
    "unknown method": (["ok.jsonl", "lara"], ["lara", "lora?"]),
    "rank 0": (["ok.jsonl", "lora(rank=0)"], ["rank=0", "1 or more"]),
    "unknown setting": (["ok.jsonl", "lora(rnk=4)"], ["rnk", "rank?"]),
    "no method": (["ok.jsonl", ""], ["lora"]),
    "code": (["ok.jsonl", "lora(rank=__import__('os').getpid())"], ["no plain value"]),
    "text for a number": (["ok.jsonl", "lora(rank='four')"], ["'four'", "int"]),
    "twice": (["ok.jsonl", "lora, lora"], ["twice"]),
    "open bracket": (["ok.jsonl", "lora(rank=4"], ["cannot be read"]),
    "bitfit without biases": (["ok.jsonl", "bitfit"], ["everywhere=True"]),
    "rate": (["ok.jsonl", "lora(learning_rate=-1)"], ["-1"]),
    "unknown target": (["ok.jsonl", "lora(targets='q,w')"], ["'w'", "all"]),
    "negative epochs": (["ok.jsonl", "lora", "--epochs", "-1"], ["epochs", "-1"]),
    "no steps": (["ok.jsonl", "lora", "--steps", "0"], ["steps", "0"]),
    "no minutes": (["ok.jsonl", "lora", "--minutes", "0"], ["minutes", "0"]),
    "no rows": (["ok.jsonl", "lora", "--train-rows", "0"], ["train_rows", "0"]),
    "no seeds": (["ok.jsonl", "lora", "--seeds", "0"], ["seeds", "0"]),
    "no batch": (["ok.jsonl", "lora", "--batch-size", "0"], ["batch_size", "0"]),
    "no number": (["ok.jsonl", "lora", "--steps", "many"], ["--steps", "many"]),
    "unknown task": (["ok.jsonl", "lora", "--task", "sumarise"], ["sumarise", "summarise"]),
    "unknown column": (["ok.jsonl", "lora", "--prompt", "Say: {dialog}"], ["dialog"]),
    "unknown answer": (["ok.jsonl", "lora", "--answer", "summery"], ["summery"]),
    "prompt too long": (["ok.jsonl", "lora", "--prompt", "{dialogue}" + " word" * 900], ["tokens"]),
    "unknown precision": (["ok.jsonl", "lora", "--precision", "int3"], ["int3", "fp32"]),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(say, data: Path, case: str):
    words, named = CASES[case]
    before = sorted(data.rglob("*"))
    answer = say("compare", BACKBONE, *words, "--out", "out/x")
    assert_refused(answer, named)
    assert sorted(data.rglob("*")) == before, "something was written"


def assert_refused(answer, named: list[str]) -> None:
    assert answer.code == 2, answer.out + answer.err
    assert answer.out == "" and "Traceback" not in answer.err
    assert not [n for n in named if n not in answer.err], answer.err


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("no-such-backbone", ["no-such-backbone", BACKBONE]),
        ("./nowhere", ["./nowhere", BACKBONE]),
        ("bare", ["config.json"]),
    ],
)
def test_backbone_that_is_not_there(say, data: Path, name: str, named: list[str]):
    (data / "bare").mkdir()
    assert_refused(say("compare", name if name != "bare" else data / "bare", "ok.jsonl", "lora", "--out", "x"), named)
    assert not (data / "x").exists()


def test_a_backbone_that_brings_code(say, data: Path):
    shutil.copytree(bases.folder(BACKBONE), data / "code")
    config = json.loads((data / "code" / "config.json").read_text(encoding="utf-8")) | {
        "auto_map": {"AutoModel": "mine.Model"}
    }
    (data / "code" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (data / "code" / "mine.py").write_text(f"open({str(data / 'ran')!r}, 'w')\n", encoding="utf-8")
    assert_refused(say("compare", data / "code", "ok.jsonl", "lora", "--out", "x"), ["auto_map"])
    assert not (data / "ran").exists() and not (data / "x").exists()


def test_pickled_weights_are_named_and_can_be_converted(say, data: Path):
    old = data / "old"
    shutil.copytree(bases.folder(BACKBONE), old)
    tensors = load_file(old / "model.safetensors")
    torch.save(tensors, old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    assert_refused(
        say("compare", old, "ok.jsonl", "lora", "--out", "x"), ["pytorch_model.bin", f"luthier convert {old}"]
    )
    answer = say("convert", old)
    assert answer.code == 0, answer.err
    assert Backbone(str(data / "old-safetensors"), "fp32").fingerprint == Backbone(BACKBONE, "fp32").fingerprint
    assert_refused(say("convert", old), ["not empty"])
    assert_refused(say("convert", data / "unseen"), ["no pickled weights"])


def test_a_pickle_that_runs_code_is_not_opened(say, data: Path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(data / "ran"),)

    (data / "evil").mkdir()
    torch.save({"w": Evil()}, data / "evil" / "pytorch_model.bin")
    assert_refused(say("convert", data / "evil", "--out", data / "good"), ["pytorch_model.bin"])
    assert not (data / "ran").exists() and not list(data.glob("good/*"))


def test_another_encoding_is_read_and_told(say, data: Path):
    rows = [{"text": f"第{n}次：服务员态度很差。", "label": "差评" if n % 2 else "好评"} for n in range(20)]
    (data / "gb.jsonl").write_bytes("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode("gb18030"))
    answer = say("compare", BACKBONE, "gb.jsonl", "lora", "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert any("gb18030" in n.lower() for n in json.loads(answer.out)["data"]["notes"])


def test_rows_longer_than_the_limit_are_counted(data: Path, tmp_path: Path):
    study = Study(
        BACKBONE,
        str(data / "ok.jsonl"),
        "lora",
        Budget(steps=1, max_input_tokens=24, max_answer_tokens=2, search=0.0),
        out=tmp_path / "s",
    )
    prepared = prepare(study, resume=False)
    write(prepared)
    run = Run(tmp_path / "s" / prepared.trials[0].id, tell=lambda event: None)
    run.whole()
    assert [
        c
        for c in run.caveats
        if "training inputs were cut" in c and c.startswith(f"{len(prepared.splits['train'])} of")
    ]
    assert any("test inputs were cut" in c for c in finish(tmp_path / "s")["trials"][0]["caveats"])


def test_what_must_be_said_of_a_checkpoint_is_said_in_the_report(data: Path, here: None, tmp_path: Path):
    bone = tiny.backbone("t5")
    bone.tokenizer.save_pretrained(tmp_path / "weights")
    bone.model.save_pretrained(tmp_path / "weights")
    tensors = load_file(tmp_path / "weights" / "model.safetensors") | {"left.over": torch.zeros(3)}
    save_file(tensors, tmp_path / "weights" / "model.safetensors", metadata={"format": "pt"})
    budget = Budget(steps=1, max_input_tokens=24, max_answer_tokens=2, search=0.0)
    found = Study(
        str(tmp_path / "weights"), str(data / "ok.jsonl"), "zero_shot, lora(rank=2)", budget, test_rows=2, out="s"
    ).run()
    build(tmp_path / "s")
    said = "the model has no place for 1 of the checkpoint's tensors, first left.over"
    assert [c["who"]["en"] for c in found["caveats"] if c["said"]["en"] == said] == ["every trial"]
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert said.replace("'", "&#39;") in page and "检查点中有 1 个张量在模型中没有位置" in page


def test_a_limit_without_room_is_refused(data: Path, tmp_path: Path):
    study = Study(BACKBONE, str(data / "ok.jsonl"), "lora", Budget(steps=1, max_input_tokens=1), out=tmp_path / "s")
    with pytest.raises(UserError, match="max_input_tokens is 1"):
        study.run()
    assert not (tmp_path / "s").exists()


def test_a_folder_nobody_may_write_to(say, data: Path):
    assert_refused(say("compare", BACKBONE, "ok.jsonl", "zero_shot", "--out", "a_file/x"), ["a_file", "--out"])
    if os.geteuid() == 0:  # root may write everywhere but into what the kernel shows
        if not sys.platform.startswith("linux"):
            pytest.skip("root may write everywhere")
        where = Path("/sys/luthier")
    else:
        (data / "closed").mkdir(mode=0o500)
        where = data / "closed" / "x"
    assert_refused(say("compare", BACKBONE, "ok.jsonl", "zero_shot", "--out", where), [str(where), "--out"])


def test_a_full_disk(say, data: Path, monkeypatch: pytest.MonkeyPatch):
    written = []

    def full(source: str, target: Path) -> None:
        written.append(target)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    rename = os.replace
    monkeypatch.setattr(files.os, "replace", full)
    assert_refused(say("compare", BACKBONE, "ok.jsonl", "zero_shot", "--out", "x"), ["disk is full", str(Path("x"))])
    left = [p for p in (data / "x").rglob("*") if p.is_file()]
    assert len(left) == 3 and not [p for p in left if p.name.startswith(".")]
    assert not (data / "x" / "results.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("zero_shot", "--epochs", "nan"),
        ("zero_shot", "--epochs", "inf"),
        ("zero_shot", "--minutes", "nan"),
        ("lora(dropout=2.0)",),
        ("lora(dropout=nan)",),
    ],
)
def test_numbers_that_are_none_are_refused(say, words: tuple[str, ...]):
    assert_refused(say("compare", BACKBONE, "ok.jsonl", *words, "--out", "x"), [words[-1].split("=")[-1].rstrip(")")])


def test_a_study_in_another_encoding_is_refused(say, data: Path):
    (data / "study.yaml").write_bytes("backbone: 模型\ndata: 数据\n".encode("gbk"))
    assert_refused(say("compare", "study.yaml"), ["study.yaml cannot be read"])


def test_a_project_where_a_file_is(say, data: Path):
    assert_refused(say("init", "ok.jsonl"), ["ok.jsonl is a file"])


def test_rows_as_long_as_the_positions_make_room_for_learned_tokens(tmp_path: Path):
    rows = [{"text": f"{n} days were {w} " * 200, "label": w} for n in range(8) for w in ("good", "bad")]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    budget = Budget(steps=1, batch_size=2, search=0.0)
    for methods, most in (("lora, prompt(tokens=20)", 492), ("lora, prompt(tokens=100)", 512)):
        study = Study("seedling-bert", str(tmp_path / "long.jsonl"), methods, budget, out=tmp_path / f"{most}")
        prepared = prepare(study, resume=False)
        assert {trial.budget.max_input_tokens for trial in prepared.trials} == {most}
        assert any("needs the room" in note for note in prepared.facts["data"]["notes"]) == (most < 512)
    study = Study("seedling-bert", str(tmp_path / "long.jsonl"), "prompt(tokens=20)", budget, out=tmp_path / "run")
    write(prepared := prepare(study, resume=False))
    Run(tmp_path / "run" / prepared.trials[0].id, tell=lambda event: None).whole()
    assert finish(tmp_path / "run")["trials"][0]["status"] == "done"


def test_a_disk_that_fills_while_training(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    study = Study(
        BACKBONE, str(data / "ok.jsonl"), "lora", Budget(steps=2, max_answer_tokens=4, search=0.0), out=tmp_path / "s"
    )
    prepared = prepare(study, resume=False)
    write(prepared)
    folder = tmp_path / "s" / prepared.trials[0].id

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(files.os, "fsync", full)
        with pytest.raises(UserError, match="disk is full"):
            Run(folder, tell=lambda event: None).whole()
    assert not (folder / "manifest.json").exists() and not [p for p in folder.rglob(".*")]
    Run(folder, tell=lambda event: None).whole()
    assert finish(tmp_path / "s")["trials"][0]["status"] == "done"


def test_a_trial_that_diverges(say, data: Path):
    words = ("compare", BACKBONE, "ok.jsonl", "zero_shot, lora(alpha=1e38)", "--steps", "4", "--out", "x")
    answer = say(*words, "--json")
    assert answer.code == 3, answer.err
    good, bad = json.loads(answer.out)["trials"]
    assert good["status"] == "done" and bad["status"] == "diverged" and "diverged" in bad["error"]
    assert (
        not (data / "x" / bad["id"] / "delta").exists() and not (data / "x" / bad["id"] / "predictions.jsonl").exists()
    )
    assert (data / "x" / "report.html").exists()
    again = say(*words, "--resume")
    assert again.code == 3 and "diverged" in again.out


def test_an_edited_backbone_is_noticed():
    backbone = Backbone(BACKBONE)
    backbone.check_untouched()
    with torch.no_grad():
        next(backbone.model.parameters())[0, 0] += 1
    with pytest.raises(Damaged, match=BACKBONE):
        backbone.check_untouched()


def test_a_trial_edited_afterwards_is_noticed(data: Path, tmp_path: Path, say):
    words = ("compare", BACKBONE, "ok.jsonl", "zero_shot", "--out", "x")
    assert say(*words).code == 0
    (said,) = (data / "x").glob("*/predictions.jsonl")
    before = said.read_bytes()
    said.write_bytes(before.replace(b'"tokens"', b'"Tokens"', 1))
    assert_refused(say("report", "x"), ["predictions.jsonl", "--resume"])
    answer = say(*words, "--resume", "--json")
    assert answer.code == 0, answer.err
    (trial,) = json.loads(answer.out)["trials"]
    assert any("computed again" in c for c in trial["caveats"])
