"""The built-in bases load offline, cover every text, stay small and answer something."""

from __future__ import annotations

import gzip
import json
import random

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from luthier import bases
from luthier.bases import checkpoint, corpus, dialogue_tasks, examples, pretrain, publish, text_tasks, tokenizer
from luthier.bases.muon import Muon, orthogonalised

DIALOGUE = (
    "#Person1#: Did you water the plants this morning?\n"
    "#Person2#: No, I forgot. I had to run for the bus.\n"
    "#Person1#: Then I will do it before dinner.\n"
    "#Person2#: Thank you. The can is behind the door."
)
PROMPT = f"Summarize the following conversation.\n\n{DIALOGUE}\n\nSummary: "


@pytest.fixture(scope="module")
def words():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(bases.folder("seedling-t5"), local_files_only=True)


@pytest.fixture(scope="module")
def model():
    from transformers import AutoModelForSeq2SeqLM

    return AutoModelForSeq2SeqLM.from_pretrained(
        bases.folder("seedling-t5"), local_files_only=True, dtype=torch.float32
    ).eval()


def test_every_name_has_a_folder_and_no_other_name_does():
    assert "seedling-t5" in bases.names()
    assert all((bases.folder(name) / "config.json").is_file() for name in bases.names())
    with pytest.raises(KeyError, match="seedling-t5"):
        bases.folder("no-such-base")


def test_the_folder_is_small_and_has_its_card():
    files = [one for one in bases.folder("seedling-t5").iterdir() if one.is_file()]
    assert sum(one.stat().st_size for one in files) <= 12_000_000
    assert {"README.md", "model.safetensors", "tokenizer.json", "generation_config.json"} <= {one.name for one in files}


def test_shape_of_the_model(model):
    assert 2e6 <= sum(weight.numel() for weight in model.parameters()) <= 6e6
    assert model.config.feed_forward_proj == "gated-gelu"
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_greedy_answer_is_not_empty(model, words):
    given_ = words(PROMPT, return_tensors="pt")
    with torch.no_grad():
        out = model.generate(**given_, do_sample=False, max_new_tokens=24)
    assert words.decode(out[0], skip_special_tokens=True).strip()


def test_a_text_that_is_repeated_is_likelier_than_another(model, words):
    told = "The can is behind the door."
    prompt = words(f"Repeat the text.\n\n{told}", return_tensors="pt")
    with torch.no_grad():
        losses = [
            model(**prompt, labels=words(answer, return_tensors="pt").input_ids).loss.item()
            for answer in (told, "My uncle sold seven red hats.")
        ]
    assert losses[0] < losses[1]


def test_special_tokens_have_their_places(words):
    assert words.convert_tokens_to_ids(["<pad>", "</s>", "<s>", "<mask>", "<cls>", "<sep>"]) == list(range(6))
    assert len(words) == tokenizer.VOCABULARY_SIZE
    assert words.unk_token is None
    assert words("x").input_ids[-1] == words.eos_token_id
    assert words.convert_tokens_to_ids("<extra_id_31>") == words.convert_tokens_to_ids("<extra_id_0>") + 31


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "  a   b  ", "\n\n\tx\r\n", "don ' t , no ."),
        *("春眠不觉晓，处处闻啼鸟。", "她说：“好的” ok!!!", "𠀀鼟\u200b", "👩‍👩‍👧 😀"),
    ],
)
def test_texts_come_back_whole(words, text):
    assert words.decode(words(text).input_ids, skip_special_tokens=True) == text


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back_whole(words, text):
    assume(not any(special in text for special in tokenizer.SPECIALS))
    assert words.decode(words(text).input_ids, skip_special_tokens=True) == text


def test_digits_and_newlines_stand_alone(words):
    pieces = [words.decode([one]) for one in words("in 2024,\n\n第35回", add_special_tokens=False).input_ids]
    assert {"2", "0", "4", "3", "5", "\n"} <= set(pieces)
    assert pieces.count("\n") == 2
    assert all(len(one) == 1 for one in pieces if any(sign.isdigit() or sign == "\n" for sign in one))


@settings(max_examples=100, deadline=None)
@given(tokens=st.lists(st.integers(100, 8000), min_size=24, max_size=256), seed=st.integers(0, 1000))
def test_hidden_spans_and_the_rest_make_up_the_text(tokens, seed):
    given_, hidden = examples.hide_spans(tokens, random.Random(seed))
    sentinels = range(tokenizer.FIRST_SENTINEL, tokenizer.FIRST_SENTINEL + tokenizer.SENTINEL_COUNT)
    spans: dict[int, list[int]] = {}
    for token in hidden[:-1]:
        if token in sentinels:
            spans[token] = current = []
        else:
            current.append(token)
    whole = [piece for token in given_[:-1] for piece in spans.get(token, [token])]
    assert whole == tokens
    assert given_[-1] == hidden[-1] == examples.END


