"""Lists whose order means nothing, such as keywords."""

from __future__ import annotations

import re
import unicodedata
from typing import ClassVar

from .metric import RowMetric

BETWEEN = re.compile(r"[_;,、|\n]+")
"""What stands between two items, after full-width forms were folded."""


class SetF1(RowMetric):
    """Items in common, whatever their order.

    Formula: F = 2·hits / (items said + items wanted), each item once. "ferry; island" against "island_harbour_ferry":
        2 hits, 2·2 / (2 + 3) = 0.8. Underscore, semicolon, comma, 、, bar and line end divide items; case and width
        of letters do not count.
    Source: Hulth 2003, "Improved Automatic Keyword Extraction Given More Linguistic Knowledge", section 4 (precision,
        recall and F over the assigned keywords, by exact string match).
    Range: 0-1, mean over rows; an empty answer scores 0. Of several references the best counts.
    Misleads: an item counts whole or not at all: "ferry line" is no hit for "ferry lines".
    Defaults: no stemming, because the items of Chinese sets have no stems.
    """

    word: ClassVar[str] = "set_f1"
    best_reference: ClassVar[bool] = True

    def pair(self, prediction: str, reference: str) -> float:
        said, wanted = items(prediction), items(reference)
        return 2 * len(said & wanted) / (len(said) + len(wanted)) if said and wanted else 0.0


def items(text: str) -> set[str]:
    """The different items of a list as it is written."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return {item for piece in BETWEEN.split(folded) if (item := " ".join(piece.split()))}
