"""What clients get, for the OpenAPI page: OpenAI's shapes, and ours where it has none.

Source: the published API reference, "Completions", "Chat", "Models", "Errors".
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatMessage(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: None


class Answer(BaseModel):
    id: str
    created: int
    model: str
    system_fingerprint: str
    usage: Usage


class TextChoice(BaseModel):
    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: None


class Completion(Answer):
    object: Literal["text_completion"]
    choices: list[TextChoice]


class ChatChoice(BaseModel):
    index: int
    message: ChatMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None


class ChatCompletion(Answer):
    object: Literal["chat.completion"]
    choices: list[ChatChoice]


class Label(BaseModel):
    index: int
    label: str
    probabilities: dict[str, float]


class Classification(Answer):
    object: Literal["list"]
    data: list[Label]


class Model(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: Literal["luthier"]
    parent: str
    method: str
    task: str
    version: str


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]


class ErrorFacts(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    error: ErrorFacts
