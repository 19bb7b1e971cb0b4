"""Columns become the task they spell, rows become examples, and what cannot be used is counted or refused."""

from __future__ import annotations

import dataclasses
import json
import shlex

import pytest

from luthier.data import complete, read
from luthier.errors import DataError, SpellingError
from luthier.records import Example
from luthier.tasks import (
    TASKS,
    Answer,
    Chat,
    Classify,
    Keywords,
    Summarise,
    Translate,
    examples,
    infer,
    input_keys,
    parse_task,
    with_labels,
)
from luthier.tasks.forms import ACCEPTED, FORMS, bare
from luthier.tasks.spans import MARKED
from luthier.tasks.template import columns_of


def rows_of(*columns: str, n: int = 20) -> list[dict]:
    return [{column: f"{column} {i}" for column in columns} for i in range(n)]


def labelled(*columns: str, n: int = 20) -> list[dict]:
    return [row | {"label": i % 2} for i, row in enumerate(rows_of(*columns, n=n))]


def example(**fields: str) -> Example:
    return Example("x", "x", fields, ("y",))


def first(task, rows, split="train") -> Example:
    return examples(task, rows, split)[0][0]


# columns -> task

KNOWN = [
    (rows_of("dialogue", "summary"), Summarise, ("dialogue",), "summary"),
    (rows_of("document", "summary"), Summarise, ("document",), "summary"),
    (rows_of("article", "highlights"), Summarise, ("article",), "highlights"),
    (labelled("text"), Classify, ("text",), "label"),
    (labelled("review"), Classify, ("review",), "label"),
    (labelled("text_a"), Classify, ("text_a",), "label"),
    (labelled("sentence"), Classify, ("sentence",), "label"),
    (labelled("premise", "hypothesis"), Classify, ("premise", "hypothesis"), "label"),
    (labelled("sentence1", "sentence2"), Classify, ("sentence1", "sentence2"), "label"),
    (labelled("question", "passage"), Classify, ("question", "passage"), "label"),
    (rows_of("question", "answers"), Answer, ("question",), "answers"),
    (rows_of("context", "question", "answer"), Answer, ("context", "question"), "answer"),
    (rows_of("instruction", "output"), Answer, ("instruction",), "output"),
    (rows_of("system", "instruction", "input", "output"), Answer, ("system", "instruction", "input"), "output"),
    (rows_of("prompt", "completion"), Answer, ("prompt",), "completion"),
    (rows_of("en", "zh"), Translate, ("en",), "zh"),
    (rows_of("classical", "modern"), Translate, ("classical",), "modern"),
    (rows_of("abstract", "keywords"), Keywords, ("abstract",), "keywords"),
    *(
        (rows_of(question, answer), Answer, (question,), answer)
        for question in ("query", "prompt", "input", "question", "problem")
        for answer in ("response", "answer", "output", "target", "completion")
    ),
]


@pytest.mark.parametrize(("rows", "kind", "inputs", "answer"), KNOWN, ids=lambda v: None)
def test_known_columns_need_no_setting(rows, kind, inputs, answer):
    task, _ = infer(rows)
    assert type(task) is kind and task.answer == answer
    made = first(task, rows)
    assert tuple(made.fields) == inputs
    assert made.references == (str(rows[0][answer]),)
    assert all(rows[0][name] in task.prompt_text(made) for name in inputs)
    if kind is Classify:
        assert task.segment_texts(made) == tuple(rows[0][name] for name in inputs)
    assert parse_task(repr(task)) == task


def test_every_form_is_in_the_error_message():
    words = set(ACCEPTED.replace("?", "").replace(",", " ").replace("|", " ").replace(";", " ").split())
    assert all(bare(column) in words for form in FORMS[1:] for column in form.columns if column != MARKED)
    with pytest.raises(DataError) as refusal:
        infer(rows_of("foo", "bar"))
    assert "foo, bar" in refusal.value.what and refusal.value.possible == ACCEPTED and "--prompt" in refusal.value.do


def test_the_dialogue_prompt_is_the_published_one():
    task, notes = infer([{"id": "1", "dialogue": "A: Hi.", "summary": "A greets.", "topic": "greeting"}] * 3)
    assert (
        task.prompt_text(example(dialogue="A: Hi.")) == "Summarize the following conversation.\n\nA: Hi.\n\nSummary: "
    )
    assert any("id, topic" in note for note in notes)


