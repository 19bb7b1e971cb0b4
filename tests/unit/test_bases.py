"""The built-in bases load offline, cover every text, stay small and answer something."""

from __future__ import annotations

import gzip
import json
import math
import random

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from luthier import bases
from luthier.backbone import Backbone
from luthier.bases import (
    checkpoint,
    corpus,
    dialogue_tasks,
    encoder,
    evaluate,
    examples,
    measure,
    pretrain,
    publish,
    question_tasks,
    rates,
    seq2seq,
    text,
    text_tasks,
    tokenizer,
    untrained,
    vectors,
)
from luthier.bases.batch import NOT_LEARNT, Batch
from luthier.bases.measure import bits
from luthier.bases.muon import Muon, orthogonalised
from luthier.bases.recipes import RECIPES
from luthier.cli.compare import STORIES
from luthier.data import BUILT_IN
from luthier.methods import METHODS
from luthier.spell import parse_list

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


@pytest.fixture(scope="module")
def shared():
    return Tokenizer.from_file(str(bases.folder("seedling-t5") / "tokenizer.json"))


def test_only_bases_with_weights_have_a_name():
    assert "seedling-t5" in bases.names()
    assert set(bases.names()) <= set(bases.RECIPE_MINUTES) == set(RECIPES)
    assert all((bases.folder(name) / "model.safetensors").is_file() for name in bases.names())
    with pytest.raises(KeyError, match="seedling-t5"):
        bases.folder("no-such-base")


def test_facts_are_those_of_the_loaded_model(model):
    facts = {one["name"]: one for one in bases.facts()}
    assert list(facts) == list(bases.names())
    assert facts["seedling-t5"]["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert all(facts[name]["kind"] == RECIPES[name].kind for name in facts)
    assert all(f"--base {name}" in bases.rebuild() for name in RECIPES)


@pytest.mark.parametrize("name", bases.names())
def test_the_folder_is_small_and_has_its_card(name):
    files = [one for one in bases.folder(name).iterdir() if one.is_file()]
    assert sum(one.stat().st_size for one in files) <= 12_000_000
    assert {"README.md", "model.safetensors", "tokenizer.json", "config.json"} <= {one.name for one in files}
    assert 1e6 <= next(f["parameters"] for f in bases.facts() if f["name"] == name) <= 6e6


@pytest.mark.parametrize("name", bases.names())
def test_the_bases_share_their_pieces(name, shared):
    words = Tokenizer.from_file(str(bases.folder(name) / "tokenizer.json"))
    assert words.get_vocab() == shared.get_vocab()
    assert Backbone.sketch(name).kind == RECIPES[name].kind


def test_shape_of_the_model(model):
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


@settings(max_examples=80, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back_whole(words, text):
    assume(not any(special in text for special in tokenizer.SPECIALS))
    assert words.decode(words(text).input_ids, skip_special_tokens=True) == text


def test_digits_and_newlines_stand_alone(words):
    pieces = [words.decode([one]) for one in words("in 2024,\n\n第35回", add_special_tokens=False).input_ids]
    assert {"2", "0", "4", "3", "5", "\n"} <= set(pieces)
    assert pieces.count("\n") == 2
    assert all(len(one) == 1 for one in pieces if any(sign.isdigit() or sign == "\n" for sign in one))


@settings(max_examples=40, deadline=None)
@given(tokens=st.lists(st.integers(100, 8000), min_size=24, max_size=256), seed=st.integers(0, 1000))
def test_hidden_spans_and_the_rest_make_up_the_text(tokens, seed):
    given_, hidden = seq2seq.hide_spans(tokens, random.Random(seed))
    sentinels = range(tokenizer.FIRST_SENTINEL, tokenizer.FIRST_SENTINEL + tokenizer.SENTINEL_COUNT)
    spans: dict[int, list[int]] = {}
    for token in hidden[:-1]:
        if token in sentinels:
            spans[token] = current = []
        else:
            current.append(token)
    whole = [piece for token in given_[:-1] for piece in spans.get(token, [token])]
    assert whole == tokens
    assert given_[-1] == hidden[-1] == text.END


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 6), length=st.integers(4, 80))
def test_hidden_words_are_wanted_and_frames_stay(seed, rows, length):
    rng = np.random.default_rng(seed)
    ids = rng.integers(100, 8000, (rows, length))
    ids[:, 0], ids[:, -1] = encoder.CLS, encoder.SEP
    batch = encoder.hidden(ids, rng)
    chosen = batch.targets != NOT_LEARNT
    assert chosen.any() and not chosen[:, [0, -1]].any()
    assert (batch.targets[chosen] == ids[chosen]).all() and (batch.inputs[~chosen] == ids[~chosen]).all()


