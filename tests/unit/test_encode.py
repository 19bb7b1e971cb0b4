"""Examples become the tokens that a model must read and say, once for all methods."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import tiny
import torch

from luthier import batches, encode
from luthier.batches import Layout
from luthier.delta import Delta
from luthier.errors import DataError
from luthier.records import Example
from luthier.tasks.chat import Chat
from luthier.tasks.classify import Classify
from luthier.tasks.summarise import Summarise


def one(text, answer="a b"):
    return [Example("0", "0", {"text": text}, (answer,))]


def words(bone, ids):
    return bone.tokenizer.convert_ids_to_tokens(list(map(int, ids)))


@pytest.mark.parametrize(
    ("family", "inputs", "answer"),
    [("t5", "a b : </s>", "a b </s>"), ("gpt2", "a b :", "a b </s>"), ("llama", "a b :", "a b </s>")],
)
def test_a_row_is_its_prompt_and_its_answer_with_the_end(family, inputs, answer):
    bone = tiny.shared(family)
    made = encode.plan(bone, Summarise(prompt="{text} :", answer="s"), one("a b"), tiny.budget())
    assert words(bone, made.inputs[0]) == inputs.split()
    assert words(bone, made.answers[0]) == answer.split()
    assert (made.cut_inputs, made.cut_answers, len(made)) == (0, 0, 1)


@pytest.mark.parametrize("family", ["t5", "gpt2"])
def test_a_long_row_keeps_the_last_words_of_its_template_and_is_counted(family):
    bone = tiny.shared(family)
    made = encode.plan(
        bone,
        Summarise(prompt="{text} yes :", answer="s"),
        one("a b c d e f g h i j k l m n"),
        tiny.budget(max_input_tokens=8),
    )
    end = ["</s>"] if bone.kind == "seq2seq" else []
    assert words(bone, made.inputs[0])[-2 - len(end) :] == ["yes", ":", *end]
    assert len(made.inputs[0]) == 8 and made.cut_inputs == 1


def test_a_long_answer_is_cut_but_still_ends_and_is_counted():
    bone = tiny.shared("t5")
    made = encode.plan(bone, tiny.task("seq2seq"), one("a", "a b c d e f g h"), tiny.budget(max_answer_tokens=4))
    assert words(bone, made.answers[0]) == ["a", "b", "c", "</s>"] and made.cut_answers == 1


def test_a_prompt_without_room_is_refused():
    bone = tiny.shared("t5")
    with pytest.raises(DataError, match="prompt alone needs"):
        encode.plan(
            bone, Summarise(prompt="{text} " + "a " * 20, answer="s"), one("a b c"), tiny.budget(max_input_tokens=8)
        )


def test_an_encoder_keeps_two_segments_apart_and_cuts_the_longest():
    bone = tiny.shared("bert")
    pair = [Example("0", "0", {"one": "a b", "two": "c d e f g h i j k l"}, ("good",))]
    task = Classify(prompt="{one} {two}", answer="label", segments=("one", "two"), labels=("good", "bad"))
    made = encode.plan(bone, task, pair, tiny.budget(max_input_tokens=9))
    assert words(bone, made.inputs[0]) == ["<cls>", "a", "b", "<sep>", "c", "d", "e", "f", "<sep>"]
    assert made.cut_inputs == 1 and made.classes.tolist() == [0] and len(made.answers[0]) == 0


def test_labels_of_language_models_are_words():
    bone = tiny.shared("gpt2")
    task = Classify(prompt="{text} :", answer="label", labels=("0", "1"), words=("bad", "good"))
    made = encode.plan(bone, task, one("a", "1"), tiny.budget())
    assert words(bone, made.answers[0]) == ["good", "</s>"] and made.classes.tolist() == [1]


def test_answers_that_fill_all_positions_are_refused():
    bone = tiny.shared("gpt2")  # 96 positions
    with pytest.raises(DataError, match="96 positions"):
        encode.plan(bone, tiny.task("causal"), one("a"), tiny.budget(max_answer_tokens=90))
    assert encode.input_limit(bone, tiny.budget(max_input_tokens=500, max_answer_tokens=16)) == 80
    assert encode.input_limit(tiny.shared("t5"), tiny.budget(max_input_tokens=500)) == 500


def test_inputs_leave_room_for_what_is_learned_in_front():
    """All methods of a study read the same tokens, so the most that one of them needs is taken from all."""
    numbered, endless = tiny.shared("bert"), tiny.shared("t5")
    limit = numbered.position_limit()
    long = tiny.budget(max_input_tokens=500)
    assert encode.with_room(numbered, long, 5).max_input_tokens == limit - 5
    assert encode.with_room(numbered, long, 0) is long and encode.with_room(endless, long, 5) is long
    causal = tiny.budget(max_input_tokens=500, max_answer_tokens=16)
    assert encode.with_room(tiny.shared("gpt2"), causal, 5).max_input_tokens == 96 - 16 - 5
    short = tiny.budget(max_input_tokens=8)
    assert encode.with_room(numbered, short, 5) == short


def test_demonstrations_stand_before_the_question_and_fit():
    bone = tiny.shared("gpt2")
    shots = [Example("s", "s", {"text": "x"}, ("y",))]
    made = encode.plan(bone, tiny.task("causal"), one("a b"), tiny.budget(), shots)
    assert words(bone, made.inputs[0]) == ["x", ":", "y", "a", "b", ":"]
    many = encode.plan(
        bone, tiny.task("causal"), one("a " * 90), tiny.budget(max_input_tokens=70, max_answer_tokens=16), shots
    )
    assert len(many.inputs[0]) <= 96 - 16


def test_a_plan_on_disk_is_the_plan_and_is_made_once(tmp_path, monkeypatch):
    bone, task, rows = tiny.shared("t5"), tiny.task("seq2seq"), tiny.examples("seq2seq")
    made = encode.plan(bone, task, rows, tiny.budget())
    first = encode.plan_on_disk(tmp_path, bone, task, rows, tiny.budget())
    monkeypatch.setattr(encode, "plan", lambda *_: pytest.fail("made twice"))
    for kept in (first, encode.plan_on_disk(tmp_path, bone, task, rows, tiny.budget())):
        assert all(np.array_equal(a, b) for a, b in zip(kept.inputs, made.inputs, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(kept.answers, made.answers, strict=True))
        assert np.array_equal(kept.classes, made.classes)
    assert len(list(tmp_path.iterdir())) == 1


def test_other_tokens_have_another_key():
    bone, task, rows = tiny.shared("t5"), tiny.task("seq2seq"), tiny.examples("seq2seq")
    base = encode.key(bone, task, rows, tiny.budget())
    assert base == encode.key(bone, task, rows, tiny.budget(steps=7, batch_size=2))
    others = (
        encode.key(bone, task, rows[1:], tiny.budget()),
        encode.key(bone, task, rows, tiny.budget(max_input_tokens=9)),
        encode.key(bone, Summarise(prompt="{text}", answer="s"), rows, tiny.budget()),
        encode.key(bone, task, rows, tiny.budget(), rows[:1]),
        encode.key(tiny.shared("gpt2"), task, rows, tiny.budget()),
    )
    assert len({base, *others}) == 6


def test_a_causal_batch_asks_for_the_answer_alone():
    bone = tiny.shared("gpt2")
    made = encode.plan(bone, tiny.task("causal"), one("c d", "a b"), tiny.budget())
    batch = batches.collate(made, [0], Layout.of(bone, Delta({}, virtual_tokens=2)))
    assert batch.ids_BS.tolist() == [[-1, -2, *made.inputs[0], *made.answers[0][:-1]]]
    assert batch.wanted.tolist() == [[False] * 4 + [True] * 3]
    assert batch.labels_N.tolist() == made.answers[0].tolist()
    assert batch.positions_BS.tolist() == [list(range(7))]
    assert batch.tokens == 6, "virtual tokens are no real tokens"


def test_padding_is_masked_and_positions_ignore_it():
    ids, mask = batches.pad([np.array([5, 6]), np.array([7])], Layout("causal", 0), left=True)
    assert ids.tolist() == [[5, 6], [0, 7]] and mask.tolist() == [[1, 1], [0, 1]]
    laid = Layout("causal", 0, offset=3, positions=True)
    assert batches.layout_positions(mask, laid).tolist() == [[3, 4], [3, 3]]
    assert batches.layout_positions(mask, Layout("causal", 0)) is None
    nine = Layout("causal", 9)
    assert torch.equal(batches.pad([np.array([5, 6]), np.array([7])], nine)[0], torch.tensor([[5, 6], [7, 9]]))


TEMPLATE = (
    "{% for m in messages %}{{ '<s>' + m['role'][0] + ' : ' + m['content'] + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>a : ' }}{% endif %}"
)


def chat(*turns):
    return Example("0", "0", Chat.fields(turns), ("b",))


@pytest.fixture
def talking():
    """A tiny decoder whose tokenizer has a chat template."""
    bone = tiny.backbone("llama")
    bone.tokenizer = copy.deepcopy(bone.tokenizer)
    bone.tokenizer.chat_template = TEMPLATE
    return bone


def test_a_chat_is_read_in_the_tokenizers_own_template(talking):
    turns = (("system", "no"), ("user", "a"), ("assistant", "b"), ("user", "c"))
    task = Chat(prompt="{turns}", answer="reply")
    made = encode.plan(talking, task, [chat(*turns)], tiny.budget())
    wanted = "<s> s : no </s> <s> u : a </s> <s> a : b </s> <s> u : c </s> <s> a :"
    assert " ".join(words(talking, made.inputs[0])) == wanted
    assert words(talking, made.answers[0]) == ["b", "</s>"]
    whole = talking.chat_ids([*task.messages(chat(*turns))])
    assert whole == made.inputs[0].tolist()


def test_a_long_chat_loses_its_oldest_turns_and_is_counted(talking):
    turns = [("system", "no"), *((role, "a b c") for _ in range(4) for role in ("user", "assistant")), ("user", "d")]
    task, room = Chat(prompt="{turns}", answer="reply"), tiny.budget(max_input_tokens=30)
    made = encode.plan(talking, task, [chat(*turns)], room)
    said = " ".join(words(talking, made.inputs[0]))
    assert said.startswith("<s> s : no </s>") and said.endswith("<s> u : d </s> <s> a :")
    assert len(made.inputs[0]) <= 30 and made.cut_inputs == 1
    with pytest.raises(DataError, match="last turn"):
        encode.plan(talking, task, [chat(("user", "a " * 60))], room)


def test_without_a_template_a_chat_is_its_lines():
    bone = tiny.shared("llama")
    made = encode.plan(bone, Chat(prompt="{turns} :", answer="reply"), [chat(("user", "a"))], tiny.budget())
    assert words(bone, made.inputs[0])[-2:] == ["a", ":"]