def test_chinese_rows_get_a_chinese_prompt():
    task, _ = infer([{"dialogue": "甲：你好。乙：明天见。", "summary": "他们打招呼。"}] * 3)
    assert task.prompt == "概括下面的对话。\n\n{dialogue}\n\n摘要："
    mixed, _ = infer([{"dialogue": "He said 你好 to the whole class and left again.", "summary": "He left."}] * 3)
    assert mixed.prompt.startswith("Summarize")


def test_column_names_are_matched_without_case():
    task, _ = infer([{"Dialogue": "A: Hi.", "Summary": "A greets."}])
    assert task.answer == "Summary" and "{Dialogue}" in task.prompt


def test_few_repeated_targets_are_labels_and_others_answers():
    few = [{"input": f"title {i}", "target": "abc"[i % 3]} for i in range(15)]
    assert isinstance(infer(few)[0], Classify)
    assert isinstance(infer(few[:14])[0], Answer), "3 targets in 14 rows repeat less than 5 times"
    many = [{"input": f"title {i}", "target": str(i % 51)} for i in range(600)]
    assert isinstance(infer(many)[0], Answer), "51 targets"
    assert isinstance(infer([row | {"target": str(i % 50)} for i, row in enumerate(many)])[0], Classify)


def test_a_typed_task_beats_the_columns():
    rows = [{"input": f"title {i}", "target": "ab"[i % 2]} for i in range(20)]
    task, _ = infer(rows, task="summarise")
    assert task.prompt == "Summarize the following text.\n\n{input}\n\nSummary: " and task.answer == "target"
    assert isinstance(infer(rows, task="summarize")[0], Summarise)
    assert infer(rows, task="answer(max_new_tokens=7)")[0].max_new_tokens == 7
    pair = labelled("premise", "hypothesis")
    assert isinstance(infer(pair, task="answer")[0], Answer)
    assert infer(rows, task="classify(words=('no','yes'))")[0].words == ("no", "yes")
    with pytest.raises(SpellingError, match="clasify"):
        infer(rows, task="clasify")


def test_own_prompt_and_answer():
    rows = [{"en": f"word {i}", "zh": f"字{i}", "note": {"a": 1}} for i in range(20)]
    task, _ = infer(rows, prompt='{{"en": "{en}"}}\nzh: ', answer="zh")
    assert task.prompt_text(first(task, rows)) == '{"en": "word 0"}\nzh: ' and task.word == "translate"
    assert parse_task(repr(task)) == task
    task, _ = infer(labelled("text"), prompt="{text} It was")
    assert isinstance(task, Classify) and task.answer == "label" and task.segments == ("text",)
    wide = infer(labelled("a", "b", "c"), prompt="{a} {b} {c}")[0]
    assert wide.segments == () and wide.segment_texts(example(a="1", b="2", c="3")) == ("1 2 3",)
    topic = [{"dialogue": f"d{i}", "summary": f"s{i}", "topic": "ab"[i % 2]} for i in range(20)]
    assert isinstance(infer(topic, answer="topic")[0], Classify)
    cases = {"{zh2}": "en, zh, note", "no column": "", "{en": "{{", "{en} {zh}": "other columns", "}": "}}"}
    for prompt, hint in cases.items():
        with pytest.raises((DataError, SpellingError)) as refusal:
            infer(rows, prompt=prompt, answer="zh")
        assert hint in str(refusal.value)
    with pytest.raises(DataError, match="'ch'"):
        infer(rows, prompt="{en}", answer="ch")
    with pytest.raises(DataError, match="no column is called like"):
        infer([{"a": "1", "b": "2"}], prompt="{a}")


def test_what_a_row_holds_is_never_a_template():
    rows = [{"text": "{label} {0} {{x}} {text.__class__}", "label": i % 2} for i in range(4)]
    task, _ = infer(rows, prompt="{text}")
    assert task.prompt_text(first(task, rows)) == rows[0]["text"]


def test_optional_paragraphs_leave_no_hole():
    rows = [
        {"instruction": "Add one.", "input": "", "output": "2"},
        {"instruction": "Add one.", "input": "3", "output": "4"},
        {"instruction": "Say it.", "output": "it"},
    ]
    task, _ = infer(rows)
    made, _ = examples(task, rows, "train")
    assert [task.prompt_text(e) for e in made] == [
        "Add one.\n\nAnswer: ",
        "Add one.\n\n3\n\nAnswer: ",
        "Say it.\n\nAnswer: ",
    ]
    unused, _ = infer([{"instruction": "Add.", "input": "", "output": "x"}])
    assert unused.prompt == "{instruction}\n\nAnswer: "