def test_about_a_third_is_hidden():
    ids = np.full((40, 200), 500)
    batch = encoder.hidden(ids, np.random.default_rng(0))
    share = (batch.targets != NOT_LEARNT).mean()
    masked = (batch.inputs == encoder.MASK).mean()
    assert 0.26 < share < 0.38 and 0.7 < masked / share < 0.9


def test_t5s_wiring_makes_copying_likelier_before_any_training(shared):
    recipe, tokens = RECIPES["seedling-t5"](shared), np.random.default_rng(0).integers(100, 8000, (4, 30))
    fresh = recipe.fresh(0)
    with torch.no_grad():
        copied = recipe.token_losses(fresh, Batch(tokens, tokens))[0].mean()
        other = recipe.token_losses(fresh, Batch(tokens, tokens[::-1].copy()))[0].mean()
    assert copied < other - 1


def test_the_decoders_wiring_repeats_what_was_read_before_any_training(shared):
    recipe, rng = RECIPES["seedling-lm"](shared), np.random.default_rng(0)
    found = vectors.word_vectors(rng.standard_normal((tokenizer.VOCABULARY_SIZE, 256)), 256)
    fresh, once = recipe.fresh(0, found), rng.integers(100, 8000, (4, 40))
    twice = np.concatenate([once, once], axis=1)
    with torch.no_grad():
        losses = recipe.token_losses(fresh, Batch(twice, twice))[0].view(4, -1)
    assert losses[:, 41:].mean() < losses[:, :39].mean() - 1


@pytest.mark.parametrize("name", RECIPES)
def test_padding_changes_no_loss(name, shared):
    recipe = RECIPES[name](shared)
    fresh = recipe.fresh(0)
    short = np.array([[encoder.CLS, 200, encoder.MASK, 400, encoder.SEP]])
    wanted = np.array([[400, 1]]) if recipe.kind == "seq2seq" else np.where(short == encoder.MASK, 300, NOT_LEARNT)
    wanted = short if recipe.kind == "causal" else wanted
    wide = Batch(np.pad(short, ((0, 0), (0, 4))), np.pad(wanted, ((0, 0), (0, 4)), constant_values=NOT_LEARNT), {})
    with torch.no_grad():
        plain, padded = (recipe.token_losses(fresh, one)[0] for one in (Batch(short, wanted), wide))
    assert torch.allclose(plain, padded, atol=1e-5)


def test_the_chat_template_and_the_training_rows_agree(shared, tmp_path):
    recipe = RECIPES["seedling-lm"](shared)
    publish.publish_tokenizer(recipe, shared, tmp_path)
    tokenizer_ = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    talk = [{"role": "user", "content": "Who is there?"}, {"role": "assistant", "content": "小明。"}]
    told = tokenizer_.apply_chat_template(talk)["input_ids"]
    asked, answered = (tokenizer_(one["content"]).input_ids for one in talk)
    assert tokenizer_.eos_token == "<|im_end|>" and tokenizer_("x").input_ids[-1] != tokenizer_.eos_token_id
    trained = recipe.task_batch([(asked, answered)] * 40, np.random.default_rng(0)).inputs
    rows = [row[row != 0].tolist() for row in trained]
    assert told in rows and [*asked, *answered, tokenizer_.eos_token_id] in rows


def test_an_encoder_frames_one_text_and_two(shared, tmp_path):
    publish.publish_tokenizer(RECIPES["seedling-bert"](shared), shared, tmp_path)
    words_ = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    one, two = words_("a").input_ids, words_("a", "b").input_ids
    assert one == [encoder.CLS, *words_("a", add_special_tokens=False).input_ids, encoder.SEP]
    assert two == [*one, *words_("b", add_special_tokens=False).input_ids, encoder.SEP]
    assert words_.model_max_length == encoder.POSITIONS


def test_counted_vectors_put_like_words_together():
    rng = np.random.default_rng(0)
    ids = np.stack([rng.integers(2, 4, 4000), rng.integers(4, 6, 4000), rng.integers(6, 12, 4000)], axis=1).ravel()
    found = vectors.word_vectors(vectors.directions(ids.astype(np.uint16), 14, 6), 6)
    near = (found @ found.T) / 6
    assert found.shape == (14, 6) and np.isfinite(found).all()
    assert near[2, 3] > near[2, 4] + 0.3 and near[4, 5] > near[4, 2] + 0.3


