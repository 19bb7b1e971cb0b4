"""The task behind `--task refer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..spell import spelled
from .classify import Classify


@spelled
@dataclass(frozen=True)
class Refer(Classify):
    """Say whether a pronoun refers to a name in the same text.

    Example: "Bob paid for Charlie's college education, but now Charlie acts as though it never happened. *He* is very
        hurt. / Does *He* refer to "Bob"?" -> "true", said as the word "yes"
    Right: accuracy (Levesque, Davis and Morgenstern 2012, "The Winograd Schema Challenge"; as pairs of spans, Wang et
        al. 2019, "SuperGLUE", arXiv:1905.00537, section 3).
    Limits: about two thirds of the usual test rows are "no", so 0.63 is what always saying it gets, and few models
        of moderate size get more. Sets whose training rows are all "yes" teach nothing and are refused.
    Defaults: columns text, span1_text and span2_text, or an object `target` that holds the spans; the pronoun's place
        is marked with asterisks. The second of the two labels in order is yes. Accuracy picks the checkpoint.
    """

    word: ClassVar[str] = "refer"

    best_by: str = "accuracy"
