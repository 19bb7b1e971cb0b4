"""Columns -> task, by what was typed first and by the columns' names second."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..errors import DataError, SpellingError
from ..spell import closest
from .classify import Classify
from .forms import ACCEPTED, FORMS, MOST_LABELS, bare, find, prompt_for, words_for
from .instruct import TASK_COLUMNS, Instruct
from .read import TEXTS, Read
from .spans import MARKED, SPANS, with_spans
from .task import Task
from .template import columns_of
from .turns import CHAT_COLUMNS, MESSAGES, SYSTEM, flatten, is_chat

SAMPLE = 200
"""Rows looked at for the language and for optional columns that are empty throughout."""

REPEATS = 5
"""Answers are labels where there are at most `MOST_LABELS` different ones, each seen 5 times on average."""

CHOICES = ("a", "b", "c", "d")
"""Columns of a question with four answers to choose from."""

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")

Rows = Sequence[Mapping[str, Any]]


def settle(
    rows: Rows, given: Task | None, prompt: str, answer: str, words: Mapping[str, type]
) -> tuple[Task, tuple[str, ...]]:
    """The work of `tasks.infer`: `given` is the task that was typed, empty texts were not typed.

    `words` holds the class of every task, by its word.
    """
    if not rows:
        raise DataError("There are no rows to tell the task from.", "at least one row", "check the data")
    notes: list[str] = []
    if "\\n" in prompt and "\n" not in prompt:  # a shell hands on what was typed
        prompt = prompt.replace("\\n", "\n")
        notes.append("\\n in the prompt is a new line")
    prompt = prompt or (given.prompt if given else "")
    answer = answer or (given.answer if given else "")
    read: set[str] = set()
    if any(is_chat(row) for row in rows[:SAMPLE]):
        rows = [flatten(row, f"row {number}") for number, row in enumerate(rows, 1)]
        notes.append("chats: an assistant turn is the answer, the turns before it the prompt")
        read = {*CHAT_COLUMNS, "prompt", "completion", SYSTEM, MESSAGES}
    elif any(MARKED in with_spans(row) for row in rows[:SAMPLE]):
        rows = [with_spans(row) for row in rows]
        notes.append(f"{MARKED} is the text with asterisks around its second span")
        read = {"text", "target", *SPANS, *(f"target.{name}" for name in SPANS)}
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if answer and answer not in columns:
        raise _no_column(answer, columns, "the answer column")
    if isinstance(given, Read):
        return _plain_text(given, columns, prompt, answer)
    if prompt:
        inputs = _placeholders(prompt, columns)
        answer = answer or _only_answer(inputs, columns)
        known = find([*inputs, answer], answer)
        word = (known and known[0].word) or _word_of(answer)
    else:
        form, answer = find(columns, answer) or _no_form(columns)
        inputs = [c for c in form.columns if not c.endswith("?") or _used(bare(c), rows)]
        word = form.word
        if word in ("answer", ""):  # a label is one of the same few in every row
            _show_choices(columns, [*map(bare, inputs), answer])
    if answer in map(bare, inputs):
        raise DataError(f"The prompt shows the answer {answer!r}.", "other columns in the prompt", "take it out")
    task = given or words[word or ("classify" if _few(rows, answer) else "answer")]()
    if not prompt:
        chinese = _chinese(rows, inputs)
        prompt = prompt_for(task.word, inputs, answer, chinese)
        task = _said(task, words_for(task.word, chinese))
        notes.append(f"the prompt is the {'Chinese' if chinese else 'English'} default for {task.word}")
    made = _made(task, prompt, answer, inputs)
    if isinstance(made, Instruct):
        made = _of_tasks(made, columns)
        read.add(made.by)
        notes.append(f"the tasks are named by {made.by}")
    notes.append(f"task {task.word}: {', '.join(map(bare, inputs))} -> {answer}")
    if idle := [c for c in columns if c not in {*map(bare, inputs), answer, *read}]:
        notes.append(f"columns that are neither prompt nor answer: {', '.join(idle)}")
    return made, tuple(notes)


def _show_choices(columns: Sequence[str], used: Sequence[str]) -> None:
    """Refuse a default prompt that would leave out what may be answered."""
    own = {column.strip().lower(): column for column in columns if column not in used}
    found = [own[name] for name in ("choices", "options") if name in own]
    found = found or [own[name] for name in CHOICES if name in own and {*CHOICES} <= {*own}]
    if found:
        shown = " ".join(f"{{{name}}}" for name in (used[0], *found))
        raise DataError(
            f"The columns {', '.join(found)} say what may be answered, and no default prompt shows them.",
            ", ".join(columns),
            f"write the question: --prompt '{shown} Answer: ' --answer {used[-1]}",
        )


def _of_tasks(task: Instruct, columns: list[str]) -> Instruct:
    likely = [c for name in TASK_COLUMNS for c in columns if c.strip().lower() == name]
    by = task.by or next(iter(likely), "")
    if by not in columns:
        raise _no_column(by or TASK_COLUMNS[0], columns, "which names the task of a row (by)")
    return dataclasses.replace(task, by=by)


def _plain_text(given: Read, columns: list[str], prompt: str, answer: str) -> tuple[Read, tuple[str, ...]]:
    """The text column: the one that was typed, else the first that has a text's name, else the only one."""
    typed = _placeholders(prompt, columns) if prompt else [answer] if answer else []
    likely = [c for name in TEXTS for c in columns if c.strip().lower() == name]
    found = next(iter([*typed, *likely, *(columns if len(columns) == 1 else [])]), None)
    if found is None:
        raise DataError(
            f"None of the columns {', '.join(columns)} is called like a plain text.",
            ", ".join(TEXTS),
            "name it: --prompt '{column}'",
        )
    if given.document and given.document not in columns:
        raise _no_column(given.document, columns, "which names the documents")
    made = dataclasses.replace(given, prompt=prompt or f"{{{found}}}", answer=found)
    notes = [f"task read: {found}, one document a row" + f", works by {given.document}" * bool(given.document)]
    if idle := [c for c in columns if c not in (found, given.document)]:
        notes.append(f"columns that are not read: {', '.join(idle)}")
    return made, tuple(notes)