def test_broken_settings_are_refused_when_typed():
    for text in (
        "summarise(prompt='same for all')",
        "summarise(max_new_tokens=0)",
        "classify(segments=('a','b','c'))",
        "classify(words=('a','a'))",
        "classify(words=('a',''))",
        "answer(labels=('a',))",
    ):
        with pytest.raises(SpellingError):
            parse_task(text)
    with pytest.raises(SpellingError, match="segment"):
        infer(labelled("text"), task="classify(segments=('txt',))")
    with pytest.raises(DataError, match="no rows"):
        infer([])


@pytest.mark.parametrize("cls", TASKS.values())
def test_every_task_has_a_card_and_metrics(cls):
    assert cls.kind in ("text", "label", "read") and cls().best_by in cls().metrics
    for part in ("Example:", "Right:", "Limits:", "Defaults:"):
        assert part in cls.__doc__
    assert parse_task(cls.word) == cls()


# chats

CHAT = [
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                  {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye"},
                  {"role": "assistant", "content": "See you."}, {"role": "user", "content": "?"}]},
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
    {"conversation": [{"human": "Hi", "assistant": "Hello."}]},
    {"prompt": [{"role": "user", "content": "Hi"}], "completion": [{"role": "assistant", "content": "Hello."}]},
]  # fmt: skip


def test_every_assistant_turn_of_a_chat_is_an_answer():
    texts = []
    for row in CHAT:
        task, notes = infer([row])
        assert isinstance(task, Chat) and any("chats" in note for note in notes)
        made, _ = examples(task, [row], "train")
        texts.append([(task.prompt_text(e), e.references) for e in made])
        assert all(task.messages(e)[-1]["content"] in task.prompt_text(e) for e in made)
        assert len({e.group for e in made}) == 1 and len({e.id for e in made}) == len(made)
    assert texts[0] == [
        ("System: Be brief.\nUser: Hi\nAssistant: ", ("Hello.",)),
        ("System: Be brief.\nUser: Hi\nAssistant: Hello.\nUser: Bye\nAssistant: ", ("See you.",)),
    ]
    assert texts[1:] == [[("User: Hi\nAssistant: ", ("Hello.",))]] * 3


def test_an_example_of_a_chat_can_be_made_from_turns():
    task, _ = infer([CHAT[0]])
    last = examples(task, [CHAT[0]], "train")[0][-1]
    turns = [(m["role"], m["content"]) for m in task.messages(last)]
    assert task.fields(turns) == dict(last.fields)


def test_chats_that_cannot_be_learned_are_refused_with_their_row():
    good = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    for turns in (["Hi"], [{"role": "user"}], [{"role": "user", "content": [{"type": "image_url"}]}]):
        with pytest.raises(DataError, match="row 2"):
            infer([good, {"messages": turns}])


# rows -> examples


