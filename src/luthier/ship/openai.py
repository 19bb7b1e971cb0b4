"""What clients of OpenAI's API send; a setting that would change the answer and is not known here is refused.

Source: the published API reference, "Completions", "Chat", "Models", "Errors".
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .ask import Wish
from .strict import Shape

MOST_TOKENS, MOST_INPUTS, MOST_CHOICES, MOST_STOPS = 4096, 32, 4, 4

Stop = Annotated[str, Field(min_length=1, max_length=200)]
Zero = Annotated[float, Field(ge=0, le=0, description="only 0: penalties are not part of the evaluation")]
Off = Annotated[Literal[False] | None, Field(description="not available")]
Columns = Annotated[dict[str, str], Field(min_length=1, max_length=20)]
Inputs = Annotated[list[str | Columns], Field(min_length=1, max_length=MOST_INPUTS)]

COLDEST = 1e-4
"""Below it a temperature only leaves the likeliest token, and numbers overflow."""


class StreamOptions(Shape):
    include_usage: bool = False


class TextFormat(Shape):
    type: Literal["text"]


class Sampling(Shape):
    """The settings that completions and chats share; without any the answer is the evaluation's (greedy)."""

    model: str
    max_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS, description="default: the trial's own limit")
    temperature: float | None = Field(None, ge=0, le=2, description="default 0, as in the evaluation")
    top_p: float | None = Field(None, ge=0, le=1)
    n: int | None = Field(None, ge=1, le=MOST_CHOICES)
    seed: int | None = Field(None, ge=-(2**53), le=2**53)  # beyond it a JSON number is no exact integer everywhere
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def choices(self) -> int:
        return self.n or 1

    def wish(self, most: int) -> Wish:
        """`most`: new tokens where the client names no number."""
        wanted = getattr(self, "max_completion_tokens", None) or self.max_tokens or most
        top_p = 1.0 if self.top_p is None else self.top_p
        warm = self.temperature if self.temperature and self.temperature >= COLDEST else 0.0
        return Wish(wanted, warm, top_p, self.seed, self.stops, bool(self.stream))


class CompletionRequest(Sampling):
    """Each prompt stands in the template of the trial's task, as with `luthier predict --text`."""

    prompt: str | Columns | Inputs = Field(description="a text, a row of the prompt's columns, or a list of either")
    echo: Off = None
    best_of: Annotated[int, Field(ge=1, le=1)] | None = None

    @property
    def rows(self) -> list[str | dict[str, str]]:
        return self.prompt if isinstance(self.prompt, list) else [self.prompt]


class TextPart(Shape):
    type: Literal["text"]
    text: str


class Message(Shape):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(min_length=1)]
    name: str | None = None

    @property
    def turn(self) -> tuple[str, str]:
        """(role as trials know it, text)."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return self.role if self.role in ("user", "assistant") else "system", text


class ChatRequest(Sampling):
    """A chat trial reads all messages in its chat template; any other the last one, in its task's template."""

    messages: list[Message] = Field(min_length=1, max_length=200)
    max_completion_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS)
    logprobs: Off = None
    response_format: TextFormat | None = None


class ClassifyRequest(Shape):
    """Texts, or rows of the prompt's columns, for a trial that chooses a label."""

    model: str
    input: str | Columns | Inputs

    @property
    def rows(self) -> list[str | dict[str, str]]:
        return self.input if isinstance(self.input, list) else [self.input]


class AddRequest(Shape):
    """The name of a finished trial in the folder that the server was started with; never a path."""

    name: str = Field(min_length=1, max_length=200)


FIELDS = frozenset(
    name
    for shape in (
        ClassifyRequest,
        AddRequest,
        CompletionRequest,
        ChatRequest,
        Message,
        TextPart,
        StreamOptions,
        TextFormat,
    )
    for name in shape.model_fields
)
"""What a request may call by name; other steps of a fault's place are the validator's own."""

UNAVAILABLE = frozenset([
    "audio", "file", "function_call", "functions", "image_url", "input_audio", "json_schema", "logit_bias", "logprobs",
    "min_p", "modalities", "prediction", "reasoning_effort", "repetition_penalty", "suffix", "tool_call_id",
    "tool_calls", "tool_choice", "tools", "top_k", "top_logprobs", "verbosity", "web_search_options",
])  # fmt: skip
"""Settings of this API, and of other servers of it, that would change the answer and do not exist here."""