def _made(task: Task, prompt: str, answer: str, inputs: Sequence[str]) -> Task:
    if not isinstance(task, Classify):
        return dataclasses.replace(task, prompt=prompt, answer=answer)  # type: ignore[type-var]
    read = tuple(map(bare, inputs))
    if unknown := [name for name in task.segments if name not in read]:
        raise SpellingError(
            f"classify: the segment {unknown[0]!r} is no column of the prompt.",
            ", ".join(read),
            closest(unknown[0], read),
        )
    segments = task.segments or (read if len(read) <= 2 else ())
    return dataclasses.replace(task, prompt=prompt, answer=answer, segments=segments)


def _said(task: Task, words: tuple[str, ...]) -> Task:
    """The task with the words that its default question is answered with, where none were typed."""
    if not words or not isinstance(task, Classify) or task.words:
        return task
    return dataclasses.replace(task, words=words)


def _placeholders(prompt: str, columns: list[str]) -> list[str]:
    names = columns_of(prompt)
    if not names:
        raise SpellingError(f"The prompt {prompt!r} names no column.", f"{{{'}, {'.join(columns)}}}", "put one into it")
    for name in names:
        if name not in columns:
            raise _no_column(name, columns, f"{{{name}}} in the prompt")
    return list(names)


def _no_column(name: str, columns: list[str], role: str) -> DataError:
    return DataError(
        f"The data has no column {name!r}, {role}.", ", ".join(columns), closest(name, columns) or "name one of these"
    )


def _no_form(columns: list[str]) -> NoReturn:
    raise DataError(
        f"The columns {', '.join(columns) or '(none)'} have no known shape.",
        ACCEPTED,
        'say what to use: --prompt "…{column}…" --answer column, or --task read for plain text',
    )


def _only_answer(inputs: list[str], columns: list[str]) -> str:
    """The answer column beside a custom prompt: the only one with an answer's name."""
    names = {name for form in FORMS for name in form.answers}
    found = [c for c in columns if c.strip().lower() in names and c not in inputs]
    if len(found) != 1:
        what = f"{' and '.join(found)} could each be" if found else "no column is called like"
        raise DataError(
            f"Beside the prompt, {what} the answer.",
            ", ".join(c for c in columns if c not in inputs),
            "name it with --answer",
        )
    return found[0]


def _word_of(answer: str) -> str:
    """The task that an answer's name alone tells."""
    return {"label": "classify", "summary": "summarise", "highlights": "summarise"}.get(answer.strip().lower(), "")


def _few(rows: Rows, answer: str) -> bool:
    """Whether the answers are few and repeated, that is, labels."""
    values = [row.get(answer) for row in rows]
    if any(isinstance(value, (list, dict)) for value in values):
        return False
    given = [value for value in values if value not in (None, "")]
    return len(set(given)) <= min(MOST_LABELS, len(given) / REPEATS)


def _used(column: str, rows: Rows) -> bool:
    return any(row.get(column) not in (None, "") for row in rows)


def _chinese(rows: Rows, inputs: Sequence[str]) -> bool:
    """Whether a third of the characters that the sampled rows put into the prompt are Chinese."""
    texts = [row.get(bare(c)) for row in rows[:SAMPLE] for c in inputs]
    text = "".join("".join(t.split()) for t in texts if isinstance(t, str))
    return len(HAN.findall(text)) * 3 >= len(text) > 0