def test_ids_and_groups():
    task, _ = infer(rows_of("text", "summary"))
    rows = rows_of("text", "summary", n=4)
    assert [e.id for e in examples(task, rows, "dev")[0]] == ["dev-0", "dev-1", "dev-2", "dev-3"]
    own = examples(task, [row | {"id": 10 + i} for i, row in enumerate(rows)], "dev")[0]
    assert [(e.id, e.group) for e in own] == [(str(10 + i), str(10 + i)) for i in range(4)]
    idx = examples(task, [row | {"id": "same", "idx": i} for i, row in enumerate(rows)], "dev")[0]
    assert [e.id for e in idx] == ["0", "1", "2", "3"]
    shared, notes = examples(task, [row | {"id": i // 2} for i, row in enumerate(rows)], "dev")
    assert [e.group for e in shared] == ["0", "0", "1", "1"] and len({e.id for e in shared}) == 4
    assert any("2 groups" in note for note in notes)
    grouped = examples(task, [row | {"group": i % 2} for i, row in enumerate(rows)], "dev")[0]
    assert [e.group for e in grouped] == ["0", "1", "0", "1"]
    twice = examples(task, [*rows, rows[1]], "dev")[0]
    assert [e.group for e in twice] == ["dev-0", "dev-1", "dev-2", "dev-3", "dev-1"]


def test_questions_about_one_context_are_one_group():
    rows = [{"context": f"c{i // 2}", "question": f"q{i}", "answer": f"a{i}"} for i in range(6)]
    task, _ = infer(rows)
    assert [e.group for e in examples(task, rows, "test")[0]] == [f"test-{i}" for i in (0, 0, 2, 2, 4, 4)]
    assert set(input_keys(task, rows[0])) & set(input_keys(task, rows[1])) == {"c0"}
    assert not set(input_keys(task, rows[1])) & set(input_keys(task, rows[2]))


def test_references():
    rows = [
        {"question": "q0", "answers": ["a", "b", "a", "", None]},
        {"question": "q1", "answers": {"text": ["c", "c"], "answer_start": [0, 0]}},
        {"question": "q2", "answers": True},
        {"question": "q3", "answers": 1.5},
        {"question": 4, "answers": "d"},
    ]
    task, _ = infer(rows)
    made, _ = examples(task, rows, "test")
    assert [e.references for e in made] == [("a", "b"), ("c",), ("true",), ("1.5",), ("d",)]
    assert made[4].fields["question"] == "4"
    twice = [{"dialogue": "d", "summary": ["s", "t", "s"]}]
    assert first(infer(twice)[0], twice).references == ("s", "t", "s"), "a mean over three people needs all three"


def test_rows_without_input_or_answer_are_counted():
    rows = [
        {"text": "a", "summary": "s"},
        {"text": " \n", "summary": "s"},
        {"text": "b", "summary": ""},
        {"text": "c", "summary": None},
        {"text": "d", "summary": []},
        {"summary": "s"},
    ]
    task, _ = infer(rows)
    made, notes = examples(task, rows, "dev")
    assert [e.fields["text"] for e in made] == ["a"]
    assert "dev: 2 rows without an input were left out" in notes
    assert "dev: 3 rows without an answer were left out" in notes
    unanswered, _ = examples(task, rows, "dev", need_answers=False)
    assert [e.references for e in unanswered] == [("s",), (), (), ()]
    with pytest.raises(DataError, match="3 without an answer"):
        examples(task, rows[2:5], "dev")
    with pytest.raises(DataError, match="no column 'summary'"):
        examples(task, [{"text": "a"}], "dev")
    assert examples(task, [{"text": "a"}], "dev", need_answers=False)[0][0].references == ()
    with pytest.raises(DataError, match="dev has no rows"):
        examples(task, [], "dev")
    blank, _ = infer(rows, prompt="{text?}!", answer="summary")
    assert "dev: 2 rows without an input were left out" in examples(blank, rows, "dev")[1]


def test_chats_without_an_answer_are_left_out_and_counted():
    good = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    call = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}]
    rows = [good, {"messages": []}, {"messages": good["messages"][:1]}, {"messages": good["messages"][1:]}]
    task, _ = infer([*rows, {"messages": call}])
    found, notes = examples(task, [*rows, {"messages": call}], "train")
    assert [e.references for e in found] == [("Hello.",)]
    assert any(note.startswith("train: 4 rows without an") or "without an answer" in note for note in notes)
    with pytest.raises(DataError, match="no usable row"):
        examples(task, rows[1:], "train")


def test_what_stands_beside_a_chat_as_system_is_its_first_turn():
    row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}], "system": "Be brief."}
    parts = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
            {"role": "assistant", "content": "Yo"},
        ]
    }
    task, notes = infer([row] * 3)
    assert task.messages(examples(task, [row], "t")[0][0])[0] == {"role": "system", "content": "Be brief."}
    assert not any("neither prompt nor answer" in note for note in notes)
    task, _ = infer([parts])
    assert task.messages(examples(task, [parts], "t")[0][0]) == [{"role": "user", "content": "Hi"}]


def test_instructions_are_chats_of_one_question():
    rows = [{"instruction": f"Say {i}.", "input": "", "output": str(i)} for i in range(60)]
    task, _ = infer(rows, task="chat")
    made = examples(task, rows, "train")[0][0]
    assert task.word == "chat" and task.messages(made) == [{"role": "user", "content": "Say 0."}]
    assert task.prompt_text(made) == "User: Say 0.\nAssistant: "


