"""Chats as rows: every assistant turn is an answer, the turns before it are its prompt.

Accepted are `messages: [{role, content}]`, `conversations: [{from, value}]`, `conversation: [{human, assistant}]`
and, in the style of TRL, `prompt` and `completion` that are lists of messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import DataError
from .spans import with_spans

CHAT_COLUMNS = ("messages", "conversations", "conversation")

TURNS, REPLY, MESSAGES = "turns", "reply", "messages_before"
"""The text columns that a chat row gets: the turns as people read them, the answer, the turns as JSON messages."""

SYSTEM = "system"
"""A column beside a chat whose text is its system turn."""

ROLES = {
    "human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant",
}  # fmt: skip
"""Other spellings of user and assistant."""


def chat_column(row: Mapping[str, Any]) -> str | None:
    """The column that holds a chat, if there is one."""
    return next((c for c in CHAT_COLUMNS if isinstance(row.get(c), list)), None)


def flatten(row: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """The row with `turns`, `reply` and `messages_before` of its last assistant turn beside its columns, or with the
    spans of its text (`spans`); others come back as they are.

    `place` names the row in errors.

    Raises:
        DataError: a turn of another shape.
    """
    return spread(row, place)[-1]


def spread(row: Mapping[str, Any], place: str) -> list[Mapping[str, Any]]:
    """As `flatten`, a row for every assistant turn that something precedes; a chat without one gives a row without an
    answer, to be left out and counted."""
    if (column := chat_column(row)) is not None:
        said = _turns(row[column], place)
    elif isinstance(row.get("completion"), list):
        before = row.get("prompt") or []
        opening = [("user", before)] if isinstance(before, str) else _turns(before, place)
        said = [*opening, *_turns(row["completion"], place)]
    else:
        return [with_spans(row)]
    if isinstance(system := row.get(SYSTEM), str) and system.strip() and said and said[0][0] != "system":
        said.insert(0, ("system", system))
    answers = [i for i, (role, text) in enumerate(said) if role == "assistant" and text.strip() and i > 0]
    if not answers:
        return [{**row, TURNS: shown(said), REPLY: "", MESSAGES: as_messages(said)}]
    return [{**row, TURNS: shown(said[:i]), REPLY: said[i][1], MESSAGES: as_messages(said[:i])} for i in answers]


def _words(told: Any) -> Any:
    """The text of a turn: a call of a tool has none, and parts of text are one text."""
    if isinstance(told, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in told):
        return "\n".join(str(part.get("text") or "") for part in told)
    return "" if told is None else told


def shown(said: list[tuple[str, str]]) -> str:
    """Turns as text, for models without a chat template and for people."""
    return "\n".join(f"{role.capitalize()}: {text}" for role, text in said)


def as_messages(said: list[tuple[str, str]]) -> str:
    return json.dumps([{"role": role, "content": text} for role, text in said], ensure_ascii=False)


def is_chat(row: Mapping[str, Any]) -> bool:
    return chat_column(row) is not None or isinstance(row.get("completion"), list)


def _turns(turns: Any, place: str) -> list[tuple[str, str]]:
    """(role, what was said), in order."""
    said: list[tuple[str, str]] = []
    for turn in turns if isinstance(turns, list) else [turns]:
        if isinstance(turn, dict) and {"human", "assistant"} & turn.keys():
            pairs = [(role, turn[role]) for role in ("human", "assistant") if turn.get(role)]
        elif isinstance(turn, dict) and {"content", "value"} & turn.keys():
            pairs = [(turn.get("role", turn.get("from")), turn.get("content", turn.get("value")))]
        else:
            pairs = [(None, turn)]
        for role, told in pairs:
            text = _words(told)
            if not isinstance(role, str) or not isinstance(text, str):
                raise DataError(
                    f"{place}: the turn {str(turn)[:60]!r} has no role and text.",
                    '{"role": "user", "content": "…"} or {"from": "human", "value": "…"}',
                    "mend or remove the row",
                )
            said.append((ROLES.get(role.lower(), role.lower()), text))
    return said
