"""A fixed text before every prompt: a row of the same table, and never silently lost."""

from __future__ import annotations

import dataclasses

import pytest
import tiny

from luthier import encode
from luthier.errors import Refused
from luthier.methods import METHODS
from luthier.records import Example
from luthier.spell import parse
from luthier.tasks.answer import Answer
from luthier.tasks.chat import Chat
from luthier.tasks.classify import Classify
from luthier.tasks.read import Read
from luthier.tasks.summarise import Summarise
from luthier.tasks.template import fill
from luthier.trial_folder import as_asked, fresh_delta

SPOKEN = parse("zero_shot(prefix='You are {kind}. ')", METHODS)


@pytest.mark.parametrize("task", [Summarise(prompt="{text} :"), Classify(prompt="{text} [MASK]", labels=("a", "b"))])
def test_the_words_stand_as_they_are_before_the_prompt(task):
    row = Example("0", "0", {"text": "A {b} c"}, ("x",))
    plain, asked = (as_asked(parse(word, METHODS), task).prompt_text(row) for word in ("zero_shot", repr(SPOKEN)))
    assert asked == "You are {kind}. " + plain
    assert as_asked(parse("lora", METHODS), task) is task


def test_a_paragraph_that_may_be_left_out_does_not_take_the_words_along():
    asked = as_asked(SPOKEN, Answer(prompt="{context?}\n\nQ: {question}", answer="answer"))
    assert fill(asked.prompt, {"context": "", "question": "who"}) == "You are {kind}. \n\nQ: who"
    assert fill(asked.prompt, {"context": "I", "question": "who"}) == "You are {kind}. \n\nI\n\nQ: who"


def test_in_a_conversation_they_are_the_system_turn():
    asked = as_asked(SPOKEN, Chat(prompt="{turns}", answer="reply"))
    row = Example("0", "0", Chat.fields([("user", "hi")]), ("b",))
    assert asked.messages(row)[0] == {"role": "system", "content": "You are {kind}. "} and len(asked.messages(row)) == 2
    assert asked.prompt_text(row) == "System: You are {kind}. \nUser: hi"
    own = dataclasses.replace(row, fields=Chat.fields([("system", "Be short."), ("user", "hi")]))
    assert asked.messages(own)[0]["content"] == "You are {kind}. \nBe short." and len(asked.messages(own)) == 2


def test_demonstrations_repeat_no_system_turn():
    bone = tiny.backbone("llama")
    bone.tokenizer.chat_template = "{% for m in messages %}{{ m['role'][0] + ' : ' + m['content'] + ' ' }}{% endfor %}"
    row = Example("0", "0", Chat.fields([("user", "a")]), ("b",))
    try:
        made = encode.plan(bone, Chat(prompt="{turns}", answer="reply", system="no"), [row], tiny.budget(), [row, row])
    finally:
        bone.tokenizer.chat_template = None
    said = bone.tokenizer.convert_ids_to_tokens(made.inputs[0].tolist())
    assert said.count("no") == 1 and said.index("no") == 2 and said.count("a") > 2


def test_a_text_that_is_read_has_no_place_for_them():
    with pytest.raises(Refused, match="asks none"):
        fresh_delta(tiny.shared("gpt2"), SPOKEN, Read(prompt="{text}"), 0)
