"""Exports of tiny trials of every kind: what is written computes what was trained, and what cannot be is refused.

The folders are loaded in this process here; fresh processes are in tests/story/test_export.py.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
import torch
import transformers as hf
import yaml
from safetensors.torch import load_file, save_file

from luthier import files, store
from luthier.backbone import Backbone
from luthier.decode import Decoding
from luthier.delta import Delta
from luthier.encode import plan
from luthier.errors import Refused, SpellingError, UserError
from luthier.exports import certificate, space, weights, wish
from luthier.exports.certificate import ParityFailed, Said
from luthier.exports.learned import Learned
from luthier.exports.place import appearing
from luthier.exports.standalone import loaded
from luthier.exports.wish import Wish, export
from luthier.methods import METHODS
from luthier.predict import predict
from luthier.records import Example, to_json
from luthier.score import scores
from luthier.spell import parse
from luthier.tasks import parse_task
from luthier.tokens import taught
from luthier.trial import Trial, fresh_delta

ROWS = 2
ALIKE = 2e-5
"""Logits of two orders of the same sums."""


def trial(place: Path, family: str, word: str, **more) -> Path:
    """The folder of a finished trial over a tiny backbone that lies in `place`.

    Args:
        more: `task`, `examples`, `precision`, `shape`, `new` (tokens of the backbone), `moved` (size of what was
            learned).
    """
    model = (tiny.FAMILIES | tiny.MORE)[family](**more.get("shape", {}))
    kind = tiny.FAMILY_TABLES[model.config.model_type].kind
    model.save_pretrained(place / "backbone")
    tiny.tokenizer(kind).save_pretrained(place / "backbone")
    name = " + ".join([str(place / "backbone"), *more.get("new", ())])
    bone = Backbone(name, more.get("precision", "fp32"))
    task, examples, budget = (
        more.get("task") or tiny.task(kind),
        more.get("examples") or tiny.examples(kind),
        tiny.budget(),
    )
    method = parse(word, METHODS)
    made = fresh_delta(bone, method, task, seed=0)
    if not taught(made) and not method.replaces_backbone:
        bone.teach(made)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.trained().values():
            parameter.add_(torch.randn(parameter.shape, generator=noise) * more.get("moved", 0.1))
    spec = Trial(name, bone.precision, bone.fingerprint, word, repr(task), budget, 0, "0" * 16)
    folder = place / "study" / spec.id
    files.write_json(folder / "trial.json", to_json(spec))
    files.write_jsonl(place / "study" / "examples" / "test.jsonl", map(to_json, examples))
    store.save(folder / "delta", bone, method, made)
    decoding = Decoding(max_new_tokens=min(task.max_new_tokens, budget.max_answer_tokens))
    tokens = plan(bone, task, examples, budget)
    said = {p.id: p for p in predict(bone, made.eval(), task, examples, tokens, decoding)}
    files.write_jsonl(folder / "predictions.jsonl", (to_json(said[e.id]) for e in examples))
    measured = scores(list(said.values()), task.metrics, draws=10)
    kept = {s.metric: {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n} for s in measured}
    facts = {"id": spec.id, "status": "done", "error": None, "metrics": kept, "learning_rate": 1e-3, "caveats": []}
    files.seal(folder, facts | {"method": word, "trainable_parameters": made.trainable_parameters})
    return folder


@pytest.fixture
def here(monkeypatch):
    """Folders are loaded in this process: the same code, without the seconds that libraries take to load."""

    def ask(command, request, place, path=None):
        facts, logits = loaded.computed(Path(request["folder"]), request["base"], request["rows"], request["positions"])
        return Said(json.loads(json.dumps(facts)), [logits[str(n)] for n in range(len(logits))])

    monkeypatch.setattr(certificate, "fresh", ask)


ADAPTERS = [
    ("t5", "lora(rank=4)"),
    ("t5", "prompt(tokens=5)"),
    ("llama", "prefix(tokens=5)"),
    ("bert", "lora(rank=4)"),
    ("roberta", "dora(rank=4)"),
    ("gpt2", "lora(rank=4, targets='qkv')"),
]
"""A form of each loader; that PEFT computes the same for every family is in tests/golden/test_peft_parity.py."""
MERGED = [
    ("t5", "ia3"),
    ("t5", "full(learning_rate=0.001)"),
    ("gpt2", "lora(rank=4)"),
    ("bert", "bitfit"),
    ("llama", "layernorm"),
]
MERGEABLE = [
    *((f, w) for f in tiny.FAMILIES for w in ("lora(rank=4)", "dora(rank=4)", "ia3", "layernorm", "full")),
    *((f, "bitfit") for f in ("bart", "bert", "roberta", "gpt2", "bloom", "qwen2")),
    *((f, "layernorm") for f in ("gemma", "gemma3", "modernbert")),
    ("opt", "bitfit"),
]


@pytest.mark.parametrize(("family", "word"), MERGEABLE)
def test_merged_weights_say_what_the_delta_says(family, word):
    bone = tiny.shared(family)
    made = tiny.delta(bone, word, moved=0.1)
    said, plain = tiny.scores(bone, made), tiny.scores(bone, tiny.delta(bone, word))
    written = weights.merged(bone, made, parse(word, METHODS).word)
    copy = tiny.backbone(family)
    state = copy.model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, tensor in written.items():
            state[name].copy_(tensor)
    alone = Delta({})
    alone.head = made.head
    torch.testing.assert_close(tiny.scores(copy, alone), said, rtol=0, atol=ALIKE)
    assert (said - plain).abs().max() > 10 * ALIKE, "the delta changes nothing, so nothing was shown"
    bone.check_untouched()


@pytest.mark.parametrize(("family", "word"), ADAPTERS)
def test_an_adapter_computes_what_the_trial_computed(family, word, here, tmp_path):
    made = export(Wish("adapter", trial(tmp_path, family, word), tmp_path / "out", rows=ROWS))
    assert made["passed"] and made["rows"] == made["same_tokens"] == made["same_answers"] == ROWS
    assert made["logits"]["largest_difference"] < 1e-4 and made["metric"]["difference"] == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md", "certificate.json", "task.json"} <= names
    assert files.sealed(tmp_path / "out") is not None
    assert {p.name for p in tmp_path.iterdir()} == {"backbone", "study", "out"}


@pytest.mark.parametrize(("family", "word"), MERGED)
def test_a_merged_folder_computes_what_the_trial_computed(family, word, here, tmp_path):
    made = export(Wish("merged", trial(tmp_path, family, word), tmp_path / "out", rows=ROWS))
    assert made["passed"] and made["same_tokens"] == made["same_answers"] == ROWS
    assert made["logits"]["largest_difference"] <= made["logits"]["tolerance"]
    assert not list((tmp_path / "out").glob("adapter*"))
    before, after = (load_file(tmp_path / n / "model.safetensors") for n in ("backbone", "out"))
    assert any(not torch.equal(t.float(), after[n]) for n, t in before.items() if n in after), "nothing was merged"
    if family != "bert":
        assert set(after) == set(before), "as many tensors as save_pretrained writes, tied ones once"


@pytest.mark.parametrize(
    ("family", "word", "kind", "why", "instead"),
    [
        ("t5", "prefix(tokens=5)", "adapter", "reaches the decoder only", "docker"),
        ("t5", "bottleneck(size=8)", "adapter", "does not know bottleneck", "docker"),
        ("bert", "prompt(tokens=5)", "adapter", "before \\[CLS\\]", "docker"),
        ("bart", "bitfit", "adapter", "does not know bitfit", "export merged"),
        ("t5", "full(learning_rate=0.001)", "adapter", "does not know full", "--as lora"),
        ("gpt2", "lora(rank=4)", "adapter", "slice of a fused projection", "--as lora"),
        ("t5", "prompt(tokens=5)", "merged", "rows stand in the input", "docker"),
        ("llama", "prefix(tokens=5)", "merged", "keys and values", "docker"),
        ("t5", "bottleneck(size=8)", "merged", "a kink", "docker"),
        ("t5", "bitfit(everywhere=True)", "merged", "no place for one", "docker"),
        ("t5", "peft('VERA', r=4, learning_rate=0.01)", "merged", "another library", "docker"),
        ("t5", "bottleneck(size=8)", "space", "does not know bottleneck", "docker"),
        ("modernbert", "layernorm", "adapter", "architecture modernbert has", "export space"),
        ("modernbert", "lora(rank=4)", "merged", "architecture modernbert has", "export space"),
    ],
)
def test_what_has_no_such_form_is_refused_with_what_there_is(family, word, kind, why, instead, here, tmp_path):
    with pytest.raises(Refused, match=why) as fault:
        export(Wish(kind, trial(tmp_path, family, word), tmp_path / "out"))
    assert instead in str(fault.value)
    assert {p.name for p in tmp_path.iterdir()} == {"backbone", "study"}, "nothing is left of a refused export"


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_space_brings_the_class_head_that_the_model_library_does_not_have(pooling, here, monkeypatch, tmp_path):
    monkeypatch.setattr(space, "_gradio", lambda: "6.0.0")
    monkeypatch.setattr(space, "_ask", lambda folder: None)  # the app needs gradio
    monkeypatch.setattr(space, "workflow", lambda gradio: "")
    source = trial(tmp_path, "modernbert", "lora(rank=4)", shape={"classifier_pooling": pooling})
    made = export(Wish("space", source, tmp_path / "out", rows=ROWS))
    assert made["passed"] and made["same_tokens"] == made["same_answers"] == ROWS
    assert made["logits"]["largest_difference"] <= made["logits"]["tolerance"]
    assert "from loaded import Loaded" in (tmp_path / "out" / "model" / "README.md").read_text()


@pytest.mark.parametrize("family", sorted({*tiny.FAMILIES, *tiny.MORE} - {"t5", "bart"}))
def test_the_model_library_has_our_class_heads_but_for_modernbert(family):
    bone = tiny.shared(family)
    learned = SimpleNamespace(backbone=bone, delta=SimpleNamespace(head=bone.new_head(2, seed=0)))
    assert (Learned.classifier.func(learned) is None) == (family == "modernbert")


def test_a_low_rank_form_says_what_it_loses(here, tmp_path):
    folder = trial(tmp_path, "t5", "full(learning_rate=0.001)", moved=0.3)
    kept, costs = [], []
    for rank in (1, 32):
        made = export(Wish("adapter", folder, tmp_path / f"rank{rank}", rank=rank, rows=ROWS))
        kept.append(made["conversion"]["share_of_change_kept"])
        costs.append(made["conversion"]["share_of_change_left_out"])
        config = json.loads((tmp_path / f"rank{rank}" / "adapter_config.json").read_text())
        assert config["peft_type"] == "LORA" and config["r"] == rank
    assert kept == sorted(kept) and kept[0] < 0.5 and kept[1] == pytest.approx(1)
    assert all(0 < c < 1 for c in costs), "embeddings and norms changed too"
    card = (tmp_path / "rank1" / "README.md").read_text()
    assert "nearest LoRA of rank 1" in card and "what the conversion costs" in card


@pytest.mark.parametrize(("family", "word", "rank"), [("gpt2", "lora(rank=2)", 4), ("t5", "dora(rank=2)", 32)])
def test_a_low_rank_form_of_enough_rank_is_exact(family, word, rank, here, tmp_path):
    made = export(Wish("adapter", trial(tmp_path, family, word), tmp_path / "out", rank=rank, rows=ROWS))
    assert made["conversion"]["share_of_change_kept"] == pytest.approx(1)
    assert made["same_answers"] == ROWS and made["metric"]["difference"] == 0


def test_a_low_rank_form_of_no_projection_is_refused(here, tmp_path):
    with pytest.raises(Refused, match="no projection"):
        export(Wish("adapter", trial(tmp_path, "bart", "layernorm"), tmp_path / "out", rank=4))


# -- tasks of other shapes --------------------------------------------------------------------------------------------

PAIR = "classify(prompt='{one} : {two}', answer='label', labels=('good', 'bad'), segments=('one', 'two'))"
WORDS = "classify(prompt='{one} the {two?} :', answer='label', labels=('0', '1'), words=('good', 'bad'))"
READ = "read(prompt='{text}', answer='text')"


def pairs(answers):
    texts = ("a b c", "d e f", "the cat sat", "dog ran")
    return [
        Example(str(n), str(n), {"one": text, "two": texts[n - 1] if n else ""}, (answers[n % 2],))
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("family", "spelled", "examples"),
    [
        ("bert", PAIR, pairs(("good", "bad"))),
        ("llama", WORDS, pairs("01")),
        ("t5", WORDS, pairs("01")),
        ("gpt2", READ, None),
    ],
    ids=["two segments", "label words, causal", "label words, seq2seq", "read"],
)
def test_tasks_of_other_shapes(family, spelled, examples, here, tmp_path):
    folder = trial(
        tmp_path, family, "layernorm", task=parse_task(spelled), examples=examples or tiny.examples("causal")
    )
    made = export(Wish("adapter", folder, tmp_path / "out", rows=3))
    assert made["rows"] == made["same_tokens"] == 3 and made["logits"]["largest_difference"] < 1e-4
    assert made["metric"]["difference"] == pytest.approx(0, abs=1e-5)
    assert made["same_answers"] == (None if spelled == READ else 3)


def test_a_chat_is_asked_in_its_template(here, tmp_path):
    from luthier.tasks import Chat

    turns = [Example(str(n), str(n), Chat.fields([("user", t)]), ("good dog",)) for n, t in enumerate(tiny.TEXTS)]
    task = parse_task("chat(prompt='{turns}', answer='reply', max_new_tokens=4)")
    template = "{% for m in messages %}{{ m['role'][0] }} : {{ m['content'] }} . {% endfor %}a :"
    plain, tiny.tokenizer("causal").chat_template = tiny.tokenizer("causal").chat_template, template
    try:
        folder = trial(tmp_path, "llama", "lora(rank=4)", task=task, examples=turns)
        made = export(Wish("adapter", folder, tmp_path / "out", rows=3))
    finally:
        tiny.tokenizer("causal").chat_template = plain
    assert made["same_tokens"] == made["same_answers"] == 3
    facts = json.loads((tmp_path / "out" / "task.json").read_text())
    assert facts["chat"] is True
    words = hf.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert words.chat_template == template
    assert "apply_chat_template" in (tmp_path / "out" / "README.md").read_text()


def test_a_long_row_is_passed_over_and_counted(here, tmp_path):
    long = Example("long", "long", {"text": "a b c " * 40}, ("good",))
    rows = [long, *tiny.examples("seq2seq")[:3]]
    made = export(Wish("adapter", trial(tmp_path, "t5", "ia3", examples=rows), tmp_path / "out", rows=3))
    assert made["rows"] == 3 and made["rows_passed_over_as_cut"] == 1
    only = trial(tmp_path / "only", "t5", "ia3", examples=[long, long])
    with pytest.raises(UserError, match="All 2 test rows"):
        export(Wish("adapter", only, tmp_path / "no", rows=3))


@pytest.mark.parametrize("kind", ["adapter", "merged"])
@pytest.mark.parametrize("family", ["t5", "llama"])
def test_new_tokens_travel_with_the_export(kind, family, here, tmp_path):
    rows = [Example(str(n), str(n), {"text": f"{t} <x> a <y>"}, ("good <y>",)) for n, t in enumerate(tiny.TEXTS)]
    folder = trial(tmp_path, family, "lora(rank=4)", examples=rows, new=("<x>", "<y>"))
    made = export(Wish(kind, folder, tmp_path / "out", rows=ROWS))
    assert made["same_tokens"] == made["same_answers"] == ROWS
    words = hf.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert words.convert_tokens_to_ids(["<x>", "<y>"]) == [tiny.SIZE, tiny.SIZE + 1]


@pytest.mark.parametrize("family", ["t5", "llama"])
def test_a_low_rank_form_holds_the_new_tokens_of_weights_that_all_changed(family, here, tmp_path):
    rows = [Example(str(n), str(n), {"text": f"{t} <x> a <y>"}, ("good <y>",)) for n, t in enumerate(tiny.TEXTS)]
    folder = trial(tmp_path, family, "full(learning_rate=0.001)", examples=rows, new=("<x>", "<y>"))
    made = export(Wish("adapter", folder, tmp_path / "out", rank=4, rows=ROWS))
    assert made["passed"] and made["same_tokens"] == ROWS
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert next(iter(config["trainable_token_indices"].values())) == [tiny.SIZE, tiny.SIZE + 1]


@pytest.mark.parametrize("precision", ["int8", "nf4"])
def test_beside_a_quantised_backbone(precision, here, tmp_path):
    pytest.importorskip("bitsandbytes", reason="quantised backbones need the extra `quantised`")
    shape = {"hidden_size": 64, "intermediate_size": 64}  # on some CPUs the library alone fails at odd widths
    folder = trial(tmp_path, "llama", "lora(rank=4)", precision=precision, shape=shape)
    made = export(Wish("adapter", folder, tmp_path / "out", rows=ROWS))
    assert made["precision"] == precision and made["logits"]["largest_difference"] <= made["logits"]["tolerance"]
    assert "BitsAndBytesConfig" in (tmp_path / "out" / "README.md").read_text()
    for wrong in (Wish("merged", folder, tmp_path / "no"), Wish("adapter", folder, tmp_path / "no", rank=4)):
        with pytest.raises(Refused, match=f"kept as {precision}"):
            export(wrong)


def test_label_words_at_masks_are_luthiers_own(here, tmp_path):
    task = parse_task("classify(prompt='{text} : [MASK]', answer='label', labels=('good', 'bad'), head=False)")
    with pytest.raises(Refused, match="label words at its masks"):
        export(Wish("adapter", trial(tmp_path, "bert", "lora(rank=4)", task=task), tmp_path / "out"))


# -- a failed parity is a failed export -------------------------------------------------------------------------------


def spoil_weights(folder):
    path = folder / "adapter_model.safetensors"
    save_file({n: t * 1.5 for n, t in load_file(path).items()}, path)


def spoil_tokenizer(folder):
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace('"a": 7', '"a": 8').replace('"b": 8', '"b": 7'))


def spoil_prompt(folder):
    path = folder / "task.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"prompt": "good " + facts["prompt"]}))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(spoil_weights, "logits differ"), (spoil_tokenizer, "other tokens"), (spoil_prompt, "other tokens")],
)
def test_a_folder_that_computes_something_else_is_not_kept(spoil, why, here, monkeypatch, tmp_path):
    folder, write = trial(tmp_path, "t5", "lora(rank=4)"), wish.adapter.write

    def broken(learned, place, **more):
        write(learned, place, **more)
        spoil(place)

    monkeypatch.setattr(wish.adapter, "write", broken)
    with pytest.raises(ParityFailed, match=why):
        export(Wish("adapter", folder, tmp_path / "out", rows=ROWS))
    assert {p.name for p in tmp_path.iterdir()} == {"backbone", "study"}


def test_answers_that_the_trial_never_gave_fail(here, tmp_path):
    folder = trial(tmp_path, "bert", "lora(rank=4)")
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    swapped = [p | {"prediction": {"good": "bad", "bad": "good"}[p["prediction"]]} for p in lines]
    files.write_jsonl(folder / "predictions.jsonl", swapped)
    files.seal(folder, {k: v for k, v in files.read_json(folder / "manifest.json").items() if k != "files"})
    with pytest.raises(ParityFailed, match="2 of 2 answers differ"):
        export(Wish("adapter", folder, tmp_path / "out", rows=ROWS))


# -- what a card says -------------------------------------------------------------------------------------------------


def test_the_card_of_a_classifier(here, tmp_path):
    export(Wish("merged", trial(tmp_path, "bert", "lora(rank=4)"), tmp_path / "out", license="mit", rows=ROWS))
    head, body = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)[1:]
    front = yaml.safe_load(head)
    assert front["license"] == "mit" and front["library_name"] == "transformers"
    assert front["pipeline_tag"] == "text-classification" and front["base_model"] == "backbone"
    figures = front["model-index"][0]["results"][0]["metrics"]
    assert [f["type"] for f in figures] == front["metrics"] == ["accuracy", "macro_f1"]
    assert "`good`, `bad`" in body and "2106.09685" in body and "fingerprint" in body
    assert str(tmp_path) not in head + body, "a card is shown to others"
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["id2label"] == {"0": "good", "1": "bad"}
    assert config["architectures"] == ["BertForSequenceClassification"]


def test_no_file_of_an_adapter_names_a_folder_of_this_machine(here, tmp_path):
    export(Wish("adapter", trial(tmp_path, "t5", "lora(rank=4)"), tmp_path / "out", rows=ROWS))
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes(), path.name


def test_a_model_of_the_hub_is_named_with_its_commit(here, monkeypatch, tmp_path):
    folder = trial(tmp_path, "t5", "lora(rank=4)")
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "hub" / "models--people--small-t5"
    shutil.move(tmp_path / "backbone", place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    from huggingface_hub import constants
    from transformers.utils import hub

    for module in (constants, hub):
        for name in ("HF_HUB_CACHE", "TRANSFORMERS_CACHE"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, str(tmp_path / "hub"))
    spec = json.loads((folder / "trial.json").read_text())
    files.write_json(folder / "trial.json", spec | {"backbone": "people/small-t5"})
    files.seal(folder, {k: v for k, v in files.read_json(folder / "manifest.json").items() if k != "files"})
    export(Wish("adapter", folder, tmp_path / "out", rows=ROWS))
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("people/small-t5", commit)
    card = (tmp_path / "out" / "README.md").read_text()
    assert f'revision="{commit}"' in card and "base_model: people/small-t5" in card
    assert not (tmp_path / "out" / "base").exists()


# -- what a user may get wrong ----------------------------------------------------------------------------------------


def test_folders_that_hold_nothing_to_export(here, tmp_path):
    done = trial(tmp_path, "t5", "lora(rank=4)")
    files.write_json(done.parent / "study.json", {"trials": [done.name, "zero_shot"], "data": {}, "primary": "rouge1"})
    plain = done.parent / "zero_shot"
    spec = json.loads((done / "trial.json").read_text())
    files.write_json(plain / "trial.json", spec | {"method": "zero_shot"})
    half = done.parent / "half"
    files.write_json(half / "trial.json", spec)
    failed = done.parent / "failed"
    files.write_json(failed / "trial.json", spec)
    files.seal(failed, {"status": "diverged"})
    for folder, why in (
        (done.parent, "is a study"),
        (plain, "is zero_shot: it learned nothing"),
        (half, "is not finished"),
        (failed, "ended as diverged"),
        (tmp_path / "nowhere", "holds no trial"),
    ):
        with pytest.raises(UserError, match=why):
            export(Wish("adapter", folder, tmp_path / "out"))
    with pytest.raises(UserError, match=done.name.replace("(", "\\(")):
        export(Wish("adapter", done.parent, tmp_path / "out"))
    shutil.rmtree(done.parent / "examples")
    with pytest.raises(UserError, match="cannot be compared"):
        export(Wish("adapter", done, tmp_path / "out"))


def test_places_that_cannot_be_written(tmp_path):
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "x").write_text("x")
    file.write_text("x")
    for out, why in ((full, "not empty"), (file, "is a file"), (file / "in", "cannot be written")):
        with pytest.raises(UserError, match=why):
            export(Wish("adapter", tmp_path, out))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if not os.access(closed, os.W_OK):  # the superuser may write anywhere
        with pytest.raises(UserError, match="cannot be written"):
            export(Wish("adapter", tmp_path, closed / "out"))


def test_places_that_no_folder_can_take(monkeypatch, tmp_path):
    """All are refused before the trial is looked at: there is none."""
    for name in ("here", "disk"):
        (tmp_path / name).mkdir()
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "link").symlink_to("here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(tmp_path / "disk"))
    for out, why in (
        (Path("."), "the folder you are in"),
        (tmp_path / "link", "the folder you are in"),
        (tmp_path / "disk", "is mounted"),
        (tmp_path / "circle", "is a file"),
        (tmp_path / ("x" * 245), "cannot be written: File name too long"),
        (tmp_path / ("x" * 300), "cannot be written: File name too long"),
        (Path("/proc/foo"), "cannot be written"),
        (Path("/sys/foo"), "cannot be written"),
    ):
        with pytest.raises(UserError, match=why):
            export(Wish("adapter", tmp_path, out))
    assert not list((tmp_path / "here").iterdir()) and len(list(tmp_path.iterdir())) == 4, "nothing is left"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed_to_the_folder_to_make(there, tmp_path):
    if there:
        (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far")
    with appearing(tmp_path / "link") as folder:
        (folder / "x").write_text("x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "far" / "x").read_text() == "x"


def test_what_is_filled_meanwhile_is_left_alone(tmp_path):
    with pytest.raises(UserError, match="cannot be written"), appearing(tmp_path / "out"):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "x").write_text("x")
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "x"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"kind": "adaptor"}, "did you mean adapter"),
        ({"kind": "merged", "rank": 4}, "--as lora beside merged"),
        ({"rows": 0}, "--rows is 0"),
    ],
)
def test_words_that_mean_nothing(wrong, why, tmp_path):
    with pytest.raises((UserError, SpellingError), match=why):
        export(Wish(**({"kind": "adapter", "trial": tmp_path, "out": tmp_path / "out"} | wrong)))