@pytest.mark.parametrize(
    ("columns", "answer", "word", "prompt"),
    [
        (("instruction", "context", "response"), "", "answer", ("instruction", "context")),
        (("question", "sentence", "label"), "", "classify", ("question", "sentence")),
        (("document", "question", "answer"), "", "answer", ("document", "question")),
        (("document", "question", "answer"), "answer", "answer", ("document", "question")),
        (("text", "label"), "label", "classify", ("text",)),
        (("text", "keywords"), "keywords", "keywords", ("text",)),
        (("text", "summary"), "summary", "summarise", ("text",)),
    ],
)
def test_every_column_that_is_needed_stands_in_the_prompt(columns, answer, word, prompt):
    rows = [{name: f"{name} {i % 2 if name == 'label' else i}" for name in columns} for i in range(60)]
    task, _ = infer(rows, answer=answer)
    assert task.word == word and columns_of(task.prompt) == prompt


def test_choices_are_never_left_out():
    listed = [{"question": f"Which {i}?", "choices": ["a", "b"], "answer": i % 2} for i in range(60)]
    lettered = [{"question": f"Which {i}?", **dict(zip("ABCD", "wxyz")), "answer": "ABCD"[i % 4]} for i in range(60)]
    for rows in (listed, lettered):
        with pytest.raises(DataError, match="no default prompt shows them"):
            infer(rows)
    labels = [{"text": f"t {i}", "options": ["a", "b"], "label": "ab"[i % 2]} for i in range(60)]
    assert infer(labels)[0].word == "classify", "every row has the same labels"
    task, _ = infer(listed, prompt="{question}\n{choices}\nAnswer: ", answer="answer")
    assert task.prompt_text(examples(task, listed, "train")[0][0]) == "Which 0?\na\nb\nAnswer: "


def test_scores_are_no_labels_and_whole_floats_are_numbers():
    scores = [{"sentence1": f"a {i}", "sentence2": "b", "label": i % 26 / 5} for i in range(260)]
    task, _ = infer(scores)
    with pytest.raises(DataError, match="are scores"):
        with_labels(task, examples(task, scores, "train")[0], {})
    whole = [{"text": f"a {i}", "label": float(i % 2) if i % 3 else i % 2} for i in range(60)]
    task, _ = infer(whole)
    assert with_labels(task, examples(task, whole, "train")[0], {}).labels == ("0", "1")


def test_a_typed_new_line_is_one():
    task, notes = infer(rows_of("text", "label"), prompt=r"Text: {text}\nLabel: ", answer="label")
    assert task.prompt == "Text: {text}\nLabel: " and any("new line" in note for note in notes)


def test_columns_that_are_no_text_are_refused_with_their_row():
    task, _ = infer(rows_of("text", "summary"))
    with pytest.raises(DataError, match="dev row 2: column 'text' is a list"):
        examples(task, [{"text": "a", "summary": "s"}, {"text": [["a"]], "summary": "s"}], "dev")
    with pytest.raises(DataError, match="dev row 1: the answer"):
        examples(task, [{"text": "a", "summary": {"x": 1}}], "dev")


# labels


def classes(*labels: str) -> list[Example]:
    return [Example(str(i), str(i), {"text": "t"}, (label,)) for i, label in enumerate(labels)]


def test_labels_come_from_train_and_are_sorted():
    task = Classify(prompt="{text}", answer="label")
    assert with_labels(task, classes("b", "a", "b"), {}).labels == ("a", "b")
    done = with_labels(task, classes("10", "9", "-1", "9"), {"test": classes("9")})
    assert done.labels == done.words == ("-1", "9", "10")
    assert parse_task(repr(done)) == done
    worded = dataclasses.replace(task, words=("bad", "good"))
    assert with_labels(worded, classes("1", "0"), {}).words == ("bad", "good")
    typed = dataclasses.replace(task, labels=("z", "a"))
    assert with_labels(typed, classes("a", "z"), {}).labels == ("z", "a")


