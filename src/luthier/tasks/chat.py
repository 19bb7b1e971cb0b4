"""Chats as rows: the last assistant turn is the answer, the turns before it are the prompt.

Accepted are `messages: [{role, content}]`, `conversations: [{from, value}]`, `conversation: [{human, assistant}]`
and, in the style of TRL, `prompt` and `completion` that are lists of messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DataError

CHAT_COLUMNS = ("messages", "conversations", "conversation")

TURNS, REPLY = "turns", "reply"
"""The two text columns that a chat row gets."""

ROLES = {
    "user": "User", "human": "User", "assistant": "Assistant", "gpt": "Assistant", "bot": "Assistant",
    "model": "Assistant", "chatgpt": "Assistant", "system": "System",
}  # fmt: skip


def chat_column(row: Mapping[str, Any]) -> str | None:
    """The column that holds a chat, if there is one."""
    return next((c for c in CHAT_COLUMNS if isinstance(row.get(c), list)), None)


def flatten(row: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """The row with `turns` and `reply` beside its columns; rows without a chat come back as they are.

    `place` names the row in errors.

    Raises:
        DataError: no assistant turn, nothing before it, or a turn of another shape.
    """
    if (column := chat_column(row)) is not None:
        turns = _turns(row[column], place)
    elif isinstance(row.get("completion"), list):
        before = row.get("prompt") or []
        opening = [("User", before)] if isinstance(before, str) else _turns(before, place)
        turns = [*opening, *_turns(row["completion"], place)]
    else:
        return row
    return {**row, **dict(zip((TURNS, REPLY), _split(turns, place), strict=True))}


def is_chat(row: Mapping[str, Any]) -> bool:
    return chat_column(row) is not None or isinstance(row.get("completion"), list)


def _turns(turns: Any, place: str) -> list[tuple[str, str]]:
    """(role as it is shown, what was said), in order."""
    said: list[tuple[str, str]] = []
    for turn in turns if isinstance(turns, list) else [turns]:
        if isinstance(turn, dict) and {"human", "assistant"} & turn.keys():
            pairs = [(role, turn[role]) for role in ("human", "assistant") if turn.get(role)]
        elif isinstance(turn, dict):
            pairs = [(turn.get("role", turn.get("from")), turn.get("content", turn.get("value")))]
        else:
            pairs = [(None, turn)]
        for role, text in pairs:
            if not isinstance(role, str) or not isinstance(text, str):
                raise DataError(
                    f"{place}: the turn {str(turn)[:60]!r} has no role and text.",
                    '{"role": "user", "content": "…"} or {"from": "human", "value": "…"}',
                    "mend or remove the row",
                )
            said.append((ROLES.get(role.lower(), role.capitalize()), text))
    return said


def _split(turns: list[tuple[str, str]], place: str) -> tuple[str, str]:
    last = max((i for i, (role, _) in enumerate(turns) if role == "Assistant"), default=None)
    if last is None or last == 0:
        what = "has no assistant turn" if last is None else "begins with its only assistant turn"
        raise DataError(
            f"{place}: the chat {what}.", "user turns and an assistant turn after them", "remove or complete the row"
        )
    return "\n".join(f"{role}: {text}" for role, text in turns[:last]), turns[last][1]
