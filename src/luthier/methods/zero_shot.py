"""The pristine backbone, asked as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..backbone import Backbone
from ..delta import Delta
from ..spell import spelled
from .method import Method


@spelled
@dataclass(frozen=True)
class ZeroShot(Method):
    """No change: Δ = 0.

    Source: Wei et al. 2022, "Finetuned Language Models Are Zero-Shot Learners", arXiv:2109.01652, §2.
    Trained: nothing; count 0.
    Wins where the backbone already follows the instruction; the line every tuned method must beat. Fails on
    backbones that never saw instructions. Of classes it reads the words, on encoders at a mask (Schick and Schütze
    2021, arXiv:2001.07676, §3.1), never a class head, which would be random.
    With `prefix` a fixed text stands before every prompt, in a conversation as its system turn: words chosen by
    hand, not prefix tuning, which trains keys and values.
    Defaults: no prefix.
    """

    word: ClassVar[str] = "zero_shot"
    trains: ClassVar[bool] = False
    aliases = {"system": "prefix", "system_prompt": "prefix"}
    prefix: str = ""

    @property
    def lead(self) -> str:  # type: ignore[override]
        return self.prefix

    def delta(self, backbone: Backbone) -> Delta:
        return Delta({})