def test_labels_that_cannot_be_learned_are_refused():
    task = Classify(prompt="{text}", answer="label")
    with pytest.raises(DataError, match="test has the label 'c', which train never shows"):
        with_labels(task, classes("a", "b"), {"dev": classes("a"), "test": classes("a", "c")})
    with pytest.raises(DataError, match="Every training row has the label 'a'"):
        with_labels(task, classes("a", "a"), {})
    with pytest.raises(DataError, match="no training rows"):
        with_labels(task, [], {})
    with pytest.raises(DataError, match="60 different labels"):
        with_labels(task, classes(*map(str, range(60))), {})
    with pytest.raises(SpellingError, match="3 words for 2 labels"):
        with_labels(dataclasses.replace(task, words=("x", "y", "z")), classes("a", "b"), {})
    with pytest.raises(DataError, match="'b'"):
        with_labels(dataclasses.replace(task, labels=("a", "c")), classes("a", "b"), {})
    with pytest.raises(DataError, match="labels a, b"):
        examples(task, [{"text": "t", "label": ["a", "b"]}], "train")


# the real thing

REAL = {
    "dialogsum": Summarise,
    "mts_dialog": Summarise,
    "chnsenticorp": Classify,
    "sst2": Classify,
    "csl_category": Classify,
    "superglue/RTE": Classify,
    "superglue/BoolQ": Classify,
    "csl_title": Answer,
    "cmrc2018": Answer,
    "huatuo_zh": Answer,
    "alpaca_zh": Answer,
}


@pytest.mark.parametrize("name", REAL)
def test_real_data_from_folder_to_examples(shared_data, name):
    table = read(f"{shared_data / name}#500")
    task, _ = infer(next(iter(table.splits.values())))
    assert type(task) is REAL[name]
    table = complete(table, lambda row: input_keys(task, row))
    made = {split: examples(task, rows, split)[0] for split, rows in table.splits.items()}
    if isinstance(task, Classify):
        task = with_labels(task, made["train"], {"dev": made["dev"], "test": made["test"]})
        assert len(task.labels) == {"csl_category": 13}.get(name, 2)
    if name == "dialogsum":
        assert {len(e.references) for e in made["test"]} == {3}
    if name == "superglue/BoolQ":
        assert task.labels == ("false", "true")
    assert all(task.prompt_text(e).strip() for held in made.values() for e in held)


def test_a_translation_goes_either_way(shared_data):
    rows = read(shared_data / "tatoeba_en_zh").splits["test"]
    there, _ = infer(rows)
    assert isinstance(there, Translate) and there.answer == "zh" and "into Chinese" in there.prompt
    assert len(examples(there, rows, "test")[0]) == 1000
    pairs = [row | {"zh": row["zh"][0]} for row in rows]
    back, _ = infer(pairs, answer="en")
    assert isinstance(back, Translate) and back.answer == "en" and "译成英文" in back.prompt


def test_a_translation_in_an_object_is_found_by_its_languages(tmp_path):
    file = tmp_path / "pairs.jsonl"
    pair = {"translation": {"zh": "公交车开走了。", "en": "The bus has left."}}
    file.write_text(json.dumps(pair), encoding="utf-8")
    rows = read(file).splits["train"]
    there, notes = infer(rows)
    assert isinstance(there, Translate) and "into Chinese" in there.prompt and not any("neither" in n for n in notes)
    (made,), _ = examples(there, rows, "train")
    assert there.prompt_text(made).count("The bus has left.") == 1 and made.references == ("公交车开走了。",)
    back, _ = infer(rows, task="translate", answer="translation.en")
    assert back.answer == "translation.en" and "译成英文" in back.prompt and "{translation.zh}" in back.prompt


def test_two_other_languages_go_from_the_first_to_the_second_and_three_are_asked_about():
    german = rows_of("translation.de", "translation.cs")
    there, _ = infer(german, task="translate")
    back, _ = infer(german, answer="translation.de")
    assert there.answer == "translation.cs" and "into cs" in there.prompt and "{translation.de}" in there.prompt
    assert isinstance(back, Translate) and "into German" in back.prompt and "{translation.cs}" in back.prompt
    three = rows_of("translation.de", "translation.cs", "translation.fr")
    with pytest.raises(DataError, match="3 languages") as refusal:
        infer(three)
    said = shlex.split(refusal.value.do)
    chosen, _ = infer(
        three, task="translate", prompt=said[said.index("--prompt") + 1], answer=said[said.index("--answer") + 1]
    )
    assert isinstance(chosen, Translate) and chosen.answer == "translation.cs"
    with pytest.raises(DataError, match=r"no column 'cs'.*\n.*translation\.cs"):
        infer(german, answer="cs")


def test_columns_without_a_known_shape_are_refused_with_their_names():
    with pytest.raises(DataError, match="left, right"):
        infer(rows_of("left", "right"))
