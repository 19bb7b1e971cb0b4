"""The pristine backbone with worked examples in its prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ..backbone import Backbone
from ..delta import Delta
from ..spell import spelled
from .method import Method, at_least


@spelled
@dataclass(frozen=True)
class FewShot(Method):
    """No change to the model: k training examples with their answers stand before the question.

    Source: Brown et al. 2020, "Language Models are Few-Shot Learners", arXiv:2005.14165, §2.
    Trained: nothing; count 0. The demonstrations are drawn once, by the seed, from the shorter half of the
    training rows, and are the same for every question.
    Wins with large causal backbones and a handful of rows; fails where the prompt gets longer than what the
    backbone was trained on, as with small encoder-decoders. Of classes it shows and reads the
    words, on encoders too; plain text has no examples to show.
    Defaults: 2 examples, a prompt that still fits.
    """

    word: ClassVar[str] = "few_shot"
    trains: ClassVar[bool] = False
    aliases = {"shots": "examples", "k": "examples"}
    examples: int = field(default=2, metadata={"shown": True})

    def __post_init__(self) -> None:
        at_least(self, 1, "examples")

    @property
    def shots(self) -> int:  # type: ignore[override]
        return self.examples

    def delta(self, backbone: Backbone) -> Delta:
        return Delta({})
