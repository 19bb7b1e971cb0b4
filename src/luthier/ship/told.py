"""Answers in OpenAI's shapes."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .ask import Ask
from .served import Served


class Told:
    """One answer on its way to the client: whole, or in pieces."""

    def __init__(self, served: Served, chat: bool) -> None:
        self.chat, self.served = chat, served
        self.facts = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": served.name,
            "system_fingerprint": served.version,
        }

    def whole(self, asks: Sequence[Ask]) -> dict[str, Any]:
        choices = []
        for index, ask in enumerate(asks):
            said = {"message": message(ask.text)} if self.chat else {"text": ask.text}
            choices.append({"index": index, **said, "finish_reason": ask.ended, "logprobs": None})
        kind = "chat.completion" if self.chat else "text_completion"
        return {**self.facts, "object": kind, "choices": choices, "usage": usage(asks)}

    def piece(self, index: int, text: str | None, ended: str | None = None) -> str:
        """A server-sent event with more text, or the end of a choice."""
        if self.chat:
            said: dict[str, Any] = {"delta": {} if text is None else {"content": text}}
        else:
            said = {"text": text or ""}
        return self._event([{"index": index, **said, "finish_reason": ended, "logprobs": None}])

    def opening(self, index: int) -> str:
        """A chat begins with who speaks."""
        said = {"role": "assistant", "content": ""}
        return self._event([{"index": index, "delta": said, "finish_reason": None, "logprobs": None}])

    def counted(self, asks: Sequence[Ask]) -> str:
        return self._event([], usage=usage(asks))

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> str:
        kind = "chat.completion.chunk" if self.chat else "text_completion"
        return event({**self.facts, "object": kind, "choices": choices, **more})


def event(value: Any) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def message(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text, "refusal": None}


def usage(asks: Sequence[Ask]) -> dict[str, int]:
    """Real tokens: virtual ones are the delta's, a prompt with several choices is read once."""
    read = sum({id(ask.ids): len(ask.ids) for ask in asks}.values())
    said = sum(len(ask.said) for ask in asks)
    return {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}


def model_facts(served: Served) -> dict[str, Any]:
    return {
        "id": served.name,
        "object": "model",
        "created": served.made,
        "owned_by": "luthier",
        "parent": Path(served.run.backbone.name).name,
        "method": repr(served.run.method),
        "task": served.task.word,
        "version": served.version,
    }
