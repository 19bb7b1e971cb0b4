"""The column shapes that need no setting, and the prompts that belong to them.

Column names are compared without case. `context?` is a column that a row may lack or leave empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import DataError
from .spans import MARKED
from .template import columns_of
from .turns import REPLY, TURNS

ANSWERS = ("response", "answer", "output", "target", "completion")


@dataclass(frozen=True)
class Form:
    """Input columns in prompt order, the answer columns that fit them, and the task; no task: the answers decide."""

    columns: tuple[str, ...]
    answers: tuple[str, ...]
    word: str = ""


FORMS = (
    Form((TURNS,), (REPLY,), "chat"),
    Form(
        ("system?", "instruction", "input?", "context?"), ("output", *(a for a in ANSWERS if a != "output")), "answer"
    ),
    Form(("dialogue",), ("summary",), "summarise"),
    Form(("document",), ("summary",), "summarise"),
    Form(("article",), ("highlights", "summary"), "summarise"),
    Form(("text",), ("summary",), "summarise"),
    Form(("premise", "choice1", "choice2", "question"), ("label",), "choose"),
    Form((MARKED, "span1_text", "span2_text"), ("label",), "refer"),
    Form(("sentence1", "sentence2", "word"), ("label",), "sense"),
    Form(("premise", "hypothesis"), ("label",), "classify"),
    Form(("sentence1", "sentence2"), ("label",), "classify"),
    Form(("question", "passage"), ("label",), "classify"),
    Form(("question", "sentence"), ("label",), "classify"),
    Form(("question1", "question2"), ("label",), "classify"),
    Form(("text_a", "text_b"), ("label",), "classify"),
    Form(("text",), ("label",), "classify"),
    Form(("review",), ("label",), "classify"),
    Form(("text_a",), ("label",), "classify"),
    Form(("sentence",), ("label",), "classify"),
    Form(("context?", "passage?", "document?", "article?", "text?", "question"), ("answers", *ANSWERS), "answer"),
    Form(("prompt",), ("completion", *(a for a in ANSWERS if a != "completion")), "answer"),
    Form(("text",), ("keywords",), "keywords"),
    Form(("abstract",), ("keywords",), "keywords"),
    Form(("en",), ("zh",), "translate"),
    Form(("zh",), ("en",), "translate"),
    Form(("classical",), ("modern",), "translate"),
    Form(("modern",), ("classical",), "translate"),
    Form(("query",), ANSWERS, "answer"),
    Form(("problem",), ANSWERS, "answer"),
    Form(("input",), ANSWERS),
)

MOST_LABELS = 50
"""Different answers up to which they may be labels without anyone saying so."""

ACCEPTED = (
    "dialogue|document|article|text -> summary|highlights; "
    "premise, hypothesis | sentence1, sentence2 | question, passage|sentence | question1, question2 | text_a, text_b "
    "| text|review|text_a|sentence -> label; premise, choice1, choice2, question | text, span1_text, span2_text | "
    "sentence1, sentence2, word -> label; text|abstract -> keywords; en, zh | classical, modern | two parts of "
    "translation (either way); context?|passage?|document?|article?|text?, question -> answers|answer; "
    "system?, instruction, input?, context? -> output; "
    "query|prompt|input|question|problem -> response|answer|output|target|completion; messages; conversations"
)
"""`FORMS` as an error message says them."""

SOURCES = ("dialogue", "document", "article", "context", "passage", "premise", MARKED)
"""Columns that several rows may share: rows about the same text are not independent."""

TITLES = {
    "premise": ("Premise", "前提"),
    "hypothesis": ("Hypothesis", "假设"),
    "sentence1": ("Sentence 1", "句子一"),
    "sentence2": ("Sentence 2", "句子二"),
    "text_b": ("Text 2", "文本二"),
    "passage": ("Passage", "文章"),
    "question": ("Question", "问题"),
}
"""Column -> its title in an English and in a Chinese prompt; other columns stand alone."""

ENDINGS = {
    "summarise": ("Summary: ", "摘要："),
    "classify": ("Label: ", "标签："),
    "answer": ("Answer: ", "回答："),
    "translate": ("Translation: ", "译文："),
    "keywords": ("Keywords: ", "关键词："),
}


@dataclass(frozen=True)
class Phrase:
    """A question in words of its own, and how its first and its second label are said."""

    prompt: str
    words: tuple[str, str]


PHRASES = {
    "choose": (
        Phrase("{premise}\n\nWhat was the {question} of this?\n\n1: {choice1}\n\n2: {choice2}\n\nAnswer: ", ("1", "2")),
        Phrase(
            "{premise}\n\n这件事的{question}（cause：原因，effect：结果）是哪一个？\n\n"
            "1：{choice1}\n\n2：{choice2}\n\n回答：",
            ("1", "2"),
        ),
    ),
    "sense": (
        Phrase(
            "Sentence 1: {sentence1}\n\nSentence 2: {sentence2}\n\n"
            'Does "{word}" mean the same in both sentences?\n\nAnswer: ',
            ("no", "yes"),
        ),
        Phrase(
            "句子一：{sentence1}\n\n句子二：{sentence2}\n\n“{word}”在两个句子里的意思相同吗？\n\n回答：", ("否", "是")
        ),
    ),
    "refer": (
        Phrase('{marked}\n\nDoes *{span2_text}* refer to "{span1_text}"?\n\nAnswer: ', ("no", "yes")),
        Phrase("{marked}\n\n*{span2_text}*指的是“{span1_text}”吗？\n\n回答：", ("否", "是")),
    ),
}
"""Task -> its question in English and in Chinese; other tasks are asked for by the titles of their columns."""

LANGUAGES = {
    "en": ("English", "英文"),
    "zh": ("Chinese", "中文"),
    "classical": ("classical Chinese", "文言文"),
    "modern": ("modern Chinese", "现代汉语"),
    "de": ("German", "德文"),
    "es": ("Spanish", "西班牙文"),
    "fr": ("French", "法文"),
    "ja": ("Japanese", "日文"),
    "ko": ("Korean", "韩文"),
    "ru": ("Russian", "俄文"),
}
"""Column of a translation -> its language in an English and in a Chinese prompt; others are called by their code."""

TRANSLATION = "translation."
"""What the columns begin with where a row holds `{"translation": {"en": …, "zh": …}}`."""


def bare(column: str) -> str:
    """`context` of `context?`."""
    return column.removesuffix("?")


def find(columns: Sequence[str], answer: str) -> tuple[Form, str] | None:
    """The first form that the columns fill, with the columns' own spelling, and its answer column.

    With `answer` given, any form will do whose inputs are there, those first that have such an answer; its task counts
    only where the answer is one of the form's own.
    """
    own = {language_of(c): c for c in columns if c.startswith(TRANSLATION)}
    own |= {column.strip().lower(): column for column in columns} | {column: column for column in columns}
    for form in sorted(FORMS, key=lambda form: language_of(answer) not in form.answers):
        found = answer or next((own[name] for name in form.answers if name in own), None)
        needed = [name for name in form.columns if not name.endswith("?")]
        if found is None or any(name not in own or own[name] == found for name in needed):
            continue
        there = [(name, own[bare(name)]) for name in form.columns if bare(name) in own and own[bare(name)] != found]
        spelled = tuple(column + "?" * name.endswith("?") for name, column in there)
        word = form.word if language_of(found) in form.answers else ""
        return Form(spelled, form.answers, word), found
    return _between(columns, answer)


def language_of(column: str) -> str:
    """`en` of `translation.en`; other names in small letters."""
    return column.strip().lower().removeprefix(TRANSLATION)


def _between(columns: Sequence[str], answer: str) -> tuple[Form, str] | None:
    """From the first of two languages to the second, or to the one that is the answer.

    Raises:
        DataError: more than two.
    """
    found = [c for c in columns if c.startswith(TRANSLATION)]
    if len(found) > 2 and answer in ("", *found):
        raise DataError(
            f"A row holds {len(found)} languages, {', '.join(found)}.",
            "from one of them to another",
            f"write it: --task translate --prompt '{{{found[0]}}}' --answer {found[1]}",
        )
    if len(found) < 2 or answer not in ("", *found):
        return None
    answer = answer or found[1]
    (source,) = (c for c in found if c != answer)
    return Form((source,), (answer.lower(),), "translate"), answer


def words_for(word: str, chinese: bool) -> tuple[str, ...]:
    """How the labels of a task with a question of its own are said; empty: as the data spells them."""
    return PHRASES[word][chinese].words if word in PHRASES else ()


def prompt_for(word: str, columns: Sequence[str], answer: str, chinese: bool) -> str:
    """The default template of task `word` from these columns to `answer`.

    Raises:
        DataError: a task that has a question of its own, on other columns.
    """
    names = [bare(column).lower() for column in columns]
    if word in PHRASES:
        return _worded(PHRASES[word][chinese].prompt, dict(zip(names, columns)))
    if names == [TURNS]:
        return f"{{{TURNS}}}\nAssistant: "
    if word == "answer" and names == ["prompt"]:  # by custom the completion follows a `prompt` at once
        return f"{{{columns[0]}}}"
    colon = "：" if chinese else ": "
    paragraphs = []
    for name, column in zip(names, columns, strict=True):
        title = TITLES[name][chinese] + colon if name in TITLES else ""
        paragraphs.append(f"{title}{{{column}}}")
    ending = [ENDINGS[word][chinese]] if word in ENDINGS else []
    return "\n\n".join([*_opening(word, names, language_of(answer), chinese), *paragraphs, *ending])


def _worded(template: str, own: Mapping[str, str]) -> str:
    """The template with the columns as the data spells them."""
    wanted = columns_of(template)
    if lacking := [name for name in wanted if name not in own]:
        raise DataError(
            f"The question has the columns {', '.join(wanted)}, and the data lacks {', '.join(lacking)}.",
            ", ".join(own.values()),
            "choose another task, or write the question: --prompt '…{column}…'",
        )
    for name in wanted:
        template = template.replace(f"{{{name}}}", f"{{{own[name]}}}")
    return template


def _opening(word: str, names: list[str], answer: str, chinese: bool) -> list[str]:
    if word == "translate":
        into = LANGUAGES.get(answer, (answer, answer))[chinese]
        return [f"把下面的文字译成{into}。" if chinese else f"Translate the following text into {into}."]
    if word == "keywords":
        return ["列出下面文字的关键词。" if chinese else "List the keywords of the following text."]
    if word == "summarise":
        talk = names[0] == "dialogue"
        if chinese:
            return ["概括下面的对话。" if talk else "概括下面的文字。"]
        return [f"Summarize the following {'conversation' if talk else 'text'}."]
    if word == "classify" and len(names) == 1:
        return ["下面的文字属于哪一类？" if chinese else "Which label fits the following text?"]
    return []