def test_the_rate_warms_up_and_ends_at_nothing():
    found = [rates.rate_factor(used / 100, 0.5) for used in range(101)]
    assert max(found) == 1.0 and found[0] < 0.1 and found[-1] == 0.0


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


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "The river rose at night. In 1912 a man called Peter Long built 14 boats. A dog sat on the bank."),
        ("zh", "春天来了，河水涨了。张先生在1912年造了十四条船，取名“长风”。孩子们在岸边放风筝，晚上一起吃饭。"),
    ],
)
def test_a_question_leaves_out_a_piece_of_one_sentence(lang, text):
    rng = random.Random(0)
    made = [question_tasks.asked_piece(_document(text, lang, "book"), rng) for _ in range(60)]
    found = [pair for pair in made if pair]
    assert len({piece for _, piece in found}) > 2
    assert "1912" in "".join(piece for _, piece in found)
    for prompt, piece in found:
        assert text in prompt and piece in text
        question = prompt.replace(text, "").strip()
        assert piece not in question and len(question) > len(piece)


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
    for rows in examples.batches(store, 400, seed=0):
        assert len(rows) * (max(len(a) for a, _ in rows) + max(len(b) for _, b in rows)) <= 400
        seen += [wanted[0] for _, wanted in rows]
        if len(seen) >= 200:
            break
    assert sorted(seen) == list(range(100, 300))


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory):
    """A small corpus of both languages with every kind the recipe asks for."""
    place, rng = tmp_path_factory.mktemp("corpus"), random.Random(0)
    names = ["river", "bridge", "garden", "letter", "teacher", "winter", "market", "station"]
    for lang in ("en", "zh"):
        rows = []
        for number in range(500):
            said = [f"The {rng.choice(names)} near the {rng.choice(names)} is number {number}." for _ in range(5)]
            told = [
                f"第{number}天，{rng.choice('王李张刘')}先生在{rng.choice('河山桥路')}边等了很久。" for _ in range(5)
            ]
            prose = " ".join(said) if lang == "en" else "".join(told)
            rows.append({"text": prose, "lang": lang, "kind": "book", "source": "a/b"})
            talk = "\n".join(f"{'AB'[i % 2]}{':：'[lang == 'zh']} {one}" for i, one in enumerate(said))
            rows.append({"text": talk.replace("： ", "："), "lang": lang, "kind": "dialogue", "source": "a/b"})
        rows += [
            {"text": f"Question: How many is {n}?\nAnswer: It is {n}.", "lang": lang, "kind": "qa", "source": "a/b"}
            for n in range(20)
        ]
        if lang == "zh":
            pair = "English: Return the list.\n中文：返回列表。"
            rows.append({"text": pair, "lang": lang, "kind": "parallel", "source": "a/b"})
        else:
            summed = f"{DIALOGUE}\nSummary: #Person2# forgot the plants and will get the can behind the door."
            rows.append({"text": summed, "lang": lang, "kind": "dialogue-summary", "source": "a/b"})
        with gzip.open(place / f"{lang}-00.jsonl.gz", "wt", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    return place


@pytest.fixture(scope="module")
def prepared(corpus_folder, tmp_path_factory):
    """All but the directions: they take half a minute for eight thousand pieces, and have a test of their own."""
    place = tmp_path_factory.mktemp("prepared")
    drawn = np.random.default_rng(0).standard_normal((tokenizer.VOCABULARY_SIZE, 256))
    np.save(place / "directions.npy", drawn.astype(np.float32))
    pretrain.prepare.prepare(corpus_folder, place, 60, 0)
    return place


@pytest.mark.parametrize(
    "name", ["seedling-bert", *(pytest.param(n, marks=pytest.mark.matrix) for n in RECIPES if n != "seedling-bert")]
)
def test_a_run_trains_resumes_and_publishes(name, corpus_folder, prepared, tmp_path, monkeypatch):
    """Two steps at once, and one and one: the same weights. Then a folder that transformers reads."""

    for place, constant, small in (
        (measure, "TOKENS", 500),
        (measure, "PARTS", 1),
        (evaluate, "ANSWER_TOKENS", 4),
        (evaluate, "PROMPTS", evaluate.PROMPTS[:1]),
        (evaluate, "HIDDEN", evaluate.HIDDEN[:1]),
    ):
        monkeypatch.setattr(place, constant, small)

    def run(out: str, steps: int, stop: int) -> dict[str, torch.Tensor]:
        words_ = f"{corpus_folder} --base {name} --out {tmp_path / out} --prepared {prepared} --steps {steps}"
        options = pretrain.arguments().parse_args([*words_.split(), "--batch-tokens", "120", "--threads", "1"])
        (tmp_path / out).mkdir(exist_ok=True)
        (tmp_path / out / "tokenizer.json").write_bytes((prepared / "tokenizer.json").read_bytes())
        made = pretrain.Run(tmp_path / out, prepared, options)
        while made.progress.step < stop:
            made.learn()
        made.save()
        if out == "whole":
            line = {**vars(made.progress), **made.measure()}
            (tmp_path / out / "curve.jsonl").write_text(json.dumps(line), encoding="utf-8")
        return {n: w.detach().clone() for n, w in made.model.named_parameters()}

    whole = run("whole", 2, 2)
    run("half", 2, 1)
    halves = run("half", 2, 2)
    assert all(torch.equal(whole[key], halves[key]) for key in whole)
    publish.main([str(tmp_path / "whole"), name, str(tmp_path / "model")])
    assert f"# {name}" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    bone = Backbone(str(tmp_path / "model"))
    assert bone.kind == RECIPES[name].kind
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 2.1 * bone.parameters
    base = evaluate.Published(name, tmp_path / "model")
    shown = "\n".join(evaluate.sample_rows(base))
    asked = evaluate.HIDDEN if base.recipe.kind == "encoder" else evaluate.PROMPTS
    assert shown.count("\n| ") == 1 + len(asked)
    found = bits(base.recipe, base.model, base.words, text.Text(prepared / "unseen"), "en")
    assert found["loss"] > 0 and np.isfinite(found["bits_per_byte"])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_steps_on_tasks_grow_with_the_budget(recipe):
    shares = [pretrain._stage(recipe.task_shares, used / 10) for used in range(11)]
    lengths = [pretrain._stage(pretrain.WINDOWS, used / 10) for used in range(11)]
    assert shares == sorted(shares) and shares[0] < shares[-1] and shares[-1] > 0.5
    assert lengths == sorted(lengths) and lengths[-1] == 256


def test_matrices_do_not_grow_without_end():
    """Pushed the same way for ever, a matrix stays within what `shrink` allows; tables are left alone."""
    module = torch.nn.ModuleDict({"block": torch.nn.Linear(8, 8, bias=False), "embed": torch.nn.Embedding(8, 8)})
    optimizers = rates.optimizers_for(module, rates.Rates(matrices=0.1, rest=0.1, shrink=2.0))
    for _ in range(200):
        for weight in module.parameters():
            weight.grad = -torch.eye(8)
        for optimizer in optimizers:
            optimizer.step()
    strongest = torch.linalg.matrix_norm(module["block"].weight, 2).item()
    assert strongest == pytest.approx(0.2 * 8**0.5 / 2.0, rel=0.3)
    assert module["embed"].weight.abs().max() > 10


def test_bits_count_the_bytes_of_the_text(prepared, shared):
    """A model that gives every piece the same chance needs log2(pieces) bits each."""

    class Even:
        def text_batch(self, held, length, tokens, rng):
            ids = held.at(held.starts(rng, 4, length), length)
            self.said = getattr(self, "said", []) + ids.ravel().tolist()
            return Batch(ids, ids)

        def token_losses(self, model, batch):
            said = torch.from_numpy(batch.targets).ravel()
            return torch.full(said.shape, math.log(2)), said

    even = Even()
    found = bits(even, None, shared, text.Text(prepared / "unseen"), "zh")
    size = len(shared.decode(even.said).encode("utf-8", errors="replace"))
    assert found["loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert found["bits_per_byte"] == pytest.approx(len(even.said) / size, rel=0.02)


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
    publish.publish_tokenizer(RECIPES["seedling-t5"](small), small, tmp_path)
    assert (tmp_path / "tokenizer_config.json").is_file()
    assert np.isfinite(tokenizer.measure(small, ["some words"]))


def test_every_story_can_be_told_from_what_is_installed():
    assert {"dialogues", "sentiment-zh", "answer-zh"} <= set(STORIES)
    for story in STORIES.values():
        assert story.backbone in bases.names()
        assert story.data in BUILT_IN
        assert 2 <= len(parse_list(story.methods, METHODS)) <= 5


@pytest.mark.parametrize("name", bases.names())
def test_the_untrained_twin_has_the_shape_and_other_weights(name, tmp_path):
    untrained.main([name, str(tmp_path / "twin")])
    ours, twin = (
        {k: t for k, t in Backbone(p, "fp32").model.state_dict().items()} for p in (name, str(tmp_path / "twin"))
    )
    assert {k: t.shape for k, t in ours.items()} == {k: t.shape for k, t in twin.items()}
    matrices = [k for k, t in ours.items() if t.dim() == 2]
    assert matrices and not any(torch.equal(ours[k], twin[k]) for k in matrices)
