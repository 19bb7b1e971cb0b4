"""What every request has in common: nothing that would change the answer goes unread."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

IDLE = frozenset({"metadata", "parallel_tool_calls", "prompt_cache_key", "safety_identifier", "service_tier", "store"})
"""Settings of the API that change no answer here."""


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _without_what_asks_for_nothing(cls, given: Any) -> Any:
        """Clients send back what they were sent, with fields that are empty: `refusal: null`, `tool_calls: []`."""
        if not isinstance(given, dict):
            return given
        return {k: v for k, v in given.items() if k in cls.model_fields or (k not in IDLE and v not in (None, [], {}))}