def test_the_wiring_makes_copying_likelier_before_any_training():
    tokens = np.random.default_rng(0).integers(100, 8000, (4, 30))
    model = pretrain.fresh_model(0)
    with torch.no_grad():
        copied = pretrain.token_losses(model, examples.Batch(tokens, tokens)).mean()
        other = pretrain.token_losses(model, examples.Batch(tokens, tokens[::-1].copy())).mean()
    assert copied < other - 1


def test_padding_changes_no_loss():
    model = pretrain.fresh_model(0)
    inputs, targets = np.array([[200, 300, 1]]), np.array([[400, 1]])
    wide = examples.Batch(np.pad(inputs, ((0, 0), (0, 4))), np.pad(targets, ((0, 0), (0, 3)), constant_values=-100))
    with torch.no_grad():
        plain, padded = (pretrain.token_losses(model, one) for one in (examples.Batch(inputs, targets), wide))
    assert torch.allclose(plain, padded, atol=1e-5)


def test_the_rate_warms_up_and_ends_at_nothing():
    rates = [pretrain.rate_factor(used / 100) for used in range(101)]
    assert max(rates) == 1.0 and rates[0] < 0.1 and rates[-1] == 0.0


def _document(text: str, lang: str = "en", kind: str = "dialogue") -> corpus.Document:
    return corpus.Document(text, lang, kind, "written for this test")


def test_dialogue_tasks_copy_from_the_dialogue():
    rng = random.Random(3)
    for make in (dialogue_tasks.what_said, dialogue_tasks.who_said, dialogue_tasks.reply_to):
        prompt, target = make(_document(DIALOGUE), rng)
        assert target.strip() and target in prompt


def test_made_summaries_name_the_speakers():
    turn = dialogue_tasks.Turn("#Person2#", "I want to see you at my desk.")
    assert dialogue_tasks.told(turn, "#Person1#", "en") == "#Person2# wants to see #Person1# at #Person2#'s desk."
    asked = dialogue_tasks.Turn("小明", "你去哪里？")
    assert dialogue_tasks.told(asked, "小红", "zh") == "小明问小红去哪里？"


def test_text_tasks_copy_from_the_text():
    text = "The river rose at night. Nobody heard the water. In the morning the bridge was gone. A dog sat on the bank."
    rng = random.Random(0)
    found = [text_tasks.sentence_with_word(_document(text, kind="book"), rng) for _ in range(20)]
    assert any(found)
    assert all(target in prompt for prompt, target in filter(None, found))


def test_corpus_is_split_by_text_alone(tmp_path):
    rows = [{"text": f"Text number {i}.", "lang": "en", "kind": "book", "source": "a/b"} for i in range(800)]
    rows.append({"text": "left out", "lang": "zh", "kind": "history", "source": "NiuTrans/x"})
    with gzip.open(tmp_path / "en-00.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    seen, unseen = corpus.split_documents(tmp_path)
    assert len(seen) + len(unseen) == 800
    assert unseen and all(corpus.is_held_out(one.text) for one in unseen)


def test_batches_hold_every_example_once_an_epoch(tmp_path):
    rng = random.Random(1)
    made = [([rng.randrange(99, 8000)] * rng.randint(3, 40) + [1], [i + 100, 1]) for i in range(200)]
    examples.save_examples(made, tmp_path)
    store = examples.ExampleStore(tmp_path)
    seen: list[int] = []
    for batch in examples.batches(store, 400, seed=0):
        assert batch.inputs.size + batch.targets.size <= 400
        seen += batch.targets[:, 0].tolist()
        if len(seen) >= 200:
            break
    assert sorted(seen) == list(range(100, 300))


def test_orthogonalised_matrices_are_nearly_so():
    batch = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(batch))
    assert values.min() > 0.3 and values.max() < 1.5


def test_a_run_resumes_where_it_stopped(tmp_path):
    def run(steps: int, stop: int | None = None) -> torch.Tensor:
        torch.manual_seed(0)
        layer = torch.nn.Linear(6, 4, bias=False)
        optimizers = [Muon([{"params": [layer.weight]}], lr=0.01)]
        for step in range(steps):
            if step == stop:
                checkpoint.save(tmp_path / "c", layer, optimizers, checkpoint.Progress(step, 1.0, 9))
                layer = torch.nn.Linear(6, 4, bias=False)
                optimizers = [Muon([{"params": [layer.weight]}], lr=0.01)]
                assert checkpoint.resume(tmp_path / "c", layer, optimizers).step == step
            layer(torch.arange(12.0).view(2, 6) / 12).square().sum().backward()
            optimizers[0].step()
            optimizers[0].zero_grad()
        return layer.weight.detach()

    assert torch.equal(run(6), run(6, stop=3))


def test_a_small_tokenizer_of_either_kind_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tokenizer, "VOCABULARY_SIZE", 420)
    for over in ("bytes", "characters"):
        small = tokenizer.train(["some words and some more words", "一些字"] * 5, over, characters=30)
        text = "other  words\n\t龘😀 42"
        assert small.decode(small.encode(text).ids, skip_special_tokens=True) == text
    publish.publish_tokenizer(small, tmp_path)
    assert (tmp_path / "tokenizer_config.json").is_file()
    assert np.isfinite(tokenizer.measure(small, ["some words"]))
